//! Creating, deleting, listing and describing buckets.

use bytes::Bytes;
use http::StatusCode;
use kulkul_store::StoreError;
use kulkul_store::objects::{BucketEntry, ObjectChange};
use serde::{Deserialize, Serialize};

use super::write_owner;
use crate::api::{Call, ObjectApi};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, STANDARD, check_acl, check_class, too_busy};
use crate::error::{Code, OssError};
use crate::event::{ChangeEvent, Happening};
use crate::names::BucketName;
use crate::reply::Reply;
use crate::time::xml_time;
use crate::xml::{Xml, parse};

/// What was chosen for a bucket. It is stored and reported back; it has no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BucketAttributes {
    version: u32,
    storage_class: String,
    redundancy: String,
}

const FORMAT: u32 = 1;

impl BucketAttributes {
    fn read(bucket: &BucketEntry) -> Result<Self, StoreError> {
        let unreadable = |found: String| StoreError::Format {
            what: "the attributes of a bucket".to_owned(),
            found,
            expected: FORMAT.to_string(),
        };
        let read: Self =
            serde_json::from_slice(&bucket.attributes).map_err(|error| unreadable(error.to_string()))?;
        if read.version == FORMAT { Ok(read) } else { Err(unreadable(read.version.to_string())) }
    }

    fn write(&self) -> Bytes {
        serde_json::to_vec(self).expect("plain values become JSON").into()
    }

    /// Reads the optional body of a request.
    fn from_body(body: &[u8]) -> Result<(Self, bool), OssError> {
        let mut attributes =
            Self { version: FORMAT, storage_class: STANDARD.to_owned(), redundancy: "LRS".to_owned() };
        if body.is_empty() {
            return Ok((attributes, false));
        }
        let root = parse(body, "CreateBucketConfiguration")?;
        if let Some(class) = root.child_text("StorageClass").filter(|text| !text.is_empty()) {
            check_class(class)?;
            attributes.storage_class = class.to_owned();
        }
        match root.child_text("DataRedundancyType") {
            None | Some("") => {}
            Some(kind @ ("LRS" | "ZRS")) => attributes.redundancy = kind.to_owned(),
            Some(other) => {
                return Err(Code::InvalidArgument
                    .detail("ArgumentName", "DataRedundancyType")
                    .detail("ArgumentValue", other));
            }
        }
        Ok((attributes, true))
    }
}

/// Creates a bucket. One that is there already is fine if the request asks for nothing else.
///
/// Source: OSS, `PutBucket`; what happens to one's own bucket is inferred from the messages of the error.
pub(crate) async fn put_bucket(
    api: &ObjectApi,
    call: &mut Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    check_acl(&call.headers, "x-oss-acl")?;
    let body = call.body.document(&call.headers).await?;
    let (attributes, is_chosen) = BucketAttributes::from_body(&body)?;
    call.run_to_end();
    let reply = || Reply::empty(StatusCode::OK).with("location", format!("/{bucket}"));
    for _ in 0..ATTEMPTS_MAX {
        if let Some(existing) = api.store.bucket(bucket.as_str()).await? {
            if is_chosen && BucketAttributes::read(&existing)? != attributes {
                return Err(Code::BucketAlreadyExists.detail("BucketName", bucket.as_str()));
            }
            return Ok(reply());
        }
        let entry = BucketEntry {
            name: bucket.as_str().to_owned(),
            created_at: api.now(),
            attributes: attributes.write(),
        };
        let plan = Plan {
            changes: vec![ObjectChange::CreateBucket(entry)],
            events: vec![ChangeEvent::of_bucket(Happening::PutBucket, bucket)],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(reply());
        }
    }
    Err(too_busy())
}

/// Deletes a bucket that has neither objects nor unfinished uploads.
///
/// Source: OSS, `DeleteBucket`.
pub(crate) async fn delete_bucket(
    api: &ObjectApi,
    call: &mut Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        api.existing_bucket(bucket).await?;
        let stats = api.store.bucket_stats(bucket.as_str()).await?;
        if stats.object_count > 0 || stats.upload_count > 0 {
            return Err(Code::BucketNotEmpty.detail("BucketName", bucket.as_str()));
        }
        let plan = Plan {
            changes: vec![ObjectChange::DeleteBucket { name: bucket.as_str().to_owned() }],
            events: vec![ChangeEvent::of_bucket(Happening::DeleteBucket, bucket)],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
    }
    Err(too_busy())
}

