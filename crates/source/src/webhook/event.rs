//! The event that a request becomes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::{Draft, Identity, Timestamp, source_arn};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{WebhookRefusal, WebhookSettings};
use crate::RegisteredSource;

/// The type of the events.
pub(crate) const EVENT_TYPE: &str = "eventbridge:Events:HTTPEvent";

/// Headers that are the sender's secrets and nobody else's business.
const DROPPED: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// A request that was admitted.
#[derive(Clone, Debug)]
pub struct WebhookRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The parameters of the query, decoded; the first of a name counts.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case. Several of one name come one after the other.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body.
    pub body: &'a [u8],
}

impl WebhookRequest<'_> {
    /// Checks the signature that the source asks for, and makes the event. `id` is used unless the sender gave one
    /// that can be believed.
    pub fn event(
        &self,
        source: &RegisteredSource,
        settings: &WebhookSettings,
        identity: &Identity,
        id: &str,
        now: Timestamp,
    ) -> Result<Draft<'static>, WebhookRefusal> {
        let header =
            |name: &str| self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let given = match &settings.signature {
            Some(signature) => signature.check(header, self.body, now)?,
            None => None,
        };
        let body = self.body_json(header("content-type"))?;
        let mut data = format!("{{\"headers\":{}", Value::from(self.headers_shown()));
        data.push_str(&format!(",\"path\":{},\"body\":{body}", Value::from(self.path)));
        data.push_str(&format!(",\"httpMethod\":{}", Value::from(self.method)));
        data.push_str(&format!(",\"queryString\":{}}}", Value::from(self.query_shown())));
        let mut draft = Draft::empty();
        draft.set_text("id", given.unwrap_or(id));
        draft.set_text("source", source.name.as_str());
        draft.set_text("specversion", "1.0");
        draft.set_text("type", EVENT_TYPE);
        draft.set_text("datacontenttype", "application/json");
        draft.set_text("subject", &source_arn(identity, &source.bus, source.name.as_str()));
        draft.set_text("time", &now.to_string());
        draft.set("data", data);
        Ok(draft)
    }

    /// The body as JSON text: what it is if its type says JSON, else a string. An empty one is an empty string, and
    /// bytes that are no text are base64.
    fn body_json(&self, content_type: Option<&str>) -> Result<String, WebhookRefusal> {
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        let is_json = media_type == "application/json" || media_type.ends_with("+json");
        let text = std::str::from_utf8(self.body);
        match text {
            Ok(text) if is_json && !text.is_empty() => {
                let json: &RawValue = serde_json::from_str(text).map_err(|_| WebhookRefusal::NotJson)?;
                Ok(json.get().to_owned())
            }
            Err(_) if is_json => Err(WebhookRefusal::NotJson),
            Ok(text) => Ok(Value::from(text).to_string()),
            Err(_) => Ok(Value::from(STANDARD.encode(self.body)).to_string()),
        }
    }

    fn headers_shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in self.headers.iter().filter(|(name, _)| !DROPPED.contains(name)) {
            match shown.get_mut(*name) {
                Some(Value::String(first)) => *first = format!("{first}, {value}"),
                _ => drop(shown.insert((*name).to_owned(), (*value).into())),
            }
        }
        shown
    }

    fn query_shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in self.query.iter().filter(|(name, _)| name != "token") {
            shown.entry(name.clone()).or_insert_with(|| value.clone().into());
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{Schemes, WebhookMethod, WebhookSecurity, WebhookToken};
    use crate::{SourceKind, webhook::WebhookSignature};

    fn event(
        headers: &[(&str, &str)],
        body: &[u8],
        signature: Option<WebhookSignature>,
    ) -> Result<Value, WebhookRefusal> {
        let settings = WebhookSettings {
            schemes: Schemes::Http,
            methods: vec![WebhookMethod::Post],
            security: WebhookSecurity::None,
            signature,
            token: WebhookToken::random().unwrap(),
        };
        let now = Timestamp::from_millis(1_646_278_394_093);
        let source = RegisteredSource {
            bus: "orders".parse().unwrap(),
            name: "shop".parse().unwrap(),
            description: None,
            kind: SourceKind::Webhook(settings.clone()),
            created_at: now,
        };
        let identity = Identity { account: "12".parse().unwrap(), region: "cn-a".parse().unwrap() };
        let query = [("k", "v"), ("token", "secret"), ("k", "w")];
        let request = WebhookRequest {
            method: "POST",
            path: "/webhook/putEvents",
            query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            headers: headers.to_vec(),
            body,
        };
        let draft = request.event(&source, &settings, &identity, "id-1", now)?;
        let names = ["id", "source", "type", "subject", "time", "data"];
        let member = |name: &str| (name.to_owned(), serde_json::from_str(draft.get(name).unwrap()).unwrap());
        Ok(names.into_iter().map(member).collect::<Map<String, Value>>().into())
    }

    #[test]
    fn a_request_becomes_the_documented_event() {
        let headers = [
            ("host", "hub"),
            ("content-type", "application/json; charset=utf-8"),
            ("authorization", "Basic x"),
            ("cookie", "x"),
            ("x-a", "1"),
            ("x-a", "2"),
        ];
        let expected = serde_json::json!({
            "id": "id-1", "source": "shop", "type": "eventbridge:Events:HTTPEvent",
            "subject": "acs:eventbridge:cn-a:12:eventbus/orders/eventsource/shop",
            "time": "2022-03-03T03:33:14.093Z",
            "data": {
                "headers": {"host": "hub", "content-type": "application/json; charset=utf-8", "x-a": "1, 2"},
                "path": "/webhook/putEvents", "body": {"a": 1.0}, "httpMethod": "POST", "queryString": {"k": "v"},
            },
        });
        assert_eq!(event(&headers, br#" {"a":1.0} "#, None).unwrap(), expected);
    }

    #[test]
    fn the_body_is_json_or_a_text() {
        let table: [(&str, &[u8], Value); 6] = [
            ("text/plain", b"{\"a\":1}", "{\"a\":1}".into()),
            ("application/json", b"", "".into()),
            ("application/vnd.x+json", b"[1]", serde_json::json!([1])),
            ("application/x-www-form-urlencoded", b"a=1&b=2", "a=1&b=2".into()),
            ("image/png", b"\xff\xfe", "//4=".into()),
            ("", b"x", "x".into()),
        ];
        for (content_type, body, expected) in table {
            let event = event(&[("content-type", content_type)], body, None).unwrap();
            assert_eq!(event["data"]["body"], expected, "{content_type}");
        }
        for body in [&b"{"[..], b"\xff"] {
            let refused = event(&[("content-type", "application/json")], body, None);
            assert_eq!(refused, Err(WebhookRefusal::NotJson));
        }
    }

    #[test]
    fn a_signed_request_keeps_the_id_that_its_sender_gave_it() {
        let signature = WebhookSignature::parse("GitHub", "It's a Secret to Everybody").ok();
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = [("x-hub-signature-256", good), ("x-github-delivery", "72d3162e")];
        assert_eq!(event(&headers, b"Hello, World!", signature.clone()).unwrap()["id"], "72d3162e");
        assert_eq!(event(&headers, b"Hello, World!", None).unwrap()["id"], "id-1", "nobody vouches for it");
        assert!(matches!(event(&headers, b"Hello!", signature), Err(WebhookRefusal::Signature(_))));
    }
}
