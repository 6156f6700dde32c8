//! Pushing to an address over HTTP.

use std::num::IntErrorKind;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use kulkul_model::Timestamp;
use kulkul_outbound::{Answer, OutboundError, OutboundRequest, TargetUrl};
use kulkul_transform::Transform;

use super::Tried;
use super::payload::{Payload, payload};
use crate::{ClientErrors, Delivery, Outside, TargetAnswer, Verdict};

/// How much of what a target says about a failure is kept.
const REASON_CHARS_MAX: usize = 256;

/// What we send. What the cloud sends is not documented.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Posts what the transform makes of the event, signed.
pub(super) async fn push(
    delivery: &Delivery,
    outside: &Outside,
    started_at: Timestamp,
    url: &TargetUrl,
    token: Option<&str>,
    body: &Transform,
) -> Tried {
    let Some(pusher) = &outside.pusher else {
        return Tried::without(Verdict::Impossible, "this server sends no HTTP requests");
    };
    let Payload { bytes, sent } = match payload(body, delivery) {
        Ok(payload) => payload,
        Err(error) => return Tried::without(Verdict::Impossible, error.to_string()),
    };
    let mut headers = match pusher.signer.sign(url.as_str(), token, &bytes, started_at).await {
        Ok(headers) => headers,
        Err(error) => {
            tracing::error!(error = %chain(&error), "a push cannot be signed");
            let answer = TargetAnswer::new(Verdict::Throttled, "the push cannot be signed");
            return Tried { answer, sent, invocation: None };
        }
    };
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    let request = OutboundRequest {
        method: Method::POST,
        url: url.clone(),
        headers,
        body: bytes,
        timeout: pusher.timeout,
    };
    let answer = answer_of(pusher.outbound.send(request).await, pusher.client_errors);
    Tried { answer, sent, invocation: None }
}

/// What an HTTP answer, or none, means for a delivery.
pub fn answer_of(answered: Result<Answer, OutboundError>, client_errors: ClientErrors) -> TargetAnswer {
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) if error.is_retryable() => return TargetAnswer::new(Verdict::Failed, chain(&error)),
        Err(error) => return TargetAnswer::new(Verdict::Impossible, chain(&error)),
    };
    let status = answer.status;
    if status.is_success() {
        let reason = status.canonical_reason().unwrap_or("Ok");
        return TargetAnswer::new(Verdict::Succeeded, format!("[{}]{reason}", status.as_u16()));
    }
    let said = String::from_utf8_lossy(&answer.body);
    let said: String = said.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
    let text = match status {
        _ if status.is_redirection() => "redirects are not followed",
        _ if said.trim().is_empty() => status.canonical_reason().unwrap_or("refused"),
        _ => said.trim(),
    };
    let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    TargetAnswer {
        retry_after: asks.then(|| retry_after(&answer.headers, SystemTime::now())).flatten(),
        ..TargetAnswer::new(verdict_of(status, client_errors), format!("[{}]{text}", status.as_u16()))
    }
}

/// What follows an answer that is no success.
fn verdict_of(status: StatusCode, client_errors: ClientErrors) -> Verdict {
    let asks_for_patience =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    match client_errors {
        ClientErrors::Final if status.is_client_error() && !asks_for_patience => Verdict::Impossible,
        ClientErrors::Retried | ClientErrors::Final => Verdict::Failed,
    }
}

/// `Retry-After`: seconds, or a date. `None` when it is neither, or a date that has gone by.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        // Whoever asks for more than a number holds means a long time, and is given the longest there is.
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(Duration::MAX),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
    }
}

