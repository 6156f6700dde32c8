//! Python functions, run by a real interpreter.

mod support;

use std::sync::Arc;
use std::time::Duration;

use kulkul_instance::{
    Credentials, FunctionErrorKind, Hook, InstanceSpec, InvokeError, Language, LogTail, Start,
};
use support::{Machine, call, process_runs, some_process_has_argument, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_gets_the_event_as_bytes_and_its_result_is_converted() {
    let machine = Machine::new();
    let code = r#"
def handler(event, context):
    assert isinstance(event, bytes)
    return eval(event)
"#;
    let spec = machine.python(code);
    let table = [
        ("'text \\u00e4'", "text ä"),
        ("b'bytes'", "bytes"),
        ("bytearray(b'array')", "array"),
        ("{'a': [1, None, True]}", r#"{"a": [1, null, true]}"#),
        ("[1, 2]", "[1, 2]"),
        ("None", "null"),
        ("42", "42"),
        ("''", ""),
    ];
    for (expression, expected) in table {
        assert_eq!(machine.result(&spec, expression).await, expected, "{expression}");
    }
    assert_eq!(machine.instances.list().len(), 1, "all ran in one instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_starts_an_instance_and_the_next_ones_reuse_it() {
    let machine = Machine::new();
    let spec = machine.python(
        "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return str(count)\n",
    );
    let first = machine.invoke(&spec, "").await;
    let second = machine.invoke(&spec, "").await;
    assert!(matches!(first.start, Start::Cold(_)));
    assert_eq!(second.start, Start::Warm);
    assert_eq!(first.instance, second.instance);
    assert_eq!(second.outcome.unwrap(), "2");
    assert!(second.memory_max.kib > 1000, "{:?}", second.memory_max);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_any_kind_and_size_pass_unchanged() {
    let machine = Machine::new();
    let spec = machine.python("def handler(event, context):\n    return event\n");
    for size in [0, 1, 255, 65_535, 65_536, 65_537, 5_000_000] {
        let payload: Vec<u8> = (0..size).map(|i: u32| (i * 31 % 256) as u8).collect();
        let completed = machine.invoke(&spec, payload.clone()).await;
        assert_eq!(completed.outcome.unwrap(), payload, "{size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_reported_with_message_type_and_stack() {
    let machine = Machine::new();
    let code = "def inner():\n    raise KeyError('oops')\ndef handler(event, context):\n    inner()\n";
    let spec = machine.python(code);
    let (kind, report) = machine.error(&spec, "").await;
    assert_eq!(kind, FunctionErrorKind::Unhandled);
    assert_eq!((&report["errorMessage"], &report["errorType"]), (&"'oops'".into(), &"KeyError".into()));
    let stack = report["stackTrace"].as_array().unwrap();
    assert_eq!(stack.len(), 2, "{report}");
    assert!(stack[0][0].as_str().unwrap().ends_with("/index.py\""), "{report}");
    assert_eq!(
        stack[1].as_array().unwrap()[1..],
        ["line 2", "in inner", "raise KeyError('oops')"].map(serde_json::Value::from)
    );
    assert!(machine.log.contain("KeyError: 'oops'"), "the traceback is in the log");
    assert!(machine.log.contain(", Error: Unhandled function error"));
    assert_eq!(machine.instances.list().len(), 1, "an exception does not end the instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_lands_in_the_log_of_its_request_between_the_markers() {
    let machine = Machine::new();
    let code = r#"
import sys, logging, os
def handler(event, context):
    print("plain")
    print("error", file=sys.stderr)
    context.logger.info("with %s", "logger")
    logging.getLogger().warning("root")
    os.write(1, b"no line end")
"#;
    let spec = machine.python(code);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let mut one = call("");
        one.log_tail = LogTail::Tail;
        calls.push(one.request_id.to_string());
        let tail = machine.instances.invoke(&spec, one).await.unwrap().log_tail.unwrap();
        let (log, summary) = tail.split_once("\n\n").unwrap();
        assert!(log.contains("plain\nerror\n") && log.contains("no line end"), "{log}");
        assert!(summary.starts_with("\nDuration: ") || summary.starts_with("Duration: "), "{summary:?}");
        assert!(summary.contains(" MB, Max Memory Used: "), "{summary}");
    }
    let [cold, warm] = [machine.log.of(&calls[0]), machine.log.of(&calls[1])];
    assert_eq!(cold[0], "FunctionCompute python3.11 runtime inited.");
    let id = &calls[1];
    let logged: Vec<&str> =
        warm.iter().map(|line| line.split_once(&format!("Z {id} ")).map_or(line.as_str(), |p| p.1)).collect();
    let start = format!("FC Invoke Start RequestId: {id}");
    let end = format!("FC Invoke End RequestId: {id}");
    assert_eq!(
        logged,
        [&start, "plain", "error", "[INFO] with logger", "[WARNING] root", "no line end", &end]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_killed_with_all_it_started() {
    let machine = Machine::new();
    let seconds = format!("1000.{}", std::process::id()); // Tells this test's processes from others.
    let code = r#"
import subprocess, time, os
def handler(event, context):
    subprocess.Popen(["sleep", event.decode()])
    subprocess.Popen(["setsid", "sleep", event.decode()])
    os.fork()
    while True:
        time.sleep(1)
"#;
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.timeout = Duration::from_millis(1500)
    });
    let started = until("its children to run", || some_process_has_argument(&seconds));
    let ((kind, report), ()) = tokio::join!(machine.error(&spec, seconds.clone()), started);
    assert_eq!(kind, FunctionErrorKind::InstanceLost);
    let message = report["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("Function time out after 1.5 seconds (maxMemoryUsage: "), "{message}");
    assert!(machine.log.contain(", Error: Function time out after"));
    until("its children to be killed", || !some_process_has_argument(&seconds)).await;
    assert!(machine.instances.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_has_every_documented_attribute() {
    let machine = Machine::new();
    let code = r#"
import json
def handler(event, context):
    c = context
    return json.dumps([
        c.request_id, c.credentials.access_key_id, c.credentials.access_key_secret, c.credentials.security_token,
        c.function.name, c.function.handler, c.function.memory, c.function.timeout, c.function.version_id, c.function.qualifier,
        c.service.log_project, c.service.log_store, c.service.qualifier, c.service.version_id, c.service.name,
        c.region, c.account_id, c.log_project, c.log_store, c.getLogger() is c.logger, c.tracing.span_context,
    ])
"#;
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.credentials = Some(credentials());
        spec.version_id = "3".into();
    });
    let mut call = call("");
    call.qualifier = "prod".parse().unwrap();
    let id = call.request_id.to_string();
    let result = machine.instances.invoke(&spec, call).await.unwrap().outcome.unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&result).unwrap();
    let expected = serde_json::json!([
        id,
        "key",
        "secret",
        "token",
        spec.function.as_str(),
        "index.handler",
        512,
        20,
        "3",
        "prod",
        "project",
        "store",
        "prod",
        "3",
        "",
        "cn-hangzhou",
        "1234567890123456",
        "project",
        "store",
        true,
        "",
    ]);
    assert_eq!(seen, expected);
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "key".into(),
        access_key_secret: "secret".into(),
        security_token: "token".into(),
        in_environment: true,
        in_requests: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_the_functions_own_and_the_platforms_and_nothing_else() {
    let machine = Machine::new();
    let code =
        "import os, json\ndef handler(event, context):\n    return dict(os.environ, cwd=os.getcwd())\n";
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.environment.insert("OWN".into(), "väl\nue".into());
        spec.environment.insert("TZ".into(), "Asia/Shanghai".into());
        spec.environment.insert("FC_REGION".into(), "forged".into());
        spec.credentials = Some(credentials());
    });
    let seen: serde_json::Value = serde_json::from_str(&machine.result(&spec, "").await).unwrap();
    let table = [
        ("OWN", "väl\nue"),
        ("TZ", "Asia/Shanghai"),
        ("FC_REGION", "cn-hangzhou"),
        ("FC_ACCOUNT_ID", "1234567890123456"),
        ("FC_FUNCTION_NAME", spec.function.as_str()),
        ("FC_FUNCTION_HANDLER", "index.handler"),
        ("FC_FUNCTION_MEMORY_SIZE", "512"),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "key"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "token"),
    ];
    for (name, value) in table {
        assert_eq!(seen[name], value, "{name}");
    }
    let instance = machine.instances.list()[0].id.to_string();
    assert_eq!(seen["FC_INSTANCE_ID"], instance.as_str());
    assert_eq!(seen["FC_FUNC_CODE_PATH"], seen["cwd"]);
    let foreign: Vec<&String> = seen
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| name.starts_with("CARGO") || *name == "USER")
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_cannot_be_loaded_is_a_function_error() {
    let machine = Machine::new();
    let table = [
        ("index.handler", "def other(): pass", "AttributeError", "module 'index' has no attribute 'handler'"),
        ("nowhere.handler", "", "ModuleNotFoundError", "No module named 'nowhere'"),
        ("index.handler", "import nowhere", "ModuleNotFoundError", "No module named 'nowhere'"),
        ("index.handler", "def handler(:", "SyntaxError", "invalid syntax"),
        ("index.handler", "raise RuntimeError('at import')", "RuntimeError", "at import"),
        ("index.handler", "handler = 3", "TypeError", "is not a function"),
        ("index", "", "ValueError", "is not of the form"),
    ];
    for (handler, code, kind, message) in table {
        let spec =
            machine.function_with("python3.11", &[("index.py", code)], |spec| spec.handler = handler.into());
        let (error_kind, report) = machine.error(&spec, "").await;
        assert_eq!(error_kind, FunctionErrorKind::Unhandled);
        assert_eq!(report["errorType"], kind, "{code}");
        assert!(report["errorMessage"].as_str().unwrap().contains(message), "{report}");
    }
    assert!(machine.instances.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_are_found_in_the_code_in_folders_and_in_layers() {
    let machine = Machine::new();
    let layers = machine.directory.path().join("layers");
    std::fs::create_dir_all(layers.join("python")).unwrap();
    std::fs::write(layers.join("python/layered.py"), "where = 'layer'").unwrap();
    let code = "import layered, beside, os.path\ndef handler(event, context):\n    return layered.where + beside.where + str(os.path.exists('/opt/python') or 'real')\n";
    let files = [("folder/main.py", code), ("beside.py", "where = 'code'")];
    let spec = machine.function_with("python3.11", &files, |spec| {
        spec.handler = "folder/main.handler".into();
        spec.layers_dir = Some(layers);
    });
    assert!(machine.result(&spec, "").await.starts_with("layercode"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_no_json_or_too_large_is_refused() {
    let machine = Machine::with(|config| config.response_bytes_max = 1000);
    let spec = machine.python("def handler(event, context):\n    return eval(event)\n");
    let (kind, report) = machine.error(&spec, "{1, 2}").await;
    assert_eq!(kind, FunctionErrorKind::Unhandled);
    assert_eq!(report["errorMessage"], "Object of type set is not JSON serializable");
    assert_eq!(machine.result(&spec, "'x' * 1000").await.len(), 1000);
    let error = machine.try_invoke(&spec, "'x' * 1001").await.unwrap_err();
    assert!(matches!(error, InvokeError::ResponseTooLarge { limit: 1000 }), "{error}");
    assert_eq!(machine.result(&spec, "'fine'").await, "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_the_middle_of_a_request_is_reported_and_replaced() {
    let machine = Machine::new();
    let spec = machine.python("import os, sys, signal\ndef handler(event, context):\n    print('before')\n    return str(eval(event))\n");
    for fatal in [
        "os._exit(3)",
        "sys.exit(0)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.abort()",
        "__import__('ctypes').string_at(0)",
    ] {
        let (kind, report) = machine.error(&spec, fatal).await;
        assert_eq!(kind, FunctionErrorKind::InstanceLost, "{fatal}");
        let message = report["errorMessage"].as_str().unwrap();
        let expected = "Process exited unexpectedly before completing request (duration: ";
        assert!(message.starts_with(expected) && message.ends_with("MB)"), "{fatal}: {message}");
        assert!(machine.instances.list().is_empty(), "{fatal}");
        assert_eq!(machine.result(&spec, "1").await, "1", "after {fatal}");
    }
    assert!(machine.log.contain(", Error: Process exited unexpectedly before completing request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_died_while_idle_is_replaced_unseen() {
    let machine = Machine::new();
    let code = "import os, threading\ndef handler(event, context):\n    threading.Timer(0.05, lambda: os._exit(1)).start()\n    return str(os.getpid())\n";
    let spec = machine.python(code);
    let first = machine.invoke(&spec, "").await;
    let pid = machine.instances.list()[0].pid;
    until("the instance to die", || !process_runs(pid)).await;
    let second = machine.invoke(&spec, "").await;
    assert_ne!(first.instance, second.instance);
    assert!(second.outcome.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_output_neither_block_nor_fill_the_log() {
    let machine = Machine::new();
    let code = r#"
import os
def handler(event, context):
    line = b"x" * 99 + b"\n"
    for _ in range(100):
        os.write(1, line * 10000)
    print("the end")
    return "done"
"#;
    let spec = machine.python(code);
    let mut call = call("");
    call.log_tail = LogTail::Tail;
    let completed = machine.instances.invoke(&spec, call).await.unwrap();
    assert_eq!(completed.outcome.unwrap(), "done");
    let lines = machine.log.texts();
    let bytes: usize = lines.iter().map(String::len).sum();
    assert!(bytes < 50_000_000, "{bytes} bytes were kept");
    assert!(lines.iter().any(|line| line.contains("were printed too fast")));
    assert!(completed.log_tail.unwrap().contains("xxx\nthe end\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_without_line_ends_is_cut_into_lines() {
    let machine = Machine::new();
    let spec = machine.python("import os\ndef handler(event, context):\n    os.write(1, b'y' * 1000000)\n");
    let call = call("");
    let id = call.request_id.to_string();
    machine.instances.invoke(&spec, call).await.unwrap();
    let lines: Vec<String> = machine.log.of(&id).into_iter().filter(|line| line.starts_with("yyy")).collect();
    assert_eq!(lines.iter().map(String::len).sum::<usize>(), 1_000_000);
    assert!(lines.iter().all(|line| line.len() <= 32 << 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_initializer_runs_once_before_the_first_request() {
    let machine = Machine::new();
    let code = r#"
ready = []
def initializer(context):
    print("initializing", context.request_id)
    ready.append(1)
def handler(event, context):
    return str(len(ready))
"#;
    let spec = with_initializer(&machine, code, Duration::from_secs(5));
    let first = call("");
    let id = first.request_id.to_string();
    let completed = machine.instances.invoke(&spec, first).await.unwrap();
    assert_eq!(completed.outcome.unwrap(), "1");
    assert_eq!(machine.result(&spec, "").await, "1");
    let expected = [
        "FunctionCompute python3.11 runtime inited.".to_owned(),
        format!("FC Initialize Start RequestId: {id}"),
        format!("initializing {id}"),
        format!("FC Initialize End RequestId: {id}"),
        format!("FC Invoke Start RequestId: {id}"),
        format!("FC Invoke End RequestId: {id}"),
    ];
    assert_eq!(machine.log.of(&id), expected);
}

fn with_initializer(machine: &Machine, code: &str, timeout: Duration) -> Arc<InstanceSpec> {
    machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.initializer = Some(Hook { handler: "index.initializer".into(), timeout });
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initializer_that_fails_hangs_or_ends_fails_the_waiting_request() {
    let machine = Machine::new();
    let table = [
        ("raise ValueError('not today')", "not today"),
        ("time.sleep(60)", "Initializer time out after 0.5 seconds"),
        ("os._exit(1)", "Process exited unexpectedly"),
    ];
    for (body, message) in table {
        let code = format!(
            "import os, time\ndef initializer(context):\n    {body}\ndef handler(event, context):\n    pass\n"
        );
        let spec = with_initializer(&machine, &code, Duration::from_millis(500));
        let (kind, report) = machine.error(&spec, "").await;
        assert_eq!(kind, FunctionErrorKind::Initialization, "{body}");
        assert!(report["errorMessage"].as_str().unwrap().contains(message), "{body}: {report}");
    }
    assert!(machine.instances.list().is_empty());
    assert!(machine.log.contain("FC Initialize End RequestId: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_uses_more_memory_than_it_may_is_ended() {
    let machine = Machine::new();
    let code = r#"
import time
def handler(event, context):
    kept = bytearray(400 << 20)
    for i in range(0, len(kept), 4096):
        kept[i] = 1
    time.sleep(30)
"#;
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| spec.memory_mib = 128);
    let (kind, report) = machine.error(&spec, "").await;
    assert_eq!(kind, FunctionErrorKind::InstanceLost);
    let message = report["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("Process exited unexpectedly before completing request"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_cancels_the_run() {
    let machine = Machine::new();
    let spec = machine
        .python("import time\ndef handler(event, context):\n    print('running')\n    time.sleep(60)\n");
    let call = call("");
    let id = call.request_id.to_string();
    let invocation = machine.instances.invoke(&spec, call);
    let running = until("the function to run", || machine.log.contain("running"));
    tokio::select! {
        _ = invocation => panic!("it cannot have ended"),
        () = running => {}
    }
    let last = machine.log.of(&id).pop().unwrap();
    let expected = format!("FC Invoke End RequestId: {id}, Error: Invocation canceled by client (duration: ");
    assert!(last.starts_with(&expected) && last.ends_with("MB)"), "{last}");
    assert!(machine.instances.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zygote_that_died_is_started_again() {
    let machine = Machine::new();
    let parent = "import os\ndef handler(event, context):\n    return str(os.getppid())\n";
    let first = machine.python(parent);
    machine.result(&first, "").await;
    let pid = machine.instances.list()[0].pid;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let zygote: i32 = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    std::process::Command::new("kill").args(["-9", &zygote.to_string()]).status().unwrap();
    until("the zygote to die", || !process_runs(zygote)).await;
    until("its instances to die with it", || !process_runs(pid)).await;
    machine.result(&machine.python(parent), "").await;
    machine.result(&first, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_installed_python_runs_functions() {
    let machine = Machine::new();
    let code = "import sys\ndef handler(event, context):\n    context.logger.info('hello')\n    return '%d.%d' % sys.version_info[:2]\n";
    let interpreters = machine.instances.interpreters().await;
    let versions: Vec<_> =
        interpreters.iter().filter(|(language, ..)| *language == Language::Python).collect();
    assert!(!versions.is_empty());
    for (_, version, executable) in versions {
        let runtime =
            if version.minor == 6 { "python3".to_owned() } else { format!("python3.{}", version.minor) };
        let spec = machine.function_with(&runtime, &[("index.py", code)], |_| {});
        assert_eq!(machine.result(&spec, "").await, version.to_string(), "{}", executable.display());
    }
}
