//! Requests signed as the official clients sign them, written from the description of the signatures and not from
//! the code under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use kulkul_access::AccessKey;
use kulkul_model::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A client with a key.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    pub key: Arc<AccessKey>,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// ACS3-HMAC-SHA256.
    Acs3,
    /// The older one of Function Compute.
    FcLegacy,
    /// That of EventBridge's data plane.
    OpenApi,
    /// Not at all.
    None,
}

/// A request to be signed and sent.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: &'static str,
    /// Path and query, percent-encoded.
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub signing: Signing,
    pub date: Timestamp,
    pub nonce: String,
    pub security_token: Option<String>,
    /// What is sent instead of the body that was signed.
    pub body_sent: Option<Bytes>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and `Code` (or `code`) of the body.
    pub fn code(&self) -> (u16, String) {
        let body = self.json();
        let code = body.get("Code").or_else(|| body.get("code")).and_then(Value::as_str);
        (self.status, code.unwrap_or_default().to_owned())
    }
}

impl Call {
    pub fn new(method: &'static str, target: impl Into<String>, body: impl Into<Bytes>) -> Self {
        static NONCES: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("{}-{}", std::process::id(), NONCES.fetch_add(1, Ordering::Relaxed));
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: body.into(),
            signing: Signing::Acs3,
            date: Timestamp::now(),
            nonce,
            security_token: None,
            body_sent: None,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// All headers of the request, signed with `key`.
    fn signed(&self, key: &AccessKey, host: &str) -> Vec<(&'static str, String)> {
        let mut headers = self.headers.clone();
        let hash = hex::encode(Sha256::digest(&self.body));
        headers.push(("host", host.to_owned()));
        headers.push(("accept", "application/json".to_owned()));
        if let Some(token) = &self.security_token {
            headers.push(("x-acs-accesskey-id", key.id().to_string()));
            headers.push(("x-acs-security-token", token.clone()));
        }
        headers.push(("x-acs-signature-nonce", self.nonce.clone()));
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let find = |headers: &[(&'static str, String)], name: &str| {
            headers.iter().find(|(known, _)| *known == name).map_or(String::new(), |(_, value)| value.clone())
        };
        match self.signing {
            Signing::None => {}
            Signing::Acs3 => {
                headers.push(("x-acs-date", self.date.rfc3339_secs()));
                headers.push(("x-acs-content-sha256", hash.clone()));
                headers.sort();
                let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
                let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
                pairs.sort();
                let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
                let names = names.join(";");
                let canonical = [self.method, path, &pairs.join("&"), &lines, &names, &hash].join("\n");
                let text = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical)));
                let signature = hex::encode(key.hmac_sha256(&[text.as_bytes()]));
                headers.push((
                    "authorization",
                    format!(
                        "ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}",
                        key.id()
                    ),
                ));
            }
            Signing::FcLegacy | Signing::OpenApi => {
                let date = httpdate::fmt_http_date(
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs(self.date.as_secs() as u64),
                );
                headers.push(("date", date.clone()));
                let mut signed: Vec<_> =
                    headers.iter().filter(|(name, _)| name.starts_with("x-acs")).cloned().collect();
                signed.sort();
                let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
                let kind = find(&headers, "content-type");
                let (first, scheme) = match self.signing {
                    Signing::FcLegacy => {
                        (format!("{}\napplication/json\n\n{kind}\n{date}\n", self.method), "acs ")
                    }
                    _ => (format!("{}\n\n{kind}\n{date}\n", self.method), "acs:"),
                };
                let text = format!("{first}{lines}{}", self.target);
                let signature = STANDARD.encode(key.hmac_sha1("", &[text.as_bytes()]));
                headers.push(("authorization", format!("{scheme}{}:{signature}", key.id())));
            }
        }
        headers
    }
}

impl Client {
    pub fn new(address: SocketAddr, key: Arc<AccessKey>) -> Self {
        Self { address, key }
    }

    /// Signs and sends a request, and waits for the answer.
    pub async fn send(&self, call: Call) -> Answered {
        let request = self.request(&call);
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// The request as it is sent.
    pub fn request(&self, call: &Call) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(call.method).uri(&call.target);
        for (name, value) in call.signed(&self.key, &self.address.to_string()) {
            request = request.header(name, value);
        }
        request.body(Full::new(call.body_sent.clone().unwrap_or(call.body.clone()))).unwrap()
    }

    /// An operation of Function Compute; `path` begins after the version.
    pub async fn fc(&self, method: &'static str, path: &str, body: impl Into<Bytes>) -> Answered {
        let call = Call::new(method, format!("/2023-03-30{path}"), body);
        self.send(call.header("x-acs-version", "2023-03-30")).await
    }

    /// An operation of EventBridge with its parameters in the query.
    pub async fn rpc(&self, action: &str, parameters: &[(&str, &str)]) -> Answered {
        let query = form(parameters);
        let target = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
        self.send(rpc_call(action, target, "")).await
    }

    /// An operation of EventBridge with its parameters in a form.
    pub async fn rpc_form(&self, action: &str, parameters: &[(&str, &str)]) -> Answered {
        self.send(form_call(action, parameters)).await
    }
}

pub fn form_call(action: &str, parameters: &[(&str, &str)]) -> Call {
    rpc_call(action, "/", form(parameters)).header("content-type", "application/x-www-form-urlencoded")
}

fn rpc_call(action: &str, target: impl Into<String>, body: impl Into<Bytes>) -> Call {
    let call = Call::new("POST", target, body);
    call.header("x-acs-action", action).header("x-acs-version", "2020-04-01")
}

/// Parameters, percent-encoded.
pub fn form(parameters: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Writes a request to a connection byte by byte, and closes the connection without reading the answer.
pub async fn write_request(mut stream: tokio::net::TcpStream, request: Request<Full<Bytes>>) {
    use tokio::io::AsyncWriteExt;
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.uri);
    for (name, value) in &head.headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    text += &format!("content-length: {}\r\n\r\n", body.len());
    stream.write_all(&[text.as_bytes(), &body].concat()).await.unwrap();
}
