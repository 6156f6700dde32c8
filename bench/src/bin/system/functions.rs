//! Functions that are called, and the requests that call them.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use bytes::Bytes;
use hyper::Method;
use kulkul_client::{Client, Key, acs3};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::requests::Requests;

/// The runtime of all Python functions here; which interpreter runs it is the server's choice.
pub(crate) const PYTHON: &str = "python3.10";

/// A handler that returns what it was given.
pub(crate) const ECHO: &str = "def handler(event, context):\n    return event\n";

/// A client and what runs its requests.
pub(crate) struct Api {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    pub(crate) fn new(client: Client) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client: client.with_timeout(Duration::from_secs(30)), runtime })
    }

    /// Creates a function from files of a zip.
    pub(crate) fn create_function(
        &self,
        name: &str,
        runtime: &str,
        files: &[File<'_>],
        more: Value,
    ) -> anyhow::Result<()> {
        let code = base64::engine::general_purpose::STANDARD.encode(zip_of(files)?);
        let mut body = json!({
            "functionName": name,
            "runtime": runtime,
            "handler": "index.handler",
            "memorySize": 512,
            "timeout": 30,
            "code": { "zipFile": code },
        });
        let fields = body.as_object_mut().context("the body is an object")?;
        fields.extend(more.as_object().cloned().unwrap_or_default());
        self.rest(Method::POST, "/2023-03-30/functions", body)
    }

    /// Creates a Python function with this module.
    pub(crate) fn create_python(&self, name: &str, code: &str, environment: Value) -> anyhow::Result<()> {
        let file = File { name: "index.py", content: code.as_bytes(), executable: false };
        self.create_function(name, PYTHON, &[file], json!({ "environmentVariables": environment }))
    }

    /// Calls a function and returns what it returned.
    pub(crate) fn invoke(&self, name: &str, payload: &[u8]) -> anyhow::Result<Bytes> {
        let path = format!("/2023-03-30/functions/{name}/invocations");
        let payload = Bytes::copy_from_slice(payload);
        let answer = self.runtime.block_on(self.client.rest(Method::POST, &path, INVOKE_HEADERS, payload))?;
        let failed = answer.headers.contains_key("x-fc-error-type");
        let answer = answer.success()?;
        anyhow::ensure!(!failed, "{name} failed: {}", String::from_utf8_lossy(&answer.body));
        Ok(answer.body)
    }

    /// Calls an operation of the Function Compute API.
    pub(crate) fn rest(&self, method: Method, path: &str, body: Value) -> anyhow::Result<()> {
        let headers = [("content-type", "application/json; charset=utf-8")];
        let body = Bytes::from(body.to_string());
        self.runtime.block_on(self.client.rest(method, path, &headers, body))?.success()?;
        Ok(())
    }

    /// Calls an operation of the EventBridge API.
    pub(crate) fn rpc(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.runtime.block_on(self.client.rpc(action, parameters))
    }

    /// Creates a bus.
    pub(crate) fn create_bus(&self, bus: &str) -> anyhow::Result<()> {
        self.rpc("CreateEventBus", &[("EventBusName", bus)]).map(drop)
    }

    /// Creates a rule; `targets` is the JSON of its targets.
    pub(crate) fn create_rule(
        &self,
        bus: &str,
        rule: &str,
        pattern: &Value,
        targets: &Value,
    ) -> anyhow::Result<()> {
        let (pattern, targets) = (pattern.to_string(), targets.to_string());
        let parameters = [
            ("EventBusName", bus),
            ("RuleName", rule),
            ("FilterPattern", &pattern),
            ("EventTargets", &targets),
        ];
        self.rpc("CreateRule", &parameters).map(drop)
    }

    /// Makes a bucket.
    pub(crate) fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        self.runtime.block_on(self.client.object(Method::PUT, bucket, "", Bytes::new()))?.success()?;
        Ok(())
    }
}

/// A file in a zip.
pub(crate) struct File<'a> {
    pub(crate) name: &'a str,
    pub(crate) content: &'a [u8],
    pub(crate) executable: bool,
}

/// A target that calls a function with the whole event and waits for its end.
pub(crate) fn function_target(function: &str) -> Value {
    let constant = |key: &str, value: &str| json!({"ResourceKey": key, "Form": "CONSTANT", "Value": value});
    json!([{
        "Id": "t1",
        "Type": "acs.fc.function",
        "Endpoint": format!("acs:fc:cn-hangzhou:1000000000000001:functions/{function}"),
        "ParamList": [
            constant("serviceName", ""),
            constant("functionName", function),
            constant("Qualifier", "LATEST"),
            constant("InvocationType", "Sync"),
            {"ResourceKey": "Body", "Form": "ORIGINAL"},
        ],
    }])
}

const INVOKE_HEADERS: &[(&str, &str)] = &[
    ("content-type", "application/octet-stream"),
    ("x-acs-action", "InvokeFunction"),
    ("x-acs-version", "2023-03-30"),
];

/// Signed requests that call a function.
pub(crate) fn invoke_requests(
    key: &Key,
    to: SocketAddr,
    function: &str,
    payload: &[u8],
    count: usize,
) -> Requests {
    let path = format!("/2023-03-30/functions/{function}/invocations");
    let mut requests = Requests::default();
    for _ in 0..count {
        let signed = acs3::sign(key, to, &Method::POST, &path, INVOKE_HEADERS, payload);
        requests.push("POST", &path, &signed, payload);
    }
    requests
}

fn zip_of(files: &[File<'_>]) -> anyhow::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in files {
        let mode = if file.executable { 0o755 } else { 0o644 };
        zip.start_file(file.name, SimpleFileOptions::default().unix_permissions(mode))?;
        zip.write_all(file.content)?;
    }
    Ok(zip.finish()?.into_inner())
}
