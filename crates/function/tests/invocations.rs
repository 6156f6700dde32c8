//! Running functions, with real Python processes.

mod support;

use std::time::Duration;

use bytes::Bytes;
use kulkul_delivery::{FunctionCall, FunctionCaller, InvocationMode, Verdict};
use kulkul_function::{
    CodeSource, CredentialSource, FunctionError, FunctionUpdate, Invocation, InvokeFunctionError,
    InvokeOptions, NewFunction, PayloadLimits, SettingsPatch, TemporaryCredentials,
};
use kulkul_instance::{FunctionErrorKind, InvokeError, LogTail, Start};
use kulkul_model::{FunctionName, Qualifier, Timestamp};
use std::sync::Arc;
use support::{Server, invocation_id, name, python, until, zip, zip_of};

fn options() -> InvokeOptions {
    InvokeOptions { invocation: invocation_id(), log_tail: LogTail::None, failed: 0 }
}

async fn try_invoke(
    server: &Server,
    function: &str,
    payload: impl Into<Bytes>,
) -> Result<Invocation, InvokeFunctionError> {
    server.functions.invoke(&name(function), &Qualifier::latest(), payload.into(), options()).await
}

async fn invoke(server: &Server, function: &str, payload: impl Into<Bytes>) -> String {
    let invocation = try_invoke(server, function, payload).await.unwrap();
    String::from_utf8(invocation.outcome.unwrap().to_vec()).unwrap()
}

