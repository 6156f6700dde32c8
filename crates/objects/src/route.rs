//! Which operation a request asks for.

use http::{HeaderMap, Method};

use crate::error::{Code, OssError};
use crate::query::Query;
use crate::signature::is_signed_by_v1;

/// What an operation does, as far as roles are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It changes nothing: every role.
    Read,
    /// It changes objects: `publish` and `admin`.
    Write,
    /// It changes buckets: `admin`.
    Manage,
}

/// An operation on a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BucketOp {
    Put,
    Delete,
    List,
    ListV2,
    Info,
    Location,
    GetAcl,
    PutAcl,
    Versioning,
    Stat,
    Logging,
    Tagging,
    DeleteObjects,
    ListUploads,
}

/// An operation on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectOp {
    Put,
    Copy,
    Append,
    Get,
    Head,
    GetMeta,
    Delete,
    PutSymlink,
    GetSymlink,
    PutTagging,
    GetTagging,
    DeleteTagging,
    GetAcl,
    PutAcl,
    InitiateUpload,
    UploadPart,
    UploadPartCopy,
    CompleteUpload,
    AbortUpload,
    ListParts,
}

impl BucketOp {
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Put | Self::Delete | Self::PutAcl => Need::Manage,
            Self::DeleteObjects => Need::Write,
            Self::List
            | Self::ListV2
            | Self::Info
            | Self::Location
            | Self::GetAcl
            | Self::Versioning
            | Self::Stat
            | Self::Logging
            | Self::Tagging
            | Self::ListUploads => Need::Read,
        }
    }
}

impl ObjectOp {
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Get
            | Self::Head
            | Self::GetMeta
            | Self::GetSymlink
            | Self::GetTagging
            | Self::GetAcl
            | Self::ListParts => Need::Read,
            Self::Put
            | Self::Copy
            | Self::Append
            | Self::Delete
            | Self::PutSymlink
            | Self::PutTagging
            | Self::DeleteTagging
            | Self::PutAcl
            | Self::InitiateUpload
            | Self::UploadPart
            | Self::UploadPartCopy
            | Self::CompleteUpload
            | Self::AbortUpload => Need::Write,
        }
    }
}

/// The sub-resources that are offered, in the order in which the first one present decides.
const OFFERED: [&str; 12] = [
    "uploadId",
    "uploads",
    "append",
    "delete",
    "symlink",
    "tagging",
    "acl",
    "objectMeta",
    "bucketInfo",
    "location",
    "versioning",
    "stat",
];

/// Signed parameters that choose no operation.
const MODIFIERS: [&str; 17] = [
    "comp",
    "continuation-token",
    "endTime",
    "partNumber",
    "position",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "security-token",
    "sequential",
    "startTime",
    "versionId",
    "x-oss-request-payer",
    "x-oss-traffic-limit",
];

/// Settings of a bucket that nobody can make, and the code that says that there are none.
const NEVER_SET: [(&str, Code); 8] = [
    ("lifecycle", Code::NoSuchLifecycle),
    ("website", Code::NoSuchWebsiteConfiguration),
    ("cors", Code::NoSuchCORSConfiguration),
    ("policy", Code::NoSuchBucketPolicy),
    ("encryption", Code::NoSuchServerSideEncryptionRule),
    ("inventory", Code::NoSuchInventory),
    ("replication", Code::NoSuchReplicationRule),
    ("worm", Code::NoSuchWORMConfiguration),
];

/// The operation on a bucket. A form upload is told apart before.
pub(crate) fn bucket_op(method: &Method, query: &Query, headers: &HeaderMap) -> Result<BucketOp, OssError> {
    refuse_what_is_not_offered(query, headers)?;
    if *method == Method::GET {
        if let Some((_, code)) = NEVER_SET.iter().find(|(name, _)| query.has(name)) {
            return Err((*code).into());
        }
        if query.has("logging") {
            return Ok(BucketOp::Logging);
        }
    }
    refuse_unknown_subresource(query)?;
    let sub = OFFERED.into_iter().find(|name| query.has(name));
    match (method.as_str(), sub) {
        ("GET", Some("uploads")) => Ok(BucketOp::ListUploads),
        ("GET", Some("tagging")) => Ok(BucketOp::Tagging),
        ("GET", Some("acl")) => Ok(BucketOp::GetAcl),
        ("PUT", Some("acl")) => Ok(BucketOp::PutAcl),
        ("GET", Some("bucketInfo")) => Ok(BucketOp::Info),
        ("GET", Some("location")) => Ok(BucketOp::Location),
        ("GET", Some("versioning")) => Ok(BucketOp::Versioning),
        ("GET", Some("stat")) => Ok(BucketOp::Stat),
        ("POST", Some("delete")) => Ok(BucketOp::DeleteObjects),
        ("PUT" | "DELETE", Some("versioning" | "tagging")) => Err(not_implemented()),
        ("GET" | "HEAD", None) if query.get("list-type") == Some("2") => Ok(BucketOp::ListV2),
        ("GET" | "HEAD", None) => Ok(BucketOp::List),
        ("PUT", None) => Ok(BucketOp::Put),
        ("DELETE", None) => Ok(BucketOp::Delete),
        ("POST", None) => Err(Code::RequestIsNotMultiPartContent.into()),
        _ => Err(method_not_allowed(method, "BUCKET")),
    }
}

