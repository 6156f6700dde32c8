//! Node.js functions, run by a real interpreter.

mod support;

use std::sync::Arc;
use std::time::Duration;

use kulkul_instance::{FunctionErrorKind, InstanceSpec};
use support::{Machine, call};

fn node(machine: &Machine, runtime: &str, code: &str) -> Arc<InstanceSpec> {
    machine.function_with(runtime, &[("index.js", code)], |_| {})
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_all_kinds_are_converted() {
    let machine = Machine::new();
    let code = "exports.handler = async (event) => { if (!Buffer.isBuffer(event)) throw 1; return eval('(' + event + ')'); };";
    let spec = node(&machine, "nodejs20", code);
    let table = [
        ("'text \\u00e4'", "text ä"),
        ("Buffer.from('bytes')", "bytes"),
        ("({a: [1, null, true]})", r#"{"a":[1,null,true]}"#),
        ("null", "null"),
        ("undefined", ""),
        ("42", "42"),
        ("false", "false"),
    ];
    for (expression, expected) in table {
        assert_eq!(machine.result(&spec, expression).await, expected, "{expression}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_may_call_back_return_or_promise() {
    let machine = Machine::new();
    let table = [
        ("nodejs20", "exports.handler = (event, context, callback) => callback(null, 'called');", "called"),
        (
            "nodejs20",
            "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, 'later'), 5); };",
            "later",
        ),
        ("nodejs20", "exports.handler = (event) => 'returned';", "returned"),
        (
            "nodejs18",
            "exports.handler = (event) => new Promise((ok) => setTimeout(ok, 5, 'promised'));",
            "promised",
        ),
        ("nodejs16", "exports.handler = (event, context, callback) => callback(null, 'old');", "old"),
        (
            "nodejs12",
            "exports.handler = async (event, context, callback) => { callback(null, 'called'); return 'ignored'; };",
            "called",
        ),
    ];
    for (runtime, code, expected) in table {
        let spec = node(&machine, runtime, code);
        assert_eq!(machine.result(&spec, "").await, expected, "{runtime}: {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn up_to_version_16_the_result_of_an_async_handler_is_ignored() {
    let machine = Machine::new();
    let code = "exports.handler = async () => 'ignored';";
    let spec = machine
        .function_with("nodejs16", &[("index.js", code)], |spec| spec.timeout = Duration::from_secs(1));
    let (_, report) = machine.error(&spec, "").await;
    assert!(
        report["errorMessage"].as_str().unwrap().starts_with("Function time out after 1 seconds"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_handled_or_unhandled_by_who_reported_them() {
    use FunctionErrorKind::{Handled, InstanceLost, Unhandled};
    let machine = Machine::new();
    let table = [
        (
            "exports.handler = (e, c, callback) => callback('this is error');",
            Handled,
            r#"{"errorMessage":"this is error"}"#,
        ),
        (
            "exports.handler = (e, c, callback) => callback(new TypeError('oops'));",
            Handled,
            r#""errorType":"TypeError""#,
        ),
        ("exports.handler = () => { throw new Error('oops'); };", Unhandled, r#""errorMessage":"oops""#),
        (
            "exports.handler = async () => { throw new RangeError('oops'); };",
            Unhandled,
            r#""errorType":"RangeError""#,
        ),
        ("exports.handler = async () => { throw 'text'; };", Unhandled, r#"{"errorMessage":"text"}"#),
        (
            "exports.handler = (e, c, callback) => { setTimeout(() => { throw new Error('late'); }, 5); };",
            Unhandled,
            r#""errorMessage":"late""#,
        ),
        (
            "exports.handler = (e, c, callback) => { Promise.reject(new Error('lost')); };",
            Unhandled,
            r#""errorMessage":"lost""#,
        ),
        (
            "exports.handler = async () => { process.exit(3); };",
            InstanceLost,
            "Process exited unexpectedly before completing request",
        ),
        (
            "exports.handler = async () => ({ toJSON() { throw new Error('no JSON'); } });",
            Unhandled,
            "no JSON",
        ),
        ("exports.other = async () => 1;", Unhandled, "Handler 'handler' missing on module 'index'"),
        ("require('./nowhere');", Unhandled, "Cannot find module './nowhere'"),
        ("syntax error", Unhandled, r#""errorType":"SyntaxError""#),
    ];
    for (code, kind, part) in table {
        let spec = node(&machine, "nodejs20", code);
        let error = machine.invoke(&spec, "").await.outcome.unwrap_err();
        let report = String::from_utf8(error.report.to_vec()).unwrap();
        assert_eq!(error.kind, kind, "{code}: {report}");
        assert!(report.contains(part), "{code}: {report}");
    }
    let missing = machine.function_with("nodejs20", &[("other.js", "")], |_| {});
    let report = machine.error(&missing, "").await.1["errorMessage"].as_str().unwrap().to_owned();
    assert!(report.starts_with("Cannot find module '") && report.ends_with("/index.js'"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_a_list_of_lines_that_starts_with_the_error() {
    let machine = Machine::new();
    let spec = node(&machine, "nodejs20", "exports.handler = async () => {\n  throw new Error('oops'); };");
    let (_, report) = machine.error(&spec, "").await;
    assert_eq!(report["stackTrace"][0], "Error: oops");
    assert!(report["stackTrace"][1].as_str().unwrap().contains("/index.js:2:9)"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn es_modules_work_from_version_18_on() {
    let machine = Machine::new();
    let module = "import os from 'os'; export const handler = async () => typeof os.cpus;";
    let with_suffix = machine.function_with("nodejs20", &[("index.mjs", module)], |_| {});
    assert_eq!(machine.result(&with_suffix, "").await, "function");
    let package = r#"{"type":"module"}"#;
    let by_package =
        machine.function_with("nodejs18", &[("index.js", module), ("package.json", package)], |_| {});
    assert_eq!(machine.result(&by_package, "").await, "function");
    let too_old = machine.function_with("nodejs16", &[("index.mjs", module)], |_| {});
    assert!(
        machine.error(&too_old, "").await.1["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("Cannot find module")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_and_the_logs_have_the_documented_form() {
    let machine = Machine::new();
    let code = r#"exports.handler = async (event, context) => {
        console.log("plain %d", 1);
        console.error("error");
        context.logger.info("with", "logger");
        return [context.requestId, context.function, context.service, context.region, context.accountId,
            context.credentials, process.env.FC_FUNCTION_NAME, process.env.OWN, process.env.CARGO_MANIFEST_DIR];
    };"#;
    let spec = machine.function_with("nodejs20", &[("index.js", code)], |spec| {
        spec.environment.insert("OWN".into(), "value".into());
    });
    machine.invoke(&spec, "").await;
    let call = call("");
    let id = call.request_id.to_string();
    let completed = machine.instances.invoke(&spec, call).await.unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&completed.outcome.unwrap()).unwrap();
    let name = spec.function.as_str();
    let expected = serde_json::json!([
        id,
        {"name": name, "handler": "index.handler", "memory": 512, "timeout": 20, "versionId": "LATEST", "qualifier": "LATEST"},
        {"name": "", "logProject": "project", "logStore": "store", "qualifier": "LATEST", "versionId": "LATEST"},
        "cn-hangzhou", "1234567890123456",
        {"accessKeyId": "", "accessKeySecret": "", "securityToken": ""},
        name, "value", null
    ]);
    assert_eq!(seen, expected);
    let lines = machine.log.of(&id);
    assert_eq!(lines[1..3], ["plain 1", "error"]);
    assert!(lines[3].ends_with(&format!("Z {id} [INFO] with logger")), "{}", lines[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_any_kind_and_size_pass_unchanged() {
    let machine = Machine::new();
    let spec = node(&machine, "nodejs20", "exports.handler = async (event) => event;");
    for size in [0, 1, 65_535, 65_536, 5_000_000] {
        let payload: Vec<u8> = (0..size).map(|i: u32| (i * 31 % 256) as u8).collect();
        let completed = machine.invoke(&spec, payload.clone()).await;
        assert_eq!(completed.outcome.unwrap(), payload, "{size} bytes");
    }
}