/// An error with its causes, as far as the owner of a target is told of them.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text.chars().take(2 * REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> TargetAnswer {
        let header = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.iter().map(header).collect(),
            body: Bytes::from_static(body.as_bytes()),
        };
        answer_of(Ok(answer), ClientErrors::Retried)
    }

    #[test]
    fn an_answer_decides_what_follows() {
        let table = [
            (200, "", Verdict::Succeeded, "[200]OK"),
            (204, "", Verdict::Succeeded, "[204]No Content"),
            (302, "moved", Verdict::Failed, "[302]redirects are not followed"),
            (400, "no such\u{7} field", Verdict::Failed, "[400]no such field"),
            (404, " ", Verdict::Failed, "[404]Not Found"),
            (500, "", Verdict::Failed, "[500]Internal Server Error"),
        ];
        for (status, body, verdict, text) in table {
            let answer = answer(status, &[], body);
            assert_eq!((answer.verdict, answer.answer.as_str()), (verdict, text));
        }
    }

    #[test]
    fn a_fault_of_the_request_is_tried_again_unless_it_is_final() {
        use ClientErrors::{Final, Retried};
        let table = [
            // status, verdict when it is retried, when it is final
            (302, Verdict::Failed, Verdict::Failed),
            (400, Verdict::Failed, Verdict::Impossible),
            (401, Verdict::Failed, Verdict::Impossible),
            (404, Verdict::Failed, Verdict::Impossible),
            (408, Verdict::Failed, Verdict::Failed),
            (410, Verdict::Failed, Verdict::Impossible),
            (413, Verdict::Failed, Verdict::Impossible),
            (425, Verdict::Failed, Verdict::Failed),
            (429, Verdict::Failed, Verdict::Failed),
            (499, Verdict::Failed, Verdict::Impossible),
            (500, Verdict::Failed, Verdict::Failed),
            (503, Verdict::Failed, Verdict::Failed),
        ];
        for (status, retried, is_final) in table {
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!([verdict_of(code, Retried), verdict_of(code, Final)], [retried, is_final], "{status}");
        }
        let slow = OutboundError::TimedOut { limit: Duration::from_secs(5) };
        assert_eq!(
            answer_of(Err(slow), Final).verdict,
            Verdict::Failed,
            "no answer is no fault of the request"
        );
        let gone = Answer { status: StatusCode::GONE, headers: HeaderMap::new(), body: Bytes::new() };
        let gone = answer_of(Ok(gone), Final);
        assert_eq!((gone.verdict, gone.answer.as_str()), (Verdict::Impossible, "[410]Gone"));
    }

    #[test]
    fn retry_after_counts_where_it_means_something() {
        let table = [
            (429, "7", Some(7)),
            (503, " 120 ", Some(120)),
            (429, "0", Some(0)),
            (503, "18446744073709551615", Some(u64::MAX)),
            (500, "7", None),
            (408, "7", None),
            (302, "7", None),
            (429, "soon", None),
            (429, "-1", None),
            (429, "Thu, 01 Jan 1970 00:00:00 GMT", None),
        ];
        for (status, value, seconds) in table {
            let answer = answer(status, &[("retry-after", value)], "");
            assert_eq!(answer.retry_after, seconds.map(Duration::from_secs), "{status} {value}");
        }
        let endless = answer(429, &[("retry-after", "18446744073709551616")], "");
        assert_eq!(endless.retry_after, Some(Duration::MAX));
        let later = SystemTime::now() + Duration::from_secs(3600);
        let dated = answer(503, &[("retry-after", &httpdate::fmt_http_date(later))], "");
        assert!(dated.retry_after.is_some(), "a date is measured against the clock of this machine");
    }

    #[test]
    fn retry_after_may_be_a_date_in_any_form_that_http_knows() {
        // Source: RFC 9110, 5.6.7.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 100);
        let table = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(100)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(100)),
            ("Sun Nov  6 08:49:37 1994", Some(100)),
            ("Sun, 06 Nov 1994 08:47:57 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:47:56 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
        ];
        for (date, seconds) in table {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(date))]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{date}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not_tried_again() {
        let bad = http::Request::builder().header("a b", "c").body(()).unwrap_err();
        let bad = answer_of(Err(OutboundError::BadRequest(bad)), ClientErrors::Retried);
        assert_eq!(bad.verdict, Verdict::Impossible);
        let slow = OutboundError::TimedOut { limit: Duration::from_secs(5) };
        let answer = answer_of(Err(slow), ClientErrors::Retried);
        assert_eq!((answer.verdict, answer.answer.as_str()), (Verdict::Failed, "no answer within 5s"));
    }
}
