//! Changing something: look, decide, commit with the event, and again from the start when somebody was faster.

use http::HeaderMap;
use kulkul_bus::{AcceptError, Prepared};
use kulkul_model::BusName;
use kulkul_store::StoreError;
use kulkul_store::objects::{BucketEntry, Found, NewData, ObjectChange, ObjectCommit, StoredObject};

use crate::api::{Call, ObjectApi, Place};
use crate::attributes::Attributes;
use crate::conditions::ON_OBJECT;
use crate::error::{Code, OssError};
use crate::event::{Cause, ChangeEvent};
use crate::names::BucketName;

/// How often a change is decided anew when others change the same thing at once. Each time, somebody was stored.
pub(crate) const ATTEMPTS_MAX: u32 = 100;

/// A decision.
#[derive(Default)]
pub(crate) struct Plan {
    /// What is to change.
    pub(crate) changes: Vec<ObjectChange>,
    /// The new bytes.
    pub(crate) new_data: Vec<NewData>,
    /// What is told of it.
    pub(crate) events: Vec<ChangeEvent>,
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is durable.
    Stored,
    /// What it was based on has changed. Nothing was stored.
    Overtaken,
}

impl ObjectApi {
    /// Stores changes and their events in one commit, then hands the deliveries of the events over.
    ///
    /// What a crash does: before the commit, nothing of it is there. After the commit, all of it is; deliveries that
    /// were not handed over are due again once their first lease has run out.
    pub(crate) async fn commit(&self, call: &Call, plan: Plan) -> Result<Outcome, OssError> {
        let prepared = self.prepare(call, &plan.events)?;
        let records = prepared.iter().map(|event| event.record().clone()).collect();
        let commit = ObjectCommit { changes: plan.changes, new_data: plan.new_data, records };
        match self.store.commit(commit).await {
            Ok(seqs) => {
                prepared.into_iter().zip(seqs).for_each(|(event, seq)| event.committed(seq));
                Ok(Outcome::Stored)
            }
            Err(StoreError::Conflict { .. }) => Ok(Outcome::Overtaken),
            Err(StoreError::NotFound { key }) => Err(not_found(&key)),
            // The bytes may be there or not; the client does not know either, and writes them again.
            Err(error) => Err(error.into()),
        }
    }

    fn prepare(&self, call: &Call, events: &[ChangeEvent]) -> Result<Vec<Prepared>, OssError> {
        let cause = Cause {
            identity: self.identity(),
            request_id: &call.request_id,
            sender: &call.sender,
            now: self.now(),
        };
        let bus = BusName::default_bus();
        let prepare = |event: &ChangeEvent| match self.hub.prepare(&bus, event.draft(cause), &call.sender) {
            Ok(Ok(prepared)) => Ok(prepared),
            Ok(Err(refused)) => {
                tracing::error!(request.id = call.request_id, error = %refused, "the hub refuses our own event");
                Err(Code::InternalError.into())
            }
            Err(AcceptError::Store(error)) => Err(error.into()),
            Err(AcceptError::UnknownBus { .. }) => Err(Code::ServiceUnavailable.into()),
        };
        events.iter().map(prepare).collect()
    }

    /// A bucket, which must exist.
    pub(crate) async fn existing_bucket(&self, bucket: &BucketName) -> Result<BucketEntry, OssError> {
        self.store.bucket(bucket.as_str()).await?.ok_or_else(|| no_such_bucket(bucket.as_str()))
    }

    /// What is at a place, whose bucket must exist.
    pub(crate) async fn found(&self, place: &Place) -> Result<Option<StoredObject>, OssError> {
        match self.store.object(place.bucket.as_str(), place.key.as_str()).await? {
            Found::NoBucket => Err(no_such_bucket(place.bucket.as_str())),
            Found::NoObject => Ok(None),
            Found::Object(object) => Ok(Some(*object)),
        }
    }

    /// The object at a place, which must exist.
    pub(crate) async fn existing(&self, place: &Place) -> Result<StoredObject, OssError> {
        self.found(place).await?.ok_or_else(|| no_such_key(place))
    }
}

impl Place {
    /// A put of an object here.
    pub(crate) fn put(
        &self,
        old: Option<&StoredObject>,
        entry: kulkul_store::objects::ObjectEntry,
    ) -> ObjectChange {
        ObjectChange::Put {
            bucket: self.bucket.as_str().to_owned(),
            key: self.key.as_str().to_owned(),
            at: old.map(|old| old.revision),
            entry,
        }
    }
}

/// What the headers of a write say beside its bytes.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    /// What the object is to carry.
    pub(crate) attributes: Attributes,
    /// The storage class, when one is given.
    pub(crate) storage_class: Option<String>,
    /// Whether an object that is there must stay.
    pub(crate) forbid_overwrite: bool,
}

