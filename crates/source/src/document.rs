//! Registered sources and catalog additions as they are stored.

use bytes::Bytes;
use kulkul_model::{BusName, Timestamp};
use kulkul_store::Key;
use serde::{Deserialize, Serialize};

use crate::message_queue::StoredQueue;
use crate::schedule::StoredSchedule;
use crate::webhook::StoredWebhook;
use crate::{Addition, AdditionForm, AdditionName, RegisteredSource, SourceError, SourceKind, SourceName};

const FORMAT: u32 = 1;

/// What the keys of all registered sources start with.
pub(crate) const SOURCE_PREFIX: &str = "source/";
/// What the keys of all additions start with.
pub(crate) const ADDITION_PREFIX: &str = "catalog/";

pub(crate) fn source_key(bus: &BusName, name: &SourceName) -> Key {
    format!("{SOURCE_PREFIX}{bus}/{name}").into()
}

pub(crate) fn addition_key(name: &AdditionName) -> Key {
    format!("{ADDITION_PREFIX}{name}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredSource {
    format: u32,
    bus: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    kind: StoredKind,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredKind {
    Custom,
    Queue(StoredQueue),
    Webhook(StoredWebhook),
    Schedule(StoredSchedule),
}

impl StoredKind {
    fn of(kind: &SourceKind) -> Self {
        match kind {
            SourceKind::Custom => Self::Custom,
            SourceKind::Queue(settings) => Self::Queue(StoredQueue::of(settings)),
            SourceKind::Webhook(settings) => Self::Webhook(StoredWebhook::of(settings)),
            SourceKind::Schedule(settings) => Self::Schedule(StoredSchedule::of(settings)),
        }
    }

    fn kind(self, key: &Key) -> Result<SourceKind, SourceError> {
        match self {
            Self::Custom => Ok(SourceKind::Custom),
            Self::Queue(stored) => {
                stored.settings().map(SourceKind::Queue).map_err(|error| corrupt(key, &error))
            }
            Self::Webhook(stored) => {
                stored.settings().map(SourceKind::Webhook).map_err(|error| corrupt(key, &error))
            }
            Self::Schedule(stored) => {
                stored.settings().map(SourceKind::Schedule).map_err(|error| corrupt(key, &error))
            }
        }
    }
}

/// The text is kept as it was sent: it is read again, and checked again, at every start.
#[derive(Serialize, Deserialize)]
struct StoredAddition {
    format: u32,
    name: String,
    form: StoredForm,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredForm {
    Json,
    Toml,
}

pub(crate) fn write_source(source: &RegisteredSource) -> Bytes {
    json(&StoredSource {
        format: FORMAT,
        bus: source.bus.to_string(),
        name: source.name.to_string(),
        description: source.description.clone(),
        kind: StoredKind::of(&source.kind),
        created_ms: source.created_at.as_millis(),
    })
}

pub(crate) fn write_addition(name: &AdditionName, addition: &Addition) -> Bytes {
    let form = match addition.form {
        AdditionForm::Json => StoredForm::Json,
        AdditionForm::Toml => StoredForm::Toml,
    };
    json(&StoredAddition { format: FORMAT, name: name.to_string(), form, text: addition.text.clone() })
}

pub(crate) fn read_source(key: &Key, value: &[u8]) -> Result<RegisteredSource, SourceError> {
    let stored: StoredSource = parsed(key, value)?;
    checked(key, stored.format)?;
    Ok(RegisteredSource {
        bus: stored.bus.parse().map_err(|error| corrupt(key, &error))?,
        name: stored.name.parse().map_err(|error| corrupt(key, &error))?,
        description: stored.description,
        kind: stored.kind.kind(key)?,
        created_at: Timestamp::from_millis(stored.created_ms),
    })
}

/// The name, the form and the text.
pub(crate) fn read_addition(
    key: &Key,
    value: &[u8],
) -> Result<(AdditionName, AdditionForm, String), SourceError> {
    let stored: StoredAddition = parsed(key, value)?;
    checked(key, stored.format)?;
    let form = match stored.form {
        StoredForm::Json => AdditionForm::Json,
        StoredForm::Toml => AdditionForm::Toml,
    };
    Ok((stored.name.parse().map_err(|error| corrupt(key, &error))?, form, stored.text))
}

fn parsed<T: for<'de> Deserialize<'de>>(key: &Key, value: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(value).map_err(|error| corrupt(key, &error))
}

fn checked(key: &Key, format: u32) -> Result<(), SourceError> {
    match format {
        FORMAT => Ok(()),
        other => Err(corrupt(key, &format!("it has format {other}, and this version reads {FORMAT}"))),
    }
}

fn corrupt(key: &Key, reason: &impl ToString) -> SourceError {
    SourceError::Corrupt { key: key.to_string(), reason: reason.to_string() }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("a struct of texts and numbers is JSON").into()
}
