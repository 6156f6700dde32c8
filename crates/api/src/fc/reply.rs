//! Answers in the form of Function Compute.

use bytes::Bytes;
use http::StatusCode;
use kulkul_model::RequestId;
use serde::Serialize;

use super::error::FcError;
use crate::answer::{self, Answer};

const JSON: &str = "application/json";

/// A JSON object.
pub(super) fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).expect("wire structs have string keys and finite numbers");
    answer::with_body(StatusCode::OK, JSON, body)
}

/// Nothing, for what has no result.
pub(super) fn nothing() -> Answer {
    answer::empty(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    request_id: &'a str,
    code: &'a str,
    message: &'a str,
}

/// An error. Clients read the JSON only, whatever the operation's own type is.
pub(crate) fn failure(id: &RequestId, error: &FcError) -> Answer {
    let body = Failure { request_id: id.as_str(), code: error.code, message: &error.message };
    let body = serde_json::to_vec(&body).expect("three strings are always JSON");
    answer::with_body(error.status, JSON, body)
}

/// Puts the request id on an answer, as on every one.
pub(crate) fn mark(answer: &mut Answer, id: &RequestId) {
    answer::set(answer, "x-fc-request-id", Bytes::copy_from_slice(id.as_str().as_bytes()));
}
