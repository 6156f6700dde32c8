//! The control plane as a whole, over a store in memory.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_model::{FunctionName, Qualifier};

use crate::testing::{Entry, Fixture, digest_of, zip_of};
use crate::{
    CodeObjects, CodeSource, FunctionError, FunctionFilter, FunctionUpdate, NewFunction, ObjectReadError,
    PageRequest, SettingsPatch, Tag,
};

fn name(text: &str) -> FunctionName {
    text.parse().unwrap()
}

fn zip(content: &str) -> Bytes {
    zip_of(&[Entry::File("index.py", content.as_bytes(), 0o644)])
}

fn new(function: &str, content: &str) -> NewFunction {
    NewFunction {
        name: name(function),
        settings: SettingsPatch {
            runtime: Some("python3.10".into()),
            handler: Some("index.handler".into()),
            ..SettingsPatch::default()
        },
        code: CodeSource { zip: Some(zip(content)), ..CodeSource::default() },
        tags: Vec::new(),
    }
}

#[tokio::test]
async fn a_created_function_is_there_after_a_restart() {
    let fixture = Fixture::new().await;
    let created = fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    assert_eq!((created.code.bytes, created.id.len()), (zip("x = 1").len() as u64, 36));
    let reopened = fixture.reopened().await;
    let read = reopened.functions.get(&name("resize"), &Qualifier::latest()).unwrap();
    assert_eq!(read, created);
    let code = reopened.functions.code(&name("resize"), &Qualifier::latest()).await.unwrap();
    assert_eq!((code.zip, code.crc64), (zip("x = 1"), created.code.crc64));
    let unpacked = reopened.functions.cache.path(&created.code.digest).join("index.py");
    assert_eq!(std::fs::read(unpacked).unwrap(), b"x = 1");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let fixture = Fixture::new().await;
    fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    let again = fixture.functions.create(new("resize", "x = 2")).await.unwrap_err();
    assert_eq!(again.to_string(), "function 'resize' already exists");
    let both = tokio::join!(
        fixture.functions.create(new("crop", "x = 1")),
        fixture.functions.create(new("crop", "x = 3")),
    );
    assert_eq!(u8::from(both.0.is_ok()) + u8::from(both.1.is_ok()), 1);
    let kept = fixture.functions.code(&name("crop"), &Qualifier::latest()).await.unwrap();
    assert_eq!(fixture.blobs().list().await.unwrap().len(), if kept.zip == zip("x = 1") { 1 } else { 2 });
}

