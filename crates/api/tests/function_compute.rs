//! Function Compute over a real connection: what clients send, and what they get.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::StreamBody;
use hyper_util::rt::TokioIo;
use kulkul_access::Role;
use serde_json::{Value, json};
use support::{Call, Server, Signing, at, until, zip, zip_bytes};

const ECHO: &str = "def handler(event, context):\n    print('seen', context.request_id)\n    return event\n";

fn function(name: &str) -> Value {
    json!({"functionName": name, "runtime": "python3.10", "handler": "index.handler", "timeout": 20,
        "code": {"zipFile": zip(ECHO)}})
}

#[tokio::test]
async fn functions_are_created_shown_changed_and_deleted() {
    let server = Server::start().await;
    let client = server.client();
    let mut body = function("resize");
    body["description"] = json!("thumbnailer");
    body["environmentVariables"] = json!({"LEVEL": "info"});
    body["tags"] = json!([{"Key": "env", "Value": "dev"}]);
    body["role"] = json!("acs:ram::1:role/x");
    body["instanceLifecycleConfig"] = json!({"preStop": {"handler": "index.stop", "timeout": 5}});
    body["inventedLater"] = json!({"x": 1});
    let made = client.fc("POST", "/functions", body.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.header("content-type"), "application/json");
    let id = made.header("x-fc-request-id");
    assert!(id.starts_with("1-") && id.len() == 35, "{id}");
    let made = made.json();
    let expected = [
        ("functionName", json!("resize")),
        ("functionArn", json!("acs:fc:cn-hangzhou:1234567890123456:functions/resize")),
        ("codeSize", json!(zip_bytes(ECHO).len())),
        ("cpu", json!(0.35)),
        ("memorySize", json!(512)),
        ("timeout", json!(20)),
        ("layers", json!([])),
        ("state", json!("Active")),
        ("lastUpdateStatus", json!("Successful")),
        ("environmentVariables", json!({"LEVEL": "info"})),
        ("tags", json!([{"Key": "env", "Value": "dev"}])),
        ("role", json!("acs:ram::1:role/x")),
        ("instanceLifecycleConfig", json!({"preStop": {"handler": "index.stop", "timeout": 5}})),
    ];
    for (name, value) in expected {
        assert_eq!(made[name], value, "{name}");
    }
    assert!(made["codeChecksum"].as_str().unwrap().parse::<u64>().is_ok());
    assert_eq!((made.get("code"), made.get("inventedLater")), (None, None));

    assert_eq!(
        client.fc("POST", "/functions", body.to_string()).await.code(),
        (409, "FunctionAlreadyExists".into())
    );
    assert_eq!(client.fc("GET", "/functions/resize", "").await.json(), made);
    let latest = client.fc("GET", "/functions/resize?qualifier=LATEST", "").await.json();
    assert_eq!(latest["functionArn"], "acs:fc:cn-hangzhou:1234567890123456:functions/resize/LATEST");

    let updated =
        client.fc("PUT", "/functions/resize", r#"{"timeout":30,"environmentVariables":{}}"#).await.json();
    assert_eq!((&updated["timeout"], &updated["environmentVariables"]), (&json!(30), &json!({})));
    assert_eq!(
        (&updated["description"], &updated["codeChecksum"]),
        (&made["description"], &made["codeChecksum"])
    );

    let deleted = client.fc("DELETE", "/functions/resize", "").await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(client.fc("DELETE", "/functions/resize", "").await.code(), (404, "FunctionNotFound".into()));
}

#[tokio::test]
async fn functions_are_listed_page_by_page() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["a1", "a2", "b1"] {
        assert_eq!(client.fc("POST", "/functions", function(name).to_string()).await.status, 200);
    }
    let names = |page: &Value| -> Vec<String> {
        let functions = page["functions"].as_array().unwrap();
        functions.iter().map(|function| function["functionName"].as_str().unwrap().to_owned()).collect()
    };
    let first = client.fc("GET", "/functions?limit=2&fcVersion=v3", "").await.json();
    assert_eq!(names(&first), ["a1", "a2"]);
    let token = first["nextToken"].as_str().unwrap();
    let second = client.fc("GET", &format!("/functions?limit=2&nextToken={token}"), "").await.json();
    assert_eq!((names(&second), second.get("nextToken")), (vec!["b1".to_owned()], None));
    assert_eq!(names(&client.fc("GET", "/functions?prefix=b", "").await.json()), ["b1"]);
    assert_eq!(names(&client.fc("GET", "/functions?fcVersion=v2", "").await.json()), [""; 0]);
    for query in ["limit=0", "limit=101", "limit=x", "nextToken=%21%21", "tags=x"] {
        let answer = client.fc("GET", &format!("/functions?{query}"), "").await;
        assert_eq!(answer.code(), (400, "InvalidArgument".into()), "{query}");
    }
}

