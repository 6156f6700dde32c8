//! Events about this server itself: operations on its resources, in the layout of ActionTrail.
//!
//! Source: ActionTrail, "Management event structure"; EventBridge, "ActionTrail events" and "Function Compute events".
//!
//! Nothing that delivers an event, or runs a function because of one, is an operation: such an event would be delivered
//! in turn, and so on for ever.

use kulkul_model::{BusName, Draft, Identity, Timestamp};
use serde_json::{Map, Value, json};

use crate::error::AcceptError;
use crate::hub::Hub;

/// Something that was done, or tried, to a resource of this server.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// Whose resource.
    pub service: Service,
    /// What was done: the wire name of an operation, or ours for what the platform does by itself.
    pub name: &'a str,
    /// The id of the request or invocation. It is the id of the event too.
    pub id: &'a str,
    /// Who did it.
    pub operator: Operator<'a>,
    /// The kind of the resource, such as `Function`.
    pub resource_kind: &'static str,
    /// The name of the resource; empty when it is not known.
    pub resource: &'a str,
    /// What was asked for. Never secrets, code or payloads.
    pub parameters: Map<String, Value>,
    /// Code and message of the error when it failed.
    pub failure: Option<(&'a str, &'a str)>,
}

/// Whose resources are operated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Functions and their triggers.
    FunctionCompute,
    /// Buses, rules, targets and sources.
    EventBridge,
}

/// Who did something.
#[derive(Clone, Debug)]
pub enum Operator<'a> {
    /// A caller of the API.
    Caller {
        /// The version of the API.
        api_version: &'a str,
        /// The id of its access key.
        access_key_id: &'a str,
        /// Its IP address.
        address: &'a str,
        /// What it says of itself.
        user_agent: &'a str,
    },
    /// The server, by itself.
    Platform,
}

/// One event that tells of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// As ActionTrail records it.
    ActionTrail,
    /// In the service's own words: an event of this type, such as `fc:Function:CreateSuccess`.
    OwnWords(&'static str),
}

/// Ours: what stands in an event need not be longer.
const TEXT_CHARS_MAX: usize = 1024;

impl Hub {
    /// Puts the events that tell of an operation on the bus `default`. They are durable when this returns.
    ///
    /// Does nothing when the events of this server's own making are turned off.
    pub async fn report(&self, operation: &Operation<'_>, tellings: &[Telling]) -> Result<(), AcceptError> {
        if !self.options().own_events {
            return Ok(());
        }
        let (identity, now) = (self.identity(), self.parts.clock.now());
        let draft = |telling: &Telling| match telling {
            Telling::ActionTrail => operation.action_trail(identity, now),
            Telling::OwnWords(kind) => operation.in_own_words(kind, identity, now),
        };
        let drafts = tellings.iter().map(draft).map(Ok).collect();
        let answers = self.accept(&BusName::default_bus(), drafts, operation.address()).await?;
        for error in answers.into_iter().filter_map(Result::err) {
            tracing::warn!(operation = operation.name, %error, "an event about an operation was refused");
        }
        Ok(())
    }
}

impl Service {
    /// The first part of its event types, and its source behind `acs.`.
    const fn code(self) -> &'static str {
        match self {
            Self::FunctionCompute => "fc",
            Self::EventBridge => "eventbridge",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::FunctionCompute => "FC",
            Self::EventBridge => "EventBridge",
        }
    }

    fn host(self) -> String {
        format!("{}.aliyuncs.com", self.code())
    }
}

