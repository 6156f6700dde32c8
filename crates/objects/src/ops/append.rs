//! AppendObject.

use http::StatusCode;
use kulkul_model::crc64::crc64_combine;
use kulkul_store::objects::{ObjectChange, ObjectEntry, ObjectKind, StoredObject};

use crate::api::{Call, ObjectApi, Place};
use crate::body::{OBJECT_BYTES_MAX, Received, receive};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, WriteOptions, too_busy};
use crate::error::{Code, OssError};
use crate::event::{ChangeEvent, ChangedObject, Happening};
use crate::reply::Reply;

/// Adds bytes to an appendable object at its end, or begins one.
///
/// Source: OSS, `AppendObject`.
pub(crate) async fn append_object(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    let options = WriteOptions::read(&call.headers)?;
    let position = position(call)?;
    // A wrong position is told before the body is received; it is looked at again when it is stored.
    check(api.found(place).await?.as_ref(), position)?;
    let received = receive(&mut call.body, &call.headers, api.store.create_data()).await?;
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let old = api.found(place).await?;
        check(old.as_ref(), position)?;
        if position + received.data.length() > OBJECT_BYTES_MAX {
            return Err(Code::EntityTooLarge.into());
        }
        if let Some(old) = old.as_ref().filter(|_| received.data.length() == 0) {
            return Ok(reply(&old.entry));
        }
        let (entry, change) = match &old {
            None => begin(api, place, &options, &received),
            Some(old) => extend(api, place, old, &received),
        };
        let event = ChangedObject {
            key: place.key.clone(),
            etag: entry.etag.clone(),
            size: entry.size,
            delta: received.data.length().cast_signed(),
            position: Some(position),
            mime_type: None,
        };
        let happening = Happening::AppendObject;
        let plan = Plan {
            changes: vec![change],
            new_data: if old.is_none() { vec![received.data.clone()] } else { vec![] },
            events: vec![ChangeEvent { happening, bucket: place.bucket.clone(), object: Some(event) }],
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(reply(&entry));
        }
    }
    Err(too_busy())
}

fn begin(
    api: &ObjectApi,
    place: &Place,
    options: &WriteOptions,
    received: &Received,
) -> (ObjectEntry, ObjectChange) {
    let entry = ObjectEntry {
        kind: ObjectKind::Appendable,
        size: received.data.length(),
        etag: etag(received.crc64, received.data.length()),
        crc64: received.crc64,
        modified_at: api.now(),
        storage_class: options.class(),
        attributes: options.attributes.write(),
        extents: received.data.extents(),
    };
    (entry.clone(), place.put(None, entry))
}

/// The metadata of a later append is ignored: what the first one gave stays.
fn extend(
    api: &ObjectApi,
    place: &Place,
    old: &StoredObject,
    received: &Received,
) -> (ObjectEntry, ObjectChange) {
    let size = old.entry.size + received.data.length();
    let crc64 = crc64_combine(old.entry.crc64, received.crc64, received.data.length());
    let entry =
        ObjectEntry { size, crc64, etag: etag(crc64, size), modified_at: api.now(), ..old.entry.clone() };
    let change = ObjectChange::Append {
        bucket: place.bucket.as_str().to_owned(),
        key: place.key.as_str().to_owned(),
        at: old.revision,
        entry: entry.clone(),
        tail: received.data.clone(),
    };
    (entry, change)
}

/// 32 digits that change with every append. They are no MD5: that of the whole would have to be taken anew each time.
fn etag(crc64: u64, size: u64) -> String {
    format!("{crc64:016X}{size:016X}")
}

fn position(call: &Call) -> Result<u64, OssError> {
    let text = call.query.get("position").unwrap_or_default();
    text.parse()
        .ok()
        .filter(|position: &u64| position.cast_signed() >= 0)
        .ok_or_else(|| Code::InvalidArgument.detail("ArgumentName", "position").detail("ArgumentValue", text))
}

fn check(old: Option<&StoredObject>, position: u64) -> Result<(), OssError> {
    let (length, crc64) = match old.map(|old| &old.entry) {
        None => (0, 0),
        Some(old) if old.kind == ObjectKind::Appendable => (old.size, old.crc64),
        Some(_) => return Err(Code::ObjectNotAppendable.into()),
    };
    if length == position {
        return Ok(());
    }
    Err(OssError::from(Code::PositionNotEqualToLength)
        .header("x-oss-next-append-position", length.to_string())
        .header("x-oss-hash-crc64ecma", crc64.to_string()))
}

fn reply(entry: &ObjectEntry) -> Reply {
    Reply::empty(StatusCode::OK)
        .etag(&entry.etag)
        .with("x-oss-next-append-position", entry.size.to_string())
        .with("x-oss-hash-crc64ecma", entry.crc64.to_string())
}
