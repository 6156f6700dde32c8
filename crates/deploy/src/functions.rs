//! Functions, through the Function Compute API.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use kulkul_client::{ApiError, Client, encode};
use serde_json::{Map, Value, json};

/// Where the operations of this API are.
pub(crate) const ROOT: &str = "/2023-03-30/functions";

/// How long an invocation may take when nobody says: the API's own default of 3 s is too short for almost anything.
/// Source: the default of the cloud's console.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The settings of a function. What is absent is not sent: the server's default on creation, no change on update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionSettings {
    /// What it is written for, such as `python3.12`.
    pub runtime: Option<String>,
    /// The entry point in its code, such as `index.handler`.
    pub handler: Option<String>,
    /// What its owner says of it.
    pub description: Option<String>,
    /// The memory of an instance.
    pub memory_mib: Option<u64>,
    /// How long an invocation may take; whole seconds.
    pub timeout: Option<Duration>,
    /// Environment variables. They replace those that are there.
    pub environment: Option<BTreeMap<String, String>>,
    /// The role whose temporary key the function gets; empty takes it away.
    pub role: Option<String>,
    /// Invocations that an instance serves at once.
    pub instance_concurrency: Option<u32>,
}

impl FunctionSettings {
    /// The members that requests and answers have for what is given.
    pub fn to_wire(&self) -> Map<String, Value> {
        let given = [
            ("runtime", self.runtime.clone().map(Value::from)),
            ("handler", self.handler.clone().map(Value::from)),
            ("description", self.description.clone().map(Value::from)),
            ("memorySize", self.memory_mib.map(Value::from)),
            ("timeout", self.timeout.map(|timeout| timeout.as_secs().into())),
            ("environmentVariables", self.environment.as_ref().map(|variables| json!(variables))),
            ("role", self.role.clone().map(|role| if role.is_empty() { Value::Null } else { role.into() })),
            ("instanceConcurrency", self.instance_concurrency.map(Value::from)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The handler by convention, for runtimes that need one: `{module}.handler`, where the module is the single file of
/// the code, or `index`.
pub fn handler_default(code: &std::path::Path) -> String {
    let is_source = code.extension().is_some_and(|extension| extension == "py" || extension == "js");
    let stem = code.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_source && code.is_file());
    format!("{}.handler", stem.unwrap_or("index"))
}

/// Creates a function from a zip.
pub async fn create(
    client: &Client,
    name: &str,
    settings: &FunctionSettings,
    zip: &[u8],
) -> anyhow::Result<Value> {
    let mut body = settings.to_wire();
    body.insert("functionName".to_owned(), name.into());
    body.insert("code".to_owned(), code(zip));
    send(client, Method::POST, ROOT, body.into()).await
}

/// Changes what is given.
pub async fn update(
    client: &Client,
    name: &str,
    settings: &FunctionSettings,
    zip: Option<&[u8]>,
) -> anyhow::Result<Value> {
    let mut body = settings.to_wire();
    if let Some(zip) = zip {
        body.insert("code".to_owned(), code(zip));
    }
    send(client, Method::PUT, &path(name), body.into()).await
}

/// A function.
pub async fn get(client: &Client, name: &str) -> anyhow::Result<Value> {
    client.rest(Method::GET, &path(name), &[], Bytes::new()).await?.json()
}

/// A function, or `None` when there is none of that name.
pub async fn find(client: &Client, name: &str) -> anyhow::Result<Option<Value>> {
    absent_is_none(get(client, name).await, "FunctionNotFound")
}

/// All functions whose names start with `prefix`.
pub async fn list(client: &Client, prefix: &str) -> anyhow::Result<Vec<Value>> {
    pages(client, ROOT, "functions", prefix).await
}

/// Which lines of a log are asked for.
#[derive(Clone, Copy, Debug)]
pub enum LogLines<'a> {
    /// The last ones.
    Last,
    /// The last ones that one invocation printed.
    OfInvocation(&'a str),
    /// Those after the one with this number.
    After(u64),
}

/// What a function printed: `lines`, at most `limit` of them and the oldest first, and the number of the `newest`
/// line of all functions.
pub async fn logs(client: &Client, name: &str, lines: LogLines<'_>, limit: u32) -> anyhow::Result<Value> {
    let path = format!("/kulkul/v1/functions/{}/logs", encode(name));
    // Parameters in order of name, as the signature wants them.
    let query = match lines {
        LogLines::Last => format!("limit={limit}"),
        LogLines::OfInvocation(id) => format!("invocation={}&limit={limit}", encode(id)),
        LogLines::After(number) => format!("after={number}&limit={limit}"),
    };
    client.rest(Method::GET, &format!("{path}?{query}"), &[], Bytes::new()).await?.json()
}

/// Deletes a function. One that has triggers is refused by the server.
pub async fn delete(client: &Client, name: &str) -> anyhow::Result<()> {
    client.rest(Method::DELETE, &path(name), &[], Bytes::new()).await?.success().map(drop)
}

pub(crate) fn path(name: &str) -> String {
    format!("{ROOT}/{}", encode(name))
}

/// Sends a JSON body and reads a JSON answer.
pub(crate) async fn send(client: &Client, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
    let headers = [("content-type", "application/json; charset=utf-8")];
    client.rest(method, path, &headers, Bytes::from(body.to_string())).await?.json()
}

/// All pages of a list.
pub(crate) async fn pages(
    client: &Client,
    path: &str,
    member: &str,
    prefix: &str,
) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        // In order of name, as the signature wants it.
        let next = if token.is_empty() { String::new() } else { format!("&nextToken={}", encode(&token)) };
        let page = format!("{path}?limit=100{next}&prefix={}", encode(prefix));
        let mut answer = client.rest(Method::GET, &page, &[], Bytes::new()).await?.json()?;
        if let Value::Array(items) = answer[member].take() {
            all.extend(items);
        }
        match answer["nextToken"].as_str().filter(|next| !next.is_empty() && *next != token) {
            Some(next) => token = next.to_owned(),
            None => return Ok(all),
        }
    }
}

/// Turns one refusal into `None`.
pub(crate) fn absent_is_none<T>(found: anyhow::Result<T>, code: &str) -> anyhow::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if ApiError::code_of(&error) == Some(code) => Ok(None),
        Err(error) => Err(error),
    }
}

fn code(zip: &[u8]) -> Value {
    json!({ "zipFile": STANDARD.encode(zip) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn only_what_is_given_is_sent() {
        assert_eq!(FunctionSettings::default().to_wire(), Map::new());
        let settings = FunctionSettings {
            memory_mib: Some(512),
            timeout: Some(Duration::from_secs(60)),
            environment: Some([("A".to_owned(), "b".to_owned())].into()),
            ..FunctionSettings::default()
        };
        let expected = json!({"memorySize": 512, "timeout": 60, "environmentVariables": {"A": "b"}});
        assert_eq!(Value::Object(settings.to_wire()), expected);
    }

    #[test]
    fn the_handler_is_in_the_only_file_or_in_index() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("resize.py");
        std::fs::write(&file, "").unwrap();
        assert_eq!(handler_default(&file), "resize.handler");
        assert_eq!(handler_default(home.path()), "index.handler");
        assert_eq!(handler_default(Path::new("code.zip")), "index.handler");
    }
}
