//! Objects: put, get, head, delete, copy.

use crate::client::{Client, Scheme, http_date};
use crate::server::Server;

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let server = Server::start().await;
    let admin = server.client_with_bucket().await;
    for scheme in [Scheme::V1, Scheme::V4] {
        let client = admin.scheme(scheme);
        let put = client
            .put("/bkt/a%20b%2Fc%2B.txt")
            .header("Content-Type", "image/jpeg")
            .header("X-Oss-Meta-Author", "foo bar")
            .header("Cache-Control", "no-cache")
            .header("x-oss-tagging", "k1=v1&k2=v%202")
            .body("123456789")
            .send()
            .await
            .expect(200);
        assert_eq!(put.text_of("etag"), "\"25F9E794323B453885F5181F1B624D0B\"");
        assert_eq!(put.text_of("x-oss-hash-crc64ecma"), "11051210869376104954");
        assert_eq!(put.text_of("content-md5"), "JfnnlDI7RTiF9RgfG2JNCw==");
        assert_eq!(put.text_of("content-length"), "0");
        let get = client.get("/bkt/a%20b/c%2B.txt").send().await.expect(200);
        assert_eq!(get.body, b"123456789");
        let head = client.head("/bkt/a%20b%2Fc%2B.txt").send().await.expect(200);
        for response in [&get, &head] {
            let expected = [
                ("content-type", "image/jpeg"),
                ("content-length", "9"),
                ("cache-control", "no-cache"),
                ("accept-ranges", "bytes"),
                ("etag", "\"25F9E794323B453885F5181F1B624D0B\""),
                ("x-oss-object-type", "Normal"),
                ("x-oss-storage-class", "Standard"),
                ("x-oss-hash-crc64ecma", "11051210869376104954"),
                ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
                ("x-oss-meta-author", "foo bar"),
                ("x-oss-tagging-count", "2"),
                ("server", "Kulkul"),
                ("connection", "keep-alive"),
            ];
            for (name, value) in expected {
                assert_eq!(response.text_of(name), value, "{name}");
            }
            let id = response.text_of("x-oss-request-id");
            assert!(
                id.len() == 24 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
                "{id}"
            );
            assert!(response.text_of("last-modified").ends_with(" GMT"));
        }
        let meta = client.head("/bkt/a%20b%2Fc%2B.txt?objectMeta").send().await.expect(200);
        assert_eq!(
            (meta.text_of("content-length").as_str(), meta.headers.contains_key("content-type")),
            ("9", false)
        );
    }
}

#[tokio::test]
async fn an_object_that_is_not_there_says_so_in_every_form() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.get("/bkt/nope").send().await.expect_error(404, "NoSuchKey");
    client.head("/bkt/nope").send().await.expect_error(404, "NoSuchKey");
    client.head("/bkt/nope?objectMeta").send().await.expect_error(404, "NoSuchKey");
    client.get("/no-bucket/nope").send().await.expect_error(404, "NoSuchBucket");
    client.head("/no-bucket/nope").send().await.expect_error(404, "NoSuchBucket");
    client.put("/no-bucket/nope").body("x").send().await.expect_error(404, "NoSuchBucket");
    client.delete("/bkt/nope").send().await.expect(204);
    client.delete("/no-bucket/nope").send().await.expect_error(404, "NoSuchBucket");
}

