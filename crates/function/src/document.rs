//! Functions as they are stored.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kulkul_model::UnknownRuntime;
use kulkul_model::{FunctionName, Timestamp};
use kulkul_store::{Digest, Key, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::settings::{
    Cpu, CredentialInjection, CustomRuntime, HealthCheck, InitializerHook, InstanceHooks, PreStopHook,
    Settings,
};
use crate::{CodeInfo, Function, FunctionError, Tag};

/// The version of the form below.
const FORMAT: u32 = 1;

/// The key of a function.
pub(crate) fn function_key(name: &FunctionName) -> Key {
    format!("{FUNCTION_PREFIX}{name}").into()
}

/// What the keys of all functions start with.
pub(crate) const FUNCTION_PREFIX: &str = "function/";

/// What the keys of a function's triggers start with.
pub(crate) fn trigger_prefix(name: &FunctionName) -> String {
    format!("trigger/{name}/")
}

#[derive(Serialize, Deserialize)]
struct StoredFunction {
    format: u32,
    name: String,
    id: String,
    created_ms: i64,
    modified_ms: i64,
    code: StoredCode,
    settings: StoredSettings,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct StoredCode {
    sha256: String,
    bytes: u64,
    crc64: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredSettings {
    runtime: String,
    handler: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    memory_mib: u32,
    cpu_hundredths: u32,
    disk_mib: u32,
    timeout_secs: u64,
    instance_concurrency: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout_secs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hooks: Option<StoredHooks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_runtime: Option<StoredCustomRuntime>,
    internet_access: bool,
    disable_ondemand: bool,
    disable_inject_credentials: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    echoed: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct StoredHooks {
    #[serde(skip_serializing_if = "Option::is_none")]
    initializer: Option<StoredHook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_stop: Option<StoredHook>,
}

#[derive(Serialize, Deserialize)]
struct StoredHook {
    handler: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_secs: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredCustomRuntime {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<StoredHealthCheck>,
}

#[derive(Serialize, Deserialize)]
struct StoredHealthCheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    http_get_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_delay_secs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period_secs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_secs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_threshold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_threshold: Option<i64>,
}

/// The stored form of a function.
pub(crate) fn write(function: &Function) -> Bytes {
    let stored = StoredFunction {
        format: FORMAT,
        name: function.name.to_string(),
        id: function.id.clone(),
        created_ms: function.created_at.as_millis(),
        modified_ms: function.modified_at.as_millis(),
        code: StoredCode {
            sha256: function.code.digest.to_string(),
            bytes: function.code.bytes,
            crc64: function.code.crc64,
        },
        settings: settings_to_stored(&function.settings),
        tags: function.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
    };
    serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON").into()
}

/// Reads the stored form of a function.
pub(crate) fn read(key: &Key, value: &[u8]) -> Result<Function, FunctionError> {
    check_format(key, value, FORMAT)?;
    let corrupt = |source| FunctionError::Corrupt { key: key.to_string(), source };
    let stored: StoredFunction = serde_json::from_slice(value).map_err(corrupt)?;
    let custom = |error: &dyn std::fmt::Display| corrupt(serde::de::Error::custom(error));
    Ok(Function {
        name: stored.name.parse().map_err(|error| custom(&error))?,
        id: stored.id,
        tags: stored.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
        code: CodeInfo {
            digest: stored.code.sha256.parse::<Digest>().map_err(|error| custom(&error))?,
            bytes: stored.code.bytes,
            crc64: stored.code.crc64,
        },
        created_at: Timestamp::from_millis(stored.created_ms),
        modified_at: Timestamp::from_millis(stored.modified_ms),
        settings: settings_from_stored(stored.settings).map_err(|error| custom(&error))?,
    })
}

/// Refuses by name a document that a later version wrote.
pub(crate) fn check_format(key: &Key, value: &[u8], expected: u32) -> Result<(), FunctionError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_slice(value)
        .map_err(|source| FunctionError::Corrupt { key: key.to_string(), source })?;
    if head.format == expected {
        return Ok(());
    }
    let source = StoreError::Format {
        what: format!("document `{key}`"),
        found: head.format.to_string(),
        expected: expected.to_string(),
    };
    Err(FunctionError::Store { action: "read a stored document", source })
}

fn settings_to_stored(settings: &Settings) -> StoredSettings {
    StoredSettings {
        runtime: settings.runtime.to_string(),
        handler: settings.handler.clone(),
        description: settings.description.clone(),
        memory_mib: settings.memory_mib,
        cpu_hundredths: settings.cpu.as_hundredths(),
        disk_mib: settings.disk_mib,
        timeout_secs: settings.timeout.as_secs(),
        instance_concurrency: settings.instance_concurrency,
        idle_timeout_secs: settings.idle_timeout.map(|timeout| timeout.as_secs()),
        environment: settings.environment.clone(),
        hooks: settings.hooks.as_ref().map(|hooks| StoredHooks {
            initializer: hooks.initializer.as_ref().map(|hook| StoredHook {
                handler: hook.handler.clone(),
                command: hook.command.clone(),
                timeout_secs: hook.timeout_secs,
            }),
            pre_stop: hooks.pre_stop.as_ref().map(|hook| StoredHook {
                handler: hook.handler.clone(),
                command: Vec::new(),
                timeout_secs: hook.timeout_secs,
            }),
        }),
        custom_runtime: settings.custom_runtime.as_ref().map(|custom| StoredCustomRuntime {
            command: custom.command.clone(),
            args: custom.args.clone(),
            port: custom.port,
            health_check: custom.health_check.as_ref().map(|check| StoredHealthCheck {
                http_get_url: check.http_get_url.clone(),
                initial_delay_secs: check.initial_delay_secs,
                period_secs: check.period_secs,
                timeout_secs: check.timeout_secs,
                failure_threshold: check.failure_threshold,
                success_threshold: check.success_threshold,
            }),
        }),
        internet_access: settings.internet_access,
        disable_ondemand: settings.disable_ondemand,
        disable_inject_credentials: settings.credentials.as_str().to_owned(),
        echoed: settings.echoed.clone(),
    }
}

fn settings_from_stored(stored: StoredSettings) -> Result<Settings, UnknownRuntime> {
    Ok(Settings {
        runtime: stored.runtime.parse()?,
        handler: stored.handler,
        description: stored.description,
        memory_mib: stored.memory_mib,
        cpu: Cpu::from_hundredths(stored.cpu_hundredths),
        disk_mib: stored.disk_mib,
        timeout: Duration::from_secs(stored.timeout_secs),
        instance_concurrency: stored.instance_concurrency,
        idle_timeout: stored.idle_timeout_secs.map(Duration::from_secs),
        environment: stored.environment,
        hooks: stored.hooks.map(|hooks| InstanceHooks {
            initializer: hooks.initializer.map(|hook| InitializerHook {
                handler: hook.handler,
                command: hook.command,
                timeout_secs: hook.timeout_secs,
            }),
            pre_stop: hooks
                .pre_stop
                .map(|hook| PreStopHook { handler: hook.handler, timeout_secs: hook.timeout_secs }),
        }),
        custom_runtime: stored.custom_runtime.map(|custom| CustomRuntime {
            command: custom.command,
            args: custom.args,
            port: custom.port,
            health_check: custom.health_check.map(|check| HealthCheck {
                http_get_url: check.http_get_url,
                initial_delay_secs: check.initial_delay_secs,
                period_secs: check.period_secs,
                timeout_secs: check.timeout_secs,
                failure_threshold: check.failure_threshold,
                success_threshold: check.success_threshold,
            }),
        }),
        internet_access: stored.internet_access,
        disable_ondemand: stored.disable_ondemand,
        credentials: CredentialInjection::parse(&stored.disable_inject_credentials).unwrap_or_default(),
        echoed: stored.echoed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingsPatch;

    fn full() -> Function {
        let echoed = serde_json::json!({"role": "r", "nasConfig": {"userId": 1}});
        let patch = SettingsPatch {
            runtime: Some("custom.debian11".into()),
            handler: Some("x".into()),
            description: Some("d".into()),
            memory_mib: Some(1024),
            cpu: Some(0.5),
            disk_mib: Some(10_240),
            timeout_secs: Some(60),
            instance_concurrency: Some(20),
            idle_timeout_secs: Some(30),
            environment: Some(BTreeMap::from([("A".into(), "1".into())])),
            layers: Some(Vec::new()),
            hooks: Some(InstanceHooks {
                initializer: Some(InitializerHook {
                    handler: String::new(),
                    command: vec!["./init".into()],
                    timeout_secs: Some(9),
                }),
                pre_stop: Some(PreStopHook { handler: "stop".into(), timeout_secs: None }),
            }),
            custom_runtime: Some(CustomRuntime {
                command: vec!["./run".into()],
                args: vec!["-v".into()],
                port: Some(8080),
                health_check: Some(HealthCheck { period_secs: Some(2), ..HealthCheck::default() }),
            }),
            internet_access: Some(false),
            disable_ondemand: Some(true),
            disable_inject_credentials: Some("Env".into()),
            echoed: echoed.as_object().unwrap().clone(),
        };
        Function {
            name: "resize".parse().unwrap(),
            id: "4f1c7f0e-8a52-4a5f-9a0c-3a4f6f3e9d11".into(),
            settings: Settings::new(patch).unwrap(),
            tags: vec![Tag { key: "env".into(), value: "dev".into() }],
            code: CodeInfo { digest: Digest([7; 32]), bytes: 421, crc64: u64::MAX },
            created_at: Timestamp::from_millis(1),
            modified_at: Timestamp::from_millis(2),
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let function = full();
        let key = function_key(&function.name);
        assert_eq!(read(&key, &write(&function)).unwrap(), function);
    }

    #[test]
    fn a_document_of_format_1_stays_readable() {
        let stored = include_bytes!("fixtures/function-1.json");
        let read = read(&"function/resize".into(), stored).unwrap();
        assert_eq!(read, full());
    }

    #[test]
    fn a_later_format_is_refused_by_name() {
        let error = read(&"function/resize".into(), br#"{"format":2,"new":true}"#).unwrap_err();
        let FunctionError::Store { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), "document `function/resize` has format 2, this version reads 1");
    }
}
