//! Asynchronous invocations: durable, tried again, reported.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kulkul_bus::{NewRule, RuleStatus};
use kulkul_function::{
    AsyncConfigPatch, AsyncOptions, Cause, Destinations, FunctionError, InvokeFunctionError, PageRequest,
    PayloadLimits,
};
use kulkul_model::{BusName, Qualifier};
use kulkul_store::{LogName, QueueId, TraceFilter};
use serde_json::Value;
use support::{Server, invocation_id, name, until};

/// Logs what it got, with the id of the request, and then does something else.
fn logger(also: &str) -> String {
    format!(
        "import json\ndef handler(event, context):\n  \
         print('got:' + json.dumps([context.request_id, event.decode()]), flush=True)\n  {also}"
    )
}

/// What a function got so far.
fn got(server: &Server, function: &str) -> Vec<(String, String)> {
    let lines = server.functions.logs().recent(&name(function), None, 1000);
    // A logger of another level may put something before it.
    let json = lines.iter().filter_map(|line| line.text.split_once("got:").map(|(_, json)| json));
    json.map(|json| serde_json::from_str(json).unwrap()).collect()
}

async fn wait_for(server: &Server, function: &str, count: usize) -> Vec<(String, String)> {
    let seen = async || Some(got(server, function)).filter(|calls| calls.len() >= count);
    until(&format!("{count} calls of {function}"), seen).await
}

fn options() -> AsyncOptions {
    AsyncOptions { invocation: invocation_id(), task_id: None, delay_secs: None, cause: Cause::Delivery }
}

async fn accept(server: &Server, function: &str, payload: &'static str) -> String {
    let payload = Bytes::from_static(payload.as_bytes());
    let accepted = server
        .functions
        .invoke_async(&name(function), &Qualifier::latest(), payload, options())
        .await
        .unwrap();
    assert_eq!(accepted.task_id, accepted.id.as_str());
    accepted.id.to_string()
}

async fn configure(server: &Server, function: &str, patch: AsyncConfigPatch) {
    server.functions.put_async_config(&name(function), &Qualifier::latest(), patch).await.unwrap();
}

