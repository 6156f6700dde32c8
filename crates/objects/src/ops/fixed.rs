//! Answers that are the same for every bucket.

use super::{ObjectApi, OssError, Xml};
use crate::names::BucketName;
use crate::reply::Reply;
use crate::tags::Tags;

/// Where a bucket is. Source: OSS, `GetBucketLocation`.
pub(crate) async fn bucket_location(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    api.existing_bucket(bucket).await?;
    let mut xml = Xml::new();
    xml.text("LocationConstraint", &api.location());
    Ok(Reply::xml(xml.finish()))
}

/// That versions were never kept. Source: OSS, `GetBucketVersioning`.
pub(crate) async fn bucket_versioning(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    empty_element(api, bucket, "VersioningConfiguration").await
}

/// That nothing is logged. Source: OSS, `GetBucketLogging`; the form of "nothing" is inferred.
pub(crate) async fn bucket_logging(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    empty_element(api, bucket, "BucketLoggingStatus").await
}

/// That a bucket has no tags. Source: OSS, `GetBucketTags`; the form of "none" is inferred.
pub(crate) async fn bucket_tagging(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    api.existing_bucket(bucket).await?;
    Ok(Reply::xml(Tags::default().xml()))
}

async fn empty_element(api: &ObjectApi, bucket: &BucketName, name: &str) -> Result<Reply, OssError> {
    api.existing_bucket(bucket).await?;
    let mut xml = Xml::new();
    xml.text(name, "");
    Ok(Reply::xml(xml.finish()))
}
