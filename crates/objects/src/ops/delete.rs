//! DeleteObject and DeleteMultipleObjects.

use std::collections::BTreeMap;

use http::StatusCode;
use kulkul_store::objects::{ObjectChange, StoredObject};

use super::Encoding;
use crate::api::{Call, ObjectApi, Place};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, too_busy};
use crate::error::{Code, OssError};
use crate::event::{ChangeEvent, ChangedObject, Happening};
use crate::names::{BucketName, ObjectKey};
use crate::reply::Reply;
use crate::xml::{Xml, parse};

/// How many keys one request may name. Source: OSS, `DeleteMultipleObjects`.
const KEY_COUNT_MAX: usize = 1000;

/// Deletes an object. That there is none is fine, and nothing is told of it.
///
/// Source: OSS, `DeleteObject`.
pub(crate) async fn delete_object(
    api: &ObjectApi,
    call: &mut Call,
    place: &Place,
) -> Result<Reply, OssError> {
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let Some(object) = api.found(place).await? else { return Ok(Reply::empty(StatusCode::NO_CONTENT)) };
        let plan = plan([(place, &object)], Happening::DeleteObject);
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
    }
    Err(too_busy())
}

/// Deletes up to 1000 objects in one commit.
///
/// Source: OSS, `DeleteMultipleObjects`; that it is one commit is ours.
pub(crate) async fn delete_objects(
    api: &ObjectApi,
    call: &mut Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    let encoding = Encoding::of(&call.query)?;
    let body = call.body.document(&call.headers).await?;
    let request = Request::read(&body)?;
    api.existing_bucket(bucket).await?;
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let mut objects = BTreeMap::new();
        // A key that could not be written cannot be there.
        for key in request.keys.iter().filter_map(|key| ObjectKey::parse(key).ok()) {
            let place = Place { bucket: bucket.clone(), key };
            if let Some(object) = api.found(&place).await? {
                objects.insert(place.key.clone(), (place, object));
            }
        }
        let plan = plan(objects.values().map(|(place, object)| (place, object)), Happening::DeleteObjects);
        if plan.changes.is_empty() || api.commit(call, plan).await? == Outcome::Stored {
            return Ok(request.reply(encoding));
        }
    }
    Err(too_busy())
}

fn plan<'a>(objects: impl IntoIterator<Item = (&'a Place, &'a StoredObject)>, happening: Happening) -> Plan {
    let mut plan = Plan::default();
    for (place, object) in objects {
        plan.changes.push(ObjectChange::Delete {
            bucket: place.bucket.as_str().to_owned(),
            key: place.key.as_str().to_owned(),
            at: object.revision,
        });
        let deleted = ChangedObject {
            key: place.key.clone(),
            etag: object.entry.etag.clone(),
            size: object.entry.size,
            delta: 0,
            position: None,
            mime_type: None,
        };
        plan.events.push(ChangeEvent { happening, bucket: place.bucket.clone(), object: Some(deleted) });
    }
    plan
}

struct Request {
    is_quiet: bool,
    keys: Vec<String>,
}

impl Request {
    fn read(body: &[u8]) -> Result<Self, OssError> {
        let malformed = || OssError::from(Code::MalformedXML);
        let root = parse(body, "Delete")?;
        let is_quiet = match root.child_text("Quiet").map(str::trim) {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(malformed()),
        };
        let mut keys = Vec::new();
        for object in root.children_named("Object") {
            if object.child_text("VersionId").is_some_and(|version| !matches!(version, "" | "null")) {
                return Err(Code::NoSuchVersion.into());
            }
            let key = object.child_text("Key").filter(|key| !key.is_empty());
            keys.push(key.ok_or_else(malformed)?.to_owned());
        }
        if keys.is_empty() || keys.len() > KEY_COUNT_MAX {
            return Err(malformed());
        }
        Ok(Self { is_quiet, keys })
    }

    fn reply(&self, encoding: Encoding) -> Reply {
        if self.is_quiet {
            return Reply::empty(StatusCode::OK);
        }
        let mut xml = Xml::new();
        xml.open("DeleteResult");
        encoding.write(&mut xml);
        for key in &self.keys {
            xml.open("Deleted");
            encoding.name(&mut xml, "Key", key);
            xml.close("Deleted");
        }
        xml.close("DeleteResult");
        Reply::xml(xml.finish())
    }
}
