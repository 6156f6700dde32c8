//! How redrives are stored. Format 1.

use std::num::NonZeroU32;

use bytes::Bytes;
use kulkul_model::Timestamp;
use kulkul_store::{Document, Key, Metadata, QueueId, Revision, StoreError};
use serde::{Deserialize, Serialize};

use super::{Redrive, RedriveId, RedriveOrder, RedriveState};
use crate::DeadLetterFilter;

const FORMAT: u32 = 1;
const PREFIX: &str = "redrive/";

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    filter: StoredFilter,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    per_second: NonZeroU32,
    state: StoredState,
    found: u64,
    sent: u64,
    kept: u64,
    ordered_ms: i64,
    changed_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredState {
    Running,
    Done,
    Canceled,
    Failed { reason: String },
}

pub(super) fn key(id: &RedriveId) -> Key {
    format!("{PREFIX}{id}").into()
}

pub(super) fn write(redrive: &Redrive) -> Bytes {
    let filter = &redrive.order.filter;
    let queue = |queue: &QueueId| queue.0.to_string();
    let stored = Stored {
        format: FORMAT,
        filter: StoredFilter {
            target: filter.target.as_ref().map(queue),
            target_prefix: filter.target_prefix.clone(),
            source: filter.source.clone(),
            kind: filter.kind.clone(),
            from_ms: filter.from.map(Timestamp::as_millis),
            to_ms: filter.to.map(Timestamp::as_millis),
        },
        to: redrive.order.to.as_ref().map(queue),
        per_second: redrive.order.per_second,
        state: match &redrive.state {
            RedriveState::Running => StoredState::Running,
            RedriveState::Done => StoredState::Done,
            RedriveState::Canceled => StoredState::Canceled,
            RedriveState::Failed { reason } => StoredState::Failed { reason: reason.clone() },
        },
        found: redrive.found_count,
        sent: redrive.sent_count,
        kept: redrive.kept_count,
        ordered_ms: redrive.ordered_at.as_millis(),
        changed_ms: redrive.changed_at.as_millis(),
        cursor: redrive.cursor.as_ref().map(ToString::to_string),
    };
    serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON").into()
}

/// All redrives of the store. One that cannot be read is passed over: it is no reason not to start.
pub(super) async fn read_all(metadata: &dyn Metadata) -> Result<Vec<(Redrive, Revision)>, StoreError> {
    let mut all = Vec::new();
    for document in metadata.documents(PREFIX).await? {
        match read(&document) {
            Some(redrive) => all.push((redrive, document.revision)),
            None => tracing::error!(key = %document.key, "a stored redrive cannot be read"),
        }
    }
    Ok(all)
}

fn read(document: &Document) -> Option<Redrive> {
    let id = RedriveId(document.key.0.strip_prefix(PREFIX)?.into());
    let stored: Stored =
        serde_json::from_slice(&document.value).ok().filter(|s: &Stored| s.format == FORMAT)?;
    let queue = |name: String| QueueId(name.into());
    let filter = stored.filter;
    Some(Redrive {
        id,
        order: RedriveOrder {
            filter: DeadLetterFilter {
                target: filter.target.map(queue),
                target_prefix: filter.target_prefix,
                source: filter.source,
                kind: filter.kind,
                from: filter.from_ms.map(Timestamp::from_millis),
                to: filter.to_ms.map(Timestamp::from_millis),
            },
            to: stored.to.map(queue),
            per_second: stored.per_second,
        },
        state: match stored.state {
            StoredState::Running => RedriveState::Running,
            StoredState::Done => RedriveState::Done,
            StoredState::Canceled => RedriveState::Canceled,
            StoredState::Failed { reason } => RedriveState::Failed { reason },
        },
        found_count: stored.found,
        sent_count: stored.sent,
        kept_count: stored.kept,
        ordered_at: Timestamp::from_millis(stored.ordered_ms),
        changed_at: Timestamp::from_millis(stored.changed_ms),
        cursor: match stored.cursor {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_comes_back_as_it_was_stored() {
        let redrive = Redrive {
            id: RedriveId("0198-1".into()),
            order: RedriveOrder {
                filter: DeadLetterFilter {
                    target: Some(QueueId("rule/b/r/t".into())),
                    target_prefix: Some("rule/b/".into()),
                    source: Some("shop".into()),
                    kind: Some("order:Placed".into()),
                    from: Some(Timestamp::from_millis(1)),
                    to: Some(Timestamp::from_millis(2)),
                },
                to: Some(QueueId("rule/b/r/u".into())),
                per_second: NonZeroU32::MIN,
            },
            state: RedriveState::Failed { reason: "why".into() },
            found_count: 5,
            sent_count: 3,
            kept_count: 1,
            ordered_at: Timestamp::from_millis(3),
            changed_at: Timestamp::from_millis(4),
            cursor: Some("5.17@rule/b/r/t".parse().unwrap()),
        };
        let document = Document { key: key(&redrive.id), value: write(&redrive), revision: Revision(1) };
        assert_eq!(read(&document), Some(redrive));
    }
}