#[tokio::test]
async fn every_key_is_its_own() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let long = "ü".repeat(511);
    let keys = [
        "a b+c.txt",
        "ü/日本.txt",
        "😀",
        "%20",
        "a%2Fb",
        "a//b",
        "dir/",
        "!'()*;:@&=+$,?#[]",
        "a\\b",
        "tab\there",
        "x/../y",
        "./a",
        "..",
        "A",
        "a",
        &long,
    ];
    for key in keys {
        let target = format!("/bkt/{}", crate::client::escape(key.as_bytes()));
        client.put(&target).body(key).send().await.expect(200);
    }
    for key in keys {
        let target = format!("/bkt/{}", crate::client::escape(key.as_bytes()));
        assert_eq!(client.get(&target).send().await.expect(200).text(), key);
    }
    let mut sorted = keys;
    sorted.sort_unstable();
    let list = client.get("/bkt?encoding-type=url&max-keys=1000").send().await.expect(200);
    let listed: Vec<String> = list.all("Key");
    let expected: Vec<String> =
        sorted.iter().map(|key| crate::client::escape(key.as_bytes()).replace("%2F", "/")).collect();
    assert_eq!(listed, expected);
    for key in keys {
        let target = format!("/bkt/{}", crate::client::escape(key.as_bytes()));
        client.delete(&target).send().await.expect(204);
        client.get(&target).send().await.expect_error(404, "NoSuchKey");
    }
    client.put("/bkt//k").body("x").send().await.expect_error(400, "InvalidObjectName");
    client.put("/bkt/%2Fk").body("x").send().await.expect_error(400, "InvalidObjectName");
    client.put("/bkt/%5Ck").body("x").send().await.expect_error(400, "InvalidObjectName");
    let too_long = format!("/bkt/{}", "k".repeat(1024));
    client.put(&too_long).body("x").send().await.expect_error(400, "InvalidObjectName");
    client.put(&too_long[..too_long.len() - 1]).body("x").send().await.expect(200);
}

#[tokio::test]
async fn ranges_are_cut_out() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"0123456789").await;
    let get = async |range: &str, standard: bool| {
        let request = client.get("/bkt/k").header("Range", range);
        let request = if standard { request.header("x-oss-range-behavior", "standard") } else { request };
        let response = request.send().await;
        (response.status, response.text(), response.text_of("content-range"))
    };
    let owned = |status, text: &str, range: &str| (status, text.to_owned(), range.to_owned());
    assert_eq!(get("bytes=2-4", false).await, owned(206, "234", "bytes 2-4/10"));
    assert_eq!(get("bytes=-2", false).await, owned(206, "89", "bytes 8-9/10"));
    assert_eq!(get("bytes=0-1,5-6", false).await, owned(206, "01", "bytes 0-1/10"));
    assert_eq!(get("bytes=8-20", false).await, owned(200, "0123456789", ""));
    assert_eq!(get("bytes=8-20", true).await, owned(206, "89", "bytes 8-9/10"));
    assert_eq!(get("bytes=10-", false).await, owned(200, "0123456789", ""));
    let refused =
        client.get("/bkt/k").header("range", "bytes=10-").header("x-oss-range-behavior", "standard");
    refused.send().await.expect_error(416, "InvalidRange");
    let part = client.get("/bkt/k").header("range", "bytes=2-4").send().await.expect(206);
    assert_eq!(
        part.text_of("x-oss-hash-crc64ecma"),
        client.head("/bkt/k").send().await.text_of("x-oss-hash-crc64ecma")
    );
    client.put_object("/bkt/empty", b"").await;
    let empty = client.get("/bkt/empty").header("range", "bytes=0-").send().await.expect(200);
    assert_eq!(empty.text_of("etag"), "\"D41D8CD98F00B204E9800998ECF8427E\"");
    assert_eq!((empty.text_of("x-oss-hash-crc64ecma").as_str(), empty.body.len()), ("0", 0));
}

#[tokio::test]
async fn conditions_decide_what_is_answered() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let etag = client.put_object("/bkt/k", b"x").await;
    for method in ["GET", "HEAD"] {
        let send =
            async |name: &str, value: &str| client.request(method, "/bkt/k").header(name, value).send().await;
        send("if-match", &etag).await.expect(200);
        send("if-match", "\"other\"").await.expect_error(412, "PreconditionFailed");
        let unchanged = send("if-none-match", &etag).await.expect(304);
        assert_eq!(unchanged.text_of("etag"), etag);
        assert!(unchanged.body.is_empty() && !unchanged.headers.contains_key("x-oss-err"));
        assert!(unchanged.headers.contains_key("last-modified"));
        send("if-none-match", "other").await.expect(200);
        let modified = client.head("/bkt/k").send().await.text_of("last-modified");
        send("if-modified-since", &modified).await.expect(304);
        send("if-unmodified-since", &modified).await.expect(200);
        let early = http_date(kulkul_model::Timestamp::from_millis(0));
        send("if-modified-since", &early).await.expect(200);
        send("if-unmodified-since", &early).await.expect_error(412, "PreconditionFailed");
    }
    for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
        let refused = client.put("/bkt/k").header(name, "*").body("y").send().await;
        assert!(refused.expect_error(400, "NotImplemented").text().contains("<Header>If-"));
    }
    assert_eq!(client.get("/bkt/k").send().await.text(), "x");
}

