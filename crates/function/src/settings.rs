//! The settings of a function, checked: a value of type [`Settings`] is one that can work.
//!
//! A client gives a [`SettingsPatch`], in which everything is optional. Creating applies it to the defaults, updating
//! to what is there. Objects and lists are replaced whole, so an empty one clears.

use std::collections::BTreeMap;
use std::time::Duration;

use kulkul_model::{OFFERED_RUNTIMES, Runtime};
use serde_json::{Map, Value};

use crate::FunctionError;
use crate::error::invalid;

mod cpu;
mod environment;
mod hooks;

pub use cpu::Cpu;
pub use hooks::{CustomRuntime, HealthCheck, InitializerHook, InstanceHooks, PreStopHook};

/// Environment variables by name.
pub type Environment = BTreeMap<String, String>;

/// What a client gives; `None` is "not given". Numbers are as wide as a client can write them.
#[derive(Clone, Debug, Default)]
pub struct SettingsPatch {
    /// `runtime`.
    pub runtime: Option<String>,
    /// `handler`.
    pub handler: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `memorySize`, in MiB.
    pub memory_mib: Option<i64>,
    /// `cpu`, in virtual CPUs.
    pub cpu: Option<f64>,
    /// `diskSize`, in MiB.
    pub disk_mib: Option<i64>,
    /// `timeout`, in seconds.
    pub timeout_secs: Option<i64>,
    /// `instanceConcurrency`.
    pub instance_concurrency: Option<i64>,
    /// `idleTimeout`, in seconds.
    pub idle_timeout_secs: Option<i64>,
    /// `environmentVariables`.
    pub environment: Option<Environment>,
    /// `layers`: ARNs of layer versions.
    pub layers: Option<Vec<String>>,
    /// `instanceLifecycleConfig`.
    pub hooks: Option<InstanceHooks>,
    /// `customRuntimeConfig`.
    pub custom_runtime: Option<CustomRuntime>,
    /// `internetAccess`.
    pub internet_access: Option<bool>,
    /// `disableOndemand`.
    pub disable_ondemand: Option<bool>,
    /// `disableInjectCredentials`: `None`, `Env`, `Request` or `All`.
    pub disable_inject_credentials: Option<String>,
    /// Every other member of the wire object by its wire name, such as `role`, `logConfig` or `nasConfig`: kept and
    /// given back, and without effect. A `null` removes it.
    pub echoed: Map<String, Value>,
}

/// The settings of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What it is written for.
    pub runtime: Runtime,
    /// The entry point inside the code; without meaning, and possibly empty, for custom runtimes.
    pub handler: String,
    /// What its owner says of it.
    pub description: Option<String>,
    /// The memory of an instance.
    pub memory_mib: u32,
    /// The share of processors of an instance.
    pub cpu: Cpu,
    /// The room for files of an instance.
    pub disk_mib: u32,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// How many invocations an instance serves at once.
    pub instance_concurrency: u32,
    /// How long an idle instance is kept; the server's default when absent.
    pub idle_timeout: Option<Duration>,
    /// The environment variables; `None` when never given.
    pub environment: Option<Environment>,
    /// What is called at the begin and end of an instance's life.
    pub hooks: Option<InstanceHooks>,
    /// How a custom runtime is started.
    pub custom_runtime: Option<CustomRuntime>,
    /// Whether it may reach the internet.
    pub internet_access: bool,
    /// Whether only provisioned instances may serve it.
    pub disable_ondemand: bool,
    /// Where credentials are kept out.
    pub credentials: CredentialInjection,
    /// Members without effect, by wire name.
    pub echoed: Map<String, Value>,
}

/// Where a function does not get to see the credentials of its role (wire: `disableInjectCredentials`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialInjection {
    /// `None`: it sees them everywhere.
    #[default]
    Everywhere,
    /// `Env`: not in its environment.
    NotInEnvironment,
    /// `Request`: not in the context of a call.
    NotInRequest,
    /// `All`: nowhere.
    Nowhere,
}

impl CredentialInjection {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everywhere => "None",
            Self::NotInEnvironment => "Env",
            Self::NotInRequest => "Request",
            Self::Nowhere => "All",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Everywhere, Self::NotInEnvironment, Self::NotInRequest, Self::Nowhere];
        all.into_iter().find(|known| known.as_str() == text)
    }
}

