//! Uploads in parts.

mod abort;
mod complete;
mod initiate;
mod list;
mod part;

pub(crate) use abort::abort_upload;
pub(crate) use complete::complete_upload;
pub(crate) use initiate::initiate_upload;
pub(crate) use list::{list_parts, list_uploads};
pub(crate) use part::{upload_part, upload_part_copy};

use kulkul_store::objects::StoredUpload;

use crate::api::{Call, ObjectApi, Place};
use crate::change::no_such_upload;
use crate::error::OssError;
use crate::event::{ChangeEvent, ChangedObject, Happening};

/// The highest number of a part. Source: OSS, `UploadPart`.
const NUMBER_MAX: u32 = 10_000;

/// The upload that a request names, which must be one of this place.
async fn existing_upload(api: &ObjectApi, call: &Call, place: &Place) -> Result<StoredUpload, OssError> {
    let id = call.query.get("uploadId").unwrap_or_default();
    if let Some(upload) = api.store.upload(id).await?
        && upload.entry.bucket == place.bucket.as_str()
        && upload.entry.key == place.key.as_str()
    {
        return Ok(upload);
    }
    api.existing_bucket(&place.bucket).await?;
    Err(no_such_upload(id))
}

/// The event of something that is not an object yet, or not any more.
fn unfinished(happening: Happening, place: &Place, etag: &str, size: u64) -> ChangeEvent {
    let object = ChangedObject {
        key: place.key.clone(),
        etag: etag.to_owned(),
        size,
        delta: size.cast_signed(),
        position: None,
        mime_type: None,
    };
    ChangeEvent { happening, bucket: place.bucket.clone(), object: Some(object) }
}