#[tokio::test]
async fn a_reply_takes_headers_from_the_query() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"x").await;
    let query = "response-content-type=text%2Fx+y&response-content-disposition=attachment%3B%20filename%3D%22%C3%A9.txt%22";
    for scheme in [Scheme::V1, Scheme::V4] {
        let get = client.scheme(scheme).get(&format!("/bkt/k?{query}")).send().await.expect(200);
        assert_eq!(get.text_of("content-type"), "text/x y");
        assert_eq!(get.text_of("content-disposition"), "attachment; filename=\"é.txt\"");
    }
    let split = client.get("/bkt/k?response-content-type=a%0D%0Ax-oss-evil%3A1").send().await;
    split.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn metadata_comes_back_byte_for_byte() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let put = client
        .put("/bkt/k")
        .header("X-OSS-Meta-UTF", "ü日本".as_bytes())
        .header("x-oss-meta-latin", b"\xfc")
        .header("content-disposition", "attachment")
        .header("content-encoding", "gzip")
        .header("content-language", "id")
        .header("expires", "Sun, 22 Nov 2026 08:49:34 GMT")
        .header("x-oss-storage-class", "IA");
    put.send().await.expect(200);
    let head = client.head("/bkt/k").send().await.expect(200);
    assert_eq!(head.headers["x-oss-meta-utf"], "ü日本".as_bytes());
    assert_eq!(head.headers["x-oss-meta-latin"], b"\xfc");
    assert_eq!(head.text_of("content-encoding"), "gzip");
    assert_eq!(head.text_of("content-language"), "id");
    assert_eq!(head.text_of("expires"), "Sun, 22 Nov 2026 08:49:34 GMT");
    assert_eq!(head.text_of("x-oss-storage-class"), "IA");
    assert_eq!(head.text_of("content-type"), "application/octet-stream");
    let long = client.put("/bkt/k").header("x-oss-meta-a", "v".repeat(8192));
    long.send().await.expect_error(400, "InvalidArgument");
    let table: [(&str, &str, u16, &str); 9] = [
        ("x-oss-object-acl", "public-read", 403, "AccessDenied"),
        ("x-oss-object-acl", "everybody", 400, "InvalidArgument"),
        ("x-oss-storage-class", "Archive", 400, "InvalidArgument"),
        ("x-oss-server-side-encryption", "AES256", 400, "NotImplemented"),
        ("x-oss-callback", "e30=", 400, "NotImplemented"),
        ("x-oss-forbid-overwrite", "maybe", 400, "InvalidArgument"),
        ("x-oss-tagging", "a=1&a=2", 400, "InvalidArgument"),
        ("x-oss-tagging", "a=%21", 400, "InvalidTag"),
        ("x-oss-hash-crc64ecma", "x", 400, "InvalidArgument"),
    ];
    for (name, value, status, code) in table {
        client.put("/bkt/new").header(name, value).body("x").send().await.expect_error(status, code);
    }
    client.head("/bkt/new").send().await.expect_error(404, "NoSuchKey");
    for (name, value) in [("x-oss-object-acl", "private"), ("x-oss-traffic-limit", "819200")] {
        client.put("/bkt/new").header(name, value).body("x").send().await.expect(200);
    }
}

#[tokio::test]
async fn an_object_that_must_stay_stays() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"old").await;
    let forbidden = |target: &str| client.put(target).header("x-oss-forbid-overwrite", "true");
    forbidden("/bkt/k").body("new").send().await.expect_error(409, "FileAlreadyExists");
    let copy = forbidden("/bkt/k").header("x-oss-copy-source", "/bkt/k");
    copy.send().await.expect_error(409, "FileAlreadyExists");
    let link = forbidden("/bkt/k?symlink").header("x-oss-symlink-target", "x");
    link.send().await.expect_error(409, "FileAlreadyExists");
    assert_eq!(client.get("/bkt/k").send().await.text(), "old");
    let racers = (0..8).map(|at| forbidden("/bkt/race").body(format!("racer {at}")).send());
    let statuses: Vec<u16> =
        futures_util::future::join_all(racers).await.iter().map(|response| response.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 7, "{statuses:?}");
}

