//! InitiateMultipartUpload.

use bytes::Bytes;
use kulkul_store::objects::{ObjectChange, UploadEntry};
use serde::{Deserialize, Serialize};

use super::super::Encoding;
use super::unfinished;
use crate::api::{Call, ObjectApi, Place};
use crate::attributes::Attributes;
use crate::change::{Outcome, Plan, WriteOptions, too_busy};
use crate::error::OssError;
use crate::event::Happening;
use crate::reply::Reply;
use crate::xml::Xml;
use kulkul_store::StoreError;

/// What an upload remembers of how it was begun.
pub(super) struct Beginning {
    /// What the object is to carry.
    pub(super) attributes: Attributes,
    /// Whether an object that is there must stay.
    pub(super) forbid_overwrite: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredBeginning {
    attributes: String,
    forbid_overwrite: bool,
}

impl Beginning {
    fn write(&self) -> Bytes {
        let attributes = String::from_utf8_lossy(&self.attributes.write()).into_owned();
        let stored = StoredBeginning { attributes, forbid_overwrite: self.forbid_overwrite };
        serde_json::to_vec(&stored).expect("plain values become JSON").into()
    }

    pub(super) fn read(stored: &[u8]) -> Result<Self, StoreError> {
        let stored: StoredBeginning = serde_json::from_slice(stored).map_err(|error| StoreError::Format {
            what: "the attributes of an upload".to_owned(),
            found: error.to_string(),
            expected: "1".to_owned(),
        })?;
        let attributes = Attributes::read(stored.attributes.as_bytes())?;
        Ok(Self { attributes, forbid_overwrite: stored.forbid_overwrite })
    }
}

/// Begins an upload.
///
/// Source: OSS, `InitiateMultipartUpload`.
pub(crate) async fn initiate_upload(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    let options = WriteOptions::read(&call.headers)?;
    let encoding = Encoding::of(&call.query)?;
    options.check_overwrite(api.found(place).await?.as_ref(), place)?;
    call.run_to_end();
    let id = hex::encode_upper(uuid::Uuid::new_v4().as_bytes());
    let beginning =
        Beginning { attributes: options.attributes.clone(), forbid_overwrite: options.forbid_overwrite };
    let entry = UploadEntry {
        id: id.clone(),
        bucket: place.bucket.as_str().to_owned(),
        key: place.key.as_str().to_owned(),
        created_at: api.now(),
        storage_class: options.class(),
        attributes: beginning.write(),
    };
    let plan = Plan {
        changes: vec![ObjectChange::CreateUpload(entry)],
        events: vec![unfinished(Happening::InitiateMultipartUpload, place, "", 0)],
        ..Plan::default()
    };
    if api.commit(call, plan).await? == Outcome::Overtaken {
        return Err(too_busy());
    }
    let mut xml = Xml::new();
    xml.open("InitiateMultipartUploadResult");
    encoding.write(&mut xml);
    xml.text("Bucket", place.bucket.as_str());
    encoding.name(&mut xml, "Key", place.key.as_str());
    xml.text("UploadId", &id);
    xml.close("InitiateMultipartUploadResult");
    Ok(Reply::xml(xml.finish()))
}
