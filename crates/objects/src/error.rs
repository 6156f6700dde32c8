//! Errors as the wire knows them: a code with its status, and the elements that go with it.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use kulkul_store::StoreError;

use crate::xml::Xml;

macro_rules! codes {
    ($($code:ident $status:literal $message:literal)*) => {
        /// An error code of OSS.
        ///
        /// Source: OSS, "HTTP 400 status code" to "HTTP 416 status code".
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($code),*
        }

        impl Code {
            /// The code as it is written on the wire.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code)),*
                }
            }

            fn status_number(self) -> u16 {
                match self {
                    $(Self::$code => $status),*
                }
            }

            fn message(self) -> &'static str {
                match self {
                    $(Self::$code => $message),*
                }
            }
        }
    };
}

codes! {
    InvalidBucketName 400 "The specified bucket is not valid."
    InvalidObjectName 400 "The specified object is not valid."
    InvalidArgument 400 "An argument is not valid."
    MissingArgument 400 "Missing Some Required Arguments."
    InvalidRequest 400 "The request is not valid."
    InvalidDigest 400 "The Content-MD5 you specified was invalid."
    InvalidCRC64 400 "The x-oss-hash-crc64ecma you specified does not match what we calculated."
    IncompleteBody 400 "You did not provide the number of bytes specified by the Content-Length HTTP header."
    RequestTimeout 400 "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema."
    InvalidPart 400 "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag."
    InvalidPartOrder 400 "The list of parts was not in ascending order."
    EntityTooSmall 400 "Your proposed upload smaller than the minimum allowed size."
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size."
    NotSymlink 400 "The object is not symlink."
    InvalidTargetType 400 "The symbolic's target file type is invalid."
    InvalidTag 400 "The TagKey you have provided is invalid."
    NotImplemented 400 "A header you provided implies functionality that is not implemented."
    OperationNotSupported 400 "The operation is not supported for this resource."
    FieldItemTooLong 400 "Your fields in post request were too large."
    MalformedPOSTRequest 400 "The body of your POST request is not well-formed multipart/form-data."
    InvalidPolicyDocument 400 "The content of the form does not meet the conditions specified in the policy document."
    IncorrectNumberOfFilesInPOSTRequest 400 "POST requires exactly one file upload per request."
    MaxPOSTPreDataLengthExceededError 400 "Your POST request fields preceding the upload file were too large."
    RequestIsNotMultiPartContent 400 "Bucket POST must be of the enclosure-type multipart/form-data."
    AccessDenied 403 "You have no right to access this object."
    AccessForbidden 403 "CORSResponse: CORS is not enabled for this bucket."
    InvalidAccessKeyId 403 "The OSS Access Key Id you provided does not exist in our records."
    SignatureDoesNotMatch 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    RequestTimeTooSkewed 403 "The difference between the request time and the current time is too large."
    InvalidSecurityToken 403 "The security token you provided is invalid."
    AccessKeyIdAndSecurityTokenNotMatch 403 "The OSS access key id and security token you provided does not match."
    SecurityTokenExpired 403 "The security token you provided has expired."
    NoSuchBucket 404 "The specified bucket does not exist."
    NoSuchKey 404 "The specified key does not exist."
    NoSuchUpload 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    NoSuchVersion 404 "The specified version does not exist."
    SymlinkTargetNotExist 404 "The symlink target object does not exist."
    NoSuchLifecycle 404 "No Row found in Lifecycle Table."
    NoSuchWebsiteConfiguration 404 "The specified bucket does not have a website configuration."
    NoSuchCORSConfiguration 404 "The CORS Configuration does not exist."
    NoSuchBucketPolicy 404 "The bucket policy does not exist."
    NoSuchServerSideEncryptionRule 404 "The server side encryption configuration does not exist."
    NoSuchInventory 404 "The specified inventory does not exist."
    NoSuchReplicationRule 404 "The bucket does not have replication rules."
    NoSuchWORMConfiguration 404 "The WORM Configuration does not exist."
    MethodNotAllowed 405 "The specified method is not allowed against this resource."
    BucketAlreadyExists 409 "The requested bucket name is not available."
    BucketNotEmpty 409 "The bucket you tried to delete is not empty."
    FileAlreadyExists 409 "The object you specified already exists and can not be overwritten."
    ObjectNotAppendable 409 "The object is not appendable."
    PositionNotEqualToLength 409 "Position is not equal to file length."
    MissingContentLength 411 "You must provide the Content-Length HTTP header."
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold."
    InvalidRange 416 "The requested range cannot be satisfied"
    InternalError 500 "We encountered an internal error. Please try again."
    ServiceUnavailable 503 "Please reduce your request rate."
}

