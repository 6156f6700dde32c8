//! Appendable objects, links, tags, access control lists.

use crate::server::{Server, eventually};

#[tokio::test]
async fn an_object_grows_by_appending() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let append = async |position: &str, body: &str| {
        let target = format!("/bkt/log?append=&position={position}");
        client.post(&target).header("x-oss-meta-n", position).body(body).send().await
    };
    append("1", "x").await.expect_error(409, "PositionNotEqualToLength");
    let first = append("0", "abc").await.expect(200);
    assert_eq!(first.text_of("x-oss-next-append-position"), "3");
    assert_eq!(first.text_of("x-oss-hash-crc64ecma"), "3231342946509354535");
    let second = append("3", "def").await.expect(200);
    assert_eq!(second.text_of("x-oss-next-append-position"), "6");
    assert_eq!(second.text_of("x-oss-hash-crc64ecma"), "15028124401329963252");
    assert_ne!(first.text_of("etag"), second.text_of("etag"));
    let wrong = append("3", "def").await.expect_error(409, "PositionNotEqualToLength");
    assert_eq!(wrong.text_of("x-oss-next-append-position"), "6");
    assert_eq!(wrong.text_of("x-oss-hash-crc64ecma"), "15028124401329963252");
    append("6", "").await.expect(200);
    append("x", "def").await.expect_error(400, "InvalidArgument");
    append("", "def").await.expect_error(400, "InvalidArgument");
    let get = client.get("/bkt/log").send().await.expect(200);
    assert_eq!(get.text(), "abcdef");
    assert_eq!(get.text_of("x-oss-object-type"), "Appendable");
    assert_eq!(get.text_of("x-oss-next-append-position"), "6");
    assert_eq!(get.text_of("x-oss-meta-n"), "0");
    assert!(!get.headers.contains_key("content-md5"));
    client.put_object("/bkt/fixed", b"x").await;
    client
        .post("/bkt/fixed?append&position=1")
        .body("x")
        .send()
        .await
        .expect_error(409, "ObjectNotAppendable");
    let copy = client.put("/bkt/copy").header("x-oss-copy-source", "/bkt/log");
    copy.send().await.expect(200);
    append("6", "ghi").await.expect(200);
    let copied = client.get("/bkt/copy").send().await.expect(200);
    assert_eq!((copied.text().as_str(), copied.text_of("x-oss-object-type").as_str()), ("abcdef", "Normal"));
    let types = server.object_event_types().await;
    assert_eq!(types.iter().filter(|kind| kind.ends_with(":AppendObject")).count(), 3, "{types:?}");
}

#[tokio::test]
async fn one_of_many_appends_at_a_position_wins() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.post("/bkt/log?append&position=0").body("start").send().await.expect(200);
    let racers = (0..20).map(|at| client.post("/bkt/log?append&position=5").body(format!("{at:05}")).send());
    let responses = futures_util::future::join_all(racers).await;
    let winners: Vec<usize> = (0..20).filter(|&at| responses[at].status == 200).collect();
    assert_eq!(winners.len(), 1);
    for response in responses.into_iter().filter(|response| response.status != 200) {
        let refused = response.expect_error(409, "PositionNotEqualToLength");
        assert_eq!(refused.text_of("x-oss-next-append-position"), "10");
    }
    assert_eq!(client.get("/bkt/log").send().await.text(), format!("start{:05}", winners[0]));
    assert_eq!(server.object_event_types().await.len(), 2);
    eventually("removing the tails", || server.file_count() == 1).await;
}

