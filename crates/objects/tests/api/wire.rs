//! Addresses and signatures as they come over the wire.

use std::collections::HashMap;
use std::time::Duration;

use kulkul_access::Role;
use kulkul_listener::Limits;
use kulkul_model::Timestamp;
use kulkul_objects::{Hosts, ObjectSettings};

use crate::client::{Client, Credentials, Scheme};
use crate::server::Server;

#[tokio::test]
async fn every_address_reaches_the_same_object() {
    let hosts = Hosts {
        service_names: vec!["localhost".to_owned()],
        custom_domains: HashMap::from([("img.example.org".to_owned(), "bkt".to_owned())]),
    };
    let settings = ObjectSettings { hosts, ..ObjectSettings::default() };
    let server = Server::with(settings, Limits::default()).await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/a%20b/c", b"same").await;
    let table = [
        ("127.0.0.1:1", "/bkt/a%20b/c"),
        ("127.0.0.1:1", "/bkt/a%20b%2Fc"),
        ("localhost:1", "/bkt/a%20b/c"),
        ("bkt.localhost:1", "/a%20b/c"),
        ("bkt.oss-cn-hangzhou.aliyuncs.com", "/a%20b/c"),
        ("bkt.cn-x.aliyuncs.com", "/a%20b%2Fc"),
        ("somewhere.example", "/bkt/a%20b/c"),
    ];
    for scheme in [Scheme::V1, Scheme::V4, Scheme::V1Url, Scheme::V4Url] {
        for (host, target) in table {
            let get = client.scheme(scheme).get(target).host(host).send().await.expect(200);
            assert_eq!(get.text(), "same", "{host} {target}");
        }
    }
}

#[tokio::test]
async fn what_a_library_has_collapsed_is_refused_not_repaired() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put("/esc").send().await.expect(200);
    for (signed, sent) in [("/bkt/x/../y", "/bkt/y"), ("/bkt/../esc/k", "/esc/k"), ("/bkt/./k", "/bkt/k")] {
        let bytes = client.put(signed).body("x").into_bytes();
        let text = String::from_utf8(bytes).unwrap().replacen(signed, sent, 1);
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.unwrap();
        let refused = crate::client::Response::read(&mut stream, false).await;
        refused.expect_error(403, "SignatureDoesNotMatch");
        client.put(signed).body("x").send().await.expect(200);
    }
    assert_eq!(client.get("/bkt").send().await.all("Key"), ["../esc/k", "./k", "x/../y"]);
    assert!(client.get("/esc").send().await.all("Key").is_empty());
}

#[tokio::test]
async fn a_signed_url_is_for_one_method_and_one_time() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"x").await;
    let anonymous = client.scheme(Scheme::None);
    for scheme in [Scheme::V1Url, Scheme::V4Url] {
        let url = client.scheme(scheme).get("/bkt/k").signed_target();
        anonymous.get(&url).send().await.expect(200);
        anonymous.head(&url).send().await.expect_error(403, "SignatureDoesNotMatch");
        anonymous.put(&url).body("y").send().await.expect_error(403, "SignatureDoesNotMatch");
        anonymous.delete(&url).send().await.expect_error(403, "SignatureDoesNotMatch");
        client.get(&url).send().await.expect_error(400, "InvalidArgument");
        let typed = client.scheme(scheme).put("/bkt/k").header("content-type", "text/plain").signed_target();
        anonymous.put(&typed).body("y").send().await.expect_error(403, "SignatureDoesNotMatch");
        let put = anonymous.put(&typed).header("content-type", "text/plain").body("y");
        put.send().await.expect(200);
        let past = Timestamp::from_millis(Timestamp::now().as_millis() - 120_000);
        let old = client.scheme(scheme).get("/bkt/k").at(past).signed_target();
        let refused = anonymous.get(&old).send().await.expect_error(403, "AccessDenied");
        assert!(refused.text().contains("Request has expired."));
    }
}

#[tokio::test]
async fn a_date_must_be_near_ours() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    for scheme in [Scheme::V1, Scheme::V4] {
        for minutes in [-16, 16] {
            let time = Timestamp::from_millis(Timestamp::now().as_millis() + minutes * 60_000);
            let refused = client.scheme(scheme).get("/bkt").at(time).send().await;
            let body = refused.expect_error(403, "RequestTimeTooSkewed").text();
            assert!(body.contains("<RequestTime>") && body.contains("<ServerTime>"));
        }
    }
}