/// Source: Function Compute 2023-03-30, the defaults of `CreateFunctionInput`; that of `memorySize` is what the
/// official deploy tool sends.
const MEMORY_MIB_DEFAULT: u32 = 512;
const DISK_MIB_DEFAULT: u32 = 512;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

/// What the members kept for echoing may take, as JSON text; ours.
const ECHOED_BYTES_MAX: usize = 64 * 1024;

/// Members that ask for hardware which this server does not have.
const REFUSED: [&str; 2] = ["gpuConfig", "microSandboxConfig"];

impl Settings {
    /// The settings of a new function.
    pub fn new(patch: SettingsPatch) -> Result<Self, FunctionError> {
        let Some(runtime) = &patch.runtime else { return invalid("runtime must be set") };
        let defaults = Self {
            runtime: offered(runtime)?,
            handler: String::new(),
            description: None,
            memory_mib: MEMORY_MIB_DEFAULT,
            cpu: Cpu::default_for(MEMORY_MIB_DEFAULT),
            disk_mib: DISK_MIB_DEFAULT,
            timeout: TIMEOUT_DEFAULT,
            instance_concurrency: 1,
            idle_timeout: None,
            environment: None,
            hooks: None,
            custom_runtime: None,
            internet_access: true,
            disable_ondemand: false,
            credentials: CredentialInjection::default(),
            echoed: Map::new(),
        };
        defaults.patched(patch)
    }

    /// These settings with what a patch gives.
    pub fn patched(&self, patch: SettingsPatch) -> Result<Self, FunctionError> {
        let mut next = self.clone();
        if let Some(runtime) = patch.runtime {
            next.runtime = offered(&runtime)?;
        }
        if let Some(handler) = patch.handler {
            next.handler = handler;
        }
        if let Some(description) = patch.description {
            next.description = Some(text("description", description, 256)?);
        }
        if let Some(memory_mib) = patch.memory_mib {
            next.memory_mib = memory(memory_mib)?;
        }
        if let Some(vcpus) = patch.cpu {
            next.cpu = Cpu::from_vcpus(vcpus)?;
        } else if self.cpu == Cpu::default_for(self.memory_mib) {
            next.cpu = Cpu::default_for(next.memory_mib);
        }
        if let Some(disk_mib) = patch.disk_mib {
            next.disk_mib = match disk_mib {
                512 => 512,
                10_240 => 10_240,
                _ => return invalid(format!("diskSize must be 512 or 10240, not {disk_mib}")),
            };
        }
        if let Some(secs) = patch.timeout_secs {
            next.timeout = seconds("timeout", secs, 1, 86_400)?;
        }
        if let Some(count) = patch.instance_concurrency {
            next.instance_concurrency = in_range("instanceConcurrency", count, 1, 200)?;
        }
        if let Some(secs) = patch.idle_timeout_secs {
            next.idle_timeout = Some(seconds("idleTimeout", secs, 1, 86_400)?);
        }
        if let Some(variables) = patch.environment {
            environment::check(&variables)?;
            next.environment = Some(variables);
        }
        if let Some(arn) = patch.layers.unwrap_or_default().into_iter().next() {
            return Err(FunctionError::LayerNotFound(arn.chars().take(256).collect()));
        }
        if let Some(hooks) = patch.hooks {
            next.hooks = Some(hooks.checked()?);
        }
        if let Some(custom_runtime) = patch.custom_runtime {
            next.custom_runtime = Some(custom_runtime.checked()?);
        }
        next.internet_access = patch.internet_access.unwrap_or(next.internet_access);
        next.disable_ondemand = patch.disable_ondemand.unwrap_or(next.disable_ondemand);
        if let Some(text) = patch.disable_inject_credentials {
            let Some(credentials) = CredentialInjection::parse(&text) else {
                return invalid("disableInjectCredentials must be None, Env, Request or All");
            };
            next.credentials = credentials;
        }
        for (name, value) in patch.echoed {
            if value.is_null() {
                next.echoed.shift_remove(&name);
            } else {
                next.echoed.insert(name, value);
            }
        }
        next.check_together()?;
        Ok(next)
    }