#[tokio::test]
async fn the_code_of_a_function_comes_back_by_a_link() {
    let server = Server::start().await;
    let client = server.client();
    client.fc("POST", "/functions", function("f").to_string()).await;
    let code = client.fc("GET", "/functions/f/code", "").await.json();
    let url = code["url"].as_str().unwrap().to_owned();
    let target = url.strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned();
    let get = async |target: &str| {
        client.send(Call { signing: Signing::None, ..Call::new("GET", target, "") }).await
    };
    let zip = get(&target).await;
    assert_eq!((zip.status, &zip.body[..]), (200, &zip_bytes(ECHO)[..]));
    assert_eq!(get(&target.replace("expires=", "expires=1")).await.code(), (403, "AccessDenied".into()));
    assert_eq!(get("/_code/f").await.code(), (403, "AccessDenied".into()));
    assert_eq!(get("/_code/nope?expires=1&sig=00").await.code(), (403, "AccessDenied".into()));
    let other = json!({"code": {"zipFile": support::zip("def handler(e, c): pass\n")}});
    assert_eq!(client.fc("PUT", "/functions/f", other.to_string()).await.status, 200);
    assert_eq!(get(&target).await.code(), (403, "AccessDenied".into()), "the link was to the code of then");
}

#[tokio::test]
async fn a_function_is_invoked_and_answers_with_bytes() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("echo", ECHO).await;
    let call =
        Call::new("POST", "/2023-03-30/functions/echo/invocations?qualifier=LATEST", &b"\x00\x01\xff"[..]);
    let done = client.send(call.header("x-fc-log-type", "Tail")).await;
    assert_eq!((done.status, &done.body[..]), (200, &b"\x00\x01\xff"[..]), "{done:?}");
    assert_eq!(done.header("content-type"), "application/octet-stream");
    assert!(done.header("x-fc-invocation-duration").parse::<u64>().is_ok());
    assert!(done.header("x-fc-max-memory-usage").parse::<f64>().unwrap() > 0.0);
    assert_eq!(done.header("x-fc-invocation-service-version"), "LATEST");
    assert!(done.header("x-fc-instance-id").starts_with("c-"));
    assert!(done.header("x-fc-code-checksum").parse::<u64>().is_ok());
    let log = STANDARD.decode(done.header("x-fc-log-result")).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains(&format!("seen {}", done.header("x-fc-request-id"))), "{log}");

    let empty = client.fc("POST", "/functions/echo/invocations", "").await;
    assert_eq!((empty.status, empty.body.len(), empty.header("x-fc-log-result")), (200, 0, ""));
    assert_eq!(
        client.fc("POST", "/functions/nope/invocations", "x").await.code(),
        (404, "FunctionNotFound".into())
    );
    let unknown = client.fc("POST", "/functions/echo/invocations?qualifier=3", "x").await;
    assert_eq!(unknown.code(), (404, "VersionNotFound".into()));
}

#[tokio::test]
async fn a_function_that_fails_is_no_error_of_the_api() {
    let server = Server::start().await;
    server
        .create_python("fails", "def handler(event, context):\n    raise ValueError('no such shoe')\n")
        .await;
    let failed = server.client().fc("POST", "/functions/fails/invocations", "{}").await;
    assert_eq!((failed.status, failed.header("x-fc-error-type")), (200, "UnhandledInvocationError"));
    assert_eq!(failed.header("content-type"), "application/json");
    assert_eq!(failed.json()["errorMessage"], "no such shoe");
}

