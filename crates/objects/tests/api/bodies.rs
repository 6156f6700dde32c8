//! Bodies: lengths, chunks, digests, clients that stop.

use std::time::Duration;

use kulkul_listener::Limits;
use kulkul_objects::ObjectSettings;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::Response;
use crate::server::{Server, eventually};

#[tokio::test]
async fn a_body_comes_with_a_length_or_in_chunks() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let large: Vec<u8> = (0..1_500_000_u32).map(|at| (at % 253) as u8).collect();
    client.put("/bkt/chunked").body(&large[..1000]).chunked().send().await.expect(200);
    assert_eq!(client.get("/bkt/chunked").send().await.body, large[..1000]);
    client.put("/bkt/large").body(&large).send().await.expect(200);
    assert_eq!(client.get("/bkt/large").send().await.body, large);
    client.put("/bkt/empty").chunked().send().await.expect(200);
    assert_eq!(client.head("/bkt/empty").send().await.text_of("content-length"), "0");
    let none = client.put("/bkt/none").header("no-length", "1");
    none.send().await.expect_error(411, "MissingContentLength");
    let huge = client.put("/bkt/huge").header("content-length", (5_u64 << 30).to_string() + "1");
    huge.send().await.expect_error(400, "EntityTooLarge");
}

#[tokio::test]
async fn what_a_digest_does_not_fit_is_not_stored() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"old").await;
    let put = |name: &str, value: &str| client.put("/bkt/k").header(name, value).body("123456789");
    put("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").send().await.expect_error(400, "InvalidDigest");
    put("content-md5", "x").send().await.expect_error(400, "InvalidDigest");
    put("content-md5", "AAAA").send().await.expect_error(400, "InvalidDigest");
    put("x-oss-hash-crc64ecma", "1").send().await.expect_error(400, "InvalidCRC64");
    assert_eq!(client.get("/bkt/k").send().await.text(), "old");
    put("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==").send().await.expect(200);
    put("x-oss-hash-crc64ecma", "11051210869376104954").send().await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.text(), "123456789");
    let types = server.object_event_types().await;
    assert_eq!(types.len(), 3);
    eventually("removing what was refused", || server.file_count() == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_early_leaves_nothing() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let bytes = client.put("/bkt/k").body(vec![7; 3_000_000]).into_bytes();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&bytes[..2_000_000]).await.unwrap();
    eventually("the file being written", || server.file_count() == 1).await;
    drop(stream);
    eventually("the file being removed", || server.file_count() == 0).await;
    client.head("/bkt/k").send().await.expect_error(404, "NoSuchKey");
    assert!(server.object_event_types().await.is_empty());
}

#[tokio::test]
async fn a_client_that_stalls_is_told() {
    let limits = Limits { body_idle_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::with(ObjectSettings::default(), limits).await;
    let client = server.client_with_bucket().await;
    let bytes = client.put("/bkt/k").body(vec![7; 100_000]).into_bytes();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&bytes[..50_000]).await.unwrap();
    let told = Response::read(&mut stream, false).await.expect_error(400, "RequestTimeout");
    assert_eq!(told.text_of("connection"), "close");
}

#[tokio::test]
async fn a_client_that_asks_first_is_answered_before_it_sends() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let ask = |client: &crate::client::Client, target: &str| {
        client.put(target).header("expect", "100-continue").header("content-length", "5").into_bytes()
    };
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&ask(&client, "/bkt/k")).await.unwrap();
    Response::read(&mut stream, false).await.expect(100);
    stream.write_all(b"hello").await.unwrap();
    Response::read(&mut stream, false).await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.text(), "hello");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&ask(&server.client_of("read"), "/bkt/k")).await.unwrap();
    let refused = Response::read(&mut stream, false).await.expect_error(403, "AccessDenied");
    assert_eq!(refused.text_of("connection"), "close");
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refused_body() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        let refused = client.put("/no-bucket/k").body(vec![1; 1_000_000]).send_on(&mut stream).await;
        assert_eq!(refused.expect_error(404, "NoSuchBucket").text_of("connection"), "keep-alive");
        client.put("/bkt/k").body("fine").send_on(&mut stream).await.expect(200);
        assert_eq!(client.get("/bkt/k").send_on(&mut stream).await.text(), "fine");
    }
    let document = client.post("/bkt?delete").body("x".repeat((2 << 20) + 1)).send_on(&mut stream).await;
    document.expect_error(400, "MalformedXML");
    client.get("/bkt/k").send_on(&mut stream).await.expect(200);
}
