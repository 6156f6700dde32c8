//! The `acs.oss` event of a change.
//!
//! Source: EventBridge, "OSS events"; OSS, "Event notification". One record, not wrapped in a list.

use kulkul_model::{Draft, Identity, Timestamp, bucket_arn};
use serde::Serialize;

use crate::encode::{Slash, encode};
use crate::names::{BucketName, ObjectKey};
use crate::time::xml_time;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    PutBucket,
    DeleteBucket,
    PutObject,
    PostObject,
    CopyObject,
    AppendObject,
    PutSymlink,
    InitiateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    DeleteObject,
    DeleteObjects,
}

impl Happening {
    /// The name of the event; its type is this behind `oss:`.
    fn event_name(self) -> &'static str {
        match self {
            Self::PutBucket => "BucketCreated:PutBucket",
            Self::DeleteBucket => "BucketRemoved:DeleteBucket",
            Self::PutObject => "ObjectCreated:PutObject",
            Self::PostObject => "ObjectCreated:PostObject",
            Self::CopyObject => "ObjectCreated:CopyObject",
            Self::AppendObject => "ObjectCreated:AppendObject",
            Self::PutSymlink => "ObjectCreated:PutSymlink",
            Self::InitiateMultipartUpload => "ObjectCreated:InitiateMultipartUpload",
            Self::UploadPart => "ObjectCreated:UploadPart",
            Self::UploadPartCopy => "ObjectCreated:UploadPartCopy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::AbortMultipartUpload => "ObjectRemoved:AbortMultipartUpload",
            Self::DeleteObject => "ObjectRemoved:DeleteObject",
            Self::DeleteObjects => "ObjectRemoved:DeleteObjects",
        }
    }
}

/// An event to be.
#[derive(Clone, Debug)]
pub(crate) struct ChangeEvent {
    /// What happened.
    pub(crate) happening: Happening,
    /// In which bucket.
    pub(crate) bucket: BucketName,
    /// To which object; `None` when it happened to the bucket.
    pub(crate) object: Option<ChangedObject>,
}

/// The object of an event.
#[derive(Clone, Debug)]
pub(crate) struct ChangedObject {
    /// Its key.
    pub(crate) key: ObjectKey,
    /// Its tag, empty where there is none.
    pub(crate) etag: String,
    /// Its size in bytes; of a part, the part's; of a deleted one, what it was.
    pub(crate) size: u64,
    /// How much larger it became.
    pub(crate) delta: i64,
    /// Where an append began.
    pub(crate) position: Option<u64>,
    /// Its type, where the event tells it.
    pub(crate) mime_type: Option<String>,
}

/// Whose change it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    /// The owner of everything here.
    pub(crate) identity: &'a Identity,
    /// The id in the reply's `x-oss-request-id`.
    pub(crate) request_id: &'a str,
    /// The address of the client.
    pub(crate) sender: &'a str,
    /// The moment of the commit.
    pub(crate) now: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    region: &'a str,
    event_version: &'static str,
    event_source: &'static str,
    event_name: &'static str,
    event_time: String,
    request_parameters: RequestParameters<'a>,
    user_identity: UserIdentity<'a>,
    response_elements: ResponseElements<'a>,
    oss: Oss<'a>,
}

#[derive(Serialize)]
struct RequestParameters<'a> {
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'a> {
    principal_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseElements<'a> {
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Oss<'a> {
    oss_schema_version: &'static str,
    bucket: Bucket<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Object<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bucket<'a> {
    name: &'a str,
    arn: &'a str,
    virtual_bucket: &'static str,
    owner_identity: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    key: &'a str,
    e_tag: &'a str,
    size: u64,
    delta_size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_meta: Option<ObjectMeta<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMeta<'a> {
    mime_type: &'a str,
}

impl ChangeEvent {
    /// An event of a bucket.
    pub(crate) fn of_bucket(happening: Happening, bucket: &BucketName) -> Self {
        Self { happening, bucket: bucket.clone(), object: None }
    }

