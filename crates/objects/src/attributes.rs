//! What an object carries beside its bytes: headers, tags, the target of a link.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use kulkul_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::error::{Code, OssError};
use crate::tags::Tags;

/// The prefix of user metadata.
pub(crate) const META_PREFIX: &str = "x-oss-meta-";

/// The size of all user metadata together, names and values. Source: OSS, `PutObject`.
const META_BYTES_MAX: usize = 8 * 1024;

/// Headers that are kept and returned. Source: OSS, `PutObject`; `content-language` is ours.
const KEPT_HEADERS: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "expires",
    "content-language",
];

const DEFAULT_TYPE: &str = "application/octet-stream";

/// The attributes of an object, or of one to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The headers that are returned as they were sent, byte for byte. Names are lower-case.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The tags.
    pub(crate) tags: Tags,
    /// Where a link points: percent-encoded, as it was sent.
    pub(crate) link: Option<String>,
    /// The MD5 of the bytes, where it is known.
    pub(crate) md5: Option<[u8; 16]>,
    /// The upload that the object was completed from, so that a repeated completion can be told apart.
    pub(crate) completed: Option<Completed>,
}

/// A finished upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Completed {
    /// Its id.
    pub(crate) upload: String,
    /// What its parts were: a digest of the list.
    pub(crate) parts: String,
}

impl Attributes {
    /// The attributes that a request or a form gives. A missing type becomes `application/octet-stream`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, OssError> {
        let mut kept = Vec::new();
        let mut meta_bytes = 0;
        for (name, value) in headers {
            let name = name.as_str();
            if let Some(meta) = name.strip_prefix(META_PREFIX) {
                meta_bytes += meta.len() + value.len();
            } else if !KEPT_HEADERS.contains(&name) {
                continue;
            }
            kept.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        if meta_bytes > META_BYTES_MAX {
            return Err(
                Code::InvalidArgument.with("The total size of the user metadata must be at most 8 KB.")
            );
        }
        if !headers.contains_key(http::header::CONTENT_TYPE) {
            kept.push(("content-type".to_owned(), DEFAULT_TYPE.into()));
        }
        let tags = match headers.get("x-oss-tagging") {
            Some(value) => Tags::from_header(value)?,
            None => Tags::default(),
        };
        Ok(Self { headers: kept, tags, ..Self::default() })
    }

    /// The type of the content, for the event.
    pub(crate) fn mime_type(&self) -> String {
        let value = self.headers.iter().find(|(name, _)| name == "content-type");
        value.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    /// Adds the headers to those of a reply.
    pub(crate) fn write_headers(&self, reply: &mut HeaderMap) {
        for (name, value) in &self.headers {
            // Both came out of a header once.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
                reply.insert(name, value);
            }
        }
    }

    /// For the store.
    pub(crate) fn write(&self) -> Bytes {
        let headers = self.headers.iter().map(|(name, value)| {
            let (text, base64) = match std::str::from_utf8(value) {
                Ok(text) => (Some(text.to_owned()), None),
                Err(_) => (None, Some(STANDARD.encode(value))),
            };
            StoredHeader { name: name.clone(), text, base64 }
        });
        let stored = StoredAttributes {
            version: FORMAT,
            headers: headers.collect(),
            tags: self.tags.pairs().to_vec(),
            link: self.link.clone(),
            md5: self.md5.map(hex::encode),
            completed: self.completed.clone(),
        };
        serde_json::to_vec(&stored).expect("plain values become JSON").into()
    }

    /// From the store.
    pub(crate) fn read(stored: &[u8]) -> Result<Self, StoreError> {
        let unreadable = |found: String| StoreError::Format {
            what: "the attributes of an object".to_owned(),
            found,
            expected: FORMAT.to_string(),
        };
        let stored: StoredAttributes =
            serde_json::from_slice(stored).map_err(|error| unreadable(error.to_string()))?;
        if stored.version != FORMAT {
            return Err(unreadable(stored.version.to_string()));
        }
        let header = |header: StoredHeader| {
            let value = match (header.text, header.base64) {
                (Some(text), _) => text.into_bytes(),
                (None, Some(base64)) => STANDARD.decode(base64).ok()?,
                (None, None) => return None,
            };
            Some((header.name, value))
        };
        let headers = stored.headers.into_iter().map(header).collect::<Option<_>>();
        let md5 = |text: String| {
            let mut md5 = [0; 16];
            hex::decode_to_slice(text, &mut md5).ok().map(|()| md5)
        };
        Ok(Self {
            headers: headers.ok_or_else(|| unreadable("a header without a value".to_owned()))?,
            tags: Tags::stored(stored.tags),
            link: stored.link,
            md5: stored.md5.and_then(md5),
            completed: stored.completed,
        })
    }
}

/// The format of stored attributes that this version writes.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StoredAttributes {
    version: u32,
    headers: Vec<StoredHeader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed: Option<Completed>,
}

/// A header's value is text where it is UTF-8, and base64 where it is not.
#[derive(Serialize, Deserialize)]
struct StoredHeader {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&str, &[u8])| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn headers_come_back_byte_for_byte() {
        let sent = headers(&[
            ("X-Oss-Meta-Author", "ü".as_bytes()),
            ("x-oss-meta-latin", b"\xfc"),
            ("cache-control", b"no-cache"),
            ("authorization", b"secret"),
        ]);
        let attributes = Attributes { md5: Some([7; 16]), ..Attributes::from_headers(&sent).unwrap() };
        let read = Attributes::read(&attributes.write()).unwrap();
        assert_eq!(read, attributes);
        let mut reply = HeaderMap::new();
        read.write_headers(&mut reply);
        assert_eq!(reply["x-oss-meta-latin"].as_bytes(), b"\xfc");
        assert_eq!(reply["content-type"], DEFAULT_TYPE);
        assert_eq!(reply.len(), 4);
        assert!(matches!(Attributes::read(br#"{"version":2,"headers":[]}"#), Err(StoreError::Format { .. })));
    }

    #[test]
    fn user_metadata_has_a_limit() {
        let value = "v".repeat(META_BYTES_MAX - 1);
        assert!(Attributes::from_headers(&headers(&[("x-oss-meta-a", value.as_bytes())])).is_ok());
        let long = headers(&[("x-oss-meta-ab", value.as_bytes())]);
        assert_eq!(Attributes::from_headers(&long).unwrap_err().code, Code::InvalidArgument);
    }
}