impl WriteOptions {
    /// Reads and checks the headers.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, OssError> {
        refuse_conditions(headers)?;
        check_acl(headers, "x-oss-object-acl")?;
        Ok(Self {
            attributes: Attributes::from_headers(headers)?,
            storage_class: storage_class(headers)?,
            forbid_overwrite: forbid_overwrite(headers)?,
        })
    }

    /// The storage class, or the usual one.
    pub(crate) fn class(&self) -> String {
        self.storage_class.clone().unwrap_or_else(|| STANDARD.to_owned())
    }

    /// Refuses when an object is there that must stay.
    pub(crate) fn check_overwrite(&self, old: Option<&StoredObject>, place: &Place) -> Result<(), OssError> {
        match old {
            Some(_) if self.forbid_overwrite => Err(already_exists(place)),
            _ => Ok(()),
        }
    }
}

/// The usual storage class.
pub(crate) const STANDARD: &str = "Standard";

/// The header `x-oss-forbid-overwrite`. Source: OSS, error page 0017-00000279.
pub(crate) fn forbid_overwrite(headers: &HeaderMap) -> Result<bool, OssError> {
    match headers.get("x-oss-forbid-overwrite").map(|value| value.as_bytes().to_ascii_lowercase()) {
        None => Ok(false),
        Some(value) if value == b"true" => Ok(true),
        Some(value) if value == b"false" => Ok(false),
        Some(value) => Err(bad_header("x-oss-forbid-overwrite", &String::from_utf8_lossy(&value))),
    }
}

/// The classes that can be read at once are accepted and reported back, without effect. The archive classes need a
/// restore before they can be read in the cloud, and are refused.
pub(crate) fn check_class(text: &str) -> Result<(), OssError> {
    match text {
        "Standard" | "IA" => Ok(()),
        _ => Err(bad_header("x-oss-storage-class", text)),
    }
}

fn storage_class(headers: &HeaderMap) -> Result<Option<String>, OssError> {
    let Some(value) = headers.get("x-oss-storage-class") else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    check_class(&text)?;
    Ok(Some(text.into_owned()))
}

/// Everything here is private. What would open it is refused, what would not is accepted.
pub(crate) fn check_acl(headers: &HeaderMap, name: &'static str) -> Result<(), OssError> {
    match headers.get(name).map(|value| value.as_bytes()) {
        None | Some(b"default" | b"private") => Ok(()),
        Some(b"public-read" | b"public-read-write") => {
            Err(Code::AccessDenied.with("Put public object acl is not allowed."))
        }
        Some(other) => Err(bad_header(name, &String::from_utf8_lossy(other))),
    }
}

/// Conditions on a write are not offered. Source: OSS, "Error responses".
fn refuse_conditions(headers: &HeaderMap) -> Result<(), OssError> {
    let named = [
        ("if-match", "If-Match"),
        ("if-none-match", "If-None-Match"),
        ("if-modified-since", "If-Modified-Since"),
        ("if-unmodified-since", "If-Unmodified-Since"),
    ];
    debug_assert!(named.iter().all(|(name, _)| ON_OBJECT.contains(name)));
    match named.into_iter().find(|(name, _)| headers.contains_key(*name)) {
        Some((_, shown)) => Err(Code::NotImplemented.detail("Header", shown)),
        None => Ok(()),
    }
}

/// The error of a header or parameter whose value is not one of its values.
pub(crate) fn bad_header(name: &'static str, value: &str) -> OssError {
    Code::InvalidArgument.detail("ArgumentName", name).detail("ArgumentValue", value)
}

/// The error of a bucket that is not there.
pub(crate) fn no_such_bucket(bucket: &str) -> OssError {
    Code::NoSuchBucket.detail("BucketName", bucket)
}

/// The error of an object that is not there.
pub(crate) fn no_such_key(place: &Place) -> OssError {
    Code::NoSuchKey.detail("Key", place.key.as_str())
}

/// The error of an upload that is not there.
pub(crate) fn no_such_upload(id: &str) -> OssError {
    Code::NoSuchUpload.detail("UploadId", id)
}

/// The error of an object that must not be overwritten.
pub(crate) fn already_exists(place: &Place) -> OssError {
    Code::FileAlreadyExists.detail("Key", place.key.as_str())
}

/// The error of a change that was overtaken too often.
pub(crate) fn too_busy() -> OssError {
    Code::ServiceUnavailable.with("Too many requests change the same resource at once.")
}

fn not_found(key: &str) -> OssError {
    match key.split_once('/') {
        Some(("bucket", name)) => no_such_bucket(name),
        Some(("upload", id)) => no_such_upload(id),
        _ => Code::InternalError.into(),
    }
}
