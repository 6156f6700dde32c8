//! PutSymlink and GetSymlink.

use http::StatusCode;
use kulkul_store::objects::{ObjectEntry, ObjectKind};
use md5::{Digest, Md5};

use super::put::written;
use crate::api::{Call, ObjectApi, Place};
use crate::attributes::Attributes;
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, WriteOptions, too_busy};
use crate::encode::{Plus, decode_text};
use crate::error::{Code, OssError};
use crate::event::Happening;
use crate::names::ObjectKey;
use crate::reply::Reply;
use crate::time::http_date;

/// Makes a key a name for another one in the same bucket, which need not exist.
///
/// Source: OSS, `PutSymlink`.
pub(crate) async fn put_symlink(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    let options = WriteOptions::read(&call.headers)?;
    let target = target(call)?;
    call.run_to_end();
    let attributes = Attributes { link: Some(target.clone()), ..options.attributes.clone() };
    let etag = hex::encode_upper(Md5::digest(&target));
    for _ in 0..ATTEMPTS_MAX {
        let old = api.found(place).await?;
        options.check_overwrite(old.as_ref(), place)?;
        let entry = ObjectEntry {
            kind: ObjectKind::Symlink,
            size: 0,
            etag: etag.clone(),
            crc64: 0,
            modified_at: api.now(),
            storage_class: options.class(),
            attributes: attributes.write(),
            extents: Vec::new(),
        };
        let plan = Plan {
            events: vec![written(Happening::PutSymlink, place, &entry, old.as_ref(), None)],
            changes: vec![place.put(old.as_ref(), entry)],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(Reply::empty(StatusCode::OK).etag(&etag));
        }
    }
    Err(too_busy())
}

/// Where a link points, as it was written.
///
/// Source: OSS, `GetSymlink`.
pub(crate) async fn get_symlink(api: &ObjectApi, place: &Place) -> Result<Reply, OssError> {
    let object = api.existing(place).await?.entry;
    let attributes = Attributes::read(&object.attributes)?;
    let Some(link) = attributes.link.as_deref().filter(|_| object.kind == ObjectKind::Symlink) else {
        return Err(Code::NotSymlink.into());
    };
    let mut reply = Reply::empty(StatusCode::OK);
    attributes.write_headers(&mut reply.headers);
    Ok(reply
        .etag(&object.etag)
        .with("last-modified", http_date(object.modified_at))
        .with("x-oss-symlink-target", link))
}

/// The target as it was sent, once it is known to be the name of an object.
fn target(call: &Call) -> Result<String, OssError> {
    let Some(value) = call.headers.get("x-oss-symlink-target").filter(|value| !value.is_empty()) else {
        return Err(Code::MissingArgument.detail("ArgumentName", "x-oss-symlink-target"));
    };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| OssError::from(Code::InvalidObjectName))?;
    let key = decode_text(text, Plus::Plus).ok_or_else(|| OssError::from(Code::InvalidObjectName))?;
    ObjectKey::parse(&key)?;
    Ok(text.to_owned())
}
