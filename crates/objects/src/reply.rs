//! What is answered.

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use kulkul_store::StoreError;
use kulkul_store::objects::DataStream;

/// The body of an answer.
pub type ReplyBody = UnsyncBoxBody<Bytes, StoreError>;

/// An answer in the making.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers that are special to it.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) content: Content,
}

/// The body of an answer.
pub(crate) enum Content {
    /// None.
    Empty,
    /// A document.
    Xml(String),
    /// None, but the length of the one that a GET would get.
    Length(u64),
    /// Bytes of an object.
    Stream(u64, DataStream),
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Empty }
    }

    /// 200 with a document.
    pub(crate) fn xml(text: String) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), content: Content::Xml(text) }
    }

    /// Adds a header. Text that cannot be one, which may come from a key, is left out.
    pub(crate) fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds the header `ETag`.
    pub(crate) fn etag(self, etag: &str) -> Self {
        self.with("etag", quoted(etag))
    }

    /// Sets a header. Text that cannot be one, which may come from a key, is left out.
    pub(crate) fn set(&mut self, name: &'static str, value: impl AsRef<str>) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref().as_bytes()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// Status, headers and body, with the headers that follow from the body.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, ReplyBody) {
        let Self { status, mut headers, content } = self;
        let never = |error: std::convert::Infallible| match error {};
        let (length, body) = match content {
            Content::Empty => (Some(0), Empty::new().map_err(never).boxed_unsync()),
            Content::Length(length) => (Some(length), Empty::new().map_err(never).boxed_unsync()),
            Content::Xml(text) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
                (Some(text.len() as u64), Full::new(Bytes::from(text)).map_err(never).boxed_unsync())
            }
            Content::Stream(length, stream) => {
                (Some(length), StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync())
            }
        };
        // HTTP forbids a length with 204; with 304 it would be that of the object.
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(length) = length.filter(|_| !bodiless) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        (status, headers, body)
    }
}

/// An entity tag as it is written everywhere.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}
