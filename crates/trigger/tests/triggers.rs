//! Triggers over the real store, buses and functions.

#[path = "../../function/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use kulkul_bus::{NewRule, Owner, RuleStatus};
use kulkul_delivery::{ErrorsTolerance, ParamForm, RetryStrategy, SystemClock, TargetConfig, TargetParam};
use kulkul_function::{FunctionError, PageRequest};
use kulkul_model::{BusName, Draft, RuleName, TriggerName};
use kulkul_trigger::{
    NewTrigger, Trigger, TriggerError, TriggerOptions, TriggerUpdate, Triggers, TriggersParts,
};
use serde_json::{Value, json};
use support::{Server, name, until};

const CONFIG: &str = r#"{ "triggerEnable" : true, "eventSourceConfig": {"eventSourceType":"Default"},
    "eventRuleFilterPattern": "{\"source\":[\"shop\"]}" }"#;

async fn triggers(server: &Server) -> Arc<Triggers> {
    with_options(server, TriggerOptions::default()).await
}

async fn with_options(server: &Server, options: TriggerOptions) -> Arc<Triggers> {
    let parts = TriggersParts {
        metadata: server.metadata(),
        hub: server.hub.clone(),
        functions: server.functions.clone(),
        clock: Arc::new(SystemClock),
        options,
    };
    Triggers::open(parts).await.unwrap()
}

fn trigger_name(text: &str) -> TriggerName {
    text.parse().unwrap()
}

fn new(function: &str, trigger: &str, config: &str) -> NewTrigger {
    NewTrigger {
        function: name(function),
        name: trigger_name(trigger),
        kind: "eventbridge".into(),
        config: Some(config.into()),
        qualifier: None,
        source_arn: None,
        invocation_role: None,
        description: None,
    }
}

fn objects(function: &str, trigger: &str) -> NewTrigger {
    NewTrigger {
        kind: "oss".into(),
        source_arn: Some("acs:oss:cn-hangzhou:1234567890123456:media".into()),
        ..new(
            function,
            trigger,
            r#"{"events":["oss:ObjectCreated:*"], "filter":{"key":{"prefix":"in/","suffix":".jpg"}}}"#,
        )
    }
}

/// Creates a function that logs each event.
async fn create_logger(server: &Server, function: &str) {
    let code = "def handler(event, context):\n  print('got:' + event.decode(), flush=True)\n  return 1";
    server.create_python(function, code).await;
}

async fn received(server: &Server, function: &str, count: usize) -> Vec<Value> {
    let read = async || {
        let lines = server.functions.logs().recent(&name(function), None, 1000);
        let json = lines.iter().filter_map(|line| line.text.split_once("got:").map(|(_, json)| json));
        let events: Vec<Value> = json.map(|json| serde_json::from_str(json).unwrap()).collect();
        Some(events).filter(|events| events.len() >= count)
    };
    until(&format!("{count} events at {function}"), read).await
}

async fn put(server: &Server, event: Value) {
    let text = event.to_string();
    let bus = BusName::default_bus();
    let answers = server.hub.accept(&bus, vec![Draft::parse(&text)], "").await.unwrap();
    answers.into_iter().for_each(|answer| drop(answer.unwrap()));
}

fn shop(id: &str) -> Value {
    json!({"id": id, "source": "shop", "type": "shop:Order", "data": {"total": 7}})
}

