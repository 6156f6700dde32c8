//! Custom runtimes: a program that serves HTTP, here a small server in Python.

mod support;

use std::sync::Arc;
use std::time::Duration;

use kulkul_instance::{FunctionErrorKind, HealthCheck, Hook, InstanceSpec, InvokeError, Wish};
use support::{Machine, call, process_runs, until};

/// Answers by path; what it does on `/invoke` is said in the event.
const SERVER: &str = r#"#!/usr/bin/python3
import json, os, socket, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        Handler.connections.add(self.client_address[1])
        status, headers, answer = 200, {}, body
        if self.path == "/initialize":
            print("initializing", self.headers["x-fc-initialization-timeout"], flush=True)
            status = int(os.environ.get("INITIALIZE_STATUS", "200"))
        elif self.path == "/invoke":
            what = json.loads(body or b'{}')
            if what.get("print"): print(what["print"], flush=True)
            if what.get("sleep"): time.sleep(what["sleep"])
            if what.get("exit"): os._exit(what["exit"])
            if what.get("headers"): answer = json.dumps({k.lower(): v for k, v in self.headers.items()}).encode()
            if what.get("connections"): answer = str(len(Handler.connections)).encode()
            if what.get("instance"): answer = os.environ["FC_INSTANCE_ID"].encode()
            if what.get("bytes"): answer = b"x" * what["bytes"]
            if what.get("fail"): headers["x-fc-status"] = "404"
            status = what.get("status", 200)
        self.answer(status, headers, answer)

    def do_GET(self):
        if self.path == "/pre-stop": print("stopping", flush=True)
        Handler.checks = getattr(Handler, "checks", 0) + 1
        self.answer(200 if Handler.checks >= int(os.environ.get("HEALTHY_AFTER", "0")) else 503, {}, b"")

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): pass

