//! Which files of a directory were reported, as it is stored: a document for each.

use std::collections::BTreeMap;

use kulkul_store::{Key, Metadata, StoreError};
use serde::{Deserialize, Serialize};

use super::look::File;

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StoredFile {
    format: u32,
    name: String,
    size: u64,
    /// As text: it is larger than the numbers of JSON.
    modified_ns: String,
}

fn prefix(directory: &str) -> String {
    format!("directory/{directory}/")
}

/// File names may hold what keys may not.
fn key_of(directory: &str, name: &str) -> Key {
    format!("{}{}", prefix(directory), hex::encode(name)).into()
}

/// What was reported of a directory.
pub(super) async fn read(
    metadata: &dyn Metadata,
    directory: &str,
) -> Result<BTreeMap<String, File>, StoreError> {
    let mut seen = BTreeMap::new();
    for stored in metadata.documents(&prefix(directory)).await? {
        let file = serde_json::from_slice::<StoredFile>(&stored.value).ok();
        let Some(file) = file.filter(|file| file.format == FORMAT) else { continue };
        let Ok(modified_ns) = file.modified_ns.parse() else { continue };
        seen.insert(file.name, File { size: file.size, modified_ns });
    }
    Ok(seen)
}

/// Notes that a file was reported.
pub(super) async fn note(
    metadata: &dyn Metadata,
    directory: &str,
    name: &str,
    file: File,
) -> Result<(), StoreError> {
    let stored = StoredFile {
        format: FORMAT,
        name: name.to_owned(),
        size: file.size,
        modified_ns: file.modified_ns.to_string(),
    };
    let value = serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON");
    metadata.put(&key_of(directory, name), value.into()).await.map(drop)
}

/// Forgets a file that is gone.
pub(super) async fn forget(metadata: &dyn Metadata, directory: &str, name: &str) -> Result<(), StoreError> {
    metadata.delete(&key_of(directory, name), None).await.map(drop)
}