/// Why a request was refused or failed.
#[derive(Debug)]
pub(crate) struct OssError {
    /// The code.
    pub(crate) code: Code,
    more: Box<More>,
}

#[derive(Debug)]
struct More {
    message: Cow<'static, str>,
    details: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    cause: Option<StoreError>,
}

impl Code {
    /// The error with another message than the usual one.
    pub(crate) fn with(self, message: impl Into<Cow<'static, str>>) -> OssError {
        let mut error = OssError::from(self);
        error.more.message = message.into();
        error
    }

    /// The error with one more element in its body.
    pub(crate) fn detail(self, element: &'static str, text: impl Into<String>) -> OssError {
        OssError::from(self).detail(element, text)
    }

    /// The HTTP status that goes with the code.
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).expect("the table holds valid statuses only")
    }
}

impl From<Code> for OssError {
    fn from(code: Code) -> Self {
        let message = code.message().into();
        let more = More { message, details: Vec::new(), headers: Vec::new(), cause: None };
        Self { code, more: Box::new(more) }
    }
}

impl From<StoreError> for OssError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Conflict { .. } | StoreError::Busy | StoreError::Closed => Code::ServiceUnavailable,
            StoreError::NotFound { .. }
            | StoreError::Full { .. }
            | StoreError::Poisoned { .. }
            | StoreError::Format { .. }
            | StoreError::Engine { .. } => Code::InternalError,
        };
        let mut answer = Self::from(code);
        answer.more.cause = Some(error);
        answer
    }
}

impl OssError {
    /// Adds an element to the body.
    pub(crate) fn detail(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.more.details.push((element, text.into()));
        self
    }

    /// Adds a header to the reply.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.headers.push((name, value.into()));
        self
    }

    /// The headers that go with the error.
    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.more.headers
    }

    /// What failed inside, for the log only.
    pub(crate) fn cause(&self) -> Option<&StoreError> {
        self.more.cause.as_ref()
    }

    /// The body, `request_id` and `host` included.
    pub(crate) fn xml(&self, request_id: &str, host: &str) -> String {
        self.xml_with(request_id, host, &self.more.details)
    }

    /// The body without the elements that may be long.
    pub(crate) fn short_xml(&self, request_id: &str, host: &str) -> String {
        let host = host.get(..host.len().min(256)).unwrap_or_default();
        self.xml_with(request_id, host, &[])
    }

    fn xml_with(&self, request_id: &str, host: &str, details: &[(&'static str, String)]) -> String {
        let mut xml = Xml::new();
        xml.open("Error");
        xml.text("Code", self.code.as_str());
        xml.text("Message", &self.more.message);
        xml.text("RequestId", request_id);
        xml.text("HostId", host);
        for (element, text) in details {
            xml.text(element, text);
        }
        xml.close("Error");
        xml.finish()
    }
}

impl fmt::Display for OssError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.more.message)
    }
}

impl std::error::Error for OssError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.more.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_elements_that_clients_read() {
        let error = Code::NoSuchKey.detail("Key", "a&b");
        let expected = concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            "\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>",
            "<RequestId>5C3D</RequestId><HostId>h:1</HostId><Key>a&amp;b</Key></Error>",
        );
        assert_eq!(error.xml("5C3D", "h:1"), expected);
        assert_eq!(error.code.status(), 404);
    }
}