/// Waits until the queue of a function is empty.
async fn drained(server: &Server, function: &str) {
    let queue = QueueId(format!("async/{function}/LATEST").into());
    let log = server.log();
    let empty = async || {
        let stats = log.queue_stats(&queue, kulkul_model::Timestamp::now()).await.unwrap();
        (stats.pending == 0).then_some(())
    };
    until("an empty queue", empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_invocation_runs_once_with_its_id_and_is_traced() {
    let server = Server::new().await;
    server.create_python("f", &logger("print('ran')")).await;
    let id = accept(&server, "f", "hello").await;
    assert_eq!(wait_for(&server, "f", 1).await, [(id.clone(), "hello".to_owned())]);
    drained(&server, "f").await;
    let traced = server.traces().by_id(&LogName("invocations".into()), &id, 1).await.unwrap();
    let (_, attempt) = &traced[0].attempts[0];
    assert!(attempt.succeeded && attempt.log.as_deref().unwrap().contains("ran"), "{attempt:?}");
    assert_eq!(traced[0].record.key.source, "f");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_function_is_tried_again_and_the_last_failure_is_reported() {
    let server = Server::new().await;
    server.create_python("f", &logger("raise ValueError('no')")).await;
    server.create_python("after", &logger("return 1")).await;
    let destinations =
        Destinations { on_success: None, on_failure: Some("acs:fc:cn-hangzhou:1:functions/after".into()) };
    let patch = AsyncConfigPatch {
        retry_count_max: Some(1),
        destinations: Some(destinations),
        ..AsyncConfigPatch::default()
    };
    configure(&server, "f", patch).await;
    let id = accept(&server, "f", "{}").await;
    let (_, report) = wait_for(&server, "after", 1).await.remove(0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["requestContext"]["requestId"], id);
    assert_eq!(report["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(report["requestContext"]["condition"], "UnhandledInvocationError");
    assert_eq!(report["responseContext"]["functionError"], "UnhandledInvocationError");
    assert!(report["responsePayload"].as_str().unwrap().contains("ValueError"));
    assert_eq!(got(&server, "f"), [(id.clone(), "{}".to_owned()), (id, "{}".to_owned())]);
    drained(&server, "f").await;
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_published_to_a_bus() {
    let server = Server::new().await;
    server.create_python("f", "def handler(event, context): return 'done'").await;
    server.create_python("listener", &logger("return 1")).await;
    let bus: BusName = "results".parse().unwrap();
    server.hub.create_bus(bus.clone(), String::new()).await.unwrap();
    let target = kulkul_delivery::TargetConfig {
        id: "t".parse().unwrap(),
        kind: "acs.fc.function".into(),
        endpoint: "acs:fc:cn-hangzhou:1:functions/listener".into(),
        params: vec![kulkul_delivery::TargetParam {
            key: "Body".into(),
            form: kulkul_delivery::ParamForm::Original,
            value: None,
            template: None,
        }],
        retry: kulkul_delivery::RetryStrategy::Backoff,
        tolerance: kulkul_delivery::ErrorsTolerance::All,
        concurrency: None,
        age_max: None,
        dead_letter_arn: None,
    };
    let rule = NewRule {
        bus,
        name: "r".parse().unwrap(),
        description: String::new(),
        pattern: r#"{"source":["acs.fc"]}"#.into(),
        status: RuleStatus::Enabled,
        targets: vec![target],
        owner: None,
    };
    server.hub.create_rule(rule).await.unwrap();
    let destinations = Destinations {
        on_success: Some("acs:eventbridge:cn-hangzhou:1:eventbus/results".into()),
        on_failure: None,
    };
    configure(&server, "f", AsyncConfigPatch { destinations: Some(destinations), ..Default::default() })
        .await;
    let id = accept(&server, "f", "{}").await;
    let (_, event) = wait_for(&server, "listener", 1).await.remove(0);
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!((&event["id"], &event["type"]), (&id.into(), &"fc:Function:AsyncInvocationResult".into()));
    assert_eq!(event["data"]["responsePayload"], "done");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_invocation_waits_and_survives_a_restart() {
    let server = Server::new().await;
    let code = logger("return 1");
    server.create_python("f", &code).await;
    let delayed = AsyncOptions { delay_secs: Some(1), ..options() };
    let before = std::time::Instant::now();
    server.functions.invoke_async(&name("f"), &Qualifier::latest(), Bytes::new(), delayed).await.unwrap();
    let server = server.reopened().await;
    wait_for(&server, "f", 1).await;
    assert!(before.elapsed() >= Duration::from_millis(990), "{:?}", before.elapsed());
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_id_is_accepted_once_for_each_function() {
    let server = Server::new().await;
    for function in ["f", "g"] {
        server.create_python(function, "def handler(event, context): return 1").await;
    }
    let accept = async |function: &str| {
        let options = AsyncOptions { task_id: Some("order-77".into()), ..options() };
        server.functions.invoke_async(&name(function), &Qualifier::latest(), Bytes::new(), options).await
    };
    assert_eq!(accept("f").await.unwrap().task_id, "order-77");
    let duplicate = accept("f").await.unwrap_err();
    assert_eq!(duplicate.to_string(), "async task 'order-77' of function 'f' already exists");
    assert!(accept("g").await.is_ok());
    let invalid = AsyncOptions { task_id: Some("7".into()), ..options() };
    let refused =
        server.functions.invoke_async(&name("f"), &Qualifier::latest(), Bytes::new(), invalid).await;
    assert!(
        matches!(refused, Err(InvokeFunctionError::Refused(FunctionError::InvalidArgument(_)))),
        "{refused:?}"
    );
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_invocation_leaves_nothing() {
    let server =
        Server::with(|parts| parts.options.payload = PayloadLimits { sync_bytes_max: 9, async_bytes_max: 3 })
            .await;
    server.create_python("f", "def handler(event, context): return 1").await;
    let invoke = async |function: &str, qualifier: &str, payload: &'static str, delay_secs| {
        let options = AsyncOptions { delay_secs, ..options() };
        let payload = Bytes::from_static(payload.as_bytes());
        let (function, qualifier) = (name(function), qualifier.parse().unwrap());
        server.functions.invoke_async(&function, &qualifier, payload, options).await.unwrap_err().to_string()
    };
    assert_eq!(invoke("g", "LATEST", "", None).await, "function 'g' does not exist");
    assert_eq!(invoke("f", "prod", "", None).await, "alias 'prod' of function 'f' does not exist");
    assert_eq!(
        invoke("f", "LATEST", "1234", None).await,
        "payload size exceeds maximum allowed size (3 bytes)"
    );
    assert_eq!(
        invoke("f", "LATEST", "", Some(3600)).await,
        "X-Fc-Async-Delay must be from 1 to 3599 seconds, not 3600"
    );
    let filter = TraceFilter { log: Some(LogName("invocations".into())), ..TraceFilter::default() };
    assert_eq!(server.traces().count(&filter, 9).await.unwrap(), 0);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_merged_listed_and_survive_a_restart() {
    let server = Server::new().await;
    for function in ["a", "b"] {
        server.create_python(function, "def handler(event, context): return 1").await;
    }
    let latest = Qualifier::latest();
    let missing = server.functions.async_config(&name("a"), &latest).unwrap_err();
    assert!(matches!(missing, FunctionError::AsyncConfigNotExists { .. }), "{missing:?}");
    configure(&server, "a", AsyncConfigPatch { age_max_secs: Some(300), ..Default::default() }).await;
    configure(&server, "a", AsyncConfigPatch { retry_count_max: Some(0), ..Default::default() }).await;
    configure(&server, "b", AsyncConfigPatch { async_task: Some(true), ..Default::default() }).await;
    let server = server.reopened().await;
    let config = server.functions.async_config(&name("a"), &latest).unwrap();
    assert_eq!((config.age_max, config.retry_count_max), (Some(Duration::from_secs(300)), Some(0)));
    let list = |function: Option<&str>, limit| {
        let function = function.map(name);
        let page = PageRequest { limit: Some(limit), token: None };
        let page = server.functions.list_async_configs(function.as_ref(), &page).unwrap();
        let names: Vec<String> = page.items.iter().map(|config| config.function.to_string()).collect();
        (names, page.next_token.is_some())
    };
    assert_eq!(list(None, 1), (vec!["a".to_owned()], true));
    assert_eq!(list(Some("b"), 9), (vec!["b".to_owned()], false));
    server.functions.delete_async_config(&name("a"), &latest).await.unwrap();
    assert!(server.functions.delete_async_config(&name("a"), &latest).await.is_err());
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_function_still_had_to_do_is_dropped_with_its_settings() {
    let server = Server::new().await;
    let code = logger("return 1");
    server.create_python("f", &code).await;
    configure(&server, "f", AsyncConfigPatch { retry_count_max: Some(0), ..Default::default() }).await;
    let delayed = AsyncOptions { delay_secs: Some(3000), ..options() };
    server.functions.invoke_async(&name("f"), &Qualifier::latest(), Bytes::new(), delayed).await.unwrap();
    server.functions.delete(&name("f")).await.unwrap();
    drained(&server, "f").await;
    server.create_python("f", &code).await;
    assert!(server.functions.async_config(&name("f"), &Qualifier::latest()).is_err());
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_wait_while_there_is_no_room() {
    let server = Arc::new(Server::new().await);
    let code = logger("import time; time.sleep(0.2)");
    server.create_python("f", &code).await;
    server.functions.instances().limit_function(&name("f"), Some(1));
    configure(&server, "f", AsyncConfigPatch { retry_count_max: Some(0), ..Default::default() }).await;
    for _ in 0..4 {
        accept(&server, "f", "x").await;
    }
    assert_eq!(wait_for(&server, "f", 4).await.len(), 4);
    drained(&server, "f").await;
    let dead = QueueId("dead/async/f/LATEST".into());
    assert!(server.log().browse(&dead, None, 9).await.unwrap().is_empty());
}
