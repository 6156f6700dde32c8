//! A function as clients see it: `Function`.

use kulkul_function::settings::{CustomRuntime, HealthCheck, InitializerHook, InstanceHooks, PreStopHook};
use kulkul_function::{Function, Functions};
use kulkul_model::{Identity, Qualifier, function_arn};
use serde_json::{Map, Value, json};

/// The wire object. `qualifier` is what the client asked for, if it asked for one.
pub(super) async fn function(
    functions: &Functions,
    function: &Function,
    qualifier: Option<&Qualifier>,
) -> Value {
    let reason = functions.state_reason(function).await;
    let mut out = settled(function, functions.identity(), qualifier);
    if let Some(reason) = reason {
        out.insert("stateReason".to_owned(), reason.into());
    }
    Value::Object(out)
}

/// What the function's own settings say.
fn settled(function: &Function, identity: &Identity, qualifier: Option<&Qualifier>) -> Map<String, Value> {
    let settings = &function.settings;
    let mut out = Map::new();
    let mut set = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    set("codeChecksum", function.code.crc64.to_string().into());
    set("codeSize", function.code.bytes.into());
    set("cpu", settings.cpu.as_vcpus().into());
    set("createdTime", function.created_at.rfc3339_secs().into());
    set("description", settings.description.clone().unwrap_or_default().into());
    set("disableInjectCredentials", settings.credentials.as_str().into());
    set("disableOndemand", settings.disable_ondemand.into());
    set("diskSize", settings.disk_mib.into());
    set("environmentVariables", json!(settings.environment.clone().unwrap_or_default()));
    set("functionArn", function_arn(identity, &function.name, qualifier).into());
    set("functionId", function.id.clone().into());
    set("functionName", function.name.as_str().into());
    set("handler", settings.handler.clone().into());
    set("instanceConcurrency", settings.instance_concurrency.into());
    set("internetAccess", settings.internet_access.into());
    set("lastModifiedTime", function.modified_at.rfc3339_secs().into());
    set("lastUpdateStatus", "Successful".into());
    // Objects here, texts in requests; clients fail on anything else.
    set("layers", Value::Array(Vec::new()));
    set("memorySize", settings.memory_mib.into());
    set("runtime", settings.runtime.to_string().into());
    set("state", "Active".into());
    set("timeout", settings.timeout.as_secs().into());
    let tag = |tag: &kulkul_function::Tag| json!({"Key": tag.key, "Value": tag.value});
    set("tags", function.tags.iter().map(tag).collect());
    if let Some(idle) = settings.idle_timeout {
        set("idleTimeout", idle.as_secs().into());
    }
    if let Some(hooks) = &settings.hooks {
        set("instanceLifecycleConfig", lifecycle(hooks));
    }
    if let Some(custom) = &settings.custom_runtime {
        set("customRuntimeConfig", custom_runtime(custom));
    }
    for (name, value) in &settings.echoed {
        set(name, value.clone());
    }
    out
}

fn lifecycle(hooks: &InstanceHooks) -> Value {
    let mut out = Map::new();
    if let Some(InitializerHook { handler, command, timeout_secs }) = &hooks.initializer {
        let mut hook = hook(handler, *timeout_secs);
        if !command.is_empty() {
            hook.insert("command".to_owned(), json!(command));
        }
        out.insert("initializer".to_owned(), hook.into());
    }
    if let Some(PreStopHook { handler, timeout_secs }) = &hooks.pre_stop {
        out.insert("preStop".to_owned(), hook(handler, *timeout_secs).into());
    }
    out.into()
}

fn hook(handler: &str, timeout_secs: Option<i64>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("handler".to_owned(), handler.into());
    if let Some(secs) = timeout_secs {
        out.insert("timeout".to_owned(), secs.into());
    }
    out
}

fn custom_runtime(custom: &CustomRuntime) -> Value {
    let mut out = Map::new();
    out.insert("command".to_owned(), json!(custom.command));
    out.insert("args".to_owned(), json!(custom.args));
    out.insert("port".to_owned(), custom.port().into());
    if let Some(check) = &custom.health_check {
        out.insert("healthCheckConfig".to_owned(), health_check(check));
    }
    out.into()
}

fn health_check(check: &HealthCheck) -> Value {
    let members = [
        ("httpGetUrl", check.http_get_url.clone().map(Value::from)),
        ("initialDelaySeconds", check.initial_delay_secs.map(Value::from)),
        ("periodSeconds", check.period_secs.map(Value::from)),
        ("timeoutSeconds", check.timeout_secs.map(Value::from)),
        ("failureThreshold", check.failure_threshold.map(Value::from)),
        ("successThreshold", check.success_threshold.map(Value::from)),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}
