//! How far a schedule source has fired, as it is stored.

use kulkul_model::Timestamp;
use kulkul_store::{Key, Metadata, StoreError};
use serde::{Deserialize, Serialize};

use crate::RegisteredSource;

const FORMAT: u32 = 1;
const PREFIX: &str = "schedule/";

/// All ticks up to a time have fired. Only the source that was created then is meant: one of the same name that came
/// later begins anew.
#[derive(Serialize, Deserialize)]
struct StoredMark {
    format: u32,
    created_ms: i64,
    fired_through_ms: i64,
}

fn key_of(source: &RegisteredSource) -> Key {
    format!("{PREFIX}{}/{}", source.bus, source.name).into()
}

/// How far a source has fired; `None` when it never has, or nobody knows any more.
pub(super) async fn read(
    metadata: &dyn Metadata,
    source: &RegisteredSource,
) -> Result<Option<Timestamp>, StoreError> {
    let stored = metadata.get(&key_of(source)).await?;
    let mark = stored.and_then(|stored| serde_json::from_slice::<StoredMark>(&stored.value).ok());
    let same = mark.filter(|mark| mark.format == FORMAT && mark.created_ms == source.created_at.as_millis());
    Ok(same.map(|mark| Timestamp::from_millis(mark.fired_through_ms)))
}

/// Stores how far a source has fired.
pub(super) async fn write(
    metadata: &dyn Metadata,
    source: &RegisteredSource,
    fired_through: Timestamp,
) -> Result<(), StoreError> {
    let mark = StoredMark {
        format: FORMAT,
        created_ms: source.created_at.as_millis(),
        fired_through_ms: fired_through.as_millis(),
    };
    let value = serde_json::to_vec(&mark).expect("a struct of numbers is JSON");
    metadata.put(&key_of(source), value.into()).await.map(drop)
}

/// Deletes the marks of sources that are gone. `keep` says whether there is a source of a bus and name.
pub(super) async fn prune(
    metadata: &dyn Metadata,
    keep: impl Fn(&str, &str) -> bool + Send,
) -> Result<(), StoreError> {
    for stored in metadata.documents(PREFIX).await? {
        let names = stored.key.0.strip_prefix(PREFIX).and_then(|names| names.split_once('/'));
        if !names.is_some_and(|(bus, name)| keep(bus, name)) {
            metadata.delete(&stored.key, Some(stored.revision)).await?;
        }
    }
    Ok(())
}
