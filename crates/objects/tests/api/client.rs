//! A client that writes its requests byte by byte, and signs them as the official clients do.
//!
//! The signatures are computed independently of the crate under test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What signs.
#[derive(Clone)]
pub struct Credentials {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Credentials {
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), token: None }
    }
}

/// How a request is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    V1,
    V4,
    V1Url,
    V4Url,
    None,
}

#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub credentials: Credentials,
    pub scheme: Scheme,
}

/// A request in the making. The target is percent-encoded as it will be sent.
#[derive(Clone)]
pub struct Request {
    client: Client,
    pub method: String,
    pub target: String,
    pub host: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub time: Timestamp,
    chunked: bool,
}

pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, Vec<u8>>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr, credentials: Credentials) -> Self {
        Self { address, credentials, scheme: Scheme::V4 }
    }

    pub fn scheme(&self, scheme: Scheme) -> Self {
        Self { scheme, ..self.clone() }
    }

    pub fn request(&self, method: &str, target: &str) -> Request {
        Request {
            client: self.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            host: self.address.to_string(),
            headers: Vec::new(),
            body: Vec::new(),
            time: Timestamp::now(),
            chunked: false,
        }
    }

    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    pub fn head(&self, target: &str) -> Request {
        self.request("HEAD", target)
    }

    pub fn put(&self, target: &str) -> Request {
        self.request("PUT", target)
    }

    pub fn post(&self, target: &str) -> Request {
        self.request("POST", target)
    }

    pub fn delete(&self, target: &str) -> Request {
        self.request("DELETE", target)
    }

    /// Puts an object, and returns its tag.
    pub async fn put_object(&self, target: &str, body: &[u8]) -> String {
        self.put(target).body(body).send().await.expect(200).text_of("etag")
    }
}

impl Request {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    pub fn at(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    pub async fn send(self) -> Response {
        let mut stream = TcpStream::connect(self.client.address).await.unwrap();
        self.send_on(&mut stream).await
    }

    pub async fn send_on(self, stream: &mut TcpStream) -> Response {
        let is_head = self.method == "HEAD";
        stream.write_all(&self.into_bytes()).await.unwrap();
        Response::read(stream, is_head).await
    }

    /// The bytes on the wire.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.sign();
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.host).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let says = |name: &str| self.headers.iter().any(|(known, _)| known == name);
        if self.chunked {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for piece in self.body.chunks(7) {
                bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                bytes.extend([piece, b"\r\n"].concat());
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            if !says("content-length") && !says("no-length") {
                bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
            }
            bytes.extend(b"\r\n");
            bytes.extend(&self.body);
        }
        bytes
    }

    /// Signs, and gives back the target with what was added to it.
    pub fn signed_target(mut self) -> String {
        self.sign();
        self.target
    }

    fn sign(&mut self) {
        if let Some(token) = self.client.credentials.token.clone() {
            match self.client.scheme {
                Scheme::V1 | Scheme::V4 => {
                    self.headers.push(("x-oss-security-token".to_owned(), token.into_bytes()));
                }
                Scheme::V1Url => self.add_query("security-token", &token),
                Scheme::V4Url => self.add_query("x-oss-security-token", &token),
                Scheme::None => {}
            }
        }
        match self.client.scheme {
            Scheme::V1 => self.sign_v1(),
            Scheme::V4 => self.sign_v4(),
            Scheme::V1Url => self.sign_v1_url(),
            Scheme::V4Url => self.sign_v4_url(),
            Scheme::None => {}
        }
    }

    fn add_query(&mut self, name: &str, value: &str) {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(&format!("{name}={}", escape(value.as_bytes())));
    }

    /// The path as it is signed: bucket and key, decoded.
    fn resource(&self) -> Vec<u8> {
        let path = self.target.split('?').next().unwrap();
        let mut resource = unescape(path, false);
        let labels: Vec<&str> = self.host.split(':').next().unwrap().split('.').collect();
        let bucket_in_host = self.host.ends_with(".aliyuncs.com") || labels.last() == Some(&"localhost");
        if bucket_in_host && labels.len() > 1 && !labels[0].is_empty() {
            resource.splice(0..0, format!("/{}", labels[0]).into_bytes());
        } else if resource.iter().filter(|&&b| b == b'/').count() == 1 && resource.len() > 1 {
            resource.push(b'/');
        }
        resource
    }

    fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let text = |text: &str| String::from_utf8(unescape(text, true)).unwrap();
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(n, v)| (text(n), text(v)))
            .collect()
    }

    fn value(&self, wanted: &str) -> String {
        let found = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| utf8(value)).unwrap_or_default()
    }

    fn v1_text(&self, date: &str) -> Vec<u8> {
        let mut text = format!(
            "{}\n{}\n{}\n{date}\n",
            self.method,
            self.value("content-md5"),
            self.value("content-type")
        )
        .into_bytes();
        text.extend(self.header_lines(|name| name.starts_with("x-oss-")));
        text.extend(self.resource());
        let signed = ["acl", "append", "bucketInfo", "callback", "cors", "delete", "lifecycle", "location"];
        let also =
            ["objectMeta", "partNumber", "position", "response-content-type", "restore", "security-token"];
        let more =
            ["stat", "symlink", "tagging", "uploadId", "uploads", "versionId", "versioning", "versions"];
        let rest = ["continuation-token", "response-content-disposition", "logging", "x-oss-process"];
        let known = |name: &str| [&signed[..], &also, &more, &rest].iter().any(|list| list.contains(&name));
        let mut pairs = self.query();
        pairs.retain(|(name, _)| known(name));
        pairs.sort();
        for (at, (name, value)) in pairs.iter().enumerate() {
            text.extend(if at == 0 { b"?" } else { b"&" });
            text.extend(name.as_bytes());
            if !value.is_empty() {
                text.extend([b"=", value.as_bytes()].concat());
            }
        }
        text
    }

    fn sign_v1(&mut self) {
        let date = http_date(self.time);
        self.headers.push(("date".to_owned(), date.clone().into_bytes()));
        let signature = hmac_sha1(&self.client.credentials.secret, &self.v1_text(&date));
        let value = format!("OSS {}:{signature}", self.client.credentials.id);
        self.headers.push(("authorization".to_owned(), value.into_bytes()));
    }

    fn sign_v1_url(&mut self) {
        let expires = (self.time.as_secs() + 60).to_string();
        let signature = hmac_sha1(&self.client.credentials.secret, &self.v1_text(&expires));
        let id = self.client.credentials.id.clone();
        self.add_query("OSSAccessKeyId", &id);
        self.add_query("Expires", &expires);
        self.add_query("Signature", &signature);
    }

    fn sign_v4(&mut self) {
        let date = compact(self.time);
        self.headers.push(("x-oss-date".to_owned(), date.clone().into_bytes()));
        self.headers.push(("x-oss-content-sha256".to_owned(), b"UNSIGNED-PAYLOAD".to_vec()));
        let signature = self.v4_signature(&date);
        let scope = format!("{}/cn-hangzhou/oss/aliyun_v4_request", &date[..8]);
        let id = &self.client.credentials.id;
        let value = format!("OSS4-HMAC-SHA256 Credential={id}/{scope},Signature={signature}");
        self.headers.push(("authorization".to_owned(), value.into_bytes()));
    }

    fn sign_v4_url(&mut self) {
        let date = compact(self.time);
        let scope = format!("{}/cn-hangzhou/oss/aliyun_v4_request", &date[..8]);
        let credential = format!("{}/{scope}", self.client.credentials.id);
        self.add_query("x-oss-signature-version", "OSS4-HMAC-SHA256");
        self.add_query("x-oss-credential", &credential);
        self.add_query("x-oss-date", &date);
        self.add_query("x-oss-expires", "60");
        let signature = self.v4_signature(&date);
        self.add_query("x-oss-signature", &signature);
    }

    fn v4_signature(&self, date: &str) -> String {
        let mut pairs: Vec<(String, String)> = self
            .query()
            .iter()
            .map(|(name, value)| (escape(name.as_bytes()), escape(value.as_bytes())))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| if value.is_empty() { name } else { format!("{name}={value}") })
            .collect();
        let path = escape(&self.resource()).replace("%2F", "/");
        let mut text = format!("{}\n{path}\n{}\n", self.method, pairs.join("&")).into_bytes();
        let wanted =
            |name: &str| name.starts_with("x-oss-") || ["content-type", "content-md5"].contains(&name);
        text.extend(self.header_lines(wanted));
        text.extend(b"\n\nUNSIGNED-PAYLOAD");
        let day = &date[..8];
        let string_to_sign = format!(
            "OSS4-HMAC-SHA256\n{date}\n{day}/cn-hangzhou/oss/aliyun_v4_request\n{}",
            hex::encode(Sha256::digest(&text))
        );
        let first = hmac_sha256(format!("aliyun_v4{}", self.client.credentials.secret).as_bytes(), day);
        let key = ["cn-hangzhou", "oss", "aliyun_v4_request"]
            .iter()
            .fold(first, |key, part| hmac_sha256(&key, part));
        hex::encode(hmac_sha256(&key, &string_to_sign))
    }

    fn header_lines(&self, wanted: impl Fn(&str) -> bool) -> Vec<u8> {
        let mut lines: Vec<(String, String)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), utf8(value)))
            .filter(|(name, _)| wanted(name))
            .collect();
        lines.sort();
        lines.iter().flat_map(|(name, value)| format!("{name}:{value}\n").into_bytes()).collect()
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: BTreeMap<&String, String> =
            self.headers.iter().map(|(name, value)| (name, utf8(value))).collect();
        write!(f, "{} {headers:?} {}", self.status, self.text())
    }
}

