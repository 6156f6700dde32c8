//! PutObject.

use http::StatusCode;
use kulkul_store::objects::{ObjectEntry, ObjectKind, StoredObject};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::api::{Call, ObjectApi, Place};
use crate::attributes::Attributes;
use crate::body::{Received, receive};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, WriteOptions, too_busy};
use crate::error::OssError;
use crate::event::{ChangeEvent, ChangedObject, Happening};
use crate::reply::Reply;

/// Writes an object at once.
///
/// Source: OSS, `PutObject`.
pub(crate) async fn put_object(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    let options = WriteOptions::read(&call.headers)?;
    // What is there is looked at while the body comes in, so that a refusal need not wait for all of it, and an
    // acceptance not for the look.
    let look = async {
        let old = api.found(place).await?;
        options.check_overwrite(old.as_ref(), place)?;
        Ok(old)
    };
    let (old, received) = if call.body.is_awaited() {
        // Its client sends nothing before it is told to.
        (look.await?, receive(&mut call.body, &call.headers, api.store.create_data()).await?)
    } else {
        tokio::try_join!(look, receive(&mut call.body, &call.headers, api.store.create_data()))?
    };
    let entry = store(api, call, place, options, (old, received), Happening::PutObject).await?;
    Ok(reply(&entry))
}

/// Stores bytes that were received in place of what was seen, with the event of what happened.
pub(crate) async fn store(
    api: &ObjectApi,
    call: &Call,
    place: &Place,
    options: WriteOptions,
    (seen, received): (Option<StoredObject>, Received),
    happening: Happening,
) -> Result<ObjectEntry, OssError> {
    call.run_to_end();
    let attributes = Attributes { md5: Some(received.md5), ..options.attributes.clone() };
    let entry = |modified_at| ObjectEntry {
        kind: ObjectKind::Normal,
        size: received.data.length(),
        etag: hex::encode_upper(received.md5),
        crc64: received.crc64,
        modified_at,
        storage_class: options.class(),
        attributes: attributes.write(),
        extents: received.data.extents(),
    };
    let mut old = seen;
    for _ in 0..ATTEMPTS_MAX {
        options.check_overwrite(old.as_ref(), place)?;
        let entry = entry(api.now());
        let event = written(happening, place, &entry, old.as_ref(), Some(attributes.mime_type()));
        let plan = Plan {
            changes: vec![place.put(old.as_ref(), entry.clone())],
            new_data: vec![received.data.clone()],
            events: vec![event],
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(entry);
        }
        old = api.found(place).await?;
    }
    Err(too_busy())
}

/// The event of an object that was written in place of `old`.
pub(crate) fn written(
    happening: Happening,
    place: &Place,
    entry: &ObjectEntry,
    old: Option<&StoredObject>,
    mime_type: Option<String>,
) -> ChangeEvent {
    let old_size = old.map_or(0, |old| old.entry.size);
    let object = ChangedObject {
        key: place.key.clone(),
        etag: entry.etag.clone(),
        size: entry.size,
        delta: entry.size.cast_signed() - old_size.cast_signed(),
        position: None,
        mime_type,
    };
    ChangeEvent { happening, bucket: place.bucket.clone(), object: Some(object) }
}

fn reply(entry: &ObjectEntry) -> Reply {
    let md5 = hex::decode(&entry.etag).expect("the tag of bytes written at once is their MD5");
    Reply::empty(StatusCode::OK)
        .etag(&entry.etag)
        .with("x-oss-hash-crc64ecma", entry.crc64.to_string())
        .with("content-md5", STANDARD.encode(md5))
}
