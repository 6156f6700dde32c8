"""Functions that go wrong: exceptions, exits, time-outs, and what the caller is told."""

import pytest

from alibabacloud_fc20230330 import models

from harness.functions import CUSTOM, NODE, PYTHON
from harness.refusals import refused
from harness.waiting import wait_until


def invoke(functions, unique, files, runtime=PYTHON, payload=b"", **settings):
    name = unique("fails")
    functions.create(name, files, runtime, **settings)
    return functions.invoke(name, payload, log="Tail")


def failed(answer, error_type="UnhandledInvocationError"):
    """Checks that an answer reports an error of the function, and returns the report."""
    assert answer.status == 200, "the platform did its job"
    assert answer.error_type == error_type, answer
    return answer.document


def test_an_exception_in_python_is_reported_with_its_trace(functions, unique):
    answer = invoke(functions, unique, "class Odd(Exception):\n    pass\n\ndef handler(event, context):\n    raise Odd('something is wrong')\n")
    report = failed(answer)
    assert (report["errorMessage"], report["errorType"]) == ("something is wrong", "Odd")
    assert report["stackTrace"][-1] == ['File "/code/index.py"', "line 5", "in handler", "raise Odd('something is wrong')"]
    assert "Error: Unhandled function error" in answer.log


def test_an_exception_in_node_is_reported_with_its_trace(functions, unique):
    answer = invoke(functions, unique, "exports.handler = async () => {\n  throw new TypeError('oops');\n};", NODE)
    report = failed(answer)
    assert (report["errorMessage"], report["errorType"]) == ("oops", "TypeError")
    assert report["stackTrace"][0] == "TypeError: oops"
    assert "/code/index.js:2" in "".join(report["stackTrace"])


def test_an_error_given_to_the_callback_is_a_handled_one(functions, unique):
    text = "exports.handler = (event, context, callback) => callback(%s);"
    answer = invoke(functions, unique, text % "new RangeError('no')", NODE)
    assert failed(answer, "HandledInvocationError")["errorMessage"] == "no"
    answer = invoke(functions, unique, text % "'this is error'", NODE)
    assert failed(answer, "HandledInvocationError") == {"errorMessage": "this is error"}


def test_a_custom_runtime_reports_a_failure_with_a_header(functions, unique):
    code = """#!/usr/bin/env python3
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        wanted = self.rfile.read(int(self.headers["content-length"])).decode()
        status, _, mark = wanted.partition(" ")
        self.send_response(int(status))
        if mark:
            self.send_header("x-fc-status", mark)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"body")
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler).serve_forever()
"""
    name = unique("marks")
    functions.create(name, {"bootstrap": code}, CUSTOM)
    answer = functions.invoke(name, b"200 404")
    assert (answer.status, answer.error_type, answer.body) == (200, "UnhandledInvocationError", b"body")
    for payload in (b"200", b"500", b"404 200"):
        answer = functions.invoke(name, payload)
        assert (answer.status, answer.error_type, answer.body) == (200, None, b"body"), payload


@pytest.mark.parametrize("runtime, files", [
    (PYTHON, "import os\ndef handler(event, context):\n    os._exit(3)\n"),
    (PYTHON, "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"),
    (NODE, "exports.handler = async () => process.exit(3);"),
], ids=["python-exit", "python-signal", "node-exit"])
def test_a_process_that_ends_in_the_middle_is_reported_and_replaced(functions, unique, runtime, files):
    name = unique("ends")
    functions.create(name, files, runtime)
    for _ in range(2):
        report = failed(functions.invoke(name))
        assert report["errorMessage"].startswith("Process exited unexpectedly before completing request (duration: ")


NAMED = {
    PYTHON: "import time\nopen('/proc/self/comm', 'w').write('%s')\ndef handler(event, context):\n    print('going to sleep', flush=True)\n    %s\n",
    NODE: "process.title = '%s';\nexports.handler = (event, context, callback) => { console.log('going to sleep'); %s };",
}


@pytest.mark.parametrize("runtime, work", [
    (PYTHON, "time.sleep(600)"), (PYTHON, "while True: pass"), (NODE, "setTimeout(callback, 600000)"), (NODE, "for (;;);"),
])
def test_code_that_never_answers_is_stopped(functions, server, unique, runtime, work):
    name = unique("hang")
    functions.create(name, NAMED[runtime] % (name[:15], work), runtime, timeout=1)
    answer = functions.invoke(name, log="Tail")
    assert failed(answer)["errorMessage"].startswith("Function time out after 1 second")
    assert 900 <= int(answer.headers["x-fc-invocation-duration"]) < 5000
    assert "going to sleep" in answer.log
    wait_until(lambda: not server.descendants_called(name[:15]), 10, "end of the process")


