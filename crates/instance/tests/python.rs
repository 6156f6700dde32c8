//! Python functions, run by a real interpreter.

mod support;

use std::time::Duration;

use kulkul_instance::{FunctionErrorKind, LogTail, Start};
use support::{Machine, call, process_runs, until};

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
    let code = r#"
import subprocess, time, os
def handler(event, context):
    child = subprocess.Popen(["sleep", "1000"])
    print("child", child.pid, os.fork() or "forked")
    while True:
        time.sleep(1)
"#;
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.timeout = Duration::from_millis(1500)
    });
    let (kind, report) = machine.error(&spec, "").await;
    assert_eq!(kind, FunctionErrorKind::Unhandled);
    let message = report["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("Function time out after 1.5 seconds (maxMemoryUsage: "), "{message}");
    assert!(machine.log.contain(", Error: Function time out after"));
    let line = machine.log.texts().into_iter().find(|text| text.starts_with("child ")).unwrap();
    let pid: i32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    until("the child to be killed", || !process_runs(pid)).await;
    assert!(machine.instances.list().is_empty());
}