/// The buckets by name.
///
/// Source: OSS, `GetService (ListBuckets)`.
pub(crate) async fn list_buckets(api: &ObjectApi, call: &Call) -> Result<Reply, OssError> {
    let prefix = call.query.short("prefix")?;
    let marker = call.query.short("marker")?;
    let max = call.query.number("max-keys", 100, 1, 1000)?;
    let mut buckets = api.store.buckets(prefix, marker, max as usize + 1).await?;
    let is_truncated = buckets.len() > max as usize;
    buckets.truncate(max as usize);
    let mut xml = Xml::new();
    xml.open("ListAllMyBucketsResult");
    if is_truncated {
        xml.text("Prefix", prefix);
        xml.text("Marker", marker);
        xml.number("MaxKeys", max.into());
        xml.text("IsTruncated", "true");
        xml.text("NextMarker", buckets.last().map(|bucket| bucket.name.as_str()).unwrap_or_default());
    }
    write_owner(api, &mut xml);
    xml.open("Buckets");
    for bucket in &buckets {
        xml.open("Bucket");
        xml.text("Comment", "");
        write_summary(api, call, bucket, &mut xml)?;
        xml.close("Bucket");
    }
    xml.close("Buckets");
    xml.close("ListAllMyBucketsResult");
    Ok(Reply::xml(xml.finish()))
}

/// What is known of a bucket.
///
/// Source: OSS, `GetBucketInfo`.
pub(crate) async fn bucket_info(
    api: &ObjectApi,
    call: &Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    let bucket = api.existing_bucket(bucket).await?;
    let mut xml = Xml::new();
    xml.open("BucketInfo");
    xml.open("Bucket");
    xml.text("AccessMonitor", "Disabled");
    xml.text("BlockPublicAccess", "true");
    xml.text("Comment", "");
    xml.text("CrossRegionReplication", "Disabled");
    xml.text("DataRedundancyType", &BucketAttributes::read(&bucket)?.redundancy);
    xml.text("ResourceGroupId", "");
    xml.text("TransferAcceleration", "Disabled");
    write_summary(api, call, &bucket, &mut xml)?;
    write_owner(api, &mut xml);
    xml.open("AccessControlList");
    xml.text("Grant", "private");
    xml.close("AccessControlList");
    xml.open("ServerSideEncryptionRule");
    xml.text("SSEAlgorithm", "None");
    xml.close("ServerSideEncryptionRule");
    xml.close("Bucket");
    xml.close("BucketInfo");
    Ok(Reply::xml(xml.finish()))
}

/// How much a bucket holds.
///
/// Source: OSS, `GetBucketStat`.
pub(crate) async fn bucket_stat(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    api.existing_bucket(bucket).await?;
    let stats = api.store.bucket_stats(bucket.as_str()).await?;
    let mut xml = Xml::new();
    xml.open("BucketStat");
    xml.number("Storage", stats.object_bytes);
    xml.number("ObjectCount", stats.object_count);
    xml.number("MultipartUploadCount", stats.upload_count);
    xml.number("LiveChannelCount", 0);
    xml.number("LastModifiedTime", u64::try_from(api.now().as_secs()).unwrap_or(0));
    xml.close("BucketStat");
    Ok(Reply::xml(xml.finish()))
}

/// The elements that lists and descriptions of buckets have in common.
fn write_summary(api: &ObjectApi, call: &Call, bucket: &BucketEntry, xml: &mut Xml) -> Result<(), OssError> {
    xml.text("CreationDate", &xml_time(bucket.created_at));
    xml.text("ExtranetEndpoint", api.endpoint(call));
    xml.text("IntranetEndpoint", api.endpoint(call));
    xml.text("Location", &api.location());
    xml.text("Name", &bucket.name);
    xml.text("Region", api.identity().region.as_str());
    xml.text("StorageClass", &BucketAttributes::read(bucket)?.storage_class);
    Ok(())
}