impl Operation<'_> {
    fn address(&self) -> &str {
        match &self.operator {
            Operator::Caller { address, .. } => address,
            Operator::Platform => "127.0.0.1",
        }
    }

    fn action_trail(&self, identity: &Identity, now: Timestamp) -> Draft<'static> {
        let kind = match self.operator {
            Operator::Caller { .. } => "ApiCall",
            Operator::Platform => "AliyunServiceEvent",
        };
        let mut draft = self.draft(&format!("{}:ActionTrail:{kind}", self.service.code()), self.id, now);
        let data = self.record(kind, identity, now);
        draft.set("data", Value::Object(data).to_string());
        draft
    }

    fn record(&self, kind: &str, identity: &Identity, now: Timestamp) -> Map<String, Value> {
        let host = self.service.host();
        let (region, account) = (identity.region.as_str(), identity.account.as_str());
        let mut record = object(json!({
            "eventId": self.id,
            "eventVersion": 1,
            "eventCategory": "Management",
            "eventType": kind,
            "eventName": self.name,
            "eventRW": "Write",
            "eventTime": to_seconds(now),
            "eventSource": format!("{}.{region}.aliyuncs.com", self.service.code()),
            "serviceName": self.service.name(),
            "acsRegion": region,
            "isGlobal": false,
            "requestId": self.id,
            "requestParameters": self.parameters,
        }));
        match &self.operator {
            Operator::Caller { api_version, access_key_id, address, user_agent } => {
                record.extend(object(json!({
                    "apiVersion": api_version,
                    "sourceIpAddress": address,
                    "userAgent": shortened(user_agent),
                    "userIdentity": {
                        "type": "root-account", "principalId": account, "accountId": account,
                        "userName": "root", "accessKeyId": access_key_id,
                    },
                })))
            }
            Operator::Platform => record.extend(object(json!({
                "sourceIpAddress": host,
                "userAgent": host,
                "userIdentity": {"type": "system", "userName": host},
            }))),
        }
        if !self.resource.is_empty() {
            let kind = format!("ACS::{}::{}", self.service.name(), self.resource_kind);
            record.insert("referencedResources".to_owned(), json!({ &kind: [self.resource] }));
            record.insert("resourceType".to_owned(), kind.into());
            record.insert("resourceName".to_owned(), self.resource.into());
        }
        self.add_failure(&mut record);
        record
    }

    /// Source: the types are documented, of their data only `functionName` is; the rest is named as in the API.
    fn in_own_words(&self, kind: &str, identity: &Identity, now: Timestamp) -> Draft<'static> {
        let mut draft = self.draft(kind, &format!("{}-1", self.id), now);
        if let Some(function) = self.parameters.get("functionName").and_then(Value::as_str) {
            let (region, account) = (&identity.region, &identity.account);
            draft.set_text("subject", &format!("acs:fc:{region}:{account}:functions/{function}"));
        }
        let mut data = self.parameters.clone();
        data.insert("requestId".to_owned(), self.id.into());
        self.add_failure(&mut data);
        draft.set("data", Value::Object(data).to_string());
        draft
    }

    fn draft(&self, kind: &str, id: &str, now: Timestamp) -> Draft<'static> {
        let mut draft = Draft::empty();
        draft.set_text("id", id);
        draft.set_text("source", &format!("acs.{}", self.service.code()));
        draft.set_text("specversion", "1.0");
        draft.set_text("type", kind);
        draft.set_text("datacontenttype", "application/json;charset=utf-8");
        draft.set_text("time", &now.to_string());
        draft
    }

    fn add_failure(&self, to: &mut Map<String, Value>) {
        if let Some((code, message)) = self.failure {
            to.insert("errorCode".to_owned(), code.into());
            to.insert("errorMessage".to_owned(), shortened(message).into());
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// `2026-02-11T03:04:05Z`, as ActionTrail writes points in time.
fn to_seconds(time: Timestamp) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation<'a>(operator: Operator<'a>, failure: Option<(&'a str, &'a str)>) -> Operation<'a> {
        Operation {
            service: Service::FunctionCompute,
            name: "CreateFunction",
            id: "1-6924-a",
            operator,
            resource_kind: "Function",
            resource: "resize",
            parameters: object(json!({"functionName": "resize"})),
            failure,
        }
    }

    fn caller() -> Operator<'static> {
        Operator::Caller {
            api_version: "2023-03-30",
            access_key_id: "AKID",
            address: "203.0.113.24",
            user_agent: "test",
        }
    }

    fn identity() -> Identity {
        Identity { account: "1409876512340077".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() }
    }

    fn parsed(text: Option<&str>) -> Value {
        serde_json::from_str(text.unwrap()).unwrap()
    }

    #[test]
    fn a_call_has_the_layout_of_action_trail() {
        let now = Timestamp::from_millis(1_770_779_045_271);
        let draft = operation(caller(), None).action_trail(&identity(), now);
        assert_eq!(draft.get_text("source").as_deref(), Some("acs.fc"));
        assert_eq!(draft.get_text("type").as_deref(), Some("fc:ActionTrail:ApiCall"));
        let expected = json!({
            "eventId": "1-6924-a", "eventVersion": 1, "eventCategory": "Management", "eventType": "ApiCall",
            "eventName": "CreateFunction", "eventRW": "Write", "eventTime": "2026-02-11T03:04:05Z",
            "eventSource": "fc.cn-hangzhou.aliyuncs.com", "serviceName": "FC", "acsRegion": "cn-hangzhou",
            "isGlobal": false, "requestId": "1-6924-a", "requestParameters": {"functionName": "resize"},
            "apiVersion": "2023-03-30", "sourceIpAddress": "203.0.113.24", "userAgent": "test",
            "userIdentity": {"type": "root-account", "principalId": "1409876512340077",
                "accountId": "1409876512340077", "userName": "root", "accessKeyId": "AKID"},
            "referencedResources": {"ACS::FC::Function": ["resize"]},
            "resourceType": "ACS::FC::Function", "resourceName": "resize",
        });
        assert_eq!(parsed(draft.get("data")), expected);
    }

    #[test]
    fn what_the_platform_does_has_no_caller_and_a_failure_says_why() {
        let failed = operation(Operator::Platform, Some(("InstanceLost", "the process ended")));
        let draft = failed.action_trail(&identity(), Timestamp::from_millis(0));
        assert_eq!(draft.get_text("type").as_deref(), Some("fc:ActionTrail:AliyunServiceEvent"));
        let data = parsed(draft.get("data"));
        assert_eq!(data["userIdentity"], json!({"type": "system", "userName": "fc.aliyuncs.com"}));
        assert_eq!(
            (&data["errorCode"], &data["errorMessage"]),
            (&json!("InstanceLost"), &json!("the process ended"))
        );
        assert!(data.get("apiVersion").is_none(), "{data}");
    }

    #[test]
    fn the_services_own_words_name_the_function() {
        let kind = "fc:Function:CreateSuccess";
        let draft = operation(caller(), None).in_own_words(kind, &identity(), Timestamp::from_millis(0));
        assert_eq!(draft.get_text("id").as_deref(), Some("1-6924-a-1"));
        assert_eq!(
            draft.get_text("subject").as_deref(),
            Some("acs:fc:cn-hangzhou:1409876512340077:functions/resize")
        );
        assert_eq!(parsed(draft.get("data")), json!({"functionName": "resize", "requestId": "1-6924-a"}));
    }
}