/// The operation on an object.
pub(crate) fn object_op(method: &Method, query: &Query, headers: &HeaderMap) -> Result<ObjectOp, OssError> {
    refuse_what_is_not_offered(query, headers)?;
    if query.has("restore") {
        return Err(Code::OperationNotSupported.into());
    }
    refuse_unknown_subresource(query)?;
    if query.value("versionId").is_some_and(|version| version != "null") {
        return Err(Code::NoSuchVersion.into());
    }
    let is_copy = headers.contains_key("x-oss-copy-source");
    let sub = OFFERED.into_iter().find(|name| query.has(name));
    match (method.as_str(), sub) {
        ("PUT", Some("uploadId")) if is_copy => Ok(ObjectOp::UploadPartCopy),
        ("PUT", Some("uploadId")) => Ok(ObjectOp::UploadPart),
        ("POST", Some("uploadId")) => Ok(ObjectOp::CompleteUpload),
        ("DELETE", Some("uploadId")) => Ok(ObjectOp::AbortUpload),
        ("GET", Some("uploadId")) => Ok(ObjectOp::ListParts),
        ("POST", Some("uploads")) => Ok(ObjectOp::InitiateUpload),
        ("POST", Some("append")) => Ok(ObjectOp::Append),
        ("PUT", Some("symlink")) => Ok(ObjectOp::PutSymlink),
        ("GET", Some("symlink")) => Ok(ObjectOp::GetSymlink),
        ("PUT", Some("tagging")) => Ok(ObjectOp::PutTagging),
        ("GET", Some("tagging")) => Ok(ObjectOp::GetTagging),
        ("DELETE", Some("tagging")) => Ok(ObjectOp::DeleteTagging),
        ("GET", Some("acl")) => Ok(ObjectOp::GetAcl),
        ("PUT", Some("acl")) => Ok(ObjectOp::PutAcl),
        ("GET" | "HEAD", Some("objectMeta")) => Ok(ObjectOp::GetMeta),
        ("PUT", None) if is_copy => Ok(ObjectOp::Copy),
        ("PUT", None) => Ok(ObjectOp::Put),
        ("GET", None) => Ok(ObjectOp::Get),
        ("HEAD", None) => Ok(ObjectOp::Head),
        ("DELETE", None) => Ok(ObjectOp::Delete),
        _ => Err(method_not_allowed(method, "OBJECT")),
    }
}

/// Callbacks, processing, versions, encryption. A callback is refused before anything is stored: its client would
/// read the callback's answer where ours is, and fail after the fact.
fn refuse_what_is_not_offered(query: &Query, headers: &HeaderMap) -> Result<(), OssError> {
    let refused_header = headers.keys().map(http::HeaderName::as_str).find(|name| {
        name.starts_with("x-oss-callback")
            || name.starts_with("x-oss-server-side-")
            || matches!(*name, "x-oss-process" | "x-oss-async-process")
    });
    if let Some(name) = refused_header {
        return Err(Code::NotImplemented.detail("Header", name));
    }
    let refused_parameter = ["callback", "callback-var", "x-oss-process", "x-oss-async-process", "versions"];
    match refused_parameter.into_iter().find(|name| query.has(name)) {
        Some(name @ ("callback" | "callback-var")) => {
            Err(Code::NotImplemented.detail("Header", format!("x-oss-{name}")))
        }
        Some(name) => Err(Code::NotImplemented.detail("Header", name)),
        None => Ok(()),
    }
}

/// A known sub-resource that is not offered. Unknown parameters are ignored.
fn refuse_unknown_subresource(query: &Query) -> Result<(), OssError> {
    let offered = |name: &str| OFFERED.contains(&name) || MODIFIERS.contains(&name);
    let refused = query.pairs().iter().any(|(name, _)| is_signed_by_v1(name) && !offered(name));
    if refused { Err(not_implemented()) } else { Ok(()) }
}

