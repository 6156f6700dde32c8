//! Uploads in parts.

use std::time::Duration;

use kulkul_listener::Limits;
use kulkul_objects::ObjectSettings;

use crate::client::Client;
use crate::server::{Server, eventually};

const PART: usize = 102_400;

async fn begin(client: &Client, key: &str) -> String {
    client.post(&format!("/bkt/{key}?uploads=")).send().await.expect(200).inner("UploadId")
}

async fn part(client: &Client, key: &str, id: &str, number: u32, body: &[u8]) -> String {
    let target = format!("/bkt/{key}?partNumber={number}&uploadId={id}");
    let response = client.put(&target).header("x-oss-meta-a", "repeated").body(body).send().await;
    response.expect(200).text_of("etag")
}

fn list(parts: &[(u32, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| format!("<Part>\n<PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"))
        .collect();
    format!("<?xml version=\"1.0\"?>\n<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn complete(client: &Client, key: &str, id: &str, parts: &[(u32, &str)]) -> crate::client::Response {
    client
        .post(&format!("/bkt/{key}?uploadId={id}"))
        .header("x-oss-meta-a", "x")
        .body(list(parts))
        .send()
        .await
}

#[tokio::test]
async fn parts_become_one_object() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let begun = client
        .post("/bkt/mp/%C3%BC%20x.bin?uploads&encoding-type=url")
        .header("content-type", "video/mp4")
        .header("x-oss-meta-a", "1")
        .send()
        .await
        .expect(200);
    assert_eq!((begun.inner("Bucket").as_str(), begun.inner("Key").as_str()), ("bkt", "mp/%C3%BC%20x.bin"));
    let id = begun.inner("UploadId");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{id}");
    let key = "mp/%C3%BC%20x.bin";
    part(&client, key, &id, 2, b"replaced").await;
    let second = part(&client, key, &id, 2, &[2; PART]).await;
    let first = part(&client, key, &id, 1, &[1; PART]).await;
    assert_eq!(first, "\"152E82E2CC5C6E9D0D7E85237C021B13\"");
    client.head(&format!("/bkt/{key}")).send().await.expect_error(404, "NoSuchKey");
    let parts = client.get(&format!("/bkt/{key}?uploadId={id}&max-parts=1")).send().await.expect(200);
    assert_eq!(
        (parts.inner("PartNumber").as_str(), parts.inner("NextPartNumberMarker").as_str()),
        ("1", "1")
    );
    assert_eq!((parts.inner("IsTruncated").as_str(), parts.inner("Size").as_str()), ("true", "102400"));
    assert_eq!(parts.inner("HashCrc64ecma"), "16651010557542598396");
    let rest = client.get(&format!("/bkt/{key}?uploadId={id}&part-number-marker=1")).send().await.expect(200);
    assert_eq!(
        (rest.all("PartNumber"), rest.inner("IsTruncated")),
        (vec!["2".to_owned()], "false".to_owned())
    );
    let done = complete(&client, key, &id, &[(1, &first), (2, second.trim_matches('"'))]).await.expect(200);
    assert_eq!(done.text_of("etag"), "\"4CB527C0AFF4CBD3E5EF227BB5C0FEF9-2\"");
    assert_eq!(done.inner("ETag"), "\"4CB527C0AFF4CBD3E5EF227BB5C0FEF9-2\"");
    assert_eq!(done.text_of("x-oss-hash-crc64ecma"), "3702825910953194919");
    assert_eq!(done.inner("Location"), format!("http://{}/bkt/mp/%C3%BC%20x.bin", server.address));
    let get = client.get(&format!("/bkt/{key}")).send().await.expect(200);
    assert_eq!(get.body, [[1; PART], [2; PART]].concat());
    assert_eq!(
        (get.text_of("x-oss-object-type"), get.text_of("x-oss-meta-a")),
        ("Multipart".into(), "1".into())
    );
    assert_eq!(get.text_of("content-type"), "video/mp4");
    let range =
        client.get(&format!("/bkt/{key}")).header("range", "bytes=102399-102400").send().await.expect(206);
    assert_eq!(range.body, [1, 2]);
    client.get(&format!("/bkt/{key}?uploadId={id}")).send().await.expect_error(404, "NoSuchUpload");
    let again = complete(&client, key, &id, &[(1, &first), (2, &second)]).await.expect(200);
    assert_eq!(again.text_of("etag"), done.text_of("etag"));
    complete(&client, key, &id, &[(1, &first)]).await.expect_error(404, "NoSuchUpload");
    let created = server.object_event_types().await;
    assert_eq!(created.iter().filter(|kind| kind.ends_with(":CompleteMultipartUpload")).count(), 1);
    eventually("removing the replaced part", || server.file_count() == 2).await;
}

#[tokio::test]
async fn what_does_not_fit_is_not_joined() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let id = begin(&client, "k").await;
    let small = part(&client, "k", &id, 1, b"small").await;
    let last = part(&client, "k", &id, 5, b"last").await;
    let table: [(&[(u32, &str)], &str); 6] = [
        (&[(1, &small), (5, &last)], "EntityTooSmall"),
        (&[(5, &last), (1, &small)], "InvalidPartOrder"),
        (&[(1, &small), (1, &small)], "InvalidPartOrder"),
        (&[(2, &small)], "InvalidPart"),
        (&[(1, &last)], "InvalidPart"),
        (&[], "MalformedXML"),
    ];
    for (parts, code) in table {
        complete(&client, "k", &id, parts).await.expect_error(400, code);
    }
    complete(&client, "other", &id, &[(1, &small)]).await.expect_error(404, "NoSuchUpload");
    for number in ["0", "10001", "x", ""] {
        let target = format!("/bkt/k?partNumber={number}&uploadId={id}");
        client.put(&target).body("x").send().await.expect_error(400, "InvalidArgument");
    }
    client.put("/bkt/k?partNumber=1&uploadId=none").body("x").send().await.expect_error(404, "NoSuchUpload");
    client.delete("/bkt").send().await.expect_error(409, "BucketNotEmpty");
    complete(&client, "k", &id, &[(5, &last)]).await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.text(), "last");
}

