//! What browsers need before their scripts may use the API.

use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, ORIGIN, VARY};

use crate::api::{Call, ObjectApi};
use crate::error::{Code, OssError};
use crate::reply::Reply;

/// How long a browser may remember the answer, in seconds.
const MAX_AGE_SECONDS: &str = "600";

/// Answers a browser that asks beforehand. Without allowed origins, nothing is allowed.
///
/// Source: OSS, `OptionObject`.
pub(crate) fn preflight(api: &ObjectApi, call: &Call) -> Result<Reply, OssError> {
    if allowed(api, call).is_none() {
        return Err(Code::AccessForbidden.into());
    }
    let mut reply = Reply::empty(StatusCode::OK)
        .with("access-control-allow-methods", "GET, HEAD, PUT, POST, DELETE")
        .with("access-control-max-age", MAX_AGE_SECONDS);
    if let Some(asked) = call.headers.get("access-control-request-headers") {
        reply.headers.insert("access-control-allow-headers", asked.clone());
    }
    Ok(reply)
}

/// Adds what lets a script of an allowed origin read an answer.
pub(crate) fn allow_origin(api: &ObjectApi, call: &Call, headers: &mut HeaderMap) {
    let Some(origin) = allowed(api, call) else { return };
    headers.insert("access-control-allow-origin", origin.clone());
    headers.insert("access-control-expose-headers", HeaderValue::from_static("ETag, x-oss-request-id"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
}

fn allowed<'c>(api: &ObjectApi, call: &'c Call) -> Option<&'c HeaderValue> {
    let origin = call.headers.get(ORIGIN)?;
    let fits = |allowed: &String| allowed == "*" || allowed.as_bytes() == origin.as_bytes();
    api.settings.allowed_origins.iter().any(fits).then_some(origin)
}
