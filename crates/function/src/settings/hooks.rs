//! What is called at the begin and end of an instance's life, and how a custom runtime is started.

use std::time::Duration;

use super::in_range;
use crate::FunctionError;
use crate::error::invalid;

/// The hooks of an instance (wire: `instanceLifecycleConfig`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceHooks {
    /// Called before the first invocation.
    pub initializer: Option<InitializerHook>,
    /// Called before the instance is stopped.
    pub pre_stop: Option<PreStopHook>,
}

/// The initializer: a handler, or for custom runtimes a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitializerHook {
    /// `handler`.
    pub handler: String,
    /// `command`; excludes a handler.
    pub command: Vec<String>,
    /// `timeout`, in seconds; 3 when absent.
    pub timeout_secs: Option<i64>,
}

/// The hook at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreStopHook {
    /// `handler`.
    pub handler: String,
    /// `timeout`, in seconds; 3 when absent.
    pub timeout_secs: Option<i64>,
}

/// How a custom runtime is started (wire: `customRuntimeConfig`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomRuntime {
    /// `command`; `/code/bootstrap` when empty.
    pub command: Vec<String>,
    /// `args`, after the command.
    pub args: Vec<String>,
    /// `port`, where it listens; 9000 when absent.
    pub port: Option<i64>,
    /// `healthCheckConfig`.
    pub health_check: Option<HealthCheck>,
}

/// How the platform asks a custom runtime whether it is well (wire: `healthCheckConfig`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// `httpGetUrl`.
    pub http_get_url: Option<String>,
    /// `initialDelaySeconds`, 0 to 120.
    pub initial_delay_secs: Option<i64>,
    /// `periodSeconds`, 1 to 120.
    pub period_secs: Option<i64>,
    /// `timeoutSeconds`, 1 to 3.
    pub timeout_secs: Option<i64>,
    /// `failureThreshold`, 1 to 120.
    pub failure_threshold: Option<i64>,
    /// `successThreshold`, 1 to 120.
    pub success_threshold: Option<i64>,
}

/// Source: the timeout of an initializer in Function Compute 2.0; the newer model does not state one.
const HOOK_TIMEOUT_SECS_DEFAULT: u64 = 3;

/// Source: Function Compute 2023-03-30, `CustomRuntimeConfig.port`.
const PORT_DEFAULT: u16 = 9000;

const WORD_COUNT_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 4096;

impl InitializerHook {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        hook_timeout(self.timeout_secs)
    }
}

impl PreStopHook {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        hook_timeout(self.timeout_secs)
    }
}

fn hook_timeout(secs: Option<i64>) -> Duration {
    Duration::from_secs(secs.and_then(|secs| u64::try_from(secs).ok()).unwrap_or(HOOK_TIMEOUT_SECS_DEFAULT))
}

impl InstanceHooks {
    pub(super) fn checked(self) -> Result<Self, FunctionError> {
        if let Some(hook) = &self.initializer {
            optional("initializer timeout", hook.timeout_secs, 1, 300)?;
            words("initializer command", &hook.command)?;
            words("initializer handler", std::slice::from_ref(&hook.handler))?;
            if !hook.handler.is_empty() && !hook.command.is_empty() {
                return invalid("initializer takes a handler or a command, not both");
            }
        }
        if let Some(hook) = &self.pre_stop {
            optional("preStop timeout", hook.timeout_secs, 1, 90)?;
            words("preStop handler", std::slice::from_ref(&hook.handler))?;
        }
        Ok(self)
    }
}

impl CustomRuntime {
    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT_DEFAULT)
    }

    pub(super) fn checked(self) -> Result<Self, FunctionError> {
        words("customRuntimeConfig.command", &self.command)?;
        words("customRuntimeConfig.args", &self.args)?;
        optional("customRuntimeConfig.port", self.port, 1, u16::MAX.into())?;
        if let Some(check) = &self.health_check {
            if check.http_get_url.as_ref().is_some_and(|url| url.len() > 2048) {
                return invalid("healthCheckConfig.httpGetUrl must have at most 2048 bytes");
            }
            optional("healthCheckConfig.initialDelaySeconds", check.initial_delay_secs, 0, 120)?;
            optional("healthCheckConfig.periodSeconds", check.period_secs, 1, 120)?;
            optional("healthCheckConfig.timeoutSeconds", check.timeout_secs, 1, 3)?;
            optional("healthCheckConfig.failureThreshold", check.failure_threshold, 1, 120)?;
            optional("healthCheckConfig.successThreshold", check.success_threshold, 1, 120)?;
        }
        Ok(self)
    }
}

fn optional(name: &str, value: Option<i64>, min: u32, max: u32) -> Result<(), FunctionError> {
    value.map_or(Ok(()), |value| in_range(name, value, min, max).map(drop))
}

/// Refuses words that a command line cannot take.
fn words(name: &str, words: &[String]) -> Result<(), FunctionError> {
    if words.len() > WORD_COUNT_MAX {
        return invalid(format!("{name} must have at most {WORD_COUNT_MAX} entries"));
    }
    if words.iter().any(|word| word.len() > WORD_BYTES_MAX || word.contains('\0')) {
        return invalid(format!("{name} must have at most {WORD_BYTES_MAX} bytes an entry and no zero byte"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_bounded_in_time() {
        let hooks = |initializer_secs, pre_stop_secs| InstanceHooks {
            initializer: Some(InitializerHook {
                handler: "index.init".into(),
                timeout_secs: initializer_secs,
                ..InitializerHook::default()
            }),
            pre_stop: Some(PreStopHook { handler: "index.stop".into(), timeout_secs: pre_stop_secs }),
        };
        assert!(hooks(None, None).checked().is_ok());
        assert!(hooks(Some(300), Some(90)).checked().is_ok());
        assert!(hooks(Some(301), None).checked().is_err());
        assert!(hooks(None, Some(91)).checked().is_err());
        let hook = hooks(Some(7), None).initializer.unwrap();
        assert_eq!(hook.timeout(), Duration::from_secs(7));
        assert_eq!(InitializerHook::default().timeout(), Duration::from_secs(3));
    }

    #[test]
    fn an_initializer_has_one_form() {
        let both = InitializerHook {
            handler: "index.init".into(),
            command: vec!["/bin/true".into()],
            timeout_secs: None,
        };
        let error = InstanceHooks { initializer: Some(both), pre_stop: None }.checked().unwrap_err();
        assert_eq!(error.to_string(), "initializer takes a handler or a command, not both");
    }

    #[test]
    fn a_custom_runtime_is_checked() {
        let port = |port| CustomRuntime { port: Some(port), ..CustomRuntime::default() }.checked();
        assert_eq!(CustomRuntime::default().checked().unwrap().port(), 9000);
        assert_eq!(port(8080).unwrap().port(), 8080);
        assert!(port(0).is_err() && port(65_536).is_err());
        let check = HealthCheck { timeout_secs: Some(4), ..HealthCheck::default() };
        let runtime = CustomRuntime { health_check: Some(check), ..CustomRuntime::default() };
        assert!(runtime.checked().unwrap_err().to_string().contains("timeoutSeconds must be from 1 to 3"));
        let zero = CustomRuntime { command: vec!["a\0b".into()], ..CustomRuntime::default() };
        assert!(zero.checked().is_err());
    }
}