#[tokio::test]
async fn refused_code_stores_nothing() {
    let fixture = Fixture::new().await;
    let source =
        |zip: Option<Bytes>, bucket: Option<&str>, object: Option<&str>, checksum: Option<&str>| CodeSource {
            zip,
            bucket: bucket.map(Into::into),
            object: object.map(Into::into),
            checksum: checksum.map(Into::into),
        };
    let evil = zip_of(&[Entry::File("../evil.py", b"", 0o644)]);
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
        let error = fixture.functions.create(NewFunction { code, ..new("resize", "") }).await.unwrap_err();
        assert!(matches!(error, FunctionError::InvalidArgument(_)), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}: {reason}");
    }
    assert!(fixture.blobs().list().await.unwrap().is_empty());
    assert!(fixture.metadata().list("", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_checksum_that_fits_is_accepted() {
    let fixture = Fixture::new().await;
    let crc64 = kulkul_model::crc64::Crc64::new();
    let mut crc64 = crc64;
    crc64.update(&zip("x = 1"));
    let code = CodeSource {
        zip: Some(zip("x = 1")),
        checksum: Some(crc64.finish().to_string()),
        ..CodeSource::default()
    };
    fixture.functions.create(NewFunction { code, ..new("resize", "") }).await.unwrap();
}

#[tokio::test]
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
    let fixture = Fixture::with(|parts| parts.objects = Some(Arc::new(OneObject))).await;
    let code = |object: &str| CodeSource {
        bucket: Some("media".into()),
        object: Some(object.into()),
        ..CodeSource::default()
    };
    let create =
        async |object| fixture.functions.create(NewFunction { code: code(object), ..new("f", "") }).await;
    assert!(matches!(create("big.zip").await, Err(FunctionError::EntityTooLarge { .. })));
    let missing = create("nope.zip").await.unwrap_err();
    assert_eq!(missing.to_string(), "object 'nope.zip' of bucket 'media' does not exist");
    assert_eq!(create("code.zip").await.unwrap().code.digest, digest_of(&zip("x = 1")));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_forgets_old_code() {
    let fixture = Fixture::new().await;
    let before = fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    let update = FunctionUpdate {
        settings: SettingsPatch { timeout_secs: Some(30), ..SettingsPatch::default() },
        code: Some(CodeSource { zip: Some(zip("x = 2")), ..CodeSource::default() }),
    };
    let after = fixture.functions.update(&name("resize"), update).await.unwrap();
    assert_eq!((after.settings.timeout.as_secs(), &after.id), (30, &before.id));
    assert_eq!(after.settings.handler, "index.handler");
    assert_eq!(fixture.blobs().list().await.unwrap(), [digest_of(&zip("x = 2"))]);
    assert!(!fixture.functions.cache.path(&before.code.digest).exists());
    let wrong = FunctionUpdate {
        settings: SettingsPatch { memory_mib: Some(1), ..SettingsPatch::default() },
        code: Some(CodeSource { zip: Some(zip("x = 3")), ..CodeSource::default() }),
    };
    assert!(fixture.functions.update(&name("resize"), wrong).await.is_err());
    let read = fixture.functions.get(&name("resize"), &Qualifier::latest()).unwrap();
    assert_eq!(read, after);
    let missing = fixture.functions.update(&name("crop"), FunctionUpdate::default()).await.unwrap_err();
    assert_eq!(missing.to_string(), "function 'crop' does not exist");
}

#[tokio::test]
async fn a_function_with_triggers_stays() {
    let fixture = Fixture::new().await;
    fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    fixture.metadata().create(&"trigger/resize/t".into(), Bytes::from_static(b"{}")).await.unwrap();
    let refused = fixture.functions.delete(&name("resize")).await.unwrap_err();
    assert_eq!(refused.to_string(), "function 'resize' has active triggers");
    fixture.metadata().delete(&"trigger/resize/t".into(), None).await.unwrap();
    fixture.functions.delete(&name("resize")).await.unwrap();
    let again = fixture.functions.delete(&name("resize")).await.unwrap_err();
    assert!(matches!(again, FunctionError::FunctionNotFound(_)), "{again:?}");
    assert!(fixture.blobs().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn code_that_two_functions_share_outlives_one_of_them() {
    let fixture = Fixture::new().await;
    for function in ["a", "b"] {
        fixture.functions.create(new(function, "x = 1")).await.unwrap();
    }
    fixture.functions.delete(&name("a")).await.unwrap();
    assert!(fixture.functions.code(&name("b"), &Qualifier::latest()).await.is_ok());
}

#[tokio::test]
async fn code_that_a_crash_left_behind_goes_at_the_next_start() {
    let fixture = Fixture::new().await;
    fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    fixture.blobs().put(Bytes::from_static(b"left behind")).await.unwrap();
    let reopened = fixture.reopened().await;
    assert_eq!(reopened.blobs().list().await.unwrap(), [digest_of(&zip("x = 1"))]);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let fixture = Fixture::new().await;
    for function in ["resize", "reframe", "crop"] {
        let tags =
            vec![Tag { key: "env".into(), value: if function == "crop" { "dev" } else { "prod" }.into() }];
        fixture.functions.create(NewFunction { tags, ..new(function, "x = 1") }).await.unwrap();
    }
    let list = |filter: &FunctionFilter, page: &PageRequest| {
        let page = fixture.functions.list(filter, page).unwrap();
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

#[tokio::test]
async fn only_latest_can_be_chosen() {
    let fixture = Fixture::new().await;
    fixture.functions.create(new("resize", "x = 1")).await.unwrap();
    let get =
        |qualifier: &str| fixture.functions.get(&name("resize"), &qualifier.parse().unwrap()).unwrap_err();
    assert!(matches!(get("1"), FunctionError::VersionNotFound { .. }));
    assert!(matches!(get("prod"), FunctionError::AliasNotFound { .. }));
}
