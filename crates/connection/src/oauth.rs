//! Tokens: asked for with the client's credentials, used until they run out or are refused.
//!
//! Source: RFC 6749, 4.4. Where the cloud puts the credentials is not documented; they go into the body of a request that
//! has one (`client_secret_post`), else into the query.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use kulkul_delivery::chain;
use kulkul_outbound::{Outbound, OutboundRequest, TargetUrl};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::{HttpParameter, OAuth};

/// How long a token is used whose server does not say how long it lasts.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(3600);
/// The longest time that a token is used.
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a token is not used any more, at most.
const MARGIN_MAX: Duration = Duration::from_secs(30);

/// The token of a connection, asked for by one attempt at a time.
#[derive(Default)]
pub(crate) struct TokenSlot(tokio::sync::Mutex<Option<Token>>);

/// A token and when it is used last.
#[derive(Clone)]
struct Token {
    /// The value of the header `authorization`.
    authorization: HeaderValue,
    use_until: Instant,
}

/// Why there is no token. The text is for the owner of the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token: {0}")]
pub(crate) struct NoToken(String);

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Value>,
}

impl TokenSlot {
    /// The value of the header `authorization`. A token that equals `refused` is asked for anew.
    pub(crate) async fn authorization(
        &self,
        oauth: &OAuth,
        outbound: &Outbound,
        timeout: Duration,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, NoToken> {
        // The attempt that asks is bounded, so whoever waits for it is.
        let slot = tokio::time::timeout(timeout, self.0.lock()).await;
        let mut slot = slot.map_err(|_| NoToken("another attempt waits for one".into()))?;
        let usable = |token: &&Token| {
            token.use_until > Instant::now() && refused.is_none_or(|refused| token.authorization != refused)
        };
        if let Some(token) = slot.as_ref().filter(usable) {
            return Ok(token.authorization.clone());
        }
        let token = ask(oauth, outbound, timeout).await?;
        *slot = Some(token.clone());
        Ok(token.authorization)
    }
}

async fn ask(oauth: &OAuth, outbound: &Outbound, timeout: Duration) -> Result<Token, NoToken> {
    let request = request(oauth, timeout)?;
    let answer = outbound.send(request).await.map_err(|error| NoToken(chain(&error)))?;
    if !answer.status.is_success() {
        return Err(NoToken(format!("the authorization endpoint answered {}", answer.status.as_u16())));
    }
    token_of(&answer.body)
}

fn request(oauth: &OAuth, timeout: Duration) -> Result<OutboundRequest, NoToken> {
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", oauth.client_id.as_str()),
        ("client_secret", oauth.client_secret.expose()),
    ];
    let in_body = matches!(oauth.method, Method::POST | Method::PUT | Method::PATCH);
    // What the owner gives wins over what we would send.
    let fields = |extra: &[HttpParameter], with_own: bool| -> Vec<(String, String)> {
        let given = |key: &str| extra.iter().any(|parameter| parameter.key == key);
        let own = own.iter().filter(|(key, _)| with_own && !given(key));
        let own = own.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        own.chain(extra.iter().map(|p| (p.key.clone(), p.value.expose().to_owned()))).collect()
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    for parameter in &oauth.headers {
        let name: HeaderName = parameter.key.parse().map_err(|_| NoToken("a header has no name".into()))?;
        let mut value = HeaderValue::from_str(parameter.value.expose())
            .map_err(|_| NoToken(format!("the header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let url = with_query(&oauth.endpoint, &fields(&oauth.query, !in_body)).map_err(NoToken)?;
    let body = match (in_body, fields(&oauth.body, in_body)) {
        (false, fields) if fields.is_empty() => Bytes::new(),
        (_, fields) => {
            let json = headers
                .get(header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            if json {
                let object: serde_json::Map<String, Value> =
                    fields.into_iter().map(|(key, value)| (key, value.into())).collect();
                Value::from(object).to_string().into()
            } else {
                headers
                    .entry(header::CONTENT_TYPE)
                    .or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
                encoded(&fields).into()
            }
        }
    };
    Ok(OutboundRequest { method: oauth.method.clone(), url, headers, body, timeout })
}

/// An address with further parameters. The error is a whole sentence.
pub(crate) fn with_query(url: &TargetUrl, fields: &[(String, String)]) -> Result<TargetUrl, String> {
    if fields.is_empty() {
        return Ok(url.clone());
    }
    let joint = if url.as_str().contains('?') { '&' } else { '?' };
    let text = format!("{url}{joint}{}", encoded(fields));
    text.parse().map_err(|error| format!("the address with its query {error}"))
}

/// `application/x-www-form-urlencoded`.
fn encoded(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        encode(key, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(part: &str, text: &mut String) {
    use std::fmt::Write;
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
}

fn token_of(body: &[u8]) -> Result<Token, NoToken> {
    // The text of the error would quote the token.
    let grant: Grant = serde_json::from_slice(body)
        .map_err(|_| NoToken("the authorization endpoint answered no JSON with an `access_token`".into()))?;
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", grant.access_token))
        .ok()
        .filter(|_| !grant.access_token.is_empty())
        .ok_or_else(|| NoToken("the `access_token` cannot stand in a header".into()))?;
    authorization.set_sensitive(true);
    let seconds = match &grant.expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let lifetime = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(LIFETIME_DEFAULT)
        .min(LIFETIME_MAX);
    let use_until = Instant::now() + (lifetime - MARGIN_MAX.min(lifetime / 10));
    Ok(Token { authorization, use_until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretText;

    fn oauth(
        method: Method,
        headers: &[(&str, &str)],
        body: &[(&str, &str)],
        query: &[(&str, &str)],
    ) -> OAuth {
        let parameters = |list: &[(&str, &str)]| {
            let parameter = |(key, value): &(&str, &str)| HttpParameter {
                key: (*key).to_owned(),
                value: SecretText::new(*value),
                is_secret: false,
            };
            list.iter().map(parameter).collect()
        };
        OAuth {
            endpoint: "https://id.test/token?v=2".parse().unwrap(),
            method,
            client_id: "id".into(),
            client_secret: SecretText::new("s&s"),
            headers: parameters(headers),
            body: parameters(body),
            query: parameters(query),
        }
    }

    fn sent(oauth: &OAuth) -> (String, String) {
        let request = request(oauth, Duration::from_secs(1)).unwrap();
        (request.url.as_str().to_owned(), String::from_utf8(request.body.to_vec()).unwrap())
    }

    #[test]
    fn credentials_go_where_the_method_lets_them() {
        let post = oauth(Method::POST, &[], &[("scope", "a b")], &[("x", "ü")]);
        let own = "grant_type=client_credentials&client_id=id&client_secret=s%26s";
        let expected = ("https://id.test/token?v=2&x=%C3%BC".to_owned(), format!("{own}&scope=a%20b"));
        assert_eq!(sent(&post), expected);
        let get = oauth(Method::GET, &[], &[], &[]);
        assert_eq!(sent(&get), (format!("https://id.test/token?v=2&{own}"), String::new()));
        let other =
            oauth(Method::POST, &[("content-type", "application/json")], &[("grant_type", "mine")], &[]);
        let body: Value = serde_json::from_str(&sent(&other).1).unwrap();
        let expected = serde_json::json!({"client_id": "id", "client_secret": "s&s", "grant_type": "mine"});
        assert_eq!(body, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_used_a_little_shorter_than_it_lasts() {
        let table = [
            (r#"{"access_token":"t","expires_in":100}"#, 90),
            (r#"{"access_token":"t","expires_in":"7200"}"#, 7170),
            (r#"{"access_token":"t"}"#, 3570),
            (r#"{"access_token":"t","expires_in":1e12}"#, 86_370),
            (r#"{"access_token":"t","expires_in":-5}"#, 3570),
            (r#"{"access_token":"t","expires_in":0}"#, 0),
        ];
        for (body, seconds) in table {
            let token = token_of(body.as_bytes()).unwrap();
            assert_eq!(token.use_until - Instant::now(), Duration::from_secs(seconds), "{body}");
            assert_eq!(token.authorization, "Bearer t");
        }
        for body in
            ["", "[]", r#"{"token":"hunter2"}"#, r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#]
        {
            let error = token_of(body.as_bytes()).err().map(|error| error.to_string()).unwrap();
            assert!(error.starts_with("no token: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