#[tokio::test]
async fn everything_uploaded_can_be_asked_for() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let id = begin(&client, "k").await;
    part(&client, "k", &id, 7, b"b").await;
    part(&client, "k", &id, 3, &[1; PART]).await;
    let all = |value: &str, body: &str| {
        client.post(&format!("/bkt/k?uploadId={id}")).header("x-oss-complete-all", value).body(body).send()
    };
    all("no", "").await.expect_error(400, "InvalidArgument");
    all("yes", &list(&[(3, "x")])).await.expect_error(400, "InvalidArgument");
    all("yes", "").await.expect(200);
    let get = client.get("/bkt/k").send().await.expect(200);
    assert_eq!((get.body.len(), get.body[PART]), (PART + 1, b'b'));
}

#[tokio::test]
async fn an_object_that_is_there_can_be_kept() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let forbid = |request: crate::client::Request| request.header("x-oss-forbid-overwrite", "true");
    let id = forbid(client.post("/bkt/k?uploads")).send().await.expect(200).inner("UploadId");
    let etag = part(&client, "k", &id, 1, b"new").await;
    client.put_object("/bkt/k", b"old").await;
    forbid(client.post("/bkt/k?uploads")).send().await.expect_error(409, "FileAlreadyExists");
    complete(&client, "k", &id, &[(1, &etag)]).await.expect_error(409, "FileAlreadyExists");
    client.delete("/bkt/k").send().await.expect(204);
    complete(&client, "k", &id, &[(1, &etag)]).await.expect(200);
    let id = begin(&client, "k").await;
    let etag = part(&client, "k", &id, 1, b"newer").await;
    let now = forbid(client.post(&format!("/bkt/k?uploadId={id}"))).body(list(&[(1, &etag)]));
    now.send().await.expect_error(409, "FileAlreadyExists");
    complete(&client, "k", &id, &[(1, &etag)]).await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.text(), "newer");
}

