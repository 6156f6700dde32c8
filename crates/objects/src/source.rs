//! The source of a copy.

use http::HeaderMap;

use crate::api::Place;
use crate::encode::{Plus, decode_text};
use crate::error::{Code, OssError};
use crate::names::{BucketName, ObjectKey};

/// Reads `x-oss-copy-source`: `/{bucket}/{key, percent-encoded}[?versionId=…]`. It is cut before it is decoded.
///
/// Source: OSS, `CopyObject`.
pub(crate) fn copy_source(headers: &HeaderMap) -> Result<Place, OssError> {
    let malformed = || {
        Code::InvalidArgument
            .with("Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.")
            .detail("ArgumentName", "x-oss-copy-source")
    };
    let value = headers.get("x-oss-copy-source").ok_or_else(malformed)?;
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| malformed())?;
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let (bucket, key) = path.strip_prefix('/').unwrap_or(path).split_once('/').ok_or_else(malformed)?;
    match query.strip_prefix("versionId=") {
        Some("" | "null") => {}
        Some(_) => return Err(Code::NoSuchVersion.into()),
        None if query.is_empty() => {}
        None => return Err(malformed()),
    }
    let decoded = |text| decode_text(text, Plus::Plus).filter(|text| !text.is_empty()).ok_or_else(malformed);
    Ok(Place { bucket: BucketName::parse(&decoded(bucket)?)?, key: ObjectKey::parse(&decoded(key)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<(String, String), Code> {
        let headers = [(http::HeaderName::from_static("x-oss-copy-source"), text.parse().unwrap())]
            .into_iter()
            .collect();
        copy_source(&headers)
            .map(|place| (place.bucket.to_string(), place.key.to_string()))
            .map_err(|error| error.code)
    }

    #[test]
    fn a_source_is_cut_before_it_is_decoded() {
        let table = [
            ("/bkt/a%20b%2Fc", Ok("a b/c")),
            ("/bkt/a/b", Ok("a/b")),
            ("bkt/a+b", Ok("a+b")),
            ("/bkt/q%3Fx%25?versionId=null", Ok("q?x%")),
            ("/bkt/k?versionId=1", Err(Code::NoSuchVersion)),
            ("/bkt/k?x", Err(Code::InvalidArgument)),
            ("/bkt", Err(Code::InvalidArgument)),
            ("/bkt/", Err(Code::InvalidArgument)),
            ("", Err(Code::InvalidArgument)),
            ("/bkt/%FF", Err(Code::InvalidArgument)),
            ("/B/k", Err(Code::InvalidBucketName)),
            ("/bkt//k", Err(Code::InvalidObjectName)),
        ];
        for (text, expected) in table {
            let expected = expected.map(|key: &str| ("bkt".to_owned(), key.to_owned()));
            assert_eq!(source(text), expected, "{text}");
        }
    }
}