fn not_implemented() -> OssError {
    Code::NotImplemented.with("The operation is not implemented.")
}

pub(crate) fn method_not_allowed(method: &Method, resource: &'static str) -> OssError {
    Code::MethodNotAllowed
        .detail("Method", method.as_str())
        .detail("ResourceType", resource)
        .header("allow", "GET, HEAD, PUT, POST, DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(names: &[&'static str]) -> HeaderMap {
        names
            .iter()
            .map(|name| (http::HeaderName::from_static(name), http::HeaderValue::from_static("x")))
            .collect()
    }

    fn object(method: &str, query: &str, names: &[&'static str]) -> Result<ObjectOp, Code> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        object_op(&method, &Query::parse(query).unwrap(), &headers(names)).map_err(|error| error.code)
    }

    fn bucket(method: &str, query: &str) -> Result<BucketOp, Code> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        bucket_op(&method, &Query::parse(query).unwrap(), &headers(&[])).map_err(|error| error.code)
    }

    #[test]
    fn sub_resources_choose_the_operation_with_or_without_a_value() {
        assert_eq!(object("POST", "uploads=", &[]), Ok(ObjectOp::InitiateUpload));
        assert_eq!(object("POST", "uploads", &[]), Ok(ObjectOp::InitiateUpload));
        assert_eq!(object("POST", "append=&position=0", &[]), Ok(ObjectOp::Append));
        assert_eq!(object("PUT", "partNumber=1&uploadId=A", &[]), Ok(ObjectOp::UploadPart));
        assert_eq!(
            object("PUT", "uploadId=A&partNumber=1", &["x-oss-copy-source"]),
            Ok(ObjectOp::UploadPartCopy)
        );
        assert_eq!(object("PUT", "", &["x-oss-copy-source"]), Ok(ObjectOp::Copy));
        assert_eq!(
            object("GET", "response-content-type=x&x-oss-traffic-limit=1&foo=1", &[]),
            Ok(ObjectOp::Get)
        );
        assert_eq!(object("GET", "versionId=null", &[]), Ok(ObjectOp::Get));
        assert_eq!(object("HEAD", "objectMeta", &[]), Ok(ObjectOp::GetMeta));
        assert_eq!(bucket("GET", "list-type=2&prefix="), Ok(BucketOp::ListV2));
        assert_eq!(bucket("GET", "prefix=x&uploads"), Ok(BucketOp::ListUploads));
        assert_eq!(bucket("POST", "delete=&encoding-type=url"), Ok(BucketOp::DeleteObjects));
    }

    #[test]
    fn what_is_not_offered_says_so() {
        let table = [
            (object("PUT", "", &["x-oss-callback"]), Code::NotImplemented),
            (object("PUT", "callback=x", &[]), Code::NotImplemented),
            (object("GET", "x-oss-process=image/resize", &[]), Code::NotImplemented),
            (object("PUT", "", &["x-oss-server-side-encryption"]), Code::NotImplemented),
            (object("GET", "versionId=CAEQ", &[]), Code::NoSuchVersion),
            (object("POST", "restore", &[]), Code::OperationNotSupported),
            (object("POST", "asyncFetch", &[]), Code::NotImplemented),
            (object("POST", "", &[]), Code::MethodNotAllowed),
            (object("PATCH", "", &[]), Code::MethodNotAllowed),
        ];
        for (seen, expected) in table {
            assert_eq!(seen, Err(expected));
        }
        let table = [
            ("GET", "lifecycle", Code::NoSuchLifecycle),
            ("GET", "cors", Code::NoSuchCORSConfiguration),
            ("GET", "versions", Code::NotImplemented),
            ("PUT", "versioning", Code::NotImplemented),
            ("PUT", "lifecycle", Code::NotImplemented),
            ("GET", "referer", Code::NotImplemented),
            ("POST", "", Code::RequestIsNotMultiPartContent),
            ("PATCH", "", Code::MethodNotAllowed),
        ];
        for (method, query, expected) in table {
            assert_eq!(bucket(method, query), Err(expected), "{method} {query}");
        }
        assert_eq!(bucket("GET", "logging"), Ok(BucketOp::Logging));
    }

    #[test]
    fn the_parameters_that_decide_are_signed() {
        assert!(OFFERED.iter().all(|name| is_signed_by_v1(name)));
        assert!(MODIFIERS.iter().all(|name| is_signed_by_v1(name)));
    }
}
