//! Listings.

use std::collections::BTreeSet;

use crate::client::{Client, escape};
use crate::server::Server;

async fn put_keys(client: &Client, keys: &[&str]) {
    for key in keys {
        client.put_object(&format!("/bkt/{}", escape(key.as_bytes())), b"12345").await;
    }
}

#[tokio::test]
async fn the_first_version_has_the_elements_that_clients_need() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    put_keys(&client, &["dir/a b.txt", "dir/sub/x", "dir/sub/y", "dir/z", "e"]).await;
    client.put("/bkt/dir/link?symlink").header("x-oss-symlink-target", "e").send().await.expect(200);
    let list =
        client.get("/bkt/?prefix=dir%2F&delimiter=%2F&max-keys=3&encoding-type=url&marker=").send().await;
    let list = list.expect(200);
    assert_eq!(list.all("Key"), ["dir/a%20b.txt", "dir/link"]);
    assert_eq!(list.all("Type"), ["Normal", "Symlink"]);
    assert_eq!(list.all("Size"), ["5", "0"]);
    assert_eq!(list.all("CommonPrefixes"), ["<Prefix>dir/sub/</Prefix>"]);
    let expected = [
        ("Name", "bkt"),
        ("Prefix", "dir/"),
        ("MaxKeys", "3"),
        ("Delimiter", "/"),
        ("EncodingType", "url"),
        ("IsTruncated", "true"),
        ("NextMarker", "dir/sub/"),
        ("StorageClass", "Standard"),
        ("ID", "1840000000000017"),
    ];
    for (element, text) in expected {
        assert_eq!(list.inner(element), text, "{element}");
    }
    assert!(list.inner("ETag").starts_with("\"") && list.inner("LastModified").ends_with(".000Z"));
    let rest = client.get("/bkt/?prefix=dir/&delimiter=/&marker=dir/sub/").send().await.expect(200);
    assert_eq!((rest.all("Key"), rest.inner("IsTruncated")), (vec!["dir/z".to_owned()], "false".to_owned()));
    assert!(rest.all("CommonPrefixes").is_empty() && !rest.text().contains("NextMarker"));
    for query in ["max-keys=0", "max-keys=1001", "max-keys=x", "encoding-type=x"] {
        client.get(&format!("/bkt?{query}")).send().await.expect_error(400, "InvalidArgument");
    }
    client
        .get(&format!("/bkt?prefix={}", "p".repeat(1024)))
        .send()
        .await
        .expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn the_second_version_continues_by_a_token() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    put_keys(&client, &["a", "b", "cat", "dog", "x/1", "x/2", "ü"]).await;
    let list = async |query: &str| client.get(&format!("/bkt/?list-type=2&{query}")).send().await;
    let first =
        list("prefix=&delimiter=/&continuation-token=&start-after=a&fetch-owner=false&max-keys=3").await;
    let first = first.expect(200);
    assert_eq!(first.all("Key"), ["b", "cat", "dog"]);
    assert_eq!((first.inner("KeyCount").as_str(), first.inner("StartAfter").as_str()), ("3", "a"));
    assert!(!first.text().contains("<Owner>") && !first.text().contains("<ContinuationToken>"));
    let token = first.inner("NextContinuationToken");
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
    let rest = list(&format!("delimiter=/&fetch-owner=true&start-after=a&continuation-token={token}")).await;
    let rest = rest.expect(200);
    assert_eq!((rest.all("Key"), rest.inner("KeyCount")), (vec!["ü".to_owned()], "2".to_owned()));
    assert_eq!(rest.all("CommonPrefixes"), ["<Prefix>x/</Prefix>"]);
    assert!(rest.text().contains("<Owner>"));
    assert_eq!(rest.inner("ContinuationToken"), token);
    list("continuation-token=%2A").await.expect_error(400, "InvalidArgument");
}

#[tokio::test]
async fn pages_of_every_size_give_each_key_once() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    let keys: Vec<String> = (0..60).map(|at| format!("{}/{}/{at:03}", at % 3, at % 7)).collect();
    put_keys(&client, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (delimiter, max) in [("", 1), ("", 7), ("", 1000), ("/", 1), ("/", 2), ("/0", 5)] {
        let (mut marker, mut seen) = (String::new(), Vec::new());
        loop {
            let target = format!(
                "/bkt?delimiter={}&max-keys={max}&marker={}",
                escape(delimiter.as_bytes()),
                escape(marker.as_bytes())
            );
            let page = client.get(&target).send().await.expect(200);
            seen.extend(page.all("Key"));
            seen.extend(page.all("CommonPrefixes"));
            if page.inner("IsTruncated") == "false" {
                break;
            }
            marker = page.inner("NextMarker");
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{delimiter} {max}");
        let expected = match delimiter {
            "" => 60,
            "/" => 3,
            _ => keys
                .iter()
                .map(|key| key.find("/0").map_or(key.as_str(), |at| &key[..at + 2]))
                .collect::<BTreeSet<_>>()
                .len(),
        };
        assert_eq!(seen.len(), expected, "{delimiter} {max}");
    }
}

#[tokio::test]
async fn control_characters_leave_a_list_readable() {
    let server = Server::start().await;
    let client = server.client_with_bucket().await;
    put_keys(&client, &["a\u{1}b", "c&<>'\"", "d\r\n"]).await;
    let plain = client.get("/bkt").send().await.expect(200);
    assert_eq!(plain.all("Key"), ["a\u{fffd}b", "c&amp;&lt;&gt;'\"", "d&#13;\n"]);
    let encoded = client.get("/bkt?encoding-type=url").send().await.expect(200);
    assert_eq!(encoded.all("Key"), ["a%01b", "c%26%3C%3E%27%22", "d%0D%0A"]);
}
