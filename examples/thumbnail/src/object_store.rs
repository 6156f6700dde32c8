//! A client for the two calls that the function makes to the object store, signed with OSS signature version 4.

mod signature;

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, SystemTime};

use crate::http::{Incoming, Message};

/// The largest photo that is read into memory.
const OBJECT_BYTES_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// An access key, permanent or (with a token) temporary.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An object store that speaks the OSS protocol over plain HTTP.
#[derive(Debug)]
pub(crate) struct ObjectStore {
    /// `host:port`, without scheme.
    authority: String,
    region: String,
    credentials: Credentials,
}

impl ObjectStore {
    pub(crate) fn new(
        endpoint: &str,
        region: String,
        credentials: Credentials,
    ) -> Result<ObjectStore, String> {
        let authority = endpoint.strip_prefix("http://").unwrap_or(endpoint).trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            return Err(format!("OSS_ENDPOINT is `{endpoint}`, but must look like http://127.0.0.1:7501"));
        }
        Ok(ObjectStore { authority: authority.to_owned(), region, credentials })
    }

    /// Returns the bytes of an object; `None` when there is no such object or bucket.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        let answer = self.call("GET", bucket, key, None, &[])?;
        match answer.status() {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => Err(refusal("read", bucket, key, &answer)),
        }
    }

    /// Writes an object, over an old one of the same name.
    pub(crate) fn put(&self, bucket: &str, key: &str, media_type: &str, bytes: &[u8]) -> Result<(), String> {
        let answer = self.call("PUT", bucket, key, Some(media_type), bytes)?;
        match answer.status() {
            200 => Ok(()),
            _ => Err(refusal("write", bucket, key, &answer)),
        }
    }

    fn call(
        &self,
        method: &str,
        bucket: &str,
        key: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Message, String> {
        let (host, path) = address(&self.authority, bucket, key);
        let mut headers = signature::headers(&signature::ToSign {
            credentials: &self.credentials,
            region: &self.region,
            method,
            bucket,
            key,
            media_type,
            at: SystemTime::now(),
        });
        headers.push(("host", host));
        headers.push(("content-length", body.len().to_string()));
        headers.push(("connection", "close".to_owned()));
        let failed =
            |error: std::io::Error| format!("{method} {bucket}/{key} at {}: {error}", self.authority);
        let stream = self.connect().map_err(failed)?;
        crate::http::send(&stream, &format!("{method} {path} HTTP/1.1"), &headers, body).map_err(failed)?;
        Incoming::new(stream)
            .next_response(OBJECT_BYTES_MAX)
            .map_err(|problem| format!("{method} {bucket}/{key} at {}: {problem}", self.authority))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let with_port = if self.authority.contains(':') {
            self.authority.clone()
        } else {
            format!("{}:80", self.authority)
        };
        let mut last = std::io::Error::other("the name has no address");
        for address in with_port.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(SILENCE_MAX))?;
                    stream.set_write_timeout(Some(SILENCE_MAX))?;
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Returns the `Host` header and the path for an object.
///
/// The bucket is part of the path at an IP address and at `localhost`, and part of the host name elsewhere,
/// as in the cloud.
fn address(authority: &str, bucket: &str, key: &str) -> (String, String) {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let key = signature::escape(key);
    if host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        (authority.to_owned(), format!("/{bucket}/{key}"))
    } else {
        (format!("{bucket}.{authority}"), format!("/{key}"))
    }
}

/// Describes an answer that is not a success, with the code that the object store gave.
fn refusal(verb: &str, bucket: &str, key: &str, answer: &Message) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code);
    format!("cannot {verb} {bucket}/{key}: the object store answered {} {code}", answer.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host_name() {
        let table = [
            ("127.0.0.1:7501", "127.0.0.1:7501", "/media/a%20b/c.jpg"),
            ("[::1]:7501", "[::1]:7501", "/media/a%20b/c.jpg"),
            ("localhost:7501", "localhost:7501", "/media/a%20b/c.jpg"),
            ("oss.example.test", "media.oss.example.test", "/a%20b/c.jpg"),
        ];
        for (authority, host, path) in table {
            assert_eq!(address(authority, "media", "a b/c.jpg"), (host.to_owned(), path.to_owned()));
        }
    }

    #[test]
    fn an_endpoint_that_is_no_address_is_refused() {
        let keys = Credentials { id: String::new(), secret: String::new(), token: None };
        for endpoint in ["", "http://", "http://h/path", "https://h"] {
            let problem = ObjectStore::new(endpoint, String::new(), keys.clone()).unwrap_err();
            assert!(problem.starts_with("OSS_ENDPOINT is"), "{endpoint}: {problem}");
        }
    }
}
