//! The other end of the wire: signed requests to a server, for the commands of the program and for benchmarks.
//!
//! The address and a key are given, or found in the data directory of a server on this machine.

pub mod acs3;
mod error;
pub mod oss;

pub use acs3::encode;
pub use error::ApiError;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server and the key to use with it.
#[derive(Clone)]
pub struct Client {
    api: SocketAddr,
    objects: SocketAddr,
    key: Key,
    timeout: Duration,
}

/// An access key.
#[derive(Clone)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client for known addresses.
    pub fn new(api: SocketAddr, objects: SocketAddr, key: Key) -> Self {
        Self { api, objects, key, timeout: Duration::from_secs(60) }
    }

    /// Finds the server that uses a data directory, and its first key. The environment's
    /// `KULKUL_ACCESS_KEY_ID` and `KULKUL_ACCESS_KEY_SECRET` win over the key in the directory.
    pub fn find(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("addresses.json");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: is a server running on this data directory? (--data-dir)",
                path.display()
            )
        })?;
        let addresses: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let address = |name: &str| -> anyhow::Result<SocketAddr> {
            let text =
                addresses[name].as_str().with_context(|| format!("no `{name}` in {}", path.display()))?;
            Ok(text.parse()?)
        };
        let from_environment =
            std::env::var("KULKUL_ACCESS_KEY_ID").ok().zip(std::env::var("KULKUL_ACCESS_KEY_SECRET").ok());
        let key = match from_environment {
            Some((id, secret)) => Key { id, secret },
            None => {
                let key = kulkul_access::read_key_file(data_dir).context("no access key")?;
                Key { id: key.id.as_str().to_owned(), secret: key.secret.expose().to_owned() }
            }
        };
        Ok(Self::new(address("listen")?, address("objects_listen")?, key))
    }

    /// The same client with another limit on the time of one request.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The address of the API.
    pub fn api_address(&self) -> SocketAddr {
        self.api
    }

    /// The address of the buckets.
    pub fn objects_address(&self) -> SocketAddr {
        self.objects
    }

    /// The key that requests are signed with.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Calls an operation of the Function Compute API or of Kulkul's own.
    pub async fn rest(
        &self,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let signed = acs3::sign(&self.key, self.api, &method, path_and_query, headers, &body);
        self.send(self.api, request(method, path_and_query, signed, body)?).await
    }

    /// Calls an operation of the EventBridge API with its parameters as a form, and returns `Data`. A refusal is an
    /// [`ApiError`].
    pub async fn rpc(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let form: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", acs3::encode(value))).collect();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-acs-action", action),
            ("x-acs-version", "2020-04-01"),
        ];
        let answer = self.rest(Method::POST, "/", &headers, form.join("&").into()).await?;
        let status = answer.status;
        let value = answer.json().with_context(|| action.to_owned())?;
        match value["Success"].as_bool() {
            Some(false) => {
                let error = ApiError { status, code: text(&value["Code"]), message: text(&value["Message"]) };
                Err(anyhow::Error::new(error).context(action.to_owned()))
            }
            _ => Ok(value["Data"].clone()),
        }
    }

    /// Calls an operation of the object API. `path` is the bucket, or bucket and key, without escapes.
    pub async fn object(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut signed = oss::sign(&self.key, self.objects, &method, path, content_type);
        // The object API wants to know the length of every body, and hyper keeps quiet about an empty one.
        signed.push(("content-length".to_owned(), body.len().to_string()));
        self.send(self.objects, request(method, &oss::target(path), signed, body)?).await
    }

    async fn send(&self, to: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let what = format!("{} http://{to}{}", request.method(), request.uri().path());
        let exchange = async {
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(to)).await??;
            stream.set_nodelay(true)?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let (connection, answer) = tokio::join!(connection, async {
                let answer = sender.send_request(request).await?;
                let (parts, body) = answer.into_parts();
                let body =
                    Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|e| anyhow::anyhow!(e))?;
                drop(sender);
                anyhow::Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
            });
            // An answer that was read whole counts, however the connection ended.
            match (answer, connection) {
                (Ok(answer), _) => Ok(answer),
                (Err(_), Err(error)) => Err(error.into()),
                (Err(error), Ok(())) => Err(error),
            }
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer.with_context(|| format!("{what} failed")),
            Err(_) => bail!("{what} had no answer within {:?}", self.timeout),
        }
    }
}

impl Answer {
    /// The answer, when it says success; else an [`ApiError`] with the code and message of its body.
    pub fn success(self) -> anyhow::Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(ApiError::of(self.status, &self.body).into())
    }

    /// The JSON of a successful answer.
    pub fn json(self) -> anyhow::Result<Value> {
        let answer = self.success()?;
        serde_json::from_slice(&answer.body).context("the answer is not JSON")
    }

    /// A header as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn request(
    method: Method,
    target: &str,
    headers: Vec<(String, String)>,
    body: Bytes,
) -> anyhow::Result<Request<Full<Bytes>>> {
    // Written even when it is 0: a `PUT` without it is refused by the object API.
    let request = Request::builder().method(method).uri(target).header("content-length", body.len());
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    Ok(request.body(Full::new(body))?)
}

/// The text of a JSON string; anything else as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
