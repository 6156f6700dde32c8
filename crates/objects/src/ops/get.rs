//! GetObject, HeadObject, GetObjectMeta.

use http::{HeaderName, HeaderValue, StatusCode};
use kulkul_store::StoreError;

use crate::api::{Call, ObjectApi, Place, not_modified};
use crate::change::too_busy;
use crate::conditions::{ON_OBJECT, Verdict, judge};
use crate::error::{Code, OssError};
use crate::range::{Selection, select};
use crate::reply::{Content, Reply};
use crate::time::http_date;
use crate::view::View;

/// How often an object is looked up anew when it is replaced just before it is read.
const ATTEMPTS_MAX: u32 = 20;

/// Parameters that replace a header of the reply.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-content-type", "content-type"),
    ("response-content-language", "content-language"),
    ("response-expires", "expires"),
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
];

/// The bytes of an object, or some of them.
///
/// Source: OSS, `GetObject`.
pub(crate) async fn get_object(api: &ObjectApi, call: &Call, place: &Place) -> Result<Reply, OssError> {
    let overrides = overrides(call)?;
    for _ in 0..ATTEMPTS_MAX {
        let view = api.view(place).await?;
        if let Some(reply) = judged(call, &view)? {
            return Ok(reply);
        }
        let size = view.content.size;
        let standard = call.header("x-oss-range-behavior") == Some("standard");
        let (status, range) = match select(call.header("range"), standard, size) {
            Selection::Whole => (StatusCode::OK, 0..size),
            Selection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Selection::Unsatisfiable => {
                return Err(Code::InvalidRange
                    .detail("ActualObjectSize", size.to_string())
                    .detail("RangeHeader", call.header("range").unwrap_or_default())
                    .header("content-range", format!("bytes */{size}")));
            }
        };
        let stream = match api.store.read(&view.content.extents, range.clone()).await {
            Ok(stream) => stream,
            Err(StoreError::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let mut reply = Reply::empty(status);
        view.write_headers(&mut reply);
        if status == StatusCode::PARTIAL_CONTENT {
            reply.set("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1));
        }
        reply.headers.extend(overrides);
        reply.content = Content::Stream(range.end - range.start, stream);
        return Ok(reply);
    }
    Err(too_busy())
}

/// The headers of an object.
///
/// Source: OSS, `HeadObject`. A range is ignored.
pub(crate) async fn head_object(api: &ObjectApi, call: &Call, place: &Place) -> Result<Reply, OssError> {
    let overrides = overrides(call)?;
    let view = api.view(place).await?;
    if let Some(reply) = judged(call, &view)? {
        return Ok(reply);
    }
    let mut reply = Reply::empty(StatusCode::OK);
    view.write_headers(&mut reply);
    reply.headers.extend(overrides);
    reply.content = Content::Length(view.content.size);
    Ok(reply)
}

/// The few headers that cost the least; of a link, its own.
///
/// Source: OSS, `GetObjectMeta`.
pub(crate) async fn get_object_meta(api: &ObjectApi, place: &Place) -> Result<Reply, OssError> {
    let object = api.existing(place).await?.entry;
    let mut reply = Reply::empty(StatusCode::OK)
        .etag(&object.etag)
        .with("last-modified", http_date(object.modified_at))
        .with("x-oss-hash-crc64ecma", object.crc64.to_string());
    reply.content = Content::Length(object.size);
    Ok(reply)
}

/// The answer that the conditions of a request lead to, `None` when they hold.
fn judged(call: &Call, view: &View) -> Result<Option<Reply>, OssError> {
    match judge(&call.headers, ON_OBJECT, &view.content.etag, view.modified_at) {
        Verdict::Holds => Ok(None),
        Verdict::NotModified => Ok(Some(not_modified(&view.content.etag, view.modified_at))),
        Verdict::Failed(condition) => Err(Code::PreconditionFailed.detail("Condition", shown(condition))),
    }
}

fn shown(condition: &str) -> &'static str {
    match condition {
        "if-match" => "If-Match",
        _ => "If-Unmodified-Since",
    }
}

fn overrides(call: &Call) -> Result<Vec<(Option<HeaderName>, HeaderValue)>, OssError> {
    let mut overrides = Vec::new();
    for (parameter, header) in OVERRIDES {
        let Some(value) = call.query.value(parameter) else { continue };
        // Control characters, line ends among them, are no part of a header.
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Code::InvalidArgument.detail("ArgumentName", parameter))?;
        overrides.push((Some(HeaderName::from_static(header)), value));
    }
    Ok(overrides)
}