    /// Rules that span several settings.
    fn check_together(&self) -> Result<(), FunctionError> {
        self.cpu.check_against(self.memory_mib)?;
        if self.instance_concurrency > 1 && !self.runtime.serves_concurrently() {
            return invalid(format!(
                "instanceConcurrency must be 1 for runtime '{}': only custom runtimes serve several requests at once",
                self.runtime
            ));
        }
        if self.custom_runtime.is_some() && !self.runtime.serves_concurrently() {
            return invalid(format!("customRuntimeConfig does not apply to runtime '{}'", self.runtime));
        }
        check_handler(&self.handler, self.runtime)?;
        let has_value = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
        if let Some(name) = REFUSED.into_iter().find(|name| self.echoed.get(*name).is_some_and(has_value)) {
            return invalid(format!("{name} is not supported by this server"));
        }
        let echoed_bytes = serde_json::to_vec(&self.echoed).map_or(usize::MAX, |json| json.len());
        if echoed_bytes > ECHOED_BYTES_MAX {
            return invalid(format!("the settings without effect exceed {ECHOED_BYTES_MAX} bytes"));
        }
        Ok(())
    }
}

/// Takes a runtime that can run here, if its interpreter is installed.
fn offered(text: &str) -> Result<Runtime, FunctionError> {
    match text.parse() {
        Ok(Runtime::NotOffered(_)) | Err(_) => {
            let shown: String = text.chars().take(64).collect();
            invalid(format!("runtime '{shown}' is not supported; supported: {OFFERED_RUNTIMES}"))
        }
        Ok(runtime) => Ok(runtime),
    }
}

/// `{module path}.{function name}` for the built-in runtimes, and anything for those that bring their own server.
fn check_handler(handler: &str, runtime: Runtime) -> Result<(), FunctionError> {
    if handler.len() > 256 || handler.chars().any(char::is_control) {
        return invalid("handler must have at most 256 characters and no control characters");
    }
    let complete =
        handler.rsplit_once('.').is_some_and(|(module, name)| !module.is_empty() && !name.is_empty());
    if !complete && !runtime.serves_concurrently() {
        return invalid(format!(
            "handler '{handler}' must have the form module.function, such as index.handler"
        ));
    }
    Ok(())
}

fn memory(mib: i64) -> Result<u32, FunctionError> {
    match in_range("memorySize", mib, 128, 32_768)? {
        mib if mib.is_multiple_of(64) => Ok(mib),
        mib => invalid(format!("memorySize must be a multiple of 64, not {mib}")),
    }
}

/// A number in the range from `min` to `max`, both included.
pub(crate) fn in_range(name: &str, value: i64, min: u32, max: u32) -> Result<u32, FunctionError> {
    match u32::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => invalid(format!("{name} must be from {min} to {max}, not {value}")),
    }
}

fn seconds(name: &str, value: i64, min: u32, max: u32) -> Result<Duration, FunctionError> {
    in_range(name, value, min, max).map(|secs| Duration::from_secs(secs.into()))
}