#[tokio::test]
async fn parts_are_copied_from_objects() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let source: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let tag = client.put_object("/bkt/s%20%3F", &source).await;
    let id = begin(&client, "k").await;
    let copy = |number: u32| {
        client
            .put(&format!("/bkt/k?partNumber={number}&uploadId={id}"))
            .header("x-oss-copy-source", "/bkt/s%20%3F")
    };
    let first = copy(1).header("x-oss-copy-source-range", "bytes=100-199999").send().await.expect(200);
    assert_eq!(first.text_of("content-range"), "bytes 100-199999/300000");
    assert_eq!(first.inner("ETag"), first.text_of("etag"));
    let second = copy(2).header("x-oss-copy-source-range", "bytes=5-900000").send().await.expect(200);
    assert_eq!((second.text_of("content-range"), second.text_of("etag")), (String::new(), tag.clone()));
    for (name, value) in [("if-match", "x"), ("if-none-match", tag.as_str())] {
        let refused = copy(3).header(&format!("x-oss-copy-source-{name}"), value);
        refused.send().await.expect_error(412, "PreconditionFailed");
    }
    let missing =
        client.put(&format!("/bkt/k?partNumber=3&uploadId={id}")).header("x-oss-copy-source", "/bkt/none");
    missing.send().await.expect_error(404, "NoSuchKey");
    let parts = [(1, first.text_of("etag")), (2, second.text_of("etag"))];
    let parts: Vec<(u32, &str)> = parts.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
    complete(&client, "k", &id, &parts).await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.body, [&source[100..200_000], &source].concat());
}

#[tokio::test]
async fn uploads_are_listed_and_aborted() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let mut ids = [begin(&client, "b").await, begin(&client, "a").await, begin(&client, "a").await];
    begin(&client, "dir/1").await;
    begin(&client, "dir/2").await;
    ids[1..].sort();
    let page = async |query: &str| client.get(&format!("/bkt?uploads&{query}")).send().await.expect(200);
    let (mut seen, mut key, mut id) = (Vec::new(), String::new(), String::new());
    loop {
        let one = page(&format!("max-uploads=1&delimiter=/&key-marker={key}&upload-id-marker={id}")).await;
        seen.extend(one.all("UploadId"));
        seen.extend(one.all("CommonPrefixes"));
        if one.inner("IsTruncated") == "false" {
            break;
        }
        (key, id) = (one.inner("NextKeyMarker"), one.inner("NextUploadIdMarker"));
    }
    assert_eq!(seen, [&ids[1], &ids[2], &ids[0], "<Prefix>dir/</Prefix>"]);
    let prefixed = page("prefix=dir/&encoding-type=url").await;
    assert_eq!(prefixed.all("Key"), ["dir/1", "dir/2"]);
    assert!(prefixed.inner("Initiated").ends_with(".000Z"));
    part(&client, "b", &ids[0], 1, b"x").await;
    client.delete(&format!("/bkt/b?uploadId={}", ids[0])).send().await.expect(204);
    client.delete(&format!("/bkt/b?uploadId={}", ids[0])).send().await.expect_error(404, "NoSuchUpload");
    eventually("removing the parts", || server.file_count() == 0).await;
    assert!(!page("").await.all("UploadId").contains(&ids[0]));
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let id = begin(&client, "k").await;
    let first = part(&client, "k", &id, 1, &[1; PART]).await;
    let server = server.restart().await;
    let client = server.client();
    let second = part(&client, "k", &id, 2, b"end").await;
    complete(&client, "k", &id, &[(1, &first), (2, &second)]).await.expect(200);
    assert_eq!(client.get("/bkt/k").send().await.body.len(), PART + 3);
}

#[tokio::test]
async fn uploads_that_nobody_finishes_are_removed_in_silence() {
    let settings = ObjectSettings { upload_age_max: Duration::ZERO, ..ObjectSettings::default() };
    let server = Server::with(settings, Limits::default()).await;
    let client = server.client_with_bucket().await;
    let id = begin(&client, "k").await;
    part(&client, "k", &id, 1, b"x").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while server.api.remove_old_uploads().await.unwrap() == 0 {
        assert!(std::time::Instant::now() < deadline);
    }
    client.get(&format!("/bkt/k?uploadId={id}")).send().await.expect_error(404, "NoSuchUpload");
    let types = server.object_event_types().await;
    assert_eq!(types, ["oss:ObjectCreated:InitiateMultipartUpload", "oss:ObjectCreated:UploadPart"]);
}