fn new_code(code: &str) -> FunctionUpdate {
    FunctionUpdate {
        code: Some(CodeSource { zip: Some(zip(code)), ..CodeSource::default() }),
        ..FunctionUpdate::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_the_payload_and_answers() {
    let server = Server::new().await;
    server.create_python("upper", "def handler(event, context):\n  return event.decode().upper()").await;
    assert_eq!(invoke(&server, "upper", "abc").await, "ABC");
    let created = server.functions.get(&name("upper"), &Qualifier::latest()).unwrap();
    let warm = try_invoke(&server, "upper", "x").await.unwrap();
    assert_eq!((warm.start, warm.version.as_str()), (Start::Warm, "LATEST"));
    assert_eq!(warm.code_crc64, created.code.crc64);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_checks_is_function_qualifier_size() {
    let server =
        Server::with(|parts| parts.options.payload = PayloadLimits { sync_bytes_max: 3, async_bytes_max: 3 })
            .await;
    let too_large = || Bytes::from_static(b"1234");
    let latest = Qualifier::latest();
    let call = async |function: &FunctionName, qualifier: &Qualifier| {
        server.functions.invoke(function, qualifier, too_large(), options()).await.unwrap_err().to_string()
    };
    assert_eq!(call(&name("f"), &latest).await, "function 'f' does not exist");
    server.create_python("f", "def handler(event, context): return 1").await;
    assert_eq!(call(&name("f"), &"7".parse().unwrap()).await, "version '7' of function 'f' does not exist");
    assert_eq!(call(&name("f"), &latest).await, "payload size exceeds maximum allowed size (3 bytes)");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_takes_effect_for_the_next_request_and_lets_those_under_way_end() {
    let server = Arc::new(Server::new().await);
    let code = "import time\ndef handler(event, context):\n  time.sleep(float(event))\n  return 'old'";
    server.create_python("f", code).await;
    assert_eq!(invoke(&server, "f", "0").await, "old");
    let slow = tokio::spawn({
        let server = server.clone();
        async move { invoke(&server, "f", "0.5").await }
    });
    until("the slow request runs", async || {
        let instances = server.functions.instances().list();
        instances.iter().any(|i| matches!(i.state, kulkul_instance::InstanceState::Busy(_))).then_some(())
    })
    .await;
    server.functions.update(&name("f"), new_code("def handler(event, context): return 'new'")).await.unwrap();
    assert_eq!(invoke(&server, "f", "0").await, "new");
    assert_eq!(slow.await.unwrap(), "old");
    until("the old instance stops", async || (server.functions.instances().list().len() == 1).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_the_function() {
    let server = Server::new().await;
    let code =
        "import os\ndef handler(event, context): return os.environ['LEVEL'] + str(context.function.memory)";
    let mut new = python("f", code);
    new.settings.environment = Some([("LEVEL".to_owned(), "info".to_owned())].into());
    new.settings.memory_mib = Some(640);
    server.functions.create(new).await.unwrap();
    assert_eq!(invoke(&server, "f", "").await, "info640");
    let update = FunctionUpdate {
        settings: SettingsPatch {
            environment: Some([("LEVEL".to_owned(), "debug".to_owned())].into()),
            ..SettingsPatch::default()
        },
        code: None,
    };
    server.functions.update(&name("f"), update).await.unwrap();
    assert_eq!(invoke(&server, "f", "").await, "debug640");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unpacked_code_may_be_deleted_at_any_time() {
    let server = Server::new().await;
    server.create_python("f", "def handler(event, context): return 'here'").await;
    assert_eq!(invoke(&server, "f", "").await, "here");
    for tree in server.unpacked() {
        let tree = server.code_dir().join(tree);
        std::fs::rename(&tree, server.path().join("moved")).unwrap();
    }
    assert_eq!(invoke(&server, "f", "").await, "here");
    assert_eq!(server.unpacked().len(), 1);
    let reopened = server.reopened().await;
    assert_eq!(invoke(&reopened, "f", "").await, "here");
    reopened.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_function_are_results_and_missing_programs_are_refusals() {
    let server = Server::new().await;
    server.create_python("f", "def handler(event, context): raise ValueError('no')").await;
    let failed = try_invoke(&server, "f", "").await.unwrap().outcome.unwrap_err();
    assert_eq!(failed.kind, FunctionErrorKind::Unhandled);
    assert!(String::from_utf8_lossy(&failed.report).contains("ValueError"));
    let bare = NewFunction {
        settings: SettingsPatch { runtime: Some("custom".into()), ..SettingsPatch::default() },
        code: CodeSource { zip: Some(zip_of(&[("readme", "", 0o644)])), ..CodeSource::default() },
        ..python("g", "")
    };
    server.functions.create(bare).await.unwrap();
    let refused = try_invoke(&server, "g", "").await.unwrap_err();
    assert!(matches!(refused, InvokeFunctionError::Run(InvokeError::StartFileMissing { .. })), "{refused:?}");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_log_lines_are_kept_by_function_and_invocation() {
    let server = Server::new().await;
    server.create_python("f", "def handler(event, context): print('hello', event.decode())").await;
    let options = InvokeOptions { log_tail: LogTail::Tail, ..options() };
    let id = options.invocation.to_string();
    let latest = Qualifier::latest();
    let ran = server.functions.invoke(&name("f"), &latest, Bytes::from_static(b"1"), options).await.unwrap();
    assert!(ran.log_tail.unwrap().contains("hello 1"));
    invoke(&server, "f", "2").await;
    let texts = |invocation: Option<&str>| {
        let lines = server.functions.logs().recent(&name("f"), invocation, 100);
        lines.into_iter().map(|line| line.text).filter(|text| text.contains("hello")).collect::<Vec<_>>()
    };
    assert_eq!(texts(None), ["hello 1", "hello 2"]);
    assert_eq!(texts(Some(&id)), ["hello 1"]);
    server.functions.delete(&name("f")).await.unwrap();
    assert!(texts(None).is_empty());
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_a_role_gets_credentials_that_outlast_it() {
    struct Issuer;
    impl CredentialSource for Issuer {
        fn issue(
            &self,
            function: &FunctionName,
            role: &str,
            lifetime: Duration,
        ) -> Option<TemporaryCredentials> {
            assert!(lifetime > Duration::from_secs(6 * 3600));
            Some(TemporaryCredentials {
                access_key_id: format!("STS.{function}"),
                access_key_secret: role.to_owned(),
                security_token: "token".into(),
                expires_at: Timestamp::MAX,
            })
        }
    }
    let server = Server::with(|parts| parts.credentials = Some(Arc::new(Issuer))).await;
    let code = "import os\ndef handler(event, context):\n  return os.environ.get('ALIBABA_CLOUD_ACCESS_KEY_ID', 'none')";
    let mut new = python("f", code);
    new.settings.echoed.insert("role".into(), "acs:ram::1:role/x".into());
    server.functions.create(new).await.unwrap();
    server.create_python("g", code).await;
    assert_eq!(invoke(&server, "f", "").await, "STS.f");
    assert_eq!(invoke(&server, "g", "").await, "none");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_told_how_a_call_ended() {
    let server = Server::new().await;
    let code = "def handler(event, context):\n  print('ran')\n  if event == b'fail': raise ValueError()\n  return 'fine'";
    server.create_python("f", code).await;
    let call = async |function: &str, payload: &'static str| {
        let call = FunctionCall {
            function: name(function),
            qualifier: Qualifier::latest(),
            payload: Bytes::from_static(payload.as_bytes()),
            invocation: invocation_id(),
            mode: InvocationMode::Sync,
            failed: 0,
        };
        server.functions.call(call).await
    };
    let fine = call("f", "").await;
    assert_eq!(
        (fine.verdict, fine.answer.as_str(), &fine.response[..]),
        (Verdict::Succeeded, "[200]Ok", &b"fine"[..])
    );
    assert!(fine.log.unwrap().contains("ran"));
    let failed = call("f", "fail").await;
    assert_eq!(failed.verdict, Verdict::Failed);
    assert_eq!(failed.answer, "[200]UnhandledInvocationError");
    let missing = call("g", "").await;
    assert_eq!(
        (missing.verdict, missing.answer.as_str()),
        (Verdict::Failed, "[404]function 'g' does not exist")
    );
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_says_which_interpreter_stands_in() {
    let server = Server::new().await;
    let reason = async |runtime: &str| {
        let mut new = python(&runtime.replace('.', "_"), "def handler(event, context): return 1");
        new.settings.runtime = Some(runtime.into());
        let function = server.functions.create(new).await.unwrap();
        server.functions.state_reason(&function).await
    };
    // No machine has this one yet.
    let newest = reason("python3.19").await.unwrap();
    assert!(newest.starts_with("runs on Python 3."), "{newest}");
    assert_eq!(reason("custom").await, None);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_function_is_refused() {
    let server = Server::new().await;
    let error = try_invoke(&server, "nope", "").await.unwrap_err();
    assert!(matches!(error, InvokeFunctionError::Refused(FunctionError::FunctionNotFound(_))), "{error:?}");
    server.close().await;
}