    /// The event as the hub takes it.
    pub(crate) fn draft(&self, cause: Cause<'_>) -> Draft<'static> {
        let identity = cause.identity;
        let arn = bucket_arn(identity, self.bucket.as_str());
        let account = identity.account.as_str();
        let data = Data {
            region: identity.region.as_str(),
            event_version: "1.0",
            event_source: "acs:oss",
            event_name: self.happening.event_name(),
            event_time: xml_time(cause.now),
            request_parameters: RequestParameters { source_ip_address: cause.sender },
            user_identity: UserIdentity { principal_id: account },
            response_elements: ResponseElements { request_id: cause.request_id },
            oss: Oss {
                oss_schema_version: "1.0",
                bucket: Bucket {
                    name: self.bucket.as_str(),
                    arn: &arn,
                    virtual_bucket: "",
                    owner_identity: account,
                },
                object: self.object.as_ref().map(Object::of),
            },
        };
        let data = serde_json::to_string(&data).expect("plain values become JSON");
        let mut draft = Draft::empty();
        draft.set_text("id", &uuid::Uuid::new_v4().to_string());
        draft.set_text("source", "acs.oss");
        draft.set_text("specversion", "1.0");
        draft.set_text("type", &format!("oss:{}", self.happening.event_name()));
        draft.set_text("datacontenttype", "application/json;charset=utf-8");
        draft.set_text("subject", &self.subject(arn));
        draft.set_text("time", &cause.now.to_string());
        draft.set("data", data);
        draft
    }

    /// The ARN of the bucket and the key as it is, except that control characters, which an attribute must not hold,
    /// are percent-encoded.
    fn subject(&self, arn: String) -> String {
        let Some(object) = &self.object else { return arn };
        let mut subject = arn + "/";
        for char in object.key.as_str().chars() {
            if char.is_control() {
                subject += &encode(char.encode_utf8(&mut [0; 4]).as_bytes(), Slash::Keep);
            } else {
                subject.push(char);
            }
        }
        subject
    }
}

impl<'a> Object<'a> {
    fn of(object: &'a ChangedObject) -> Self {
        Self {
            key: object.key.as_str(),
            e_tag: &object.etag,
            size: object.size,
            delta_size: object.delta,
            position: object.position,
            object_meta: object.mime_type.as_deref().map(|mime_type| ObjectMeta { mime_type }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(happening: Happening, object: Option<ChangedObject>) -> Draft<'static> {
        let identity =
            Identity { account: "1840000000000017".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let event = ChangeEvent { happening, bucket: BucketName::parse("kulkul-demo").unwrap(), object };
        event.draft(Cause {
            identity: &identity,
            request_id: "67D8DD9300000000A1B2C3D4",
            sender: "203.0.113.24",
            now: Timestamp::from_millis(1_795_337_374_123),
        })
    }

    #[test]
    fn a_put_is_told_as_documented() {
        let object = ChangedObject {
            key: ObjectKey::parse("photos/2025/cat.jpg").unwrap(),
            etag: "9F86D081884C7D659A2FEAA0C55AD015".to_owned(),
            size: 184_292,
            delta: 184_292,
            position: None,
            mime_type: Some("image/jpeg".to_owned()),
        };
        let draft = draft(Happening::PutObject, Some(object));
        let expected = concat!(
            r#"{"region":"cn-hangzhou","eventVersion":"1.0","eventSource":"acs:oss","#,
            r#""eventName":"ObjectCreated:PutObject","eventTime":"2026-11-22T08:49:34.000Z","#,
            r#""requestParameters":{"sourceIPAddress":"203.0.113.24"},"#,
            r#""userIdentity":{"principalId":"1840000000000017"},"#,
            r#""responseElements":{"requestId":"67D8DD9300000000A1B2C3D4"},"oss":{"ossSchemaVersion":"1.0","#,
            r#""bucket":{"name":"kulkul-demo","arn":"acs:oss:cn-hangzhou:1840000000000017:kulkul-demo","#,
            r#""virtualBucket":"","ownerIdentity":"1840000000000017"},"object":{"key":"photos/2025/cat.jpg","#,
            r#""eTag":"9F86D081884C7D659A2FEAA0C55AD015","size":184292,"deltaSize":184292,"#,
            r#""objectMeta":{"mimeType":"image/jpeg"}}}}"#,
        );
        assert_eq!(draft.get("data"), Some(expected));
        let text = |name| draft.get_text(name).unwrap().into_owned();
        assert_eq!(text("type"), "oss:ObjectCreated:PutObject");
        assert_eq!(text("source"), "acs.oss");
        assert_eq!(text("time"), "2026-11-22T08:49:34.123Z");
        assert_eq!(text("datacontenttype"), "application/json;charset=utf-8");
        assert_eq!(text("subject"), "acs:oss:cn-hangzhou:1840000000000017:kulkul-demo/photos/2025/cat.jpg");
    }

    #[test]
    fn a_bucket_has_no_object_and_an_append_a_position() {
        let bucket = draft(Happening::PutBucket, None);
        assert_eq!(bucket.get_text("subject").unwrap(), "acs:oss:cn-hangzhou:1840000000000017:kulkul-demo");
        assert!(!bucket.get("data").unwrap().contains("\"object\""));
        let object = ChangedObject {
            key: ObjectKey::parse("logs/a\tb").unwrap(),
            etag: "E".to_owned(),
            size: 4096,
            delta: -512,
            position: Some(3584),
            mime_type: None,
        };
        let append = draft(Happening::AppendObject, Some(object));
        let object =
            r#""object":{"key":"logs/a\tb","eTag":"E","size":4096,"deltaSize":-512,"position":3584}"#;
        assert!(append.get("data").unwrap().contains(object));
        assert!(append.get_text("subject").unwrap().ends_with("kulkul-demo/logs/a%09b"));
    }
}
