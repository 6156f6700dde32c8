//! Creating, reading, listing, changing and deleting functions.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_function::{
    CodeObjects, CodeSource, FunctionError, FunctionFilter, FunctionUpdate, NewFunction, ObjectReadError,
    PageRequest, SettingsPatch, Tag,
};
use kulkul_model::Qualifier;
use kulkul_model::crc64::Crc64;
use kulkul_store::Digest;
use sha2::Digest as _;
use support::{Server, name, python as new, zip, zip_of};

fn digest_of(content: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(content).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_function_is_there_after_a_restart() {
    let server = Server::new().await;
    let created = server.functions.create(new("resize", "x = 1")).await.unwrap();
    assert_eq!((created.code.bytes, created.id.len()), (zip("x = 1").len() as u64, 36));
    let reopened = server.reopened().await;
    let read = reopened.functions.get(&name("resize"), &Qualifier::latest()).unwrap();
    assert_eq!(read, created);
    let code = reopened.functions.code(&name("resize"), &Qualifier::latest()).await.unwrap();
    assert_eq!((code.zip, code.crc64), (zip("x = 1"), created.code.crc64));
    let unpacked = reopened.code_dir().join(created.code.digest.to_string()).join("index.py");
    assert_eq!(std::fs::read(unpacked).unwrap(), b"x = 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once() {
    let server = Server::new().await;
    server.functions.create(new("resize", "x = 1")).await.unwrap();
    let again = server.functions.create(new("resize", "x = 2")).await.unwrap_err();
    assert_eq!(again.to_string(), "function 'resize' already exists");
    let both = tokio::join!(
        server.functions.create(new("crop", "x = 1")),
        server.functions.create(new("crop", "x = 3")),
    );
    assert_eq!(u8::from(both.0.is_ok()) + u8::from(both.1.is_ok()), 1);
    let kept = server.functions.code(&name("crop"), &Qualifier::latest()).await.unwrap();
    assert_eq!(server.blobs().list().await.unwrap().len(), if kept.zip == zip("x = 1") { 1 } else { 2 });
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_code_stores_nothing() {
    let server = Server::new().await;
    let source =
        |zip: Option<Bytes>, bucket: Option<&str>, object: Option<&str>, checksum: Option<&str>| CodeSource {
            zip,
            bucket: bucket.map(Into::into),
            object: object.map(Into::into),
            checksum: checksum.map(Into::into),
        };
    let evil = zip_of(&[("../evil.py", "", 0o644)]);
    let table = [
        (source(None, None, None, None), "Either ossBucketName/ossObjectName or zipFile must be set"),
        (source(None, Some("b"), None, None), "Either ossBucketName/ossObjectName or zipFile must be set"),
        (source(Some(zip("")), Some("b"), Some("o"), None), "exclude each other"),
        (source(None, Some("b"), Some("o"), None), "this server has no buckets"),
        (source(Some(evil), None, None, None), "has an entry '../evil.py' that has .. in its path"),
        (source(Some(Bytes::from_static(b"no")), None, None, None), "not a valid zip file"),
        (source(Some(zip("")), None, None, Some("7")), "not 7"),
    ];
    for (code, reason) in table {
        let error = server.functions.create(NewFunction { code, ..new("resize", "") }).await.unwrap_err();
        assert!(matches!(error, FunctionError::InvalidArgument(_)), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}: {reason}");
    }
    assert!(server.blobs().list().await.unwrap().is_empty());
    assert!(server.metadata().list("function/", None, 9).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_that_fits_is_accepted() {
    let server = Server::new().await;
    let mut crc64 = Crc64::new();
    crc64.update(&zip("x = 1"));
    let code = CodeSource {
        zip: Some(zip("x = 1")),
        checksum: Some(crc64.finish().to_string()),
        ..CodeSource::default()
    };
    server.functions.create(NewFunction { code, ..new("resize", "") }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_may_lie_in_a_bucket() {
    struct OneObject;
    impl CodeObjects for OneObject {
        fn read(
            &self,
            bucket: String,
            object: String,
            _bytes_max: u64,
        ) -> BoxFuture<'_, Result<Bytes, ObjectReadError>> {
            Box::pin(async move {
                match (bucket.as_str(), object.as_str()) {
                    ("media", "code.zip") => Ok(zip("x = 1")),
                    ("media", "big.zip") => Err(ObjectReadError::TooLarge { bytes: 1 << 40 }),
                    _ => Err(ObjectReadError::NotFound),
                }
            })
        }
    }
    let server = Server::with(|parts| parts.objects = Some(Arc::new(OneObject))).await;
    let code = |object: &str| CodeSource {
        bucket: Some("media".into()),
        object: Some(object.into()),
        ..CodeSource::default()
    };
    let create =
        async |object| server.functions.create(NewFunction { code: code(object), ..new("f", "") }).await;
    assert!(matches!(create("big.zip").await, Err(FunctionError::EntityTooLarge { .. })));
    let missing = create("nope.zip").await.unwrap_err();
    assert_eq!(missing.to_string(), "object 'nope.zip' of bucket 'media' does not exist");
    assert_eq!(create("code.zip").await.unwrap().code.digest, digest_of(&zip("x = 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names_and_forgets_old_code() {
    let server = Server::new().await;
    let before = server.functions.create(new("resize", "x = 1")).await.unwrap();
    let update = FunctionUpdate {
        settings: SettingsPatch { timeout_secs: Some(30), ..SettingsPatch::default() },
        code: Some(CodeSource { zip: Some(zip("x = 2")), ..CodeSource::default() }),
    };
    let after = server.functions.update(&name("resize"), update).await.unwrap();
    assert_eq!((after.settings.timeout.as_secs(), &after.id), (30, &before.id));
    assert_eq!(after.settings.handler, "index.handler");
    assert_eq!(server.blobs().list().await.unwrap(), [digest_of(&zip("x = 2"))]);
    assert!(!server.unpacked().contains(&before.code.digest.to_string()));
    let wrong = FunctionUpdate {
        settings: SettingsPatch { memory_mib: Some(1), ..SettingsPatch::default() },
        code: Some(CodeSource { zip: Some(zip("x = 3")), ..CodeSource::default() }),
    };
    assert!(server.functions.update(&name("resize"), wrong).await.is_err());
    let read = server.functions.get(&name("resize"), &Qualifier::latest()).unwrap();
    assert_eq!(read, after);
    let missing = server.functions.update(&name("crop"), FunctionUpdate::default()).await.unwrap_err();
    assert_eq!(missing.to_string(), "function 'crop' does not exist");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_triggers_stays() {
    let server = Server::new().await;
    server.functions.create(new("resize", "x = 1")).await.unwrap();
    server.metadata().create(&"trigger/resize/t".into(), Bytes::from_static(b"{}")).await.unwrap();
    let refused = server.functions.delete(&name("resize")).await.unwrap_err();
    assert_eq!(refused.to_string(), "function 'resize' has active triggers");
    server.metadata().delete(&"trigger/resize/t".into(), None).await.unwrap();
    server.functions.delete(&name("resize")).await.unwrap();
    let again = server.functions.delete(&name("resize")).await.unwrap_err();
    assert!(matches!(again, FunctionError::FunctionNotFound(_)), "{again:?}");
    assert!(server.blobs().list().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_two_functions_share_outlives_one_of_them() {
    let server = Server::new().await;
    for function in ["a", "b"] {
        server.functions.create(new(function, "x = 1")).await.unwrap();
    }
    server.functions.delete(&name("a")).await.unwrap();
    assert!(server.functions.code(&name("b"), &Qualifier::latest()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_a_crash_left_behind_goes_at_the_next_start() {
    let server = Server::new().await;
    server.functions.create(new("resize", "x = 1")).await.unwrap();
    server.blobs().put(Bytes::from_static(b"left behind")).await.unwrap();
    let reopened = server.reopened().await;
    assert_eq!(reopened.blobs().list().await.unwrap(), [digest_of(&zip("x = 1"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let server = Server::new().await;
    for function in ["resize", "reframe", "crop"] {
        let tags =
            vec![Tag { key: "env".into(), value: if function == "crop" { "dev" } else { "prod" }.into() }];
        server.functions.create(NewFunction { tags, ..new(function, "x = 1") }).await.unwrap();
    }
    let list = |filter: &FunctionFilter, page: &PageRequest| {
        let page = server.functions.list(filter, page).unwrap();
        let names: Vec<String> = page.items.iter().map(|function| function.name.to_string()).collect();
        (names, page.next_token)
    };
    let all = FunctionFilter::default();
    let (first, token) = list(&all, &PageRequest { limit: Some(2), token: None });
    assert_eq!(first, ["crop", "reframe"]);
    let (second, token) = list(&all, &PageRequest { limit: Some(2), token });
    assert_eq!((second, token), (vec!["resize".to_owned()], None));
    let prefixed = FunctionFilter { prefix: "re".into(), ..FunctionFilter::default() };
    assert_eq!(list(&prefixed, &PageRequest::default()).0, ["reframe", "resize"]);
    let tagged = FunctionFilter {
        tags: vec![Tag { key: "env".into(), value: "dev".into() }],
        ..FunctionFilter::default()
    };
    assert_eq!(list(&tagged, &PageRequest::default()).0, ["crop"]);
    let runtime = FunctionFilter { runtime: Some("nodejs20".into()), ..FunctionFilter::default() };
    assert!(list(&runtime, &PageRequest::default()).0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_latest_can_be_chosen() {
    let server = Server::new().await;
    server.functions.create(new("resize", "x = 1")).await.unwrap();
    let get =
        |qualifier: &str| server.functions.get(&name("resize"), &qualifier.parse().unwrap()).unwrap_err();
    assert!(matches!(get("1"), FunctionError::VersionNotFound { .. }));
    assert!(matches!(get("prod"), FunctionError::AliasNotFound { .. }));
}