#[tokio::test]
async fn a_link_stands_for_its_target() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let link = async |key: &str, target: &str| {
        client.put(&format!("/bkt/{key}?symlink")).header("x-oss-symlink-target", target).send().await
    };
    let put = client
        .put("/bkt/link?symlink=")
        .header("x-oss-symlink-target", "dir%2Fa+b")
        .header("x-oss-meta-l", "1");
    let etag = put.send().await.expect(200).text_of("etag");
    client.get("/bkt/link").send().await.expect_error(404, "SymlinkTargetNotExist");
    client
        .put("/bkt/dir/a+b")
        .header("content-type", "text/plain")
        .body("123456789")
        .send()
        .await
        .expect(200);
    let get = client.get("/bkt/link").header("range", "bytes=0-1").send().await.expect(206);
    assert_eq!(get.text(), "12");
    let head = client.head("/bkt/link").send().await.expect(200);
    let expected = [
        ("content-length", "9"),
        ("etag", "\"25F9E794323B453885F5181F1B624D0B\""),
        ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ("x-oss-object-type", "Symlink"),
        ("content-type", "application/octet-stream"),
        ("x-oss-meta-l", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(head.text_of(name), value, "{name}");
    }
    let read = client.get("/bkt/link?symlink").send().await.expect(200);
    assert_eq!(read.text_of("x-oss-symlink-target"), "dir%2Fa+b");
    assert_eq!((read.text_of("etag"), read.text_of("x-oss-meta-l")), (etag, "1".to_owned()));
    let meta = client.head("/bkt/link?objectMeta").send().await.expect(200);
    assert_eq!(meta.text_of("content-length"), "0");
    link("second", "link").await.expect(200);
    client.get("/bkt/second").send().await.expect_error(400, "InvalidTargetType");
    client.put("/bkt/copy").header("x-oss-copy-source", "/bkt/link").send().await.expect(200);
    assert_eq!(
        client.get("/bkt/copy?symlink").send().await.expect(200).text_of("x-oss-symlink-target"),
        "dir%2Fa+b"
    );
    client.get("/bkt/dir/a+b?symlink").send().await.expect_error(400, "NotSymlink");
    client.get("/bkt/none?symlink").send().await.expect_error(404, "NoSuchKey");
    client.put("/bkt/x?symlink").send().await.expect_error(400, "MissingArgument");
    link("x", "%2Fx").await.expect_error(400, "InvalidObjectName");
    client.delete("/bkt/link").send().await.expect(204);
    client.get("/bkt/dir/a+b").send().await.expect(200);
}

#[tokio::test]
async fn tags_are_replaced_read_and_removed() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"x").await;
    let before = client.head("/bkt/k").send().await.text_of("last-modified");
    let put = async |tags: &str| {
        let body = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
        client.put("/bkt/k?tagging").body(body).send().await
    };
    put("<Tag><Key>k 1</Key><Value>v/1</Value></Tag><Tag><Key>k2</Key><Value></Value></Tag>")
        .await
        .expect(200);
    let tags = client.get("/bkt/k?tagging").send().await.expect(200);
    assert_eq!(
        (tags.all("Key"), tags.inner("Value")),
        (vec!["k 1".to_owned(), "k2".to_owned()], "v/1".to_owned())
    );
    let head = client.head("/bkt/k").send().await.expect(200);
    assert_eq!(
        (head.text_of("x-oss-tagging-count"), head.text_of("last-modified")),
        ("2".to_owned(), before)
    );
    let many: String = (0..11).map(|at| format!("<Tag><Key>k{at}</Key><Value>v</Value></Tag>")).collect();
    put(&many).await.expect_error(400, "InvalidTag");
    put("<Tag><Value>v</Value></Tag>").await.expect_error(400, "MalformedXML");
    client.delete("/bkt/k?tagging").send().await.expect(204);
    let none = client.get("/bkt/k?tagging").send().await.expect(200);
    assert!(none.text().contains("<Tagging><TagSet></TagSet></Tagging>"));
    for method in ["GET", "DELETE"] {
        client.request(method, "/bkt/none?tagging").send().await.expect_error(404, "NoSuchKey");
    }
    assert_eq!(server.object_event_types().await, ["oss:ObjectCreated:PutObject"]);
}

#[tokio::test]
async fn access_control_lists_change_nothing() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    client.put_object("/bkt/k", b"x").await;
    assert_eq!(client.get("/bkt/k?acl").send().await.expect(200).inner("Grant"), "default");
    client.put("/bkt/k?acl").header("x-oss-object-acl", "private").send().await.expect(200);
    client
        .put("/bkt/k?acl")
        .header("x-oss-object-acl", "public-read")
        .send()
        .await
        .expect_error(403, "AccessDenied");
    client
        .put("/bkt?acl")
        .header("x-oss-acl", "public-read-write")
        .send()
        .await
        .expect_error(403, "AccessDenied");
    client.put("/bkt?acl").header("x-oss-acl", "private").send().await.expect(200);
    client.get("/bkt/none?acl").send().await.expect_error(404, "NoSuchKey");
}
