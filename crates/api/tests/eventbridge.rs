//! EventBridge over a real connection: what clients send, and what they get.

mod support;

use std::time::Duration;

use kulkul_access::Role;
use kulkul_api::{ApiOptions, BusinessErrors};
use kulkul_model::Timestamp;
use serde_json::{Value, json};
use support::{Call, Client, Server, Signing, at, form, form_call, until};

const PATTERN: &str = r#"{"source": ["shop"]}"#;

fn target(id: &str, function: &str) -> Value {
    json!({"Id": id, "Type": "acs.fc.function",
        "Endpoint": format!("acs:fc:cn-hangzhou:1234567890123456:functions/{function}"),
        "ParamList": [{"ResourceKey": "Body", "Form": "ORIGINAL"}]})
}

async fn create_rule(client: &Client, rule: &str, targets: &Value) {
    let parameters = [
        ("EventBusName", "default"),
        ("RuleName", rule),
        ("FilterPattern", PATTERN),
        ("EventTargets", &targets.to_string()),
    ];
    let answer = client.rpc("CreateRule", &parameters).await;
    assert_eq!(answer.code(), (200, "Success".into()), "{answer:?}");
}

#[tokio::test]
async fn buses_are_created_shown_changed_and_deleted() {
    let server = Server::start().await;
    let client = server.client();
    let made = client.rpc("CreateEventBus", &[("EventBusName", "b1"), ("Description", "d e中")]).await;
    assert_eq!(made.code(), (200, "Success".into()));
    let arn = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/b1";
    assert_eq!(at(&made.json(), "/Data/EventBusARN"), arn);
    assert_eq!(made.header("x-acs-request-id"), at(&made.json(), "/RequestId"));

    let shown = client.rpc("GetEventBus", &[("EventBusName", "b1")]).await.json();
    assert_eq!(at(&shown, "/Data/Description"), "d e中");
    assert!(at(&shown, "/Data/CreateTimestamp").is_i64());
    client.rpc("UpdateEventBus", &[("EventBusName", "b1"), ("Description", "")]).await;
    let shown = client.rpc("GetEventBus", &[("EventBusName", "b1")]).await.json();
    assert_eq!(at(&shown, "/Data/Description"), "");

    let listed = client.rpc("ListEventBuses", &[("Limit", "1")]).await;
    assert_eq!(listed.code(), (200, "200".into()));
    let listed = listed.json();
    assert_eq!((at(&listed, "/Data/Total"), at(&listed, "/Data/NextToken")), (&json!(2), &json!("1")));
    assert_eq!(at(&listed, "/Data/EventBuses/0/EventBusName"), "b1");
    let rest = client.rpc("ListEventBuses", &[("Limit", "1"), ("NextToken", "1")]).await.json();
    assert_eq!(at(&rest, "/Data/EventBuses/0/EventBusName"), "default");
    assert_eq!(rest.pointer("/Data/NextToken"), None);

    for (bus, data) in [("b1", true), ("b1", false)] {
        let deleted = client.rpc("DeleteEventBus", &[("EventBusName", bus)]).await.json();
        assert_eq!((at(&deleted, "/Data"), at(&deleted, "/Success")), (&json!(data), &json!(true)));
    }
}

