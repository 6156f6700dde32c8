//! What a stored key looks like. The first member of every document is its format.

use bytes::Bytes;
use kulkul_model::Timestamp;
use kulkul_store::{Document, Key};
use serde::{Deserialize, Serialize};

use crate::{AccessError, AccessKey, NewKey};

/// Keys of access keys start with this; the id follows.
pub(crate) const KEY_PREFIX: &str = "key/";

/// Where the key is that temporary keys and signed links are sealed with.
pub(crate) const SEALING_KEY: &str = "access/sealing-key";

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    format: u32,
    id: String,
    secret: String,
    role: String,
    created_at_ms: i64,
    disabled: bool,
    description: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingKeyRecord {
    format: u32,
    key_hex: String,
}

pub(crate) fn key_of(id: &str) -> Key {
    Key::from(format!("{KEY_PREFIX}{id}"))
}

pub(crate) fn write_key(key: &AccessKey) -> Bytes {
    to_bytes(&KeyRecord {
        format: FORMAT,
        id: key.id().as_str().to_owned(),
        secret: key.secret().expose().to_owned(),
        role: key.role().as_str().to_owned(),
        created_at_ms: key.created_at().as_millis(),
        disabled: key.is_disabled(),
        description: key.description().to_owned(),
    })
}

pub(crate) fn read_key(document: &Document) -> Result<AccessKey, AccessError> {
    let record: KeyRecord = from_bytes(document)?;
    check_format(document, record.format)?;
    let role = record.role.parse().map_err(|error: crate::role::NotARole| unreadable(document, error))?;
    let mut new = NewKey::given(&record.id, &record.secret, role)?;
    new.description = record.description;
    Ok(AccessKey::new(new, Timestamp::from_millis(record.created_at_ms), record.disabled))
}

pub(crate) fn write_sealing_key(key: &[u8; 32]) -> Bytes {
    to_bytes(&SealingKeyRecord { format: FORMAT, key_hex: hex::encode(key) })
}

pub(crate) fn read_sealing_key(document: &Document) -> Result<[u8; 32], AccessError> {
    let record: SealingKeyRecord = from_bytes(document)?;
    check_format(document, record.format)?;
    let mut key = [0; 32];
    hex::decode_to_slice(&record.key_hex, &mut key).map_err(|error| unreadable(document, error))?;
    Ok(key)
}

fn to_bytes(record: &impl Serialize) -> Bytes {
    serde_json::to_vec(record).expect("records have string keys and plain values").into()
}

fn from_bytes<T: for<'a> Deserialize<'a>>(document: &Document) -> Result<T, AccessError> {
    serde_json::from_slice(&document.value).map_err(|source| AccessError::Unreadable {
        key: document.key.to_string(),
        // The library quotes what it found, which may be a secret: keep the place, drop the words.
        source: serde::de::Error::custom(format_args!("malformed at column {}", source.column())),
    })
}

fn check_format(document: &Document, found: u32) -> Result<(), AccessError> {
    if found == FORMAT {
        return Ok(());
    }
    Err(unreadable(document, format_args!("format {found}, this version reads {FORMAT}")))
}

fn unreadable(document: &Document, problem: impl std::fmt::Display) -> AccessError {
    AccessError::Unreadable { key: document.key.to_string(), source: serde::de::Error::custom(problem) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_store::Revision;

    fn document(value: &str) -> Document {
        Document {
            key: key_of("AKID"),
            value: Bytes::copy_from_slice(value.as_bytes()),
            revision: Revision(1),
        }
    }

    const STORED: &str = r#"{"format":1,"id":"AKID","secret":"hunter2","role":"publish","created_at_ms":5,"disabled":true,"description":"ci"}"#;

    #[test]
    fn the_format_on_disk_stays_readable() {
        let key = read_key(&document(STORED)).unwrap();
        assert_eq!((key.id().as_str(), key.secret().expose()), ("AKID", "hunter2"));
        assert_eq!((key.role(), key.is_disabled(), key.description()), (crate::Role::Publish, true, "ci"));
        assert_eq!(write_key(&key), STORED.as_bytes());
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_secret() {
        let newer = STORED.replace(r#""format":1"#, r#""format":2"#);
        let table = [newer.as_str(), "{}", r#"{"format":1,"secret":"hunter2"}"#, r#""hunter2""#];
        for stored in table {
            let error = read_key(&document(stored)).unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(error.to_string(), "cannot read the stored document `key/AKID`");
            assert!(!source.contains("hunter2"), "{stored}: {source}");
        }
    }
}
