//! EventBridge's data plane over a real connection.

mod support;

use kulkul_access::Role;
use serde_json::json;
use support::{Call, Server, Signing, at};

fn put(body: &str) -> Call {
    let call = Call { signing: Signing::OpenApi, ..Call::new("POST", "/openapi/putEvents", body.to_owned()) };
    call.header("content-type", "application/cloudevents-batch+json; charset=utf-8")
}

#[tokio::test]
async fn events_are_put_with_their_extensions() {
    let server = Server::start().await;
    let client = server.client_with(Role::Publish).await;
    let events = json!([
        {"id": "i1", "source": "src", "type": "ty", "data_base64": "eyJhIjoxfQ==", "x": "y",
            "datacontenttype": "application/json; charset=utf-8", "aliyuneventbusname": "default"},
        {"id": "i2", "source": "", "type": "ty", "aliyuneventbusname": "default"},
    ]);
    let answer = client.send(put(&events.to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(at(&answer, "/ResourceOwnerAccountId"), "1234567890123456");
    assert_eq!(
        (at(&answer, "/FailedEntryCount"), at(&answer, "/EntryList/0/EventId")),
        (&json!(1), &json!("i1"))
    );
    assert_eq!(at(&answer, "/EntryList/1/ErrorCode"), "EventSourceInvalid");
    let event =
        server.client().rpc("QueryEvent", &[("EventBusName", "default"), ("EventId", "i1")]).await.json();
    assert_eq!((at(&event, "/Data/data/a"), at(&event, "/Data/x")), (&json!(1), &json!("y")));
}

#[tokio::test]
async fn refusals_have_a_real_status_and_lower_case_keys() {
    let server = Server::start().await;
    let client = server.client();
    let event = json!([{"id": "i", "source": "s", "type": "t", "aliyuneventbusname": "nope"}]).to_string();
    let stranger = {
        let other = Server::start().await;
        server.client_of(other.admin.clone())
    };
    let reader = server.client_with(Role::Read).await;
    let once = put(&event);
    client.send(once.clone()).await;
    let table = [
        ("unknown bus", client.send(put(&event)).await, (409, "EventBusNotExist")),
        ("no bus", client.send(put(r#"[{"id":"i"}]"#)).await, (409, "EventBusEmpty")),
        ("no batch", client.send(put("{}")).await, (409, "EventInvalid")),
        (
            "unsigned",
            client.send(Call { signing: Signing::None, ..put("[]") }).await,
            (400, "MissingRequiredHeader"),
        ),
        ("unknown key", stranger.send(put(&event)).await, (403, "InvalidAccessKeyId")),
        ("role", reader.send(put(&event)).await, (403, "AccessDenied")),
        ("twice", client.send(once).await, (403, "SignatureNonceUsed")),
        (
            "unknown operation",
            client.send(Call { target: "/openapi/createUniverse".into(), ..put("{}") }).await,
            (404, "InvalidApi.NotFound"),
        ),
    ];
    for (what, answer, (status, code)) in table {
        assert_eq!(answer.code(), (status, code.to_owned()), "{what}");
        let body = answer.json();
        assert!(
            body["code"].is_string() && body["message"].is_string() && body["requestId"].is_string(),
            "{body}"
        );
    }
}
