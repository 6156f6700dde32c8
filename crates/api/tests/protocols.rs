//! What belongs to no protocol, or to all.

mod support;

use serde_json::json;
use support::{Call, Server, Signing};

fn plain(method: &'static str, target: &str) -> Call {
    Call { signing: Signing::None, ..Call::new(method, target, "") }
}

#[tokio::test]
async fn health_needs_no_signature() {
    let server = Server::start().await;
    let answer = server.client().send(plain("GET", "/healthz")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
    assert_eq!(server.client().send(plain("POST", "/healthz")).await.status, 405);
}

#[tokio::test]
async fn what_nobody_knows_is_refused_in_the_words_of_the_api_that_was_meant() {
    let server = Server::start().await;
    let client = server.client();
    let table = [
        (plain("GET", "/"), (400, "MissingAccessKeyId")),
        (plain("GET", "/favicon.ico"), (400, "PathNotSupported")),
        (plain("DELETE", "/2023-03-30"), (400, "PathNotSupported")),
        (plain("POST", "/x").header("x-acs-version", "2020-04-01"), (404, "InvalidApi.NotFound")),
    ];
    for (call, (status, code)) in table {
        assert_eq!(client.send(call.clone()).await.code(), (status, code.to_owned()), "{}", call.target);
    }
}

#[tokio::test]
async fn heads_over_the_limit_are_refused_in_json_and_long_request_lines_are_not() {
    let server = Server::start().await;
    let client = server.client();
    let long = "x".repeat(60_000);
    let call = Call::new("GET", format!("/2023-03-30/functions?prefix={long}"), "");
    assert_eq!(client.send(call.clone()).await.status, 200);
    let over = call.header("x-one", "y".repeat(60_000)).header("x-two", "z".repeat(20_000));
    assert_eq!(client.send(over).await.code(), (431, "InvalidArgument".into()));
    let rpc = plain("POST", "/").header("x-acs-action", "ListRules");
    let rpc = rpc.header("x-one", "y".repeat(70_000)).header("x-two", "z".repeat(70_000));
    assert_eq!(client.send(rpc).await.code(), (431, "RequestHeaderFieldsTooLarge".into()));
}

#[tokio::test]
async fn a_refused_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head =
        "POST /2023-03-30/functions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "HTTP/1.1 400");
}