#[tokio::test]
async fn temporary_keys_need_their_token() {
    let server = Server::start().await;
    server.client_with_bucket().await;
    let admin = server.keys.find("admin", None, Timestamp::now()).unwrap();
    let issue =
        |lifetime| server.keys.issue_temporary(&admin, Role::Publish, lifetime, Timestamp::now()).unwrap();
    let client_of = |key: &kulkul_access::TemporaryKey, token: Option<&str>| {
        let credentials = Credentials {
            id: key.id.to_string(),
            secret: key.secret.expose().to_owned(),
            token: token.map(str::to_owned),
        };
        Client::new(server.address, credentials)
    };
    let (one, other) = (issue(Duration::from_secs(60)), issue(Duration::from_secs(60)));
    for scheme in [Scheme::V1, Scheme::V4, Scheme::V1Url, Scheme::V4Url] {
        let good = client_of(&one, Some(one.security_token.expose())).scheme(scheme);
        good.put("/bkt/k").body("x").send().await.expect(200);
        good.delete("/bkt").send().await.expect_error(403, "AccessDenied");
        let none = client_of(&one, None).scheme(scheme);
        none.get("/bkt/k").send().await.expect_error(403, "InvalidAccessKeyId");
        let wrong = client_of(&one, Some(other.security_token.expose())).scheme(scheme);
        wrong.get("/bkt/k").send().await.expect_error(403, "AccessKeyIdAndSecurityTokenNotMatch");
        let permanent = Credentials { token: Some("x".to_owned()), ..server.client().credentials };
        let permanent = Client::new(server.address, permanent).scheme(scheme);
        permanent.get("/bkt/k").send().await.expect_error(403, "InvalidSecurityToken");
        let over = issue(Duration::ZERO);
        let over = client_of(&over, Some(over.security_token.expose())).scheme(scheme);
        over.get("/bkt/k").send().await.expect_error(403, "SecurityTokenExpired");
    }
    // oss-v2 sends the token of a V1 signature in a header that is not signed.
    let unsigned = client_of(&one, None).scheme(Scheme::V1);
    let get = unsigned.get("/bkt/k").header("security-token", one.security_token.expose());
    get.send().await.expect(200);
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let stranger = Client::new(server.address, Credentials::new("admin", "wrong"));
    let unknown = Client::new(server.address, Credentials::new("nobody", "wrong"));
    for target in ["/bkt", "/no-bucket", "/BAD_NAME", "/bkt/none", "/bkt//bad", "/bkt?lifecycle", "/"] {
        for scheme in [Scheme::V1, Scheme::V4] {
            let refused = stranger.scheme(scheme).get(target).send().await;
            refused.expect_error(403, "SignatureDoesNotMatch");
            unknown.scheme(scheme).get(target).send().await.expect_error(403, "InvalidAccessKeyId");
        }
        client.scheme(Scheme::None).get(target).send().await.expect_error(403, "AccessDenied");
    }
    let refused = stranger.head("/bkt/k").send().await.expect_error(403, "SignatureDoesNotMatch");
    assert!(refused.text_of("x-oss-err").len() < 4096);
    let mut many = "/bkt?".to_owned();
    many.push_str(&"a=1&".repeat(10_000));
    client.get(&many).send().await.expect_error(400, "InvalidArgument");
    let twice = client.get("/bkt").header("x-oss-meta-a", "1").header("x-oss-meta-a", "2");
    twice.send().await.expect_error(400, "InvalidArgument");
    let long = client
        .scheme(Scheme::None)
        .get("/bkt")
        .header("authorization", format!("OSS {}", "a".repeat(60_000)));
    assert!(matches!(long.send().await.status, 400 | 431));
}

#[tokio::test]
async fn a_region_can_be_demanded() {
    let settings = ObjectSettings { strict_region: true, ..ObjectSettings::default() };
    let server = Server::with(settings, Limits::default()).await;
    let client = server.client_with_bucket().await;
    let bytes = client.get("/bkt").into_bytes();
    let other = String::from_utf8(bytes).unwrap().replace("/cn-hangzhou/", "/cn-beijing/");
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, other.as_bytes()).await.unwrap();
    let refused = crate::client::Response::read(&mut stream, false).await;
    refused.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn methods_without_an_operation_are_named() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let refused = client.request("PATCH", "/bkt/k").send().await.expect_error(405, "MethodNotAllowed");
    assert_eq!(
        (refused.inner("Method").as_str(), refused.inner("ResourceType").as_str()),
        ("PATCH", "OBJECT")
    );
    assert!(refused.headers.contains_key("allow"));
    client.post("/bkt/k").body("x").send().await.expect_error(405, "MethodNotAllowed");
}
