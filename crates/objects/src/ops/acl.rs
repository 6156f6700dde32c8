//! Access control lists: everything is private, whatever is asked for.

use http::StatusCode;

use super::write_owner;
use crate::api::{Call, ObjectApi, Place};
use crate::change::check_acl;
use crate::error::OssError;
use crate::names::BucketName;
use crate::reply::Reply;
use crate::xml::Xml;

/// Source: OSS, `GetBucketAcl`.
pub(crate) async fn bucket_acl(api: &ObjectApi, bucket: &BucketName) -> Result<Reply, OssError> {
    api.existing_bucket(bucket).await?;
    Ok(policy(api, "private"))
}

/// Source: OSS, `GetObjectACL`.
pub(crate) async fn object_acl(api: &ObjectApi, place: &Place) -> Result<Reply, OssError> {
    api.existing(place).await?;
    Ok(policy(api, "default"))
}

/// Accepts what changes nothing. Source: OSS, `PutBucketAcl`.
pub(crate) async fn put_bucket_acl(
    api: &ObjectApi,
    call: &Call,
    bucket: &BucketName,
) -> Result<Reply, OssError> {
    check_acl(&call.headers, "x-oss-acl")?;
    api.existing_bucket(bucket).await?;
    Ok(Reply::empty(StatusCode::OK))
}

/// Accepts what changes nothing. Source: OSS, `PutObjectACL`.
pub(crate) async fn put_object_acl(api: &ObjectApi, call: &Call, place: &Place) -> Result<Reply, OssError> {
    check_acl(&call.headers, "x-oss-object-acl")?;
    api.existing(place).await?;
    Ok(Reply::empty(StatusCode::OK))
}

fn policy(api: &ObjectApi, grant: &str) -> Reply {
    let mut xml = Xml::new();
    xml.open("AccessControlPolicy");
    write_owner(api, &mut xml);
    xml.open("AccessControlList");
    xml.text("Grant", grant);
    xml.close("AccessControlList");
    xml.close("AccessControlPolicy");
    Reply::xml(xml.finish())
}