#[tokio::test]
async fn an_asynchronous_invocation_is_accepted_once_and_made_later() {
    let server = Server::start().await;
    let client = server.client();
    let marks = tempfile::tempdir().unwrap();
    let path = marks.path().join("ran");
    let code = format!(
        "def handler(event, context):\n    print('made', event.decode())\n    return b''\n# {path:?}\n"
    );
    server.create_python("later", &code).await;
    let call = |task: &str| {
        Call::new("POST", "/2023-03-30/functions/later/invocations", "payload")
            .header("x-fc-invocation-type", "Async")
            .header("x-fc-async-task-id", task)
    };
    let accepted = client.send(call("order-77")).await;
    assert_eq!((accepted.status, accepted.body.len()), (202, 0), "{accepted:?}");
    assert_eq!(accepted.header("x-fc-async-task-id"), "order-77");
    let name = "later".parse().unwrap();
    until("the function to have run", async || {
        let lines = server.functions.logs().recent(&name, None, 100);
        lines.iter().any(|line| line.text.contains("made payload")).then_some(())
    })
    .await;
    assert_eq!(client.send(call("order-77")).await.code(), (409, "AsyncTaskAlreadyExists".into()));
    assert_eq!(client.send(call("7")).await.code(), (400, "InvalidArgument".into()));
    let nope = Call::new("POST", "/2023-03-30/functions/later/invocations", "")
        .header("x-fc-invocation-type", "Soon");
    assert_eq!(client.send(nope).await.code(), (400, "InvalidArgument".into()));
    let large = Call { body: vec![0; 200 * 1024].into(), ..call("large") };
    assert_eq!(client.send(large).await.code(), (400, "EntityTooLarge".into()));
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_invocation() {
    let server = Server::start().await;
    let client = server.client();
    server
        .create_python(
            "slow",
            "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(15)\n",
        )
        .await;
    let call = Call::new("POST", "/2023-03-30/functions/slow/invocations", "x");
    let request = client.request(&call);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = tokio::spawn(async move { sender.send_request(request).await.map(drop) });
    let name = "slow".parse().unwrap();
    let logged = async |text: &str| {
        let lines = server.functions.logs().recent(&name, None, 100);
        lines.iter().any(|line| line.text.contains(text)).then_some(())
    };
    until("the function to have begun", async || logged("begun").await).await;
    connection.abort();
    answer.abort();
    until("the run to be cancelled", async || logged("Invocation canceled by client").await).await;
}

#[tokio::test]
async fn triggers_are_created_shown_changed_and_deleted() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("resize", ECHO).await;
    let config = r#"{"triggerEnable":true,"asyncInvocationType":true,"eventRuleFilterPattern":"{\"source\":[\"shop\"]}","eventSourceConfig":{"eventSourceType":"Default"}}"#;
    let body = json!({"triggerName": "on-order", "triggerType": "eventbridge", "triggerConfig": config,
        "qualifier": "LATEST", "description": "new orders"});
    let made = client.fc("POST", "/functions/resize/triggers", body.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    assert_eq!(
        made["sourceArn"],
        "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default/rule/resize-on-order"
    );
    assert_eq!(made["targetArn"], "acs:fc:cn-hangzhou:1234567890123456:functions/resize");
    assert_eq!((&made["status"], &made["triggerType"]), (&json!("OK"), &json!("eventbridge")));
    let shown: Value = serde_json::from_str(made["triggerConfig"].as_str().unwrap()).unwrap();
    assert_eq!(shown["eventRuleFilterPattern"], r#"{"source":["shop"]}"#);
    assert!(!made["triggerId"].as_str().unwrap().is_empty());

    let rule = [("EventBusName", "default"), ("RuleName", "resize-on-order")];
    assert_eq!(at(&client.rpc("GetRule", &rule).await.json(), "/Data/Status"), "ENABLE");
    assert_eq!(client.rpc("DeleteRule", &rule).await.code().1, "InvalidArgument", "it is the trigger's");

    let again = client.fc("POST", "/functions/resize/triggers", body.to_string()).await;
    assert_eq!(again.code(), (409, "TriggerAlreadyExists".into()));
    assert_eq!(client.fc("DELETE", "/functions/resize", "").await.code(), (409, "FunctionNotEmpty".into()));
    let listed = client.fc("GET", "/functions/resize/triggers?limit=10&prefix=on", "").await.json();
    assert_eq!((listed["triggers"].as_array().unwrap().len(), listed.get("nextToken")), (1, None));

    let update = json!({"triggerConfig": r#"{"triggerEnable":false}"#, "description": "d"}).to_string();
    let updated = client.fc("PUT", "/functions/resize/triggers/on-order", update).await.json();
    assert_eq!(updated["description"], "d");
    assert_eq!(at(&client.rpc("GetRule", &rule).await.json(), "/Data/Status"), "DISABLE");

    assert_eq!(client.fc("DELETE", "/functions/resize/triggers/on-order", "").await.status, 204);
    let gone = client.fc("GET", "/functions/resize/triggers/on-order", "").await;
    assert_eq!(gone.code(), (404, "TriggerNotFound".into()));
    assert_eq!(client.rpc("GetRule", &rule).await.code().1, "EventRuleNotExisted");
    let timer = json!({"triggerName": "t", "triggerType": "timer", "triggerConfig": "{}"}).to_string();
    let refused = client.fc("POST", "/functions/resize/triggers", timer).await;
    assert_eq!(refused.code(), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn settings_of_asynchronous_invocations_merge() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("f", ECHO).await;
    let path = "/functions/f/async-invoke-config";
    assert_eq!(client.fc("GET", path, "").await.code(), (404, "AsyncConfigNotExists".into()));
    assert_eq!(client.fc("DELETE", path, "").await.code(), (404, "AsyncConfigNotExists".into()));
    let body = json!({"maxAsyncRetryAttempts": 0,
        "destinationConfig": {"onSuccess": {"destination": "acs:fc:cn-hangzhou:1234567890123456:functions/f"}}});
    assert_eq!(client.fc("PUT", path, body.to_string()).await.status, 200);
    let put = client
        .fc("PUT", &format!("{path}?qualifier=LATEST"), r#"{"maxAsyncEventAgeInSeconds":300}"#)
        .await
        .json();
    assert_eq!((&put["maxAsyncRetryAttempts"], &put["maxAsyncEventAgeInSeconds"]), (&json!(0), &json!(300)));
    assert_eq!(put["functionArn"], "acs:fc:cn-hangzhou:1234567890123456:functions/f/LATEST");
    assert_eq!(put["destinationConfig"], body["destinationConfig"]);
    assert_eq!(client.fc("GET", path, "").await.json(), put);
    let listed = client.fc("GET", "/async-invoke-configs?functionName=f", "").await.json();
    assert_eq!(listed["configs"], json!([put]));
    assert_eq!(
        client.fc("PUT", path, r#"{"maxAsyncRetryAttempts":9}"#).await.code(),
        (400, "InvalidArgument".into())
    );
    assert_eq!(client.fc("DELETE", path, "").await.status, 204);
}

#[tokio::test]
async fn what_is_not_there_or_not_right_is_refused_with_its_code() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("f", ECHO).await;
    type Row<'a> = (&'static str, &'a str, &'a str, (u16, &'a str));
    let table: &[Row<'_>] = &[
        ("GET", "/functions/nope", "", (404, "FunctionNotFound")),
        ("GET", "/functions/9", "", (400, "InvalidArgument")),
        ("GET", "/functions/f?qualifier=2", "", (404, "VersionNotFound")),
        ("GET", "/functions/f?qualifier=prod", "", (404, "AliasNotFound")),
        ("POST", "/functions", "", (400, "InvalidArgument")),
        ("POST", "/functions", "[]", (400, "InvalidArgument")),
        ("POST", "/functions", "{", (400, "InvalidArgument")),
        (
            "POST",
            "/functions",
            r#"{"functionName":"g","runtime":"python3.10","handler":"a.b"}"#,
            (400, "InvalidArgument"),
        ),
        (
            "POST",
            "/functions",
            r#"{"functionName":"g","runtime":"cobol85","handler":"a.b","code":{"zipFile":"UEsFBg=="}}"#,
            (400, "InvalidArgument"),
        ),
        (
            "POST",
            "/functions",
            r#"{"functionName":"g","runtime":"python3.10","handler":"a.b","code":{"zipFile":"AAAA"}}"#,
            (400, "InvalidArgument"),
        ),
        ("PUT", "/functions/nope", "{}", (404, "FunctionNotFound")),
        ("GET", "/functions/f/triggers/nope", "", (404, "TriggerNotFound")),
        ("POST", "/functions/f/versions", "{}", (400, "PathNotSupported")),
        ("GET", "/functions/f/aliases", "", (400, "PathNotSupported")),
        ("POST", "/functions/f/sessions", "{}", (400, "PathNotSupported")),
        ("PUT", "/resource-groups", "{}", (400, "PathNotSupported")),
        ("PATCH", "/functions/f", "{}", (400, "PathNotSupported")),
        ("GET", "/", "", (400, "PathNotSupported")),
    ];
    for (method, path, body, expected) in table {
        let answer = client.fc(method, path, *body).await;
        assert_eq!(answer.code(), (expected.0, expected.1.to_owned()), "{method} {path} {body}");
        let told = answer.json();
        assert_eq!(told["RequestId"], answer.header("x-fc-request-id"), "{told}");
        assert!(!told["Message"].as_str().unwrap().is_empty(), "{told}");
    }
    let other = client.send(Call::new("GET", "/2016-08-15/tempBucketToken", "")).await;
    assert_eq!(other.code(), (400, "PathNotSupported".into()));
    let version = Call::new("GET", "/2023-03-30/functions", "").header("x-acs-version", "2021-04-06");
    assert_eq!(client.send(version).await.code(), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn who_is_not_known_or_signed_wrongly_gets_nothing() {
    let server = Server::start().await;
    let client = server.client();
    let body = function("f").to_string();
    let call = || Call::new("POST", "/2023-03-30/functions", body.clone());
    let stranger = {
        let other = Server::start().await;
        server.client_of(other.admin.clone())
    };
    let ago = kulkul_model::Timestamp::from_millis(kulkul_model::Timestamp::now().as_millis() - 16 * 60_000);
    let table = [
        (
            "unsigned",
            client.send(Call { signing: Signing::None, ..call() }).await,
            (400, "MissingRequiredHeader"),
        ),
        ("unknown key", stranger.send(call()).await, (403, "InvalidAccessKeyID")),
        ("old", client.send(Call { date: ago, ..call() }).await, (403, "SignatureNotMatch")),
        (
            "other body",
            client.send(Call { body_sent: Some("{}".into()), ..call() }).await,
            (403, "SignatureNotMatch"),
        ),
        ("other role", server.client_with(Role::Publish).await.send(call()).await, (403, "AccessDenied")),
        ("reader", server.client_with(Role::Read).await.send(call()).await, (403, "AccessDenied")),
    ];
    for (what, answer, (status, code)) in table {
        assert_eq!(answer.code(), (status, code.to_owned()), "{what}");
    }
    let none = client.fc("GET", "/functions", "").await.json();
    assert_eq!(none, json!({"functions": []}), "nothing was created");
    assert_eq!(server.client_with(Role::Read).await.fc("GET", "/functions", "").await.status, 200);
}

#[tokio::test]
async fn the_older_signature_is_accepted_too() {
    let server = Server::start().await;
    let client = server.client();
    let call =
        || Call { signing: Signing::FcLegacy, ..Call::new("GET", "/2023-03-30/functions?prefix=a%20b", "") };
    let listed = client.send(call().header("content-type", "application/json")).await;
    assert_eq!((listed.status, listed.json()), (200, json!({"functions": []})));
    let other = server.client_with(Role::Publish).await;
    assert_eq!(other.send(call()).await.code(), (403, "AccessDenied".into()));
}

#[tokio::test]
async fn bodies_may_come_in_chunks_and_not_beyond_their_limit() {
    let server = Server::start().await;
    let client = server.client();
    server.create_python("echo", ECHO).await;
    let payload = vec![b'x'; 1_000_000];
    let call = Call::new("POST", "/2023-03-30/functions/echo/invocations", payload.clone());
    let (head, _) = client.request(&call).into_parts();
    let pieces = payload.chunks(70_000).map(|piece| {
        Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(bytes::Bytes::copy_from_slice(piece)))
    });
    let body = StreamBody::new(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(http::Request::from_parts(head, body)).await.unwrap();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, payload);

    let large = vec![0; 33 * 1024 * 1024];
    let refused = client.fc("POST", "/functions/echo/invocations", large).await;
    assert_eq!(refused.code(), (400, "EntityTooLarge".into()));
    assert!(refused.json()["Message"].as_str().unwrap().contains("33554432 bytes"));
}
