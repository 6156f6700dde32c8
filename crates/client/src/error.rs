//! What a server says when it refuses.

use std::fmt;

use hyper::StatusCode;
use serde_json::Value;

/// A refusal of a server, in any of its three formats.
///
/// Errors of [`Client`](crate::Client) that come from a refusal can be downcast to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status of the answer; 200 where the EventBridge API refuses.
    pub status: StatusCode,
    /// The code, such as `FunctionNotFound`; empty when the body has none.
    pub code: String,
    /// The message, or the whole body when it has none.
    pub message: String,
}

impl ApiError {
    /// The refusal in a body, which is a JSON object or, from the buckets, an XML document.
    pub(crate) fn of(status: StatusCode, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let (code, message) = match serde_json::from_str::<Value>(&body) {
            Ok(error) => (member(&error, "Code"), member(&error, "Message")),
            Err(_) => (element(&body, "Code"), element(&body, "Message")),
        };
        Self {
            status,
            code: code.unwrap_or_default(),
            message: message.unwrap_or_else(|| body.trim().to_owned()),
        }
    }

    /// The code of a refusal that an error comes from; `None` for other errors.
    pub fn code_of(error: &anyhow::Error) -> Option<&str> {
        error.downcast_ref::<Self>().map(|refusal| refusal.code.as_str())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message } = self;
        match (code.is_empty(), status.is_success()) {
            (true, _) => write!(f, "{status}: {message}"),
            (false, true) => write!(f, "{code}: {message}"),
            (false, false) => write!(f, "{code}: {message} ({status})"),
        }
    }
}

impl std::error::Error for ApiError {}

fn member(error: &Value, name: &str) -> Option<String> {
    error[name].as_str().map(str::to_owned)
}

/// The text of the first element of a name. Enough for error documents, whose two texts hold no other elements.
fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_of_a_refusal_is_understood() {
        let table = [
            (
                StatusCode::NOT_FOUND,
                r#"{"Code":"FunctionNotFound","Message":"no function 'f'"}"#,
                "FunctionNotFound: no function 'f' (404 Not Found)",
            ),
            (
                StatusCode::CONFLICT,
                "<?xml version=\"1.0\"?><Error><Code>BucketNotEmpty</Code><Message>no</Message></Error>",
                "BucketNotEmpty: no (409 Conflict)",
            ),
            (StatusCode::BAD_GATEWAY, "gone\n", "502 Bad Gateway: gone"),
        ];
        for (status, body, expected) in table {
            assert_eq!(ApiError::of(status, body.as_bytes()).to_string(), expected);
        }
        let refused = ApiError { status: StatusCode::OK, code: "A".into(), message: "b".into() };
        assert_eq!(refused.to_string(), "A: b");
        let error = anyhow::Error::new(refused).context("CreateRule");
        assert_eq!(ApiError::code_of(&error), Some("A"));
        assert_eq!(format!("{error:#}"), "CreateRule: A: b");
    }
}