fn rule(server: &Server, name: &str) -> Option<Arc<kulkul_bus::Rule>> {
    server.hub.get_rule(&BusName::default_bus(), &name.parse().unwrap()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_calls_the_function_of_its_trigger() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    let created = triggers.create(new("f", "t", CONFIG)).await.unwrap();
    assert_eq!(created.source_arn, "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default/rule/f-t");
    assert_eq!(created.target_arn(server.hub.identity()), "acs:fc:cn-hangzhou:1234567890123456:functions/f");
    assert_eq!(
        created.config,
        r#"{"triggerEnable":true,"eventSourceConfig":{"eventSourceType":"Default"},"eventRuleFilterPattern":"{\"source\":[\"shop\"]}"}"#
    );
    put(&server, shop("1")).await;
    let event = received(&server, "f", 1).await.remove(0);
    assert_eq!((&event["id"], &event["aliyuneventbusname"]), (&json!("1"), &json!("default")));
    assert_eq!(triggers.get(&name("f"), &trigger_name("t")).await.unwrap(), created);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_data_is_only_the_data_and_asynchronous_calls_work() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let config = json!({"asyncInvocationType": true, "eventSourceConfig": {"eventSourceType": "Default"},
        "eventRuleFilterPattern": "{\"source\":[\"shop\"]}",
        "eventSinkConfig": {"deliveryOption": {"eventSchema": "RawData"}}});
    triggers(&server).await.create(new("f", "t", &config.to_string())).await.unwrap();
    put(&server, shop("1")).await;
    assert_eq!(received(&server, "f", 1).await, [json!({"total": 7})]);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_trigger_gives_the_native_notification() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    let created = triggers.create(objects("f", "t")).await.unwrap();
    assert_eq!(created.source_arn, "acs:oss:cn-hangzhou:1234567890123456:media");
    assert_eq!(Some(created.config), objects("f", "t").config, "as it was given");
    for (id, key) in [("1", "out/a.jpg"), ("2", "in/a.jpg")] {
        let data = json!({"eventName": "ObjectCreated:PutObject", "oss": {"bucket": {"name": "media"}, "object": {"key": key}}});
        let event =
            json!({"id": id, "source": "acs.oss", "type": "oss:ObjectCreated:PutObject", "data": data});
        put(&server, event).await;
    }
    let notification = received(&server, "f", 1).await.remove(0);
    assert_eq!(notification["events"][0]["oss"]["object"]["key"], "in/a.jpg");
    assert_eq!(notification["events"][0]["eventName"], "ObjectCreated:PutObject");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_merges_and_acts() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    triggers.create(new("f", "t", CONFIG)).await.unwrap();
    let update = TriggerUpdate {
        config: Some(r#"{"triggerEnable":false}"#.into()),
        description: Some("paused".into()),
        ..TriggerUpdate::default()
    };
    let paused = triggers.update(&name("f"), &trigger_name("t"), update).await.unwrap();
    let config: Value = serde_json::from_str(&paused.config).unwrap();
    assert_eq!(config["triggerEnable"], false);
    assert_eq!(config["eventRuleFilterPattern"], r#"{"source":["shop"]}"#);
    assert_eq!(rule(&server, "f-t").unwrap().status, RuleStatus::Disabled);
    put(&server, shop("lost")).await;
    let update =
        TriggerUpdate { config: Some(r#"{"triggerEnable":true}"#.into()), ..TriggerUpdate::default() };
    let resumed = triggers.update(&name("f"), &trigger_name("t"), update).await.unwrap();
    assert_eq!(resumed.description.as_deref(), Some("paused"));
    put(&server, shop("seen")).await;
    assert_eq!(received(&server, "f", 1).await[0]["id"], "seen");
    let broken = TriggerUpdate {
        config: Some(r#"{"eventRuleFilterPattern":"{"}"#.into()),
        ..TriggerUpdate::default()
    };
    let refused = triggers.update(&name("f"), &trigger_name("t"), broken).await.unwrap_err();
    assert!(matches!(refused, TriggerError::InvalidArgument(_)), "{refused:?}");
    assert_eq!(triggers.get(&name("f"), &trigger_name("t")).await.unwrap(), resumed);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_rule_cannot_be_written_changes_nothing() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    let created = triggers.create(new("f", "t", CONFIG)).await.unwrap();
    // The rule is somebody else's by now.
    let (bus, rule): (_, RuleName) = (BusName::default_bus(), "f-t".parse().unwrap());
    let owner = |trigger: &str| Owner { function: name("f"), trigger: trigger_name(trigger) };
    server.hub.delete_rule(&bus, &rule, Some(&owner("t"))).await.unwrap();
    let others = NewRule {
        bus,
        name: rule,
        description: String::new(),
        pattern: "{}".into(),
        status: RuleStatus::Enabled,
        targets: Vec::new(),
        owner: Some(owner("other")),
    };
    server.hub.create_rule(others).await.unwrap();
    let update = TriggerUpdate { description: Some("changed".into()), ..TriggerUpdate::default() };
    let refused = triggers.update(&name("f"), &trigger_name("t"), update).await.unwrap_err();
    assert!(matches!(refused, TriggerError::Rule { .. }), "{refused:?}");
    assert_eq!(triggers.get(&name("f"), &trigger_name("t")).await.unwrap(), created);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_trigger_leaves_nothing() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = with_options(&server, TriggerOptions { trigger_count_max: 1 }).await;
    let create = async |new: NewTrigger| triggers.create(new).await.unwrap_err();
    let missing = create(new("g", "t", CONFIG)).await;
    assert!(matches!(missing, TriggerError::Function(FunctionError::FunctionNotFound(_))), "{missing:?}");
    let timer = create(NewTrigger { kind: "timer".into(), ..new("f", "t", "{}") }).await;
    assert_eq!(timer.to_string(), "triggerType 'timer' is not supported; supported: eventbridge, oss");
    let version = create(NewTrigger { qualifier: Some("7".parse().unwrap()), ..new("f", "t", CONFIG) }).await;
    assert!(matches!(version, TriggerError::Function(FunctionError::VersionNotFound { .. })), "{version:?}");
    let pattern = CONFIG.replace(r#"[\"shop\"]"#, "7");
    let pattern = create(new("f", "t", &pattern)).await.to_string();
    assert!(pattern.starts_with("the event pattern is not valid"), "{pattern}");
    for config in ["", "7", "{"] {
        let error = create(new("f", "t", config)).await.to_string();
        assert!(error.starts_with("triggerConfig"), "{error}");
    }
    assert!(rule(&server, "f-t").is_none());
    assert!(triggers.list(&name("f"), "", &PageRequest::default()).await.unwrap().items.is_empty());
    triggers.create(new("f", "t", CONFIG)).await.unwrap();
    assert!(matches!(create(new("f", "t", CONFIG)).await, TriggerError::TriggerAlreadyExists { .. }));
    assert!(matches!(create(new("f", "u", CONFIG)).await, TriggerError::LimitExceeded { .. }));
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_are_counted_for_each_function_as_they_come_and_go() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    create_logger(&server, "g").await;
    let options = TriggerOptions { trigger_count_max: 2 };
    let mut triggers = with_options(&server, options).await;
    triggers.create(new("f", "a", CONFIG)).await.unwrap();
    triggers.create(objects("f", "b")).await.unwrap();
    triggers.create(new("g", "a", CONFIG)).await.unwrap();
    for _ in 0..2 {
        let refused = triggers.create(new("f", "c", CONFIG)).await.unwrap_err();
        assert!(matches!(refused, TriggerError::LimitExceeded { .. }), "{refused:?}");
        triggers.delete(&name("f"), &trigger_name("a")).await.unwrap();
        triggers.create(new("f", "a", CONFIG)).await.unwrap();
        // What is stored is counted at the next start, and when the rules are made anew.
        triggers = with_options(&server, options).await;
        triggers.reconcile().await.unwrap();
    }
    triggers.create(new("g", "b", CONFIG)).await.unwrap();
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_deleted_after_its_triggers() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    triggers.create(new("f", "t", CONFIG)).await.unwrap();
    let refused = server.functions.delete(&name("f")).await.unwrap_err();
    assert!(matches!(refused, FunctionError::FunctionNotEmpty(_)), "{refused:?}");
    triggers.delete(&name("f"), &trigger_name("t")).await.unwrap();
    assert!(rule(&server, "f-t").is_none());
    let again = triggers.delete(&name("f"), &trigger_name("t")).await.unwrap_err();
    assert_eq!(again.to_string(), "trigger 't' does not exist in function 'f'");
    server.functions.delete(&name("f")).await.unwrap();
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_of_a_trigger_is_changed_through_it_alone() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    triggers(&server).await.create(new("f", "t", CONFIG)).await.unwrap();
    let bus = BusName::default_bus();
    let refused = server.hub.delete_rule(&bus, &"f-t".parse().unwrap(), None).await;
    assert!(refused.unwrap_err().to_string().contains("belongs to the trigger `t`"));
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_makes_the_rules_what_the_triggers_say() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let before = triggers(&server).await;
    before.create(new("f", "kept", CONFIG)).await.unwrap();
    before.create(new("f", "lost", CONFIG)).await.unwrap();
    drop(before);
    // What a crash leaves: a trigger without its rule, a rule without its trigger, a trigger without its function.
    let owner = |trigger: &str| Owner { function: name("f"), trigger: trigger_name(trigger) };
    let bus = BusName::default_bus();
    server.hub.delete_rule(&bus, &"f-kept".parse().unwrap(), Some(&owner("kept"))).await.unwrap();
    server.metadata().delete(&"trigger/f/lost".into(), None).await.unwrap();
    let stored = server.metadata().get(&"trigger/f/kept".into()).await.unwrap().unwrap().value;
    let orphan =
        String::from_utf8(stored.to_vec()).unwrap().replace(r#""function":"f""#, r#""function":"gone""#);
    server.metadata().create(&"trigger/gone/kept".into(), orphan.into()).await.unwrap();
    let server = server.reopened().await;
    let triggers = triggers(&server).await;
    assert!(rule(&server, "f-kept").is_some() && rule(&server, "f-lost").is_none());
    assert!(server.metadata().get(&"trigger/gone/kept".into()).await.unwrap().is_none());
    put(&server, shop("1")).await;
    received(&server, "f", 1).await;
    assert_eq!(triggers.list(&name("f"), "", &PageRequest::default()).await.unwrap().items.len(), 1);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_by_name_with_a_prefix_and_paged() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    create_logger(&server, "f-2").await;
    let triggers = triggers(&server).await;
    for trigger in ["b", "a-2", "a-1"] {
        triggers.create(new("f", trigger, CONFIG)).await.unwrap();
    }
    triggers.create(new("f-2", "z", CONFIG)).await.unwrap();
    let list = async |prefix: &str, limit, token| {
        let page =
            triggers.list(&name("f"), prefix, &PageRequest { limit: Some(limit), token }).await.unwrap();
        let names: Vec<String> =
            page.items.iter().map(|trigger: &Trigger| trigger.name.to_string()).collect();
        (names, page.next_token)
    };
    let (first, token) = list("", 2, None).await;
    assert_eq!(first, ["a-1", "a-2"]);
    assert_eq!(list("", 2, token).await, (vec!["b".to_owned()], None));
    assert_eq!(list("a", 9, None).await.0, ["a-1", "a-2"]);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_triggers_can_watch_one_bucket() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    for number in 0..15 {
        triggers.create(objects("f", &format!("t{number}"))).await.unwrap();
    }
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_rule_can_be_linked_once_and_stays() {
    let server = Server::new().await;
    create_logger(&server, "f").await;
    let triggers = triggers(&server).await;
    let body = TargetParam { key: "Body".into(), form: ParamForm::Original, value: None, template: None };
    let target = TargetConfig {
        id: "t".parse().unwrap(),
        kind: "acs.fc.function".into(),
        endpoint: "acs:fc:cn-hangzhou:1234567890123456:functions/f".into(),
        params: vec![body],
        retry: RetryStrategy::Backoff,
        tolerance: ErrorsTolerance::All,
        concurrency: None,
        age_max: None,
        dead_letter_arn: None,
    };
    let existing: RuleName = "orders".parse().unwrap();
    let rule = NewRule {
        bus: BusName::default_bus(),
        name: existing.clone(),
        description: String::new(),
        pattern: r#"{"source":["shop"]}"#.into(),
        status: RuleStatus::Enabled,
        targets: vec![target],
        owner: None,
    };
    server.hub.create_rule(rule).await.unwrap();
    let arn = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default/rule/";
    let linked = |trigger: &str, rule: &str| NewTrigger {
        source_arn: Some(format!("{arn}{rule}")),
        ..new("f", trigger, CONFIG)
    };
    let created = triggers.create(linked("t", "orders")).await.unwrap();
    assert_eq!(created.source_arn, format!("{arn}orders"));
    let twice = triggers.create(linked("u", "orders")).await.unwrap_err();
    assert!(matches!(twice, TriggerError::EventBridgeTriggerConflict { .. }), "{twice:?}");
    let restarted = with_options(&server, TriggerOptions::default()).await;
    let still = restarted.create(linked("u", "orders")).await.unwrap_err();
    assert!(matches!(still, TriggerError::EventBridgeTriggerConflict { .. }), "{still:?}");
    let missing = triggers.create(linked("u", "nope")).await.unwrap_err();
    assert!(missing.to_string().contains("names a rule that does not exist"), "{missing}");
    // A rule of the name that a trigger would give to its own is somebody else's.
    let own = new("f", "x", CONFIG);
    let taken = NewRule {
        bus: BusName::default_bus(),
        name: "f-x".parse().unwrap(),
        description: String::new(),
        pattern: "{}".into(),
        status: RuleStatus::Enabled,
        targets: Vec::new(),
        owner: None,
    };
    server.hub.create_rule(taken).await.unwrap();
    assert!(matches!(
        triggers.create(own).await.unwrap_err(),
        TriggerError::EventBridgeTriggerConflict { .. }
    ));
    triggers.delete(&name("f"), &trigger_name("t")).await.unwrap();
    assert!(server.hub.get_rule(&BusName::default_bus(), &existing).is_ok());
    triggers.create(linked("u", "orders")).await.unwrap();
    server.close().await;
}
