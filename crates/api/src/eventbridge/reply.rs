//! The envelope around every answer.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use super::error::{Class, RpcError};
use crate::answer::{self, Answer};
use crate::api::BusinessErrors;

const JSON: &str = "application/json;charset=utf-8";

const QUIRKS_NONE: Quirks = Quirks { without_flag: false, with_http_code: false, with_date: false };

/// The id of one request: a UUID in upper case.
#[derive(Clone, Copy)]
pub(crate) struct RequestId([u8; uuid::fmt::Hyphenated::LENGTH]);

impl RequestId {
    pub(crate) fn random() -> Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        Uuid::new_v4().hyphenated().encode_upper(&mut text);
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a UUID is ASCII")
    }
}

/// What an operation answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Success {
    code: &'static str,
    data: Option<Vec<u8>>,
    quirks: Quirks,
}

/// Where the answers of a few operations differ from all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Quirks {
    /// There is no `Success`.
    without_flag: bool,
    /// There is an `HttpCode`.
    with_http_code: bool,
    /// There is a `Date` equal to `Data`.
    with_date: bool,
}

impl Success {
    /// `Code` is `Success`, and there is no `Data`.
    pub(crate) const EMPTY: Self = Self { code: "Success", data: None, quirks: QUIRKS_NONE };

    /// `Code` is `Success`.
    pub(crate) fn of(data: &impl Serialize) -> Self {
        Self { code: "Success", data: Some(json(data)), quirks: QUIRKS_NONE }
    }

    /// `Code` is `200`, as a few operations have it.
    pub(crate) fn of_200(data: &impl Serialize) -> Self {
        Self::raw_200(json(data))
    }

    /// The JSON text of `Data`, when there is any.
    pub(super) fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    /// `Code` is `200`; `data` is JSON text.
    pub(crate) fn raw_200(data: Vec<u8>) -> Self {
        Self { code: "200", data: Some(data), quirks: QUIRKS_NONE }
    }

    /// Leaves `Success` out, as the operations on connections and API destinations do.
    pub(crate) fn without_flag(mut self) -> Self {
        self.quirks.without_flag = true;
        self
    }

    /// Adds `HttpCode`.
    pub(crate) fn with_http_code(mut self) -> Self {
        self.quirks.with_http_code = true;
        self
    }

    /// Repeats `Data` as `Date`: one operation of the official client reads it from there.
    pub(crate) fn with_date(mut self) -> Self {
        self.quirks.with_date = true;
        self
    }
}

pub(crate) fn success(id: &RequestId, success: Success) -> Answer {
    let data = success.data.as_deref().unwrap_or_default();
    let mut body = Vec::with_capacity(data.len() + 128);
    body.extend_from_slice(b"{\"RequestId\":\"");
    body.extend_from_slice(&id.0);
    body.extend_from_slice(b"\",\"Code\":\"");
    body.extend_from_slice(success.code.as_bytes());
    let Quirks { without_flag, with_http_code, with_date } = success.quirks;
    body.push(b'"');
    if !without_flag {
        body.extend_from_slice(b",\"Success\":true");
    }
    body.extend_from_slice(b",\"Message\":\"success\"");
    if with_http_code {
        body.extend_from_slice(b",\"HttpCode\":200");
    }
    for name in [Some("Data"), with_date.then_some("Date")].into_iter().flatten().filter(|_| !data.is_empty())
    {
        body.extend_from_slice(format!(",\"{name}\":").as_bytes());
        body.extend_from_slice(data);
    }
    body.push(b'}');
    answered(StatusCode::OK, id, body)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_id: Option<&'a str>,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
}

/// `host` is what the client called this server.
pub(crate) fn failure(id: &RequestId, error: &RpcError, host: &str, business: BusinessErrors) -> Answer {
    let body = Failure {
        request_id: id.as_str(),
        host_id: (error.class == Class::Gateway).then_some(host),
        code: &error.code,
        message: &error.message,
        success: (error.class != Class::Gateway).then_some(false),
    };
    let status = match (error.class, business) {
        (Class::Business, BusinessErrors::Ok) => StatusCode::OK,
        (Class::Business, BusinessErrors::Conflict) | (Class::Gateway | Class::Internal, _) => error.status,
    };
    answered(status, id, json(&body))
}

pub(crate) fn answered(status: StatusCode, id: &RequestId, body: Vec<u8>) -> Answer {
    let mut answer = answer::with_body(status, JSON, body);
    answer::set(&mut answer, "x-acs-request-id", Bytes::copy_from_slice(&id.0));
    answer
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("wire structs have string keys and finite numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn text(answer: Answer) -> String {
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    const ID: RequestId = RequestId(*b"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9");

    #[tokio::test]
    async fn success_is_an_envelope_around_the_data() {
        let answer = success(&ID, Success::of_200(&7));
        assert_eq!(answer.headers()["x-acs-request-id"], ID.as_str());
        assert_eq!(answer.headers()["content-type"], "application/json;charset=utf-8");
        let expected = r#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","Code":"200","Success":true,"Message":"success","Data":7}"#;
        assert_eq!(text(answer).await, expected);
        let expected = r#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","Code":"Success","Success":true,"Message":"success"}"#;
        assert_eq!(text(success(&ID, Success::EMPTY)).await, expected);
        let odd = Success::of(&7).without_flag().with_http_code().with_date();
        let expected = r#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","Code":"Success","Message":"success","HttpCode":200,"Data":7,"Date":7}"#;
        assert_eq!(text(success(&ID, odd)).await, expected);
    }

    #[tokio::test]
    async fn refusals_of_the_service_have_status_200_unless_switched() {
        let error = RpcError::business("EventBusNotExist", "no \"b\"");
        let answer = failure(&ID, &error, "h:1", BusinessErrors::Ok);
        assert_eq!(answer.status(), StatusCode::OK);
        let expected = r#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","Code":"EventBusNotExist","Message":"no \"b\"","Success":false}"#;
        assert_eq!(text(answer).await, expected);
        assert_eq!(failure(&ID, &error, "h:1", BusinessErrors::Conflict).status(), StatusCode::CONFLICT);
    }

    #[tokio::test]
    async fn refusals_of_the_gateway_have_their_own_shape() {
        let answer = failure(&ID, &RpcError::missing("RuleName"), "h:1", BusinessErrors::Ok);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let expected = r#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","HostId":"h:1","Code":"MissingRuleName","Message":"RuleName is mandatory for this action."}"#;
        assert_eq!(text(answer).await, expected);
    }

    #[tokio::test]
    async fn failures_of_ours_say_nothing_about_us() {
        let error = RpcError::internal("cannot open /secret/path");
        let answer = failure(&ID, &error, "h:1", BusinessErrors::Ok);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let text = text(answer).await;
        assert!(text.contains("InternalError") && !text.contains("secret"), "{text}");
    }
}