#[tokio::test]
async fn writers_of_one_key_do_not_mix() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let bodies: Vec<Vec<u8>> = (0..16_u8).map(|at| vec![at; 200_000]).collect();
    let writes = bodies.iter().map(|body| client.put("/bkt/k").body(body).send());
    for response in futures_util::future::join_all(writes).await {
        response.expect(200);
    }
    let read = client.get("/bkt/k").send().await.expect(200);
    assert!(bodies.contains(&read.body));
    crate::server::eventually("removing what was replaced", || server.file_count() == 1).await;
    assert_eq!(server.object_event_types().await.len(), 16);
}

#[tokio::test]
async fn a_copy_takes_what_it_is_told_to_take() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put("/other").send().await.expect(200);
    let source = client
        .put("/bkt/s%20%3F%25.txt")
        .header("content-type", "text/plain")
        .header("x-oss-meta-a", "1")
        .header("x-oss-tagging", "t=1")
        .body("123456789");
    let etag = source.send().await.expect(200).text_of("etag");
    let copy = |target: &str| client.put(target).header("x-oss-copy-source", "/bkt/s%20%3F%25.txt");
    let copied = copy("/other/c").send().await.expect(200);
    assert_eq!((copied.inner("ETag"), copied.text_of("etag")), (etag.clone(), etag.clone()));
    assert!(copied.inner("LastModified").ends_with(".000Z"));
    assert_eq!(copied.text_of("x-oss-hash-crc64ecma"), "11051210869376104954");
    let head = async |target: &str| client.head(target).send().await.expect(200);
    let taken = head("/other/c").await;
    assert_eq!(
        (taken.text_of("content-type"), taken.text_of("x-oss-meta-a")),
        ("text/plain".into(), "1".into())
    );
    assert_eq!(taken.text_of("x-oss-tagging-count"), "1");
    let replaced = copy("/bkt/r")
        .header("x-oss-metadata-directive", "replace")
        .header("x-oss-tagging-directive", "Replace")
        .header("x-oss-meta-b", "2");
    replaced.send().await.expect(200);
    let replaced = head("/bkt/r").await;
    assert_eq!(replaced.text_of("content-type"), "application/octet-stream");
    assert_eq!((replaced.text_of("x-oss-meta-a"), replaced.text_of("x-oss-meta-b")), ("".into(), "2".into()));
    assert_eq!(replaced.text_of("x-oss-tagging-count"), "");
    client.delete("/bkt/s%20%3F%25.txt").send().await.expect(204);
    assert_eq!(client.get("/other/c").send().await.expect(200).text(), "123456789");
    copy("/bkt/x").send().await.expect_error(404, "NoSuchKey");
    let missing = client.put("/bkt/x").header("x-oss-copy-source", "/no-bucket/k");
    missing.send().await.expect_error(404, "NoSuchBucket");
    let bad = client.put("/bkt/x").header("x-oss-copy-source", "/bkt");
    bad.send().await.expect_error(400, "InvalidArgument");
    let bad =
        client.put("/bkt/x").header("x-oss-copy-source", "/bkt/r").header("x-oss-metadata-directive", "x");
    bad.send().await.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn a_copy_onto_itself_changes_metadata_only() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let etag = client.put_object("/bkt/k", b"x").await;
    let itself = client.put("/bkt/k").header("x-oss-copy-source", "/bkt/k").header("x-oss-meta-new", "1");
    itself.send().await.expect(200);
    let head = client.head("/bkt/k").send().await.expect(200);
    assert_eq!((head.text_of("x-oss-meta-new"), head.text_of("etag")), ("1".to_owned(), etag));
    client.post("/bkt/log?append&position=0").body("abc").send().await.expect(200);
    client.put("/bkt/log").header("x-oss-copy-source", "/bkt/log").send().await.expect(200);
    client.post("/bkt/log?append&position=3").body("def").send().await.expect(200);
    assert_eq!(client.get("/bkt/log").send().await.text(), "abcdef");
}