#[tokio::test]
async fn refusals_have_their_documented_codes() {
    let server = Server::start().await;
    let client = server.client();
    let rule = [("EventBusName", "default"), ("RuleName", "r"), ("FilterPattern", PATTERN)];
    assert_eq!(client.rpc("CreateRule", &rule).await.code().1, "Success");
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str));
    let table: &[Row<'_>] = &[
        ("GetEventBus", &[("EventBusName", "nope")], (200, "EventBusNotExist")),
        ("GetEventBus", &[], (400, "MissingEventBusName")),
        ("CreateEventBus", &[("EventBusName", "default")], (200, "EventBusNameInvalid")),
        ("CreateEventBus", &[("EventBusName", "a b")], (200, "EventBusNameInvalid")),
        ("DeleteEventBus", &[("EventBusName", "default")], (200, "EventBusNameInvalid")),
        ("ListEventBuses", &[("Limit", "101")], (400, "InvalidLimit")),
        ("ListEventBuses", &[("NextToken", "x")], (200, "NextTokenInvalid")),
        ("GetRule", &[("EventBusName", "default"), ("RuleName", "nope")], (200, "EventRuleNotExisted")),
        ("CreateRule", &rule, (200, "EventRuleAlreadyExist")),
        ("CreateRule", &[("EventBusName", "default"), ("RuleName", "s")], (400, "MissingFilterPattern")),
        (
            "CreateRule",
            &[("EventBusName", "default"), ("RuleName", "s"), ("FilterPattern", "")],
            (200, "EventRuleFilterPatternEmpty"),
        ),
        (
            "CreateRule",
            &[("EventBusName", "default"), ("RuleName", "s"), ("FilterPattern", r#"{"source":"x"}"#)],
            (200, "EventRuleFilterPatternSchemaError"),
        ),
        (
            "CreateRule",
            &[("EventBusName", "default"), ("RuleName", "s"), ("FilterPattern", "{}"), ("Status", "ON")],
            (400, "InvalidStatus"),
        ),
        (
            "CreateRule",
            &[
                ("EventBusName", "default"),
                ("RuleName", "s"),
                ("FilterPattern", "{}"),
                ("EventTargets", "[{"),
            ],
            (400, "InvalidEventTargets"),
        ),
        ("NoSuchThing", &[], (404, "InvalidApi.NotFound")),
        ("CreateAgent", &[], (404, "InvalidApi.NotFound")),
    ];
    for (action, parameters, expected) in table {
        let answer = client.rpc(action, parameters).await;
        assert_eq!(answer.code(), (expected.0, expected.1.to_owned()), "{action} {parameters:?}");
        let body = answer.json();
        assert!(body["RequestId"].is_string() && body["Message"].is_string(), "{body}");
        if expected.0 == 200 {
            assert_eq!(body["Success"], false, "{body}");
        } else {
            assert_eq!(body["HostId"], server.address.to_string(), "{body}");
        }
    }
    let missing = client.rpc("GetRule", &[("EventBusName", "default"), ("RuleName", "s")]).await;
    assert_eq!(missing.code().1, "EventRuleNotExisted", "refused rules are not stored");
    let reason = client
        .rpc(
            "CreateRule",
            &[("EventBusName", "default"), ("RuleName", "s"), ("FilterPattern", r#"{"source":"x"}"#)],
        )
        .await
        .json();
    let message = at(&reason, "/Message").as_str().unwrap();
    assert!(
        message.starts_with("Event pattern is not valid, reason: ") && message.contains("$.source"),
        "{message}"
    );
}

#[tokio::test]
async fn refusals_of_the_service_can_be_switched_to_409() {
    let options = ApiOptions { business_errors: BusinessErrors::Conflict, ..ApiOptions::default() };
    let server = Server::with(options).await;
    let answer = server.client().rpc("GetEventBus", &[("EventBusName", "nope")]).await;
    assert_eq!(answer.code(), (409, "EventBusNotExist".into()));
}

#[tokio::test]
async fn rules_and_targets_live_and_die() {
    let server = Server::start().await;
    let client = server.client();
    create_rule(&client, "r1", &json!([target("t1", "f")])).await;
    let on_rule = [("EventBusName", "default"), ("RuleName", "r1")];

    let shown = client.rpc("GetRule", &on_rule).await.json();
    assert_eq!(at(&shown, "/Data/FilterPattern"), PATTERN, "the text of the user, untouched");
    assert_eq!(at(&shown, "/Data/Status"), "ENABLE");
    assert_eq!(at(&shown, "/Data/Targets/0/PushSelector"), "PARAM_TRANSFORMER");
    let arn = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default/rule/r1";
    assert_eq!(at(&shown, "/Data/RuleARN"), arn);

    let update =
        [on_rule[0], on_rule[1], ("FilterPattern", "{}"), ("Description", "d"), ("Status", "DISABLE")];
    assert_eq!(at(&client.rpc("UpdateRule", &update).await.json(), "/Data"), &json!(true));
    let shown = client.rpc("GetRule", &on_rule).await.json();
    assert_eq!(
        (at(&shown, "/Data/Status"), at(&shown, "/Data/Description")),
        (&json!("DISABLE"), &json!("d"))
    );
    assert_eq!(at(&shown, "/Data/Targets/0/Id"), "t1", "an update leaves the targets alone");
    for (action, status) in [("EnableRule", "ENABLE"), ("EnableRule", "ENABLE"), ("DisableRule", "DISABLE")] {
        assert_eq!(client.rpc(action, &on_rule).await.code(), (200, "Success".into()));
        let listed =
            client.rpc("ListRules", &[("EventBusName", "default"), ("RuleNamePrefix", "r")]).await.json();
        assert_eq!(at(&listed, "/Data/Rules/0/Status"), status);
    }

    let targets = json!([target("t2", "g"), target("t1", "h")]).to_string();
    let put = client.rpc("PutTargets", &[on_rule[0], on_rule[1], ("Targets", &targets)]).await.json();
    assert_eq!(at(&put, "/Data/ErrorEntriesCount"), 0);
    let listed = client.rpc("ListTargets", &on_rule).await.json();
    let endpoints: Vec<_> =
        at(&listed, "/Data/Targets").as_array().unwrap().iter().map(|t| &t["Endpoint"]).collect();
    let arn = |function| json!(format!("acs:fc:cn-hangzhou:1234567890123456:functions/{function}"));
    assert_eq!(endpoints, [&arn("h"), &arn("g")], "an existing target was replaced, a new one added");
    let found = client.rpc("ListTargets", &[("Arn", arn("g").as_str().unwrap())]).await.json();
    assert_eq!(
        (at(&found, "/Data/Total"), at(&found, "/Data/Targets/0/RuleName")),
        (&json!(1), &json!("r1"))
    );

    let deleted =
        client.rpc("DeleteTargets", &[on_rule[0], on_rule[1], ("TargetIds", r#"["t1","t9","a/b"]"#)]).await;
    assert_eq!(deleted.code(), (200, "200".into()));
    assert_eq!(at(&deleted.json(), "/Data/ErrorEntriesCount"), 2);
    let in_use = client.rpc("CreateEventBus", &[("EventBusName", "b1")]).await;
    assert_eq!(in_use.code().1, "Success");
    assert_eq!(client.rpc("DeleteRule", &on_rule).await.code(), (200, "Success".into()));
    assert_eq!(client.rpc("DeleteRule", &on_rule).await.code(), (200, "EventRuleNotExisted".into()));
}

#[tokio::test]
async fn what_is_wrong_with_targets_refuses_all_of_them() {
    let server = Server::start().await;
    let client = server.client();
    create_rule(&client, "r1", &json!([])).await;
    let (good, mut bad) = (target("t1", "f"), target("t2", "f"));
    bad["Type"] = json!("acs.mns.queue.of.tomorrow");
    let many: Vec<Value> = (0..6).map(|n| target(&format!("t{n}"), "f")).collect();
    let table = [
        (json!([good, bad]), "EventTargetClassNotExist"),
        (json!([good, good]), "EventRuleTargetIdDuplicate"),
        (json!([{"Id": "t"}]), "EventTargetMissingAttribute"),
        (json!(many), "EventTargetCountExceedLimit"),
    ];
    for (targets, code) in table {
        let parameters = [("EventBusName", "default"), ("RuleName", "r1"), ("Targets", &targets.to_string())];
        assert_eq!(client.rpc("PutTargets", &parameters).await.code().1, code);
    }
    let listed = client.rpc("ListTargets", &[("EventBusName", "default"), ("RuleName", "r1")]).await.json();
    assert_eq!(at(&listed, "/Data/Total"), 0);
}

#[tokio::test]
async fn structured_parameters_may_come_flattened_and_in_a_form() {
    let server = Server::start().await;
    let client = server.client();
    let parameters = [
        ("EventBusName", "default"),
        ("RuleName", "r1"),
        ("FilterPattern", "{}"),
        ("RegionId", "cn-hangzhou"),
        ("EventTargets.1.Id", "t1"),
        ("EventTargets.1.Type", "acs.fc.function"),
        ("EventTargets.1.Endpoint", "acs:fc:cn-hangzhou:1:functions/f"),
        ("EventTargets.1.ParamList.1.ResourceKey", "Body"),
        ("EventTargets.1.ParamList.1.Form", "ORIGINAL"),
        ("EventTargets.1.ConcurrentConfig.Concurrency", "3"),
    ];
    assert_eq!(client.rpc_form("CreateRule", &parameters).await.code(), (200, "Success".into()));
    let shown = client.rpc("GetRule", &[("EventBusName", "default"), ("RuleName", "r1")]).await.json();
    assert_eq!(at(&shown, "/Data/Targets/0/ConcurrentConfig/Concurrency"), 3);
    assert_eq!(at(&shown, "/Data/Targets/0/ParamList/0/ResourceKey"), "Body");
}

#[tokio::test]
async fn events_are_put_and_can_be_found_again() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("f", "def handler(event, context):\n    return 'ok'\n").await;
    create_rule(&client, "r1", &json!([target("t1", "f")])).await;
    let list = json!([
        {"Data": {"a": 1}, "Id": "i1", "Source": "shop", "Type": "order", "Subject": "s", "SpecVersion": "1.0"},
        {"Data": "text", "Source": "shop", "Type": "order"},
        {"Data": [1, 2], "Id": "i3", "Source": "elsewhere", "Type": "order", "Time": "2020-08-24T13:54:05.965Z"},
    ]);
    let put =
        client.rpc_form("PutEvents", &[("EventBusName", "default"), ("EventList", &list.to_string())]).await;
    assert_eq!(put.code(), (200, "200".into()), "{put:?}");
    let put = put.json();
    assert_eq!(at(&put, "/Data/FailedEntryCount"), 1);
    assert_eq!(at(&put, "/Data/EntryList/0/EventId"), "i1");
    assert_eq!(at(&put, "/Data/EntryList/0/TraceId").as_str().unwrap().len(), 36);
    assert_eq!(at(&put, "/Data/EntryList/1/ErrorCode"), "EventIdEmpty");
    assert_eq!(at(&put, "/Data/EntryList/2/EventId"), "i3");

    let on_event = [("EventBusName", "default"), ("EventId", "i1"), ("EventSource", "shop")];
    let event = client.rpc("QueryEvent", &on_event).await.json();
    assert_eq!(at(&event, "/Data/data/a"), 1);
    assert_eq!(at(&event, "/Data/aliyunpublishaddr"), "127.0.0.1");
    let none = client.rpc("QueryEvent", &[on_event[0], on_event[1], ("EventSource", "x")]).await.json();
    assert_eq!(at(&none, "/Data"), &Value::Null);

    let pushed = until("the function to have run", async || {
        let traces = client.rpc("QueryEventTraces", &on_event).await.json();
        let lines = at(&traces, "/Data").as_array().unwrap().clone();
        (lines.len() == 3).then_some(lines)
    })
    .await;
    let told: Vec<&Value> = pushed.iter().map(|line| &line["Action"]).collect();
    assert_eq!(told, ["PutEvent", "FilterEvent", "PushEvent"]);
    assert_eq!((&pushed[2]["RuleName"], &pushed[2]["NotifyStatus"]), (&json!("r1"), &json!("[202]Accepted")));
    assert_eq!(pushed[2]["Endpoint"], "acs:fc:cn-hangzhou:1234567890123456:functions/f");

    let period = [("EventBusName", "default"), ("StartTime", "0"), ("EndTime", "9000000000000")];
    let found = client.rpc("QueryTracedEvents", &period).await.json();
    let ids: Vec<_> = at(&found, "/Data/Events").as_array().unwrap().iter().map(|e| &e["EventId"]).collect();
    assert_eq!((ids, at(&found, "/Data/Total")), (vec![&json!("i3"), &json!("i1")], &json!(2)));
    let matched = [period[0], period[1], period[2], ("MatchedRule", "r1")];
    let found = client.rpc("QueryTracedEvents", &matched).await.json();
    assert_eq!(at(&found, "/Data/Total"), 1);
    let found = client.rpc("QueryTracedEventByEventId", &on_event).await.json();
    assert_eq!(at(&found, "/Data/0/Events/0/EventId"), "i1");
}

#[tokio::test]
async fn a_bad_request_to_put_events_stores_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let event = json!({"Id": "i", "Source": "s", "Type": "t"});
    let seventeen = json!(vec![&event; 17]).to_string();
    let table = [
        ("nope", json!([event]).to_string(), (200, "EventBusNotExist")),
        ("", json!([event]).to_string(), (200, "EventBusEmpty")),
        ("default", String::new(), (400, "MissingEventList")),
        ("default", "[{".to_owned(), (400, "InvalidEventList")),
        ("default", seventeen, (200, "InvalidArgument")),
    ];
    for (bus, list, (status, code)) in table {
        let answer = client.rpc_form("PutEvents", &[("EventBusName", bus), ("EventList", &list)]).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{bus} {list}");
    }
    let large = json!([{"Id": "i", "Source": "s", "Type": "t", "Data": "x".repeat(300_000)}]).to_string();
    let answer =
        client.rpc_form("PutEvents", &[("EventBusName", "default"), ("EventList", &large)]).await.json();
    assert_eq!(at(&answer, "/Data/EntryList/0/ErrorCode"), "EventSizeExceed");
    let huge = "x".repeat(5_000_000);
    let answer = client.rpc_form("PutEvents", &[("EventBusName", "default"), ("EventList", &huge)]).await;
    assert_eq!(answer.code(), (413, "RequestEntityTooLarge".into()));
    let period = [("EventBusName", "default"), ("StartTime", "0"), ("EndTime", "9000000000000")];
    assert_eq!(at(&client.rpc("QueryTracedEvents", &period).await.json(), "/Data/Total"), 0);
}

#[tokio::test]
async fn patterns_can_be_tried_out_and_say_why() {
    let server = Server::start().await;
    let client = server.client();
    let test = async |event: &str, pattern: &str| {
        client.rpc_form("TestEventPattern", &[("Event", event), ("EventPattern", pattern)]).await
    };
    let matched = test(r#"{"source":"shop"}"#, PATTERN).await.json();
    assert_eq!(at(&matched, "/Data/Result"), true);
    let other = test(r#"{"source":"other"}"#, PATTERN).await.json();
    assert_eq!(at(&other, "/Data/Result"), false);
    assert!(at(&other, "/Data/Explanation").as_str().unwrap().contains("$.source"), "{other}");
    assert_eq!(test("[]", PATTERN).await.code().1, "EventInvalid");
    assert_eq!(test("{}", "{").await.code().1, "EventRuleFilterPatternSchemaError");
}

#[tokio::test]
async fn who_is_not_known_or_signed_wrongly_gets_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let call = || form_call("CreateEventBus", &[("EventBusName", "b1")]);
    let ago = |minutes: i64| Timestamp::from_millis(Timestamp::now().as_millis() - minutes * 60_000);
    let stranger = {
        let other = Server::start().await;
        server.client_of(other.admin.clone())
    };
    let tampered = Some("EventBusName=b2".into());
    let table = [
        (
            "unsigned",
            client.send(Call { signing: Signing::None, ..call() }).await,
            (400, "MissingAccessKeyId"),
        ),
        ("unknown key", stranger.send(call()).await, (404, "InvalidAccessKeyId.NotFound")),
        ("old", client.send(Call { date: ago(16), ..call() }).await, (400, "InvalidTimeStamp.Expired")),
        ("early", client.send(Call { date: ago(-16), ..call() }).await, (400, "InvalidTimeStamp.Expired")),
        (
            "other body",
            client.send(Call { body_sent: tampered, ..call() }).await,
            (400, "SignatureDoesNotMatch"),
        ),
        ("wrong method", client.send(Call { method: "PUT", ..call() }).await, (400, "UnsupportedHTTPMethod")),
        (
            "other version",
            client.send(Call::new("POST", "/", "").header("x-acs-version", "2019-01-01")).await,
            (400, "InvalidVersion"),
        ),
        ("no action", client.send(Call::new("POST", "/", "")).await, (400, "MissingAction")),
    ];
    for (what, answer, (status, code)) in table {
        assert_eq!(answer.code(), (status, code.to_owned()), "{what}");
    }
    let within = client.send(Call { date: ago(14), ..call() }).await;
    assert_eq!(within.code(), (200, "Success".into()));
}

#[tokio::test]
async fn a_request_cannot_be_sent_twice() {
    let server = Server::start().await;
    let client = server.client();
    let call = form_call("CreateEventBus", &[("EventBusName", "b1")]);
    assert_eq!(client.send(call.clone()).await.code(), (200, "Success".into()));
    assert_eq!(client.send(call.clone()).await.code(), (400, "SignatureNonceUsed".into()));
    let other = server.client_with(Role::Admin).await;
    assert_eq!(other.send(call).await.code(), (200, "EventBusAlreadyExist".into()), "a nonce is a key's own");
}

#[tokio::test]
async fn roles_decide_what_a_key_may_do() {
    let server = Server::start().await;
    let event = json!([{"Id": "i", "Source": "s", "Type": "t"}]).to_string();
    let put = [("EventBusName", "default"), ("EventList", event.as_str())];
    for (role, expected) in [(Role::Publish, [true, false, false]), (Role::Read, [false, true, false])] {
        let client = server.client_with(role).await;
        let answers = [
            client.rpc_form("PutEvents", &put).await,
            client.rpc("ListEventBuses", &[]).await,
            client.rpc("CreateEventBus", &[("EventBusName", "b1")]).await,
        ];
        let seen = answers.map(|answer| match answer.code() {
            (200, _) => true,
            (403, code) if code == "AccessDenied" => false,
            other => panic!("{other:?}"),
        });
        assert_eq!(seen, expected, "{role}");
    }
}

#[tokio::test]
async fn who_may_only_read_gets_no_tokens() {
    let server = Server::start().await;
    let (admin, reader) = (server.client(), server.client_with(Role::Read).await);
    let push = json!([{"Id": "t1", "Type": "http", "Endpoint": "http://93.184.216.34/", "ParamList": [
        {"ResourceKey": "Body", "Form": "ORIGINAL"},
        {"ResourceKey": "Token", "Form": "CONSTANT", "Value": "hunter2"},
    ]}]);
    create_rule(&admin, "r", &push).await;
    admin.rpc("CreateEventBus", &[("EventBusName", "b1")]).await;
    let block = json!({"Type": "HTTP", "Method": ["POST"], "SecurityConfig": "none"}).to_string();
    let source = [
        ("EventBusName", "b1"),
        ("EventSourceName", "hook"),
        ("ExternalSourceType", "HttpEvent"),
        ("SourceHttpEventParameters", &block),
    ];
    assert_eq!(admin.rpc_form("CreateEventSource", &source).await.code(), (200, "Success".into()));
    let rule: [(&str, &str); 2] = [("EventBusName", "default"), ("RuleName", "r")];
    for (action, parameters) in
        [("GetRule", &rule[..]), ("ListRules", &rule[..1]), ("ListTargets", &rule[..])]
    {
        let [to_admin, to_reader] = [&admin, &reader].map(|client| client.rpc(action, parameters));
        let (to_admin, to_reader) = (to_admin.await.json().to_string(), to_reader.await.json().to_string());
        assert!(to_admin.contains("hunter2"), "{to_admin}");
        assert!(!to_reader.contains("hunter2") && to_reader.contains("******"), "{to_reader}");
    }
    let url = |answer: &Value| {
        let urls = at(answer, "/Data/EventSourceList/0/SourceHttpEventParameters/PublicWebHookUrl/0");
        urls.as_str().unwrap().split_once("?token=").unwrap().1.to_owned()
    };
    let listed = [("EventBusName", "b1")];
    assert_eq!(url(&admin.rpc("ListUserDefinedEventSources", &listed).await.json()).len(), 32);
    assert_eq!(url(&reader.rpc("ListUserDefinedEventSources", &listed).await.json()), "******");
    let on_the_data_plane = Call {
        signing: Signing::OpenApi,
        ..Call::new(
            "POST",
            "/openapi/getRule",
            json!({"EventBusName": "default", "RuleName": "r"}).to_string(),
        )
    };
    let answer = reader.send(on_the_data_plane).await.json().to_string();
    assert!(!answer.contains("hunter2") && answer.contains("******"), "{answer}");
}

#[tokio::test]
async fn temporary_keys_work_with_their_token() {
    let server = Server::start().await;
    let now = Timestamp::now();
    let issued =
        server.keys.issue_temporary(&server.admin, Role::Read, Duration::from_secs(60), now).unwrap();
    let token = issued.security_token.expose().to_owned();
    let key = server.keys.find(issued.id.as_str(), Some(&token), now).unwrap();
    let client = server.client_of(key);
    let call = form_call("ListEventBuses", &[]);
    let with = client.send(Call { security_token: Some(token), ..call.clone() }).await;
    assert_eq!(with.code(), (200, "200".into()));
    assert_eq!(client.send(call.clone()).await.code(), (400, "MissingSecurityToken".into()));
    let broken = Call { security_token: Some("x.y".into()), ..form_call("ListEventBuses", &[]) };
    assert_eq!(client.send(broken).await.code(), (403, "SecurityTokenInvalid".into()));
}

/// The classic signature over `parameters`.
fn classic(client: &Client, method: &'static str, parameters: &[(&str, &str)]) -> String {
    use base64::Engine;
    let nonce = Call::new("GET", "/", "").nonce;
    let (date, id) = (Timestamp::now().rfc3339_secs(), client.key.id().to_string());
    let mut all = parameters.to_vec();
    all.extend([
        ("Format", "JSON"),
        ("Version", "2020-04-01"),
        ("AccessKeyId", id.as_str()),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", nonce.as_str()),
        ("Timestamp", date.as_str()),
    ]);
    all.sort();
    let joined = form(&all);
    let text = format!("{method}&%2F&{}", support::encoded(&joined));
    let mac = client.key.hmac_sha1("&", &[text.as_bytes()]);
    let signature = base64::engine::general_purpose::STANDARD.encode(mac);
    format!("{joined}&Signature={}", support::encoded(&signature))
}

#[tokio::test]
async fn the_classic_signature_works_in_query_and_form() {
    let server = Server::start().await;
    let client = server.client();
    let unsigned = |method, target: String, body: String| Call {
        signing: Signing::None,
        ..Call::new(method, target, body)
    };
    let create = classic(
        &client,
        "POST",
        &[("Action", "CreateEventBus"), ("EventBusName", "b1"), ("Description", "a b&c")],
    );
    let call = unsigned("POST", "/".into(), create.clone());
    let call = call.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(client.send(call.clone()).await.code(), (200, "Success".into()));
    assert_eq!(client.send(call).await.code(), (400, "SignatureNonceUsed".into()));
    let get = classic(&client, "GET", &[("Action", "GetEventBus"), ("EventBusName", "b1")]);
    let shown = client.send(unsigned("GET", format!("/?{get}"), String::new())).await.json();
    assert_eq!(at(&shown, "/Data/Description"), "a b&c");
    let forged =
        classic(&client, "GET", &[("Action", "GetEventBus"), ("EventBusName", "b1")]).replace("=b1", "=b2");
    let answer = client.send(unsigned("GET", format!("/?{forged}"), String::new())).await;
    assert_eq!(answer.code(), (400, "SignatureDoesNotMatch".into()));
}

#[tokio::test]
async fn a_change_is_made_although_its_client_hung_up() {
    let server = Server::start().await;
    let client = server.client();
    for number in 0..20 {
        let bus = format!("b{number}");
        let request = client.request(&form_call("CreateEventBus", &[("EventBusName", &bus)]));
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        support::write_request(stream, request).await;
        until("the bus to be there", async || {
            let shown = client.rpc("GetEventBus", &[("EventBusName", &bus)]).await;
            (shown.code().1 == "Success").then_some(())
        })
        .await;
    }
}
