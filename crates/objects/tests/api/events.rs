//! What changes tell the bus.

use serde_json::{Value, json};

use crate::server::Server;

/// The object of an event, and its type.
fn told(event: &Value) -> (String, Value) {
    (event["type"].as_str().unwrap().to_owned(), event["data"]["oss"]["object"].clone())
}

#[tokio::test]
async fn a_put_is_told_with_everything_that_is_known() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let put = client
        .put("/bkt/%C3%BC/a%09b.jpg")
        .header("content-type", "image/jpeg")
        .body("123456789")
        .send()
        .await;
    let request_id = put.expect(200).text_of("x-oss-request-id");
    let event = server.events().await.pop().unwrap();
    let arn = "acs:oss:cn-hangzhou:1840000000000017:bkt";
    let expected = [
        ("source", json!("acs.oss")),
        ("type", json!("oss:ObjectCreated:PutObject")),
        ("subject", json!(format!("{arn}/ü/a%09b.jpg"))),
        ("specversion", json!("1.0")),
        ("datacontenttype", json!("application/json;charset=utf-8")),
        ("aliyunaccountid", json!("1840000000000017")),
        ("aliyuneventbusname", json!("default")),
        ("aliyunregionid", json!("cn-hangzhou")),
        ("aliyunpublishaddr", json!("127.0.0.1")),
    ];
    for (name, value) in expected {
        assert_eq!(event[name], value, "{name}");
    }
    let mut data = event["data"].clone();
    let time = data["eventTime"].take();
    assert!(time.as_str().unwrap().ends_with(".000Z"));
    let expected = json!({
        "region": "cn-hangzhou", "eventVersion": "1.0", "eventSource": "acs:oss",
        "eventName": "ObjectCreated:PutObject", "eventTime": null,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "userIdentity": {"principalId": "1840000000000017"},
        "responseElements": {"requestId": request_id},
        "oss": {
            "ossSchemaVersion": "1.0",
            "bucket": {"name": "bkt", "arn": arn, "virtualBucket": "", "ownerIdentity": "1840000000000017"},
            "object": {
                "key": "ü/a\tb.jpg", "eTag": "25F9E794323B453885F5181F1B624D0B", "size": 9, "deltaSize": 9,
                "objectMeta": {"mimeType": "image/jpeg"}
            }
        }
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn every_change_is_told_once_and_nothing_else_is() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put("/bkt").send().await.expect(200);
    client.put("/bkt/k").header("content-type", "a/b").body("12345").send().await.expect(200);
    client.put("/bkt/k").header("content-type", "a/b").body("12").send().await.expect(200);
    client.put("/bkt/c").header("x-oss-copy-source", "/bkt/k").send().await.expect(200);
    client
        .put("/bkt/k")
        .header("x-oss-copy-source", "/bkt/k")
        .header("content-type", "a/c")
        .send()
        .await
        .expect(200);
    client.post("/bkt/log?append&position=0").body("abc").send().await.expect(200);
    client.post("/bkt/log?append&position=3").body("de").send().await.expect(200);
    client.post("/bkt/log?append&position=5").body("").send().await.expect(200);
    client.put("/bkt/c?symlink").header("x-oss-symlink-target", "k").send().await.expect(200);
    let id = client
        .post("/bkt/mp?uploads")
        .header("content-type", "v/m")
        .send()
        .await
        .expect(200)
        .inner("UploadId");
    let etag =
        client.put(&format!("/bkt/mp?partNumber=1&uploadId={id}")).body("part").send().await.text_of("etag");
    let copied =
        client.put(&format!("/bkt/mp?partNumber=2&uploadId={id}")).header("x-oss-copy-source", "/bkt/k");
    copied.send().await.expect(200);
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    client.post(&format!("/bkt/mp?uploadId={id}")).body(list).send().await.expect(200);
    let id = client.post("/bkt/gone?uploads").send().await.expect(200).inner("UploadId");
    client.delete(&format!("/bkt/gone?uploadId={id}")).send().await.expect(204);
    client.delete("/bkt/k").send().await.expect(204);
    client.delete("/bkt/k").send().await.expect(204);
    let batch = "<Delete><Object><Key>mp</Key></Object><Object><Key>none</Key></Object><Object><Key>log</Key></Object>\
                 <Object><Key>mp</Key></Object></Delete>";
    client.post("/bkt?delete").body(batch).send().await.expect(200);
    client.put("/bkt/c?tagging").body("<Tagging><TagSet/></Tagging>").send().await.expect(200);
    client.get("/bkt/c?symlink").send().await.expect(200);
    client.get("/bkt").send().await.expect(200);
    client.put("/bkt/refused").header("x-oss-callback", "e30=").body("x").send().await.expect(400);
    client.delete("/bkt/c").send().await.expect(204);
    client.delete("/bkt").send().await.expect(204);

    let events = server.events().await;
    let object = |key: &str, etag: &str, size: u64, delta: i64| json!({"key": key, "eTag": etag, "size": size, "deltaSize": delta});
    let with = |mut object: Value, name: &str, value: Value| {
        object[name] = value;
        object
    };
    let typed = |object, mime: &str| with(object, "objectMeta", json!({"mimeType": mime}));
    let (five, two) = ("827CCB0EEA8A706C4C34A16891F84E7B", "C20AD4D76FE97759AA27A0C99BFF6710");
    let part = "E1A51F58CB2F6FAC8E47E0AF6B0F1F1C";
    let mut seen: Vec<(String, Value)> = events.iter().map(told).collect();
    // What the tags of parts, appends and links are is checked elsewhere.
    for (kind, object) in &mut seen {
        let free = ["AppendObject", "PutSymlink", "UploadPart", "CompleteMultipartUpload"];
        if free.iter().any(|name| kind.ends_with(name)) || kind.ends_with("Removed:DeleteObjects") {
            assert!(!object["eTag"].as_str().unwrap().contains('"'));
            object["eTag"] = json!(part);
        }
    }
    let created = |name: &str| format!("oss:ObjectCreated:{name}");
    let removed = |name: &str| format!("oss:ObjectRemoved:{name}");
    let link = "8CE4B16B22B58894AA86C421E8759DF3";
    let expected = vec![
        ("oss:BucketCreated:PutBucket".to_owned(), Value::Null),
        (created("PutObject"), typed(object("k", five, 5, 5), "a/b")),
        (created("PutObject"), typed(object("k", two, 2, -3), "a/b")),
        (created("CopyObject"), typed(object("c", two, 2, 2), "a/b")),
        (created("CopyObject"), typed(object("k", two, 2, 0), "a/c")),
        (created("AppendObject"), with(object("log", part, 3, 3), "position", json!(0))),
        (created("AppendObject"), with(object("log", part, 5, 2), "position", json!(3))),
        (created("PutSymlink"), object("c", part, 0, -2)),
        (created("InitiateMultipartUpload"), object("mp", "", 0, 0)),
        (created("UploadPart"), object("mp", part, 4, 4)),
        (created("UploadPartCopy"), object("mp", two, 2, 2)),
        (created("CompleteMultipartUpload"), typed(object("mp", part, 4, 4), "v/m")),
        (created("InitiateMultipartUpload"), object("gone", "", 0, 0)),
        (removed("AbortMultipartUpload"), object("gone", "", 0, 0)),
        (removed("DeleteObject"), object("k", two, 2, 0)),
        (removed("DeleteObjects"), object("log", part, 5, 0)),
        (removed("DeleteObjects"), object("mp", part, 4, 0)),
        (removed("DeleteObject"), object("c", link, 0, 0)),
        ("oss:BucketRemoved:DeleteBucket".to_owned(), Value::Null),
    ];
    assert_eq!(seen, expected);
    let requests = |kind: &str| -> Vec<&Value> {
        let of_kind = events.iter().filter(|event| event["type"].as_str() == Some(kind));
        of_kind.map(|event| &event["data"]["responseElements"]["requestId"]).collect()
    };
    let batch = requests("oss:ObjectRemoved:DeleteObjects");
    assert_eq!(batch[0], batch[1], "the events of one request carry its id");
}

#[tokio::test]
async fn a_key_of_the_greatest_length_is_told() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let key = "k".repeat(1023);
    client.put(&format!("/bkt/{key}")).body("x").send().await.expect(200);
    let event = server.events().await.pop().unwrap();
    assert!(event["subject"].as_str().unwrap().ends_with(&format!("bkt/{key}")));
}