#[tokio::test]
async fn conditions_on_the_source_of_a_copy_are_judged() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let etag = client.put_object("/bkt/k", b"x").await;
    let copy = async |name: &str, value: &str| {
        let name = format!("x-oss-copy-source-{name}");
        client.put("/bkt/c").header("x-oss-copy-source", "/bkt/k").header(&name, value).send().await
    };
    copy("if-match", &etag).await.expect(200);
    copy("if-match", "other").await.expect_error(412, "PreconditionFailed");
    assert!(copy("if-none-match", &etag).await.expect(304).body.is_empty());
    copy("if-unmodified-since", "2000-01-01T00:00:00Z").await.expect_error(412, "PreconditionFailed");
    copy("if-modified-since", "2000-01-01T00:00:00Z").await.expect(200);
}

#[tokio::test]
async fn many_objects_go_at_once() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    for key in ["a%26b", "c", "d"] {
        client.put_object(&format!("/bkt/{key}"), b"x").await;
    }
    let delete = async |body: &str| {
        let md5 = {
            use base64::Engine;
            use md5::Digest;
            base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(body))
        };
        client.post("/bkt?delete=&encoding-type=url").header("content-md5", md5).body(body).send().await
    };
    let loud = "<?xml version=\"1.0\"?><Delete><Object><Key>a&amp;b</Key></Object><Object><Key>none</Key></Object>\
                <Object><Key>a&amp;b</Key></Object></Delete>";
    assert_eq!(delete(loud).await.expect(200).all("Key"), ["a%26b", "none", "a%26b"]);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>";
    assert!(delete(quiet).await.expect(200).body.is_empty());
    assert_eq!(client.get("/bkt").send().await.all("Key"), ["d"]);
    let many = |count| {
        let objects: String = (0..count).map(|at| format!("<Object><Key>k{at}</Key></Object>")).collect();
        format!("<Delete>{objects}</Delete>")
    };
    delete(&many(1000)).await.expect(200);
    for bad in [many(1001).as_str(), "<Delete></Delete>", "<Delete><Object></Object></Delete>", "x", ""] {
        delete(bad).await.expect_error(400, "MalformedXML");
    }
    let version = "<Delete><Object><Key>d</Key><VersionId>1</VersionId></Object></Delete>";
    delete(version).await.expect_error(404, "NoSuchVersion");
    let wrong = client.post("/bkt?delete").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").body(quiet);
    wrong.send().await.expect_error(400, "InvalidDigest");
}

#[tokio::test]
async fn roles_limit_what_a_key_may_do() {
    let server = Server::start().await;
    server.client_with_bucket().await.put_object("/bkt/k", b"x").await;
    let (publish, read) = (server.client_of("publish"), server.client_of("read"));
    for client in [&publish, &read] {
        client.get("/bkt/k").send().await.expect(200);
        client.get("/bkt").send().await.expect(200);
        client.put("/new-bucket").send().await.expect_error(403, "AccessDenied");
        client.delete("/bkt").send().await.expect_error(403, "AccessDenied");
    }
    publish.put("/bkt/p").body("x").send().await.expect(200);
    publish.delete("/bkt/p").send().await.expect(204);
    let refused: [(&str, &str); 6] = [
        ("PUT", "/bkt/p"),
        ("DELETE", "/bkt/k"),
        ("POST", "/bkt?delete"),
        ("POST", "/bkt/p?uploads"),
        ("POST", "/bkt/p?append&position=0"),
        ("PUT", "/bkt/k?tagging"),
    ];
    for (method, target) in refused {
        read.request(method, target).body("x").send().await.expect_error(403, "AccessDenied");
    }
    let anonymous: Client = read.scheme(Scheme::None);
    anonymous.get("/bkt/k").send().await.expect_error(403, "AccessDenied");
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put("/bkt/k").header("x-oss-meta-a", "1").body("kept").send().await.expect(200);
    let server = server.restart().await;
    let get = server.client().get("/bkt/k").send().await.expect(200);
    assert_eq!((get.text().as_str(), get.text_of("x-oss-meta-a").as_str()), ("kept", "1"));
}
