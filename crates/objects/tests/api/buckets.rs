//! Buckets.

use crate::client::Scheme;
use crate::server::Server;

#[tokio::test]
async fn a_bucket_is_created_described_and_deleted() {
    let server = Server::start().await;
    let client = server.client();
    assert_eq!(client.put("/kulkul-demo").send().await.expect(200).text_of("location"), "/kulkul-demo");
    client.put("/kulkul-demo/").send().await.expect(200);
    let info = client.get("/kulkul-demo/?bucketInfo").send().await.expect(200);
    let expected = [
        ("Name", "kulkul-demo"),
        ("Location", "oss-cn-hangzhou"),
        ("Region", "cn-hangzhou"),
        ("StorageClass", "Standard"),
        ("DataRedundancyType", "LRS"),
        ("ExtranetEndpoint", &server.address.to_string()),
        ("IntranetEndpoint", &server.address.to_string()),
        ("ID", "1840000000000017"),
        ("DisplayName", "1840000000000017"),
        ("Grant", "private"),
        ("SSEAlgorithm", "None"),
    ];
    for (element, text) in expected {
        assert_eq!(info.inner(element), text, "{element}");
    }
    assert!(info.inner("CreationDate").ends_with(".000Z") && !info.text().contains("xmlns"));
    assert_eq!(info.text_of("content-type"), "application/xml");
    let get = async |sub: &str| client.get(&format!("/kulkul-demo?{sub}")).send().await;
    assert_eq!(get("location").await.expect(200).inner("LocationConstraint"), "oss-cn-hangzhou");
    assert_eq!(get("acl").await.expect(200).inner("Grant"), "private");
    assert!(
        get("versioning")
            .await
            .expect(200)
            .text()
            .contains("<VersioningConfiguration></VersioningConfiguration>")
    );
    assert!(get("logging").await.expect(200).text().contains("<BucketLoggingStatus></BucketLoggingStatus>"));
    assert!(get("tagging").await.expect(200).text().contains("<TagSet></TagSet>"));
    get("lifecycle").await.expect_error(404, "NoSuchLifecycle");
    get("versions").await.expect_error(400, "NotImplemented");
    client.put_object("/kulkul-demo/k", b"12345").await;
    let stat = get("stat").await.expect(200);
    assert_eq!((stat.inner("Storage").as_str(), stat.inner("ObjectCount").as_str()), ("5", "1"));
    client.delete("/kulkul-demo").send().await.expect_error(409, "BucketNotEmpty");
    client.delete("/kulkul-demo/k").send().await.expect(204);
    client.delete("/kulkul-demo").send().await.expect(204);
    client.delete("/kulkul-demo").send().await.expect_error(404, "NoSuchBucket");
    for sub in ["bucketInfo", "location", "acl", "versioning", "stat", "uploads", "list-type=2", "prefix="] {
        get(sub).await.expect_error(404, "NoSuchBucket");
    }
}

#[tokio::test]
async fn a_repeated_creation_passes_when_it_asks_for_the_same() {
    let server = Server::start().await;
    let client = server.client();
    let body = |class: &str| {
        format!("<CreateBucketConfiguration><StorageClass>{class}</StorageClass></CreateBucketConfiguration>")
    };
    client.put("/bkt").body(body("IA")).send().await.expect(200);
    client.put("/bkt").body(body("IA")).send().await.expect(200);
    client.put("/bkt").send().await.expect(200);
    client.put("/bkt").body(body("Standard")).send().await.expect_error(409, "BucketAlreadyExists");
    client.put("/bk2").body(body("Archive")).send().await.expect_error(400, "InvalidArgument");
    client.put("/bk2").body("<x/>").send().await.expect_error(400, "MalformedXML");
    client.put("/bk2").header("x-oss-acl", "public-read").send().await.expect_error(403, "AccessDenied");
    client.put("/bk2").header("x-oss-acl", "private").send().await.expect(200);
    for name in ["ab", "-ab", "a_b", "aBc", &"a".repeat(64)] {
        client.put(&format!("/{name}")).send().await.expect_error(400, "InvalidBucketName");
    }
    let racers = (0..8).map(|_| client.put("/race").send());
    for response in futures_util::future::join_all(racers).await {
        response.expect(200);
    }
    let created =
        server.events().await.iter().filter(|event| event["data"]["oss"]["bucket"]["name"] == "race").count();
    assert_eq!(created, 1);
}

#[tokio::test]
async fn buckets_are_listed_by_pages() {
    let server = Server::start().await;
    let client = server.client();
    for name in ["kulkul-c", "kulkul-a", "other", "kulkul-b"] {
        client.put(&format!("/{name}")).send().await.expect(200);
    }
    let all = client.get("/?prefix=&marker=&max-keys=100").send().await.expect(200);
    assert_eq!(all.all("Name"), ["kulkul-a", "kulkul-b", "kulkul-c", "other"]);
    assert!(!all.text().contains("IsTruncated"));
    assert_eq!(all.inner("ID"), "1840000000000017");
    let page = client.get("/?prefix=kulkul&max-keys=2").send().await.expect(200);
    assert_eq!(page.all("Name"), ["kulkul-a", "kulkul-b"]);
    assert_eq!((page.inner("IsTruncated").as_str(), page.inner("NextMarker").as_str()), ("true", "kulkul-b"));
    let rest = client.get("/?prefix=kulkul&max-keys=2&marker=kulkul-b").send().await.expect(200);
    assert_eq!(rest.all("Name"), ["kulkul-c"]);
    client.get("/?max-keys=1001").send().await.expect_error(400, "InvalidArgument");
    client.put("/").send().await.expect_error(405, "MethodNotAllowed");
    let cloud =
        client.scheme(Scheme::V1).get("/?max-keys=100").host(".oss-cn-hangzhou.aliyuncs.com").send().await;
    assert_eq!(cloud.expect(200).all("Name").len(), 4);
}
