//! Form uploads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_listener::Limits;
use kulkul_objects::ObjectSettings;

use crate::client::{Client, Response, Scheme, sign_policy};
use crate::server::Server;

struct Form {
    fields: Vec<(String, String)>,
    file: Vec<u8>,
    after: String,
}

const BOUNDARY: &str = "----boundary-of-a-form";

impl Form {
    fn signed(conditions: &str) -> Self {
        let policy = format!(r#"{{"expiration":"2099-01-01T00:00:00.000Z","conditions":[{conditions}]}}"#);
        let policy = STANDARD.encode(policy);
        let signature = sign_policy("secret-of-publish", &policy);
        let form = Self { fields: Vec::new(), file: b"123456789".to_vec(), after: String::new() };
        form.field("OSSAccessKeyId", "publish").field("policy", &policy).field("Signature", &signature)
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn file(mut self, file: &[u8]) -> Self {
        self.file = file.to_vec();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.fields {
            let part =
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            bytes.extend(part.into_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\cat.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        bytes.extend([head.as_bytes(), &self.file, b"\r\n"].concat());
        bytes.extend(format!("{}--{BOUNDARY}--\r\n", self.after).into_bytes());
        bytes
    }

    async fn post(&self, client: &Client) -> Response {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        client
            .scheme(Scheme::None)
            .post("/bkt/")
            .header("Content-Type", content_type)
            .body(self.bytes())
            .send()
            .await
    }
}

#[tokio::test]
async fn a_browser_uploads_a_file() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let form =
        Form::signed(r#"{"bucket":"bkt"},["starts-with","$key","in/"],["content-length-range",1,100]"#)
            .field("Key", "in/${filename}")
            .field("x-oss-meta-a", "1")
            .field("Cache-Control", "no-cache")
            .field("ignored", "x");
    let done = form.post(&client).await.expect(204);
    assert_eq!(done.text_of("etag"), "\"25F9E794323B453885F5181F1B624D0B\"");
    assert_eq!(done.text_of("x-oss-hash-crc64ecma"), "11051210869376104954");
    let get = client.get("/bkt/in/cat.jpg").send().await.expect(200);
    assert_eq!(get.text(), "123456789");
    assert_eq!((get.text_of("content-type"), get.text_of("x-oss-meta-a")), ("image/jpeg".into(), "1".into()));
    assert_eq!(get.text_of("cache-control"), "no-cache");
    let event = server.events().await.pop().unwrap();
    assert_eq!(event["type"], "oss:ObjectCreated:PostObject");
    assert_eq!(event["data"]["responseElements"]["requestId"], done.text_of("x-oss-request-id"));
    assert_eq!(event["data"]["oss"]["object"]["objectMeta"]["mimeType"], "image/jpeg");
}

#[tokio::test]
async fn the_answer_is_the_one_asked_for() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let form = |name: &str, value: &str| Form::signed("").field("key", "a/b").field(name, value);
    form("success_action_status", "200").post(&client).await.expect(200);
    form("success_action_status", "999").post(&client).await.expect(204);
    let created = form("success_action_status", "201").post(&client).await.expect(201);
    assert_eq!(created.inner("Location"), format!("http://{}/bkt/a%2Fb", server.address));
    assert_eq!((created.inner("Bucket").as_str(), created.inner("Key").as_str()), ("bkt", "a/b"));
    let redirect =
        form("success_action_redirect", "http://example.org/done?x=1").post(&client).await.expect(303);
    assert_eq!(
        redirect.text_of("location"),
        "http://example.org/done?x=1&bucket=bkt&key=a%2Fb&etag=%2225F9E794323B453885F5181F1B624D0B%22"
    );
    form("success_action_redirect", "javascript:x").post(&client).await.expect(204);
    let typed = form("x-oss-content-type", "text/a").field("content-type", "text/b");
    typed.post(&client).await.expect(204);
    assert_eq!(client.head("/bkt/a/b").send().await.text_of("content-type"), "text/a");
}

#[tokio::test]
async fn a_form_that_is_not_allowed_stores_nothing() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let plain = |conditions: &str| Form::signed(conditions).field("key", "k");
    let mut unsigned = plain("");
    unsigned.fields.retain(|(name, _)| name == "key");
    let mut forged = plain("");
    forged.fields[1].1 = STANDARD.encode(r#"{"expiration":"2099-01-01T00:00:00.000Z","conditions":[{}]}"#);
    let mut incomplete = plain("");
    incomplete.fields.remove(2);
    let mut reader = plain("");
    reader.fields[0].1 = "read".to_owned();
    reader.fields[2].1 = sign_policy("secret-of-read", &reader.fields[1].1.clone());
    let mut two = plain("");
    two.after = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n");
    let table: [(Form, u16, &str); 14] = [
        (unsigned, 403, "AccessDenied"),
        (forged, 403, "SignatureDoesNotMatch"),
        (incomplete, 400, "InvalidArgument"),
        (reader, 403, "AccessDenied"),
        (plain(r#"{"bucket":"other"}"#), 403, "AccessDenied"),
        (plain(r#"["starts-with","$key","in/"]"#), 403, "AccessDenied"),
        (plain(r#"["ends-with","$key","in/"]"#), 400, "InvalidPolicyDocument"),
        (plain(r#"["content-length-range",10,20]"#), 400, "EntityTooSmall"),
        (plain(r#"["content-length-range",0,5]"#), 400, "EntityTooLarge"),
        (Form::signed(""), 400, "InvalidArgument"),
        (Form::signed("").field("key", "/k"), 400, "InvalidObjectName"),
        (plain("").field("callback", "x"), 400, "NotImplemented"),
        (plain("").field("x-oss-object-acl", "public-read"), 403, "AccessDenied"),
        (two, 400, "IncorrectNumberOfFilesInPOSTRequest"),
    ];
    for (at, (form, status, code)) in table.into_iter().enumerate() {
        let answer = form.post(&client).await;
        assert_eq!(
            (at, answer.status, answer.inner("Code").as_str()),
            (at, status, code),
            "{}",
            answer.text()
        );
    }
    client.put_object("/bkt/kept", b"old").await;
    let forbidden = Form::signed("").field("key", "kept").field("x-oss-forbid-overwrite", "true");
    forbidden.post(&client).await.expect_error(409, "FileAlreadyExists");
    assert_eq!(client.get("/bkt").send().await.all("Key"), ["kept"]);
    assert_eq!(server.object_event_types().await.len(), 1);
    crate::server::eventually("removing what was refused", || server.file_count() == 1).await;
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.post("/bkt").body("x").send().await.expect_error(400, "RequestIsNotMultiPartContent");
    let send = async |content_type: &str, body: &[u8]| {
        client.scheme(Scheme::None).post("/bkt").header("Content-Type", content_type).body(body).send().await
    };
    let good = Form::signed("").field("key", "k").bytes();
    let typed = format!("multipart/form-data; boundary={BOUNDARY}");
    send("multipart/form-data", &good).await.expect_error(400, "MalformedPOSTRequest");
    send(&typed, &good[..good.len() - 10]).await.expect_error(400, "MalformedPOSTRequest");
    send(&typed, b"").await.expect_error(400, "MalformedPOSTRequest");
    send(&typed, b"no boundary in here").await.expect_error(400, "MalformedPOSTRequest");
    let empty = format!("--{BOUNDARY}--\r\n");
    send(&typed, empty.as_bytes()).await.expect_error(400, "IncorrectNumberOfFilesInPOSTRequest");
    let endless =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n").repeat(100_000);
    send(&typed, endless.as_bytes()).await.expect_error(400, "MaxPOSTPreDataLengthExceededError");
    send(&typed, &vec![b'x'; 7 << 20]).await.expect_error(400, "MaxPOSTPreDataLengthExceededError");
    let long = Form::signed("").field("key", "k").field("x", &"v".repeat((2 << 20) + 1));
    long.post(&client).await.expect_error(400, "FieldItemTooLong");
    let much =
        Form::signed("").field("a", &"v".repeat(2 << 20)).field("b", &"v".repeat(2 << 20)).field("c", "v");
    much.post(&client).await.expect_error(400, "MaxPOSTPreDataLengthExceededError");
}

#[tokio::test]
async fn a_file_may_contain_what_looks_like_a_boundary() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let mut file = format!("\r\n--{}\r\n\r\n-\r\n--", &BOUNDARY[..BOUNDARY.len() - 1]).into_bytes();
    file.extend((0..300_000_u32).map(|at| (at % 256) as u8));
    file.extend(b"\r\n");
    Form::signed("").field("key", "k").file(&file).post(&client).await.expect(204);
    assert_eq!(client.get("/bkt/k").send().await.body, file);
    Form::signed("").field("key", "empty").file(b"").post(&client).await.expect(204);
    assert!(client.get("/bkt/empty").send().await.expect(200).body.is_empty());
}

#[tokio::test]
async fn browsers_are_let_in_from_chosen_origins_only() {
    let closed = Server::start().await;
    let ask = async |server: &Server, origin: &str| {
        let request =
            server.client().scheme(Scheme::None).request("OPTIONS", "/bkt/k").header("origin", origin);
        request.header("access-control-request-headers", "authorization,x-oss-date").send().await
    };
    ask(&closed, "https://app.example").await.expect_error(403, "AccessForbidden");
    let settings = ObjectSettings {
        allowed_origins: vec!["https://app.example".to_owned()],
        ..ObjectSettings::default()
    };
    let open = Server::with(settings, Limits::default()).await;
    let allowed = ask(&open, "https://app.example").await.expect(200);
    assert_eq!(allowed.text_of("access-control-allow-origin"), "https://app.example");
    assert_eq!(allowed.text_of("access-control-allow-headers"), "authorization,x-oss-date");
    assert!(allowed.text_of("access-control-allow-methods").contains("PUT"));
    ask(&open, "https://other.example").await.expect_error(403, "AccessForbidden");
    let client = open.client_with_bucket().await;
    let put = client.put("/bkt/k").header("origin", "https://app.example").body("x").send().await.expect(200);
    assert_eq!(put.text_of("access-control-expose-headers"), "ETag, x-oss-request-id");
    let other = client.get("/bkt/k").header("origin", "https://other.example").send().await.expect(200);
    assert!(!other.headers.contains_key("access-control-allow-origin"));
}
