//! A function as a client gives it: `CreateFunctionInput` and `UpdateFunctionInput`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_function::settings::{
    CustomRuntime, Environment, HealthCheck, InitializerHook, InstanceHooks, PreStopHook,
};
use kulkul_function::{CodeSource, SettingsPatch, Tag};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::FcError;
use crate::fields::{Fields, Text};

/// Members that have no effect here, and that tools expect to get back.
const ECHOED: [&str; 16] = [
    "role",
    "logConfig",
    "instanceIsolationMode",
    "sessionAffinity",
    "sessionAffinityConfig",
    "tracingConfig",
    "customDNS",
    "nasConfig",
    "ossMountConfig",
    "polarFsConfig",
    "juiceFsConfig",
    "vpcConfig",
    "gpuConfig",
    "microSandboxConfig",
    "enableLongLiving",
    "customContainerConfig",
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LifecycleInput {
    initializer: Option<HookInput>,
    pre_stop: Option<HookInput>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HookInput {
    handler: Option<String>,
    command: Option<Vec<String>>,
    timeout: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CustomRuntimeInput {
    command: Option<Vec<String>>,
    args: Option<Vec<String>>,
    port: Option<i64>,
    health_check_config: Option<HealthCheckInput>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HealthCheckInput {
    http_get_url: Option<String>,
    initial_delay_seconds: Option<i64>,
    period_seconds: Option<i64>,
    timeout_seconds: Option<i64>,
    failure_threshold: Option<i64>,
    success_threshold: Option<i64>,
}

/// A tag on the wire, here and in queries.
#[derive(Deserialize)]
pub(super) struct TagInput {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value", default)]
    value: String,
}

impl From<TagInput> for Tag {
    fn from(TagInput { key, value }: TagInput) -> Self {
        Self { key, value }
    }
}

/// Takes the settings out of a body.
pub(super) fn settings(fields: &mut Fields<'_>) -> Result<SettingsPatch, FcError> {
    Ok(SettingsPatch {
        runtime: fields.take("runtime")?,
        handler: fields.take("handler")?,
        description: fields.take("description")?,
        memory_mib: fields.take("memorySize")?,
        cpu: fields.take("cpu")?,
        disk_mib: fields.take("diskSize")?,
        timeout_secs: fields.take("timeout")?,
        instance_concurrency: fields.take("instanceConcurrency")?,
        idle_timeout_secs: fields.take("idleTimeout")?,
        environment: fields.take::<Environment>("environmentVariables")?,
        layers: fields.take("layers")?,
        hooks: fields.take::<LifecycleInput>("instanceLifecycleConfig")?.map(hooks),
        custom_runtime: fields.take::<CustomRuntimeInput>("customRuntimeConfig")?.map(custom_runtime),
        internet_access: fields.take("internetAccess")?,
        disable_ondemand: fields.take("disableOndemand")?,
        disable_inject_credentials: fields.take("disableInjectCredentials")?,
        echoed: echoed(fields)?,
    })
}

/// Takes the code out of a body.
pub(super) fn code(fields: &mut Fields<'_>) -> Result<Option<CodeSource>, FcError> {
    let Some(mut code) = fields.take::<Fields<'_>>("code")? else { return Ok(None) };
    let zip = match code.take::<Text<'_>>("zipFile")?.filter(|text| !text.0.is_empty()) {
        Some(text) => Some(
            STANDARD
                .decode(text.0.as_bytes())
                .map_err(|_| FcError::invalid("code.zipFile must be a zip file in base64"))?,
        ),
        None => None,
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Some(CodeSource {
        zip: zip.map(Into::into),
        bucket: given(code.take("ossBucketName")?),
        object: given(code.take("ossObjectName")?),
        checksum: given(code.take("checksum")?),
    }))
}

/// Takes the tags out of a body.
pub(super) fn tags(fields: &mut Fields<'_>) -> Result<Vec<Tag>, FcError> {
    let tags: Vec<TagInput> = fields.take("tags")?.unwrap_or_default();
    Ok(tags.into_iter().map(Tag::from).collect())
}

fn echoed(fields: &mut Fields<'_>) -> Result<Map<String, Value>, FcError> {
    let mut echoed = Map::new();
    for name in ECHOED {
        if let Some(value) = fields.take::<Value>(name)? {
            echoed.insert(name.to_owned(), value);
        }
    }
    Ok(echoed)
}

fn hooks(input: LifecycleInput) -> InstanceHooks {
    InstanceHooks {
        initializer: input.initializer.map(|hook| InitializerHook {
            handler: hook.handler.unwrap_or_default(),
            command: hook.command.unwrap_or_default(),
            timeout_secs: hook.timeout,
        }),
        pre_stop: input.pre_stop.map(|hook| PreStopHook {
            handler: hook.handler.unwrap_or_default(),
            timeout_secs: hook.timeout,
        }),
    }
}

fn custom_runtime(input: CustomRuntimeInput) -> CustomRuntime {
    CustomRuntime {
        command: input.command.unwrap_or_default(),
        args: input.args.unwrap_or_default(),
        port: input.port,
        health_check: input.health_check_config.map(|check| HealthCheck {
            http_get_url: check.http_get_url,
            initial_delay_secs: check.initial_delay_seconds,
            period_secs: check.period_seconds,
            timeout_secs: check.timeout_seconds,
            failure_threshold: check.failure_threshold,
            success_threshold: check.success_threshold,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: recorded from the official Python client.
    const RECORDED: &str = r#"{"code":{"zipFile":"UEsDBA=="},"cpu":0.35,"diskSize":512,"environmentVariables":{"K":"V é"},"functionName":"resize","handler":"index.handler","instanceLifecycleConfig":{"initializer":{"handler":"index.init","timeout":10}},"layers":["acs:fc:cn-hangzhou:1:layers/l/versions/1"],"memorySize":512,"runtime":"python3.10","tags":[{"Key":"env","Value":"dev"}],"timeout":60}"#;

    #[test]
    fn a_recorded_function_is_understood() {
        let mut fields = Fields::parse(RECORDED.as_bytes()).unwrap();
        let source = code(&mut fields).unwrap().unwrap();
        assert_eq!(source.zip.as_deref(), Some(&b"PK\x03\x04"[..]));
        assert_eq!(tags(&mut fields).unwrap(), [Tag { key: "env".into(), value: "dev".into() }]);
        let patch = settings(&mut fields).unwrap();
        assert_eq!((patch.cpu, patch.memory_mib, patch.timeout_secs), (Some(0.35), Some(512), Some(60)));
        assert_eq!(patch.environment.unwrap()["K"], "V é");
        assert_eq!(patch.layers.unwrap(), ["acs:fc:cn-hangzhou:1:layers/l/versions/1"]);
        let initializer = patch.hooks.unwrap().initializer.unwrap();
        assert_eq!((initializer.handler.as_str(), initializer.timeout_secs), ("index.init", Some(10)));
        assert_eq!(fields.take::<String>("functionName"), Ok(Some("resize".to_owned())));
    }

    #[test]
    fn what_has_no_effect_is_kept_and_what_is_unknown_is_not() {
        let body =
            r#"{"role":"acs:ram::1:role/r","vpcConfig":{"vpcId":"v"},"nasConfig":null,"inventedLater":1}"#;
        let patch = settings(&mut Fields::parse(body.as_bytes()).unwrap()).unwrap();
        let kept: Vec<&String> = patch.echoed.keys().collect();
        assert_eq!(kept, ["role", "vpcConfig"]);
    }

    #[test]
    fn errors_name_the_member() {
        let table = [
            (r#"{"memorySize":"512"}"#, "memorySize: invalid type: string, expected i64"),
            (r#"{"environmentVariables":{"a":1}}"#, "environmentVariables: invalid type: integer, expected"),
            (r#"{"layers":[{"arn":"x"}]}"#, "layers: invalid type: map, expected a string"),
        ];
        for (body, expected) in table {
            let error = settings(&mut Fields::parse(body.as_bytes()).unwrap()).unwrap_err();
            assert_eq!(error.code, "InvalidArgument");
            assert!(error.message.starts_with(expected), "{}", error.message);
        }
        let error = code(&mut Fields::parse(br#"{"code":{"zipFile":"???"}}"#).unwrap()).unwrap_err();
        assert_eq!(error.message, "code.zipFile must be a zip file in base64");
    }
}