/// A text of at most `char_count_max` characters.
pub(crate) fn text(name: &str, text: String, char_count_max: usize) -> Result<String, FunctionError> {
    match text.chars().count() {
        count if count <= char_count_max => Ok(text),
        count => invalid(format!("{name} must have at most {char_count_max} characters, not {count}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn python() -> SettingsPatch {
        SettingsPatch {
            runtime: Some("python3.10".to_owned()),
            handler: Some("index.handler".to_owned()),
            ..SettingsPatch::default()
        }
    }

    fn custom() -> SettingsPatch {
        SettingsPatch { runtime: Some("custom".to_owned()), ..SettingsPatch::default() }
    }

    #[test]
    fn what_is_not_given_gets_the_documented_default() {
        let settings = Settings::new(python()).unwrap();
        assert_eq!((settings.memory_mib, settings.cpu.as_vcpus(), settings.disk_mib), (512, 0.35, 512));
        assert_eq!((settings.timeout, settings.instance_concurrency), (Duration::from_secs(3), 1));
        assert!(settings.internet_access && !settings.disable_ondemand);
        assert_eq!(settings.credentials.as_str(), "None");
        assert_eq!(Settings::new(custom()).unwrap().handler, "");
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let env = Environment::from([("LEVEL".to_owned(), "info".to_owned())]);
        let before = Settings::new(SettingsPatch {
            environment: Some(env.clone()),
            description: Some("thumbnailer".to_owned()),
            echoed: json!({"role": "acs:ram::1:role/x", "logConfig": {"project": "p"}})
                .as_object()
                .unwrap()
                .clone(),
            ..python()
        })
        .unwrap();
        let patch = SettingsPatch { timeout_secs: Some(30), ..SettingsPatch::default() };
        let after = before.patched(patch).unwrap();
        assert_eq!(after, Settings { timeout: Duration::from_secs(30), ..before.clone() });
        let patch = SettingsPatch {
            environment: Some(Environment::new()),
            echoed: json!({"role": null, "logConfig": {}}).as_object().unwrap().clone(),
            ..SettingsPatch::default()
        };
        let cleared = before.patched(patch).unwrap();
        assert_eq!(cleared.environment, Some(Environment::new()));
        assert_eq!(Value::Object(cleared.echoed), json!({"logConfig": {}}));
    }

    #[test]
    fn a_default_share_of_processors_follows_the_memory() {
        let small = Settings::new(python()).unwrap();
        let patch = SettingsPatch { memory_mib: Some(1024), ..SettingsPatch::default() };
        assert_eq!(small.patched(patch).unwrap().cpu.as_vcpus(), 0.7);
        let chosen = Settings::new(SettingsPatch { cpu: Some(0.5), ..python() }).unwrap();
        let patch = SettingsPatch { memory_mib: Some(1024), ..SettingsPatch::default() };
        assert_eq!(chosen.patched(patch).unwrap().cpu.as_vcpus(), 0.5);
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_reason() {
        let long = "x".repeat(257);
        let runtime = |name: &str| SettingsPatch { runtime: Some(name.into()), ..python() };
        let table: [(SettingsPatch, &str); 20] = [
            (SettingsPatch::default(), "runtime must be set"),
            (runtime("cobol"), "runtime 'cobol' is not supported; supported: python3"),
            (runtime("java11"), "runtime 'java11' is not supported"),
            (runtime("custom-container"), "runtime 'custom-container' is not supported"),
            (SettingsPatch { handler: None, ..python() }, "handler '' must have the form module.function"),
            (
                SettingsPatch { handler: Some("index.".into()), ..python() },
                "must have the form module.function",
            ),
            (SettingsPatch { handler: Some(long.clone()), ..python() }, "handler must have at most 256"),
            (SettingsPatch { description: Some(long), ..python() }, "description must have at most 256"),
            (SettingsPatch { memory_mib: Some(64), ..python() }, "memorySize must be from 128 to 32768"),
            (SettingsPatch { memory_mib: Some(500), ..python() }, "memorySize must be a multiple of 64"),
            (SettingsPatch { disk_mib: Some(1024), ..python() }, "diskSize must be 512 or 10240"),
            (SettingsPatch { timeout_secs: Some(0), ..python() }, "timeout must be from 1 to 86400"),
            (SettingsPatch { timeout_secs: Some(-1), ..python() }, "timeout must be from 1 to 86400"),
            (
                SettingsPatch { instance_concurrency: Some(201), ..custom() },
                "instanceConcurrency must be from 1",
            ),
            (
                SettingsPatch { instance_concurrency: Some(2), ..python() },
                "instanceConcurrency must be 1 for",
            ),
            (
                SettingsPatch { custom_runtime: Some(CustomRuntime::default()), ..python() },
                "customRuntimeConfig does not apply",
            ),
            (
                SettingsPatch { layers: Some(vec!["acs:x".into()]), ..python() },
                "layer 'acs:x' does not exist",
            ),
            (
                SettingsPatch { disable_inject_credentials: Some("x".into()), ..python() },
                "disableInjectCredentials must be",
            ),
            (
                SettingsPatch {
                    echoed: json!({"gpuConfig": {"gpuMemorySize": 1}}).as_object().unwrap().clone(),
                    ..python()
                },
                "gpuConfig is not supported",
            ),
            (
                SettingsPatch {
                    echoed: json!({"role": "x".repeat(70_000)}).as_object().unwrap().clone(),
                    ..python()
                },
                "exceed 65536 bytes",
            ),
        ];
        for (patch, reason) in table {
            let error = Settings::new(patch).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}: {reason}");
        }
        assert!(Settings::new(SettingsPatch { instance_concurrency: Some(200), ..custom() }).is_ok());
    }
}