def test_other_functions_go_on_while_one_hangs(functions, unique):
    import concurrent.futures
    slow, quick = unique("slow"), unique("quick")
    functions.create(slow, "import time\ndef handler(event, context):\n    time.sleep(600)\n", timeout=3)
    functions.create(quick, "def handler(event, context):\n    return 'quick'\n")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(functions.invoke, slow) for _ in range(3)]
        assert all(functions.invoke(quick).text == "quick" for _ in range(10))
        assert not any(call.done() for call in hanging)
        assert all(call.result().error_type == "UnhandledInvocationError" for call in hanging)


@pytest.mark.parametrize("runtime, handler, files, message", [
    (PYTHON, "index.absent", "def handler(event, context):\n    pass\n", "absent"),
    (PYTHON, "absent.handler", "def handler(event, context):\n    pass\n", "absent"),
    (PYTHON, "index.handler", "import no_such_module\n", "no_such_module"),
    (PYTHON, "index.handler", "def handler(event, context)\n", "syntax"),
    (NODE, "index.absent", "exports.handler = async () => 1;", "Handler 'absent' missing on module 'index'"),
    (NODE, "absent.handler", "exports.handler = async () => 1;", "Cannot find module"),
    (NODE, "index.handler", "require('no-such-module');", "no-such-module"),
], ids=str)
def test_a_handler_that_is_not_there_is_named(functions, unique, runtime, handler, files, message):
    report = failed(invoke(functions, unique, files, runtime, handler=handler))
    assert message.lower() in report["errorMessage"].lower() or message in report["errorType"].lower()


@pytest.mark.parametrize("body", ["raise ValueError('not today')", "import time; time.sleep(60)"], ids=["raises", "hangs"])
def test_an_initializer_that_fails_fails_the_invocation(functions, unique, body):
    answer = invoke(
        functions, unique, f"def init(context):\n    {body}\n\ndef handler(event, context):\n    return 'never'\n",
        instance_lifecycle_config=models.InstanceLifecycleConfig(
            initializer=models.LifecycleHook(handler="index.init", timeout=1)),
    )
    failed(answer, "InitializationError")


def test_a_result_that_is_no_json_is_an_error_of_the_function(functions, unique):
    report = failed(invoke(functions, unique, "def handler(event, context):\n    return object()\n"))
    assert "object" in report["errorMessage"]


def test_more_memory_than_allowed_ends_the_process(functions, unique):
    code = "def handler(event, context):\n    hog = bytearray(1 << 30)\n    for i in range(0, len(hog), 4096): hog[i] = 1\n    return 'too much'\n"
    answer = invoke(functions, unique, code, memory_size=128)
    assert answer.status == 200
    assert answer.error_type == "UnhandledInvocationError", answer


@pytest.mark.parametrize("bootstrap, executable, code, status", [
    ("#!/bin/sh\nexit 3\n", True, "CAExited", 412),
    ("#!/no/such/interpreter\n", True, "CAFileNotFound", 412),
    ("#!/bin/sh\n", False, "CAFilePermission", 412),
    (None, True, "CAFileNotFound", 412),
], ids=["exits", "no-interpreter", "not-executable", "no-file"])
def test_a_custom_runtime_that_does_not_start_is_an_error_of_the_call(functions, unique, bootstrap, executable, code, status):
    import base64
    import io
    import zipfile
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap" if bootstrap else "other")
        entry.external_attr = (0o100755 if executable else 0o100644) << 16
        archive.writestr(entry, bootstrap or "nothing")
    name = unique("starts-not")
    location = models.InputCodeLocation(zip_file=base64.b64encode(buffer.getvalue()).decode())
    functions.create_from(name, location, CUSTOM)
    with refused(code, status):
        functions.invoke(name)


def test_an_instance_that_died_while_idle_is_not_used(functions, server, unique):
    name = unique("dies")
    code = "import os, threading\nopen('/proc/self/comm', 'w').write('%s')\ndef handler(event, context):\n    threading.Timer(0.1, lambda: os._exit(1)).start()\n    return 'later'\n"
    functions.create(name, code % name[:15])
    first = functions.invoke(name)
    wait_until(lambda: not server.descendants_called(name[:15]), 10, "end of the process")
    second = functions.invoke(name)
    assert (first.text, second.text) == ("later", "later")
    assert first.headers["x-fc-instance-id"] != second.headers["x-fc-instance-id"]