impl Response {
    /// Reads one answer. Bytes after it stay in the stream only if they come later.
    pub async fn read(stream: &mut TcpStream, is_head: bool) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            let mut buffer = vec![0; 65_536];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection was closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend(&buffer[..count]);
        };
        let head = bytes[..end].to_vec();
        let mut body = bytes[end + 4..].to_vec();
        let mut lines = head.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let status =
            String::from_utf8_lossy(lines.next().unwrap()).split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<String, Vec<u8>> = lines
            .map(|line| {
                let colon = line.iter().position(|&b| b == b':').unwrap();
                let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
                (name, line[colon + 1..].trim_ascii().to_vec())
            })
            .collect();
        if status == 100 {
            return Self { status, headers, body };
        }
        let length = headers.get("content-length").map(|text| utf8(text).parse::<usize>().unwrap());
        let length = if is_head || status == 304 { 0 } else { length.unwrap_or(0) };
        while body.len() < length {
            let mut buffer = vec![0; 65_536.min(length - body.len())];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection was closed in the middle of a body");
            body.extend(&buffer[..count]);
        }
        Self { status, headers, body }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Checks the status and the code in the body, or in the header that stands for it.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let body = match self.headers.get("x-oss-err") {
            Some(err) => String::from_utf8(STANDARD.decode(err).unwrap()).unwrap(),
            None => self.text(),
        };
        assert_eq!((self.status, inner(&body, "Code").as_str()), (status, code), "{body}");
        assert!(self.headers.contains_key("date"), "{self:?}");
        assert_eq!(inner(&body, "RequestId"), self.text_of("x-oss-request-id"));
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of a header; empty when it is not there.
    pub fn text_of(&self, name: &str) -> String {
        self.headers.get(name).map(|value| utf8(value)).unwrap_or_default()
    }

    /// The text of the first element of a name.
    pub fn inner(&self, element: &str) -> String {
        inner(&self.text(), element)
    }

    /// The texts of all elements of a name.
    pub fn all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let text = self.text();
        text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
    }
}

fn inner(text: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let rest = text.split_once(&open).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split_once(&close)).map(|(text, _)| text.to_owned()).unwrap_or_default()
}

/// Bytes of a header as text: UTF-8, else Latin-1.
fn utf8(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

pub fn escape(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |&byte: &u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(one).collect()
}

fn unescape(text: &str, plus: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                rest = &rest[2..];
            }
            b'+' if plus => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    bytes
}

pub fn http_date(time: Timestamp) -> String {
    let since = std::time::Duration::from_secs(time.as_secs() as u64);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}

fn compact(time: Timestamp) -> String {
    time.rfc3339_secs().replace(['-', ':'], "")
}

fn hmac_sha1(secret: &str, text: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn hmac_sha256(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A form policy's V1 signature.
pub fn sign_policy(secret: &str, policy: &str) -> String {
    hmac_sha1(secret, policy.as_bytes())
}