class Server(ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address

time.sleep(float(os.environ.get("START_DELAY", "0")))
port = os.environ.get("INSIST_ON") or os.environ["FC_SERVER_PORT"]
Server(("0.0.0.0", int(port)), Handler).serve_forever()
"#;

fn server(machine: &Machine, change: impl FnOnce(&mut InstanceSpec)) -> Arc<InstanceSpec> {
    machine.function_with("custom.debian12", &[("bootstrap", SERVER)], change)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_event_as_a_post_with_the_documented_headers() {
    let machine = Machine::new();
    let spec = server(&machine, |_| {});
    let call = call(r#"{"headers":true}"#);
    let id = call.request_id.to_string();
    let completed = machine.instances.invoke(&spec, call).await.unwrap();
    let headers: serde_json::Value = serde_json::from_slice(&completed.outcome.unwrap()).unwrap();
    let table = [
        ("content-type", "application/octet-stream"),
        ("x-fc-control-path", "/invoke"),
        ("x-fc-request-id", &id),
        ("x-fc-function-name", spec.function.as_str()),
        ("x-fc-function-handler", "index.handler"),
        ("x-fc-function-memory", "512"),
        ("x-fc-function-timeout", "20"),
        ("x-fc-region", "cn-hangzhou"),
        ("x-fc-account-id", "1234567890123456"),
        ("x-fc-qualifier", "LATEST"),
        ("x-fc-version-id", "LATEST"),
        ("x-fc-service-logproject", "project"),
        ("x-fc-service-logstore", "store"),
    ];
    for (name, value) in table {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_mark_makes_an_answer_a_failure() {
    let machine = Machine::new();
    let spec = server(&machine, |_| {});
    assert_eq!(machine.result(&spec, r#"{"status":500}"#).await, r#"{"status":500}"#);
    let error = machine.invoke(&spec, r#"{"fail":true}"#).await.outcome.unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::Unhandled);
    assert_eq!(error.report, r#"{"fail":true}"#);
    assert!(machine.log.contain(", Error: Unhandled function error"));
    assert_eq!(machine.instances.list().len(), 1, "neither ends the instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_between_requests() {
    let machine = Machine::new();
    let spec = server(&machine, |_| {});
    for _ in 0..5 {
        assert_eq!(machine.result(&spec, r#"{"connections":true}"#).await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_serves_as_many_requests_as_it_may_and_then_another_starts() {
    let machine = Machine::new();
    let spec = server(&machine, |spec| spec.instance_concurrency = 3);
    machine.result(&spec, "").await;
    let slow = r#"{"sleep":0.5,"instance":true}"#;
    let pids = tokio::join!(
        machine.result(&spec, slow),
        machine.result(&spec, slow),
        machine.result(&spec, slow),
        machine.result(&spec, slow)
    );
    assert_eq!((&pids.0, &pids.0), (&pids.1, &pids.2));
    assert_ne!(pids.0, pids.3);
    assert_eq!(machine.instances.list().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_prints_belongs_to_the_request_that_is_alone() {
    let machine = Machine::new();
    let spec = server(&machine, |_| {});
    machine.result(&spec, "").await;
    let call = call(r#"{"print":"hello"}"#);
    let id = call.request_id.to_string();
    machine.instances.invoke(&spec, call).await.unwrap();
    let expected = [
        format!("FC Invoke Start RequestId: {id}"),
        "hello".into(),
        format!("FC Invoke End RequestId: {id}"),
    ];
    assert_eq!(machine.log.of(&id), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_initializer_runs_once_and_the_stop_hook_before_the_end() {
    let machine = Machine::new();
    let hook = Some(Hook { handler: "any".into(), timeout: Duration::from_secs(7) });
    let spec = server(&machine, |spec| {
        spec.initializer = hook.clone();
        spec.pre_stop = hook.clone();
    });
    machine.result(&spec, "").await;
    machine.result(&spec, "").await;
    assert_eq!(machine.log.texts().iter().filter(|text| *text == "initializing 7").count(), 1);
    machine.instances.shutdown(Duration::from_secs(10)).await;
    assert!(machine.log.contain("stopping"));
    assert!(matches!(machine.try_invoke(&spec, "").await, Err(InvokeError::Stopping)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initializer_that_does_not_answer_2xx_fails_the_waiting_invocation() {
    let machine = Machine::new();
    let spec = server(&machine, |spec| {
        spec.initializer = Some(Hook { handler: String::new(), timeout: Duration::from_secs(5) });
        spec.environment.insert("INITIALIZE_STATUS".into(), "500".into());
    });
    let error = machine.invoke(&spec, "").await.outcome.unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::Initialization);
    assert!(machine.instances.list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_in_the_middle_of_a_request_is_replaced() {
    let machine = Machine::new();
    let spec = server(&machine, |_| {});
    let (kind, report) = machine.error(&spec, r#"{"exit":3}"#).await;
    assert_eq!(kind, FunctionErrorKind::InstanceLost);
    let message = report["errorMessage"].as_str().unwrap();
    assert!(
        message.starts_with("Process exited unexpectedly before completing request (duration: "),
        "{message}"
    );
    assert_eq!(machine.result(&spec, "{}").await, "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_ends_the_program() {
    let machine = Machine::new();
    let spec = server(&machine, |spec| spec.timeout = Duration::from_secs(1));
    machine.result(&spec, "").await;
    let pid = machine.instances.list()[0].pid;
    let (_, report) = machine.error(&spec, r#"{"sleep":60}"#).await;
    assert!(
        report["errorMessage"].as_str().unwrap().starts_with("Function time out after 1 seconds"),
        "{report}"
    );
    until("the program to be killed", || !process_runs(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_be_started_is_refused_by_reason() {
    let machine = Machine::with(|config| config.start_timeout = Duration::from_secs(1));
    let custom = |files: &[(&str, &str)], command: &[&str]| {
        machine.function_with("custom", files, |spec| {
            spec.custom.command = command.iter().map(ToString::to_string).collect();
        })
    };
    let missing = custom(&[("other", "")], &[]);
    assert!(matches!(machine.try_invoke(&missing, "").await, Err(InvokeError::StartFileMissing { .. })));
    let no_interpreter = custom(&[("bootstrap", "#!/nowhere/sh\n")], &[]);
    assert!(matches!(
        machine.try_invoke(&no_interpreter, "").await,
        Err(InvokeError::StartFileMissing { .. })
    ));
    let no_program = custom(&[("bootstrap", "no program")], &[]);
    assert!(matches!(
        machine.try_invoke(&no_program, "").await,
        Err(InvokeError::StartFileNotExecutable { .. })
    ));
    let ends = custom(&[("run.sh", "echo no reason given; exit 3\n")], &["sh", "run.sh"]);
    let error = machine.try_invoke(&ends, "").await.unwrap_err();
    let expected =
        "the function cannot be started: its process ended with code 3 before it was ready: no reason given";
    assert_eq!(error.to_string(), expected);
    assert!(!error.is_retryable());
    let silent = custom(&[("run.sh", "sleep 1000\n")], &["sh", "run.sh"]);
    assert!(matches!(machine.try_invoke(&silent, "").await, Err(InvokeError::NotStarted { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_refused() {
    let machine = Machine::with(|config| config.response_bytes_max = 1000);
    let spec = server(&machine, |_| {});
    assert_eq!(machine.result(&spec, r#"{"bytes":1000}"#).await.len(), 1000);
    let error = machine.try_invoke(&spec, r#"{"bytes":1001}"#).await.unwrap_err();
    assert!(matches!(error, InvokeError::ResponseTooLarge { limit: 1000 }), "{error}");
}

/// A function whose program listens on one port, whatever it is told.
fn insisting(machine: &Machine, port: u16) -> Arc<InstanceSpec> {
    server(machine, |spec| {
        spec.environment.insert("INSIST_ON".into(), port.to_string());
        spec.custom.port = port;
    })
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_insist_on_one_port_run_beside_each_other() {
    let machine = Machine::new();
    let port = free_port();
    let (one, two) = (insisting(&machine, port), insisting(&machine, port));
    let slow = r#"{"sleep":0.3,"instance":true}"#;
    let instances =
        tokio::join!(machine.result(&one, slow), machine.result(&one, slow), machine.result(&two, slow));
    assert_ne!(instances.0, instances.1);
    assert_eq!(machine.instances.list().len(), 3);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens on the port itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ports_cannot_be_redirected_one_instance_at_a_time_has_a_port() {
    let machine = Machine::with(|config| config.isolation.port_redirection = Wish::Off);
    let port = free_port();
    let (one, two) = (insisting(&machine, port), insisting(&machine, port));
    machine.result(&one, "").await;
    let (_, busy) = tokio::join!(machine.result(&one, r#"{"sleep":0.5}"#), machine.try_invoke(&two, ""));
    let busy = busy.unwrap_err();
    assert!(matches!(busy, InvokeError::PortBusy { port: named } if named == port) && busy.is_retryable());
    // An instance that is idle gives way.
    machine.result(&two, "").await;
    machine.result(&one, "").await;
    assert_eq!(machine.instances.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_decides_when_a_program_is_ready_or_has_failed() {
    let machine = Machine::new();
    let with_check = |healthy_after: u32| {
        server(&machine, |spec| {
            spec.environment.insert("HEALTHY_AFTER".into(), healthy_after.to_string());
            spec.custom.health_check = Some(HealthCheck {
                path: "/healthy?".into(),
                initial_delay: Duration::ZERO,
                period: Duration::from_millis(10),
                timeout: Duration::from_secs(1),
                failure_threshold: 3,
                success_threshold: 2,
            });
        })
    };
    machine.result(&with_check(3), "").await;
    let error = machine.try_invoke(&with_check(100), "").await.unwrap_err();
    assert!(matches!(error, InvokeError::NotStarted { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_while_an_instance_starts_leaves_a_line_in_the_log() {
    let machine = Machine::new();
    let custom = server(&machine, |spec| {
        spec.environment.insert("START_DELAY".into(), "60".into());
    });
    let files = [("index.py", "import time\ntime.sleep(60)\n")];
    let python = machine.function_with("python3.11", &files, |_| {});
    for spec in [custom, python] {
        let call = call("");
        let id = call.request_id.to_string();
        let gave_up =
            tokio::time::timeout(Duration::from_millis(1500), machine.instances.invoke(&spec, call)).await;
        assert!(gave_up.is_err());
        let last = machine.log.of(&id).pop().unwrap();
        assert!(last.contains("Error: Invocation canceled by client (duration: "), "{last}");
        assert!(machine.instances.list().is_empty());
    }
}
