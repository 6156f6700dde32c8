"""Synchronous invocations: what goes in, what comes out, and what is said about it."""

import json
import re

import pytest

from harness.checksum import crc64
from harness.functions import CUSTOM, NODE, PYTHON
from harness.refusals import refused
from harness.zips import zip_of

PYTHON_ECHO = "def handler(event, context):\n    return event\n"
NODE_ECHO = "exports.handler = async (event, context) => event;"
CUSTOM_ECHO = """#!/usr/bin/env python3
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler).serve_forever()
"""
ECHO = {PYTHON: {"index.py": PYTHON_ECHO}, NODE: {"index.js": NODE_ECHO}, CUSTOM: {"bootstrap": CUSTOM_ECHO}}


@pytest.fixture(scope="module")
def echo(functions, unique):
    """Names of one echo function per runtime."""
    names = {runtime: unique("echo") for runtime in ECHO}
    for runtime, name in names.items():
        functions.create(name, ECHO[runtime], runtime)
    return names


@pytest.mark.parametrize("runtime", ECHO)
@pytest.mark.parametrize("payload", [b"", b"plain", '{"ü": 1}'.encode(), bytes(range(256)), b"x" * (1 << 20)], ids=len)
def test_a_payload_passes_through_unchanged(functions, echo, runtime, payload):
    answer = functions.invoke(echo[runtime], payload)
    assert answer.error_type is None, answer
    assert answer.body == payload


@pytest.mark.parametrize("runtime", ECHO)
def test_an_answer_says_how_the_invocation_went(functions, echo, runtime):
    headers = functions.invoke(echo[runtime], b"x", qualifier="LATEST").headers
    assert int(headers["x-fc-invocation-duration"]) < 20_000
    assert float(headers["x-fc-max-memory-usage"]) > 0
    assert headers["x-fc-invocation-service-version"] == "LATEST"
    assert headers["x-fc-code-checksum"] == crc64(zip_of(ECHO[runtime]))
    assert headers["x-fc-instance-id"].startswith("c-")
    assert "x-fc-log-result" not in headers


@pytest.mark.parametrize("returned, text", [
    ("'text ü'", "text ü"), ("b'raw'", "raw"), ("{'a': [1, None, True]}", '{"a": [1, null, true]}'),
    ("[1, 2]", "[1, 2]"), ("1.5", "1.5"), ("None", "null"),
])
def test_what_python_returns_becomes_text_or_json(functions, unique, returned, text):
    name = unique("returns")
    functions.create(name, f"def handler(event, context):\n    return {returned}\n")
    answer = functions.invoke(name)
    assert answer.error_type is None, answer
    if text.startswith(("{", "[")):
        assert answer.document == json.loads(text)
    else:
        assert answer.text == text


@pytest.mark.parametrize("returned, text", [
    ("'text ü'", "text ü"), ("Buffer.from('raw')", "raw"), ("({a: [1, null, true]})", '{"a":[1,null,true]}'),
])
def test_what_node_returns_becomes_text_or_json(functions, unique, returned, text):
    name = unique("returns")
    functions.create(name, f"exports.handler = async () => {returned};", NODE)
    assert functions.invoke(name).text == text


def test_node_handlers_may_call_back_or_be_modules(functions, unique):
    back, module, old = unique("back"), unique("module"), unique("old")
    functions.create(back, "exports.handler = (event, context, callback) => callback(null, 'called back');", NODE)
    functions.create(module, "export const handler = async (event) => `module ${event}`;", NODE)
    functions.create(old, "exports.handler = (event, context, callback) => setTimeout(() => callback(null, 'old'), 5);", "nodejs16")
    assert functions.invoke(back).text == "called back"
    assert functions.invoke(module, b"x").text == "module x"
    assert functions.invoke(old).text == "old"


CONTEXT_PYTHON = """
import os
def handler(event, context):
    return {
        "request": context.request_id, "name": context.function.name, "handler": context.function.handler,
        "memory": context.function.memory, "timeout": context.function.timeout,
        "region": context.region, "account": context.account_id, "cwd": os.getcwd(), "pid": os.getpid(),
        "environment": dict(os.environ),
    }
"""
CONTEXT_NODE = """
exports.handler = async (event, context) => ({
    request: context.requestId, name: context.function.name, handler: context.function.handler,
    memory: context.function.memory, timeout: context.function.timeout,
    region: context.region, account: context.accountId, cwd: process.cwd(), pid: process.pid, environment: process.env,
});
"""


@pytest.mark.parametrize("runtime, code", [(PYTHON, CONTEXT_PYTHON), (NODE, CONTEXT_NODE)])
def test_a_function_learns_who_it_is(functions, unique, runtime, code):
    name = unique("context")
    functions.create(name, code, runtime, memory_size=512, timeout=17, environment_variables={"LEVEL": "info"})
    answer = functions.invoke(name)
    seen = answer.document
    assert seen["request"] == answer.headers["x-fc-request-id"]
    assert (seen["name"], seen["handler"], seen["memory"], seen["timeout"]) == (name, "index.handler", 512, 17)
    assert (seen["region"], seen["account"]) == ("cn-hangzhou", "1234567890123456")
    environment = seen["environment"]
    assert environment["LEVEL"] == "info"
    assert environment["FC_FUNCTION_NAME"] == name
    assert environment["FC_FUNCTION_HANDLER"] == "index.handler"
    assert environment["FC_FUNCTION_MEMORY_SIZE"] == "512"
    assert (environment["FC_REGION"], environment["FC_ACCOUNT_ID"]) == ("cn-hangzhou", "1234567890123456")
    assert environment["FC_INSTANCE_ID"] == answer.headers["x-fc-instance-id"]
    secrets = [key for key in environment if key.startswith("KULKUL_")]
    assert not secrets, "the server's own environment is nobody's business"


def test_a_custom_runtime_gets_the_documented_request(functions, unique):
    name = unique("request")
    code = CUSTOM_ECHO.replace(
        "self.send_response(200)",
        "import json; body = json.dumps([self.path, {k.lower(): v for k, v in self.headers.items()}]).encode(); self.send_response(200)",
    )
    functions.create(name, {"bootstrap": code}, CUSTOM, handler="mine")
    answer = functions.invoke(name, b"x")
    path, headers = answer.document
    assert path == "/invoke"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-fc-control-path"] == "/invoke"
    assert headers["x-fc-request-id"] == answer.headers["x-fc-request-id"]
    assert (headers["x-fc-function-name"], headers["x-fc-function-handler"]) == (name, "mine")
    assert (headers["x-fc-region"], headers["x-fc-account-id"]) == ("cn-hangzhou", "1234567890123456")


def test_the_log_tail_has_what_the_function_said_between_markers(functions, unique):
    name = unique("talks")
    functions.create(name, """
import logging
def handler(event, context):
    print("printed ü")
    logging.getLogger().info("logged")
    context.logger.warning("warned")
    return "done"
""")
    answer = functions.invoke(name, log="Tail")
    id = answer.headers["x-fc-request-id"]
    log = answer.log
    assert log.index(f"FC Invoke Start RequestId: {id}") < log.index("printed ü") < log.index(f"FC Invoke End RequestId: {id}")
    assert re.search(rf"\d{{4}}-\d\d-\d\dT[\d:.]+Z {id} \[INFO\] logged", log), log
    assert re.search(rf"{id} \[WARNING\] warned", log), log
    assert re.search(r"Duration: [\d.]+ ms, Billed Duration: \d+ ms, Memory Size: 256 MB, Max Memory Used: [\d.]+ MB", log), log


def test_the_log_tail_is_the_end_of_a_long_log(functions, unique):
    name = unique("long")
    functions.create(name, "def handler(event, context):\n    for i in range(20000):\n        print('line', i)\n")
    log = functions.invoke(name, log="Tail").log
    assert "line 19999" in log and "line 100\n" not in log
    assert len(log) < 5000


def test_one_log_does_not_hold_lines_of_another_invocation(functions, unique):
    name = unique("apart")
    functions.create(name, "def handler(event, context):\n    print('said', event.decode())\n")
    assert "said first" in functions.invoke(name, b"first", log="Tail").log
    log = functions.invoke(name, b"second", log="Tail").log
    assert "said second" in log and "said first" not in log


def test_a_warm_instance_is_used_again(functions, unique):
    name = unique("warm")
    functions.create(name, "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return str(count)\n")
    answers = [functions.invoke(name) for _ in range(3)]
    assert [answer.text for answer in answers] == ["1", "2", "3"]
    assert len({answer.headers["x-fc-instance-id"] for answer in answers}) == 1


def test_an_initializer_runs_once_per_instance(functions, unique):
    from alibabacloud_fc20230330 import models
    name = unique("initialized")
    functions.create(name, """
value = None
calls = 0
def init(context):
    global value, calls
    calls += 1
    value = f"ready {calls}"
    print("initializing")
def handler(event, context):
    return value
""", instance_lifecycle_config=models.InstanceLifecycleConfig(
        initializer=models.LifecycleHook(handler="index.init", timeout=5)))
    assert [functions.invoke(name).text for _ in range(2)] == ["ready 1", "ready 1"]


@pytest.mark.parametrize("header, value", [("kind", "Sometimes"), ("log", "Everything")])
def test_a_header_with_an_unknown_value_is_refused(functions, echo, header, value):
    with refused("InvalidArgument", 400):
        functions.invoke(echo[PYTHON], b"x", **{header: value})


@pytest.mark.parametrize("runtime", ECHO)
def test_many_callers_are_served_at_the_same_time(functions, echo, runtime):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: functions.invoke(echo[runtime], str(i)), range(40)))
    assert [answer.text for answer in answers] == [str(i) for i in range(40)]
