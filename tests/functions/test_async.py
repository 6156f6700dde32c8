"""Asynchronous invocations: accepted durably, run later, tried again, given up."""

import json
import time

import pytest
from alibabacloud_fc20230330 import models

from harness.event_bridge import bus_arn, function_arn
from harness.functions import Functions
from harness.refusals import refused

POST = """
import json, os, urllib.request
def post(document):
    request = urllib.request.Request(os.environ["URL"], json.dumps(document).encode())
    urllib.request.urlopen(request, timeout=10).read()
"""
RECORD = POST + """
def handler(event, context):
    post({"payload": event.decode("latin-1"), "request": context.request_id})
"""
FAIL = POST + """
def handler(event, context):
    post({"request": context.request_id})
    raise Exception("as asked")
"""


@pytest.fixture
def recorder(functions, collector, unique):
    """The name of a function that posts what it gets to the collector, and the path it posts to."""
    name = unique("recorder")
    functions.create(name, RECORD, environment_variables={"URL": collector.url(f"/{name}")})
    return name, f"/{name}"


def put_config(fc, function, **settings):
    body = models.PutAsyncInvokeConfigInput(**settings)
    return fc.put_async_invoke_config(function, models.PutAsyncInvokeConfigRequest(body=body)).body


def destinations(**arns):
    return models.DestinationConfig(**{name: models.Destination(destination=arn) for name, arn in arns.items()})


def test_an_asynchronous_invocation_is_accepted_and_runs(functions, collector, recorder):
    name, path = recorder
    answer = functions.invoke(name, b"later", kind="Async")
    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["x-fc-async-task-id"] == answer.headers["x-fc-request-id"]
    run, = collector.wait_for(path)
    assert run == {"payload": "later", "request": answer.headers["x-fc-request-id"]}


def test_a_task_id_of_the_callers_is_echoed(functions, recorder, unique):
    task = unique("order")
    assert functions.invoke(recorder[0], b"x", kind="Async", task=task).headers["x-fc-async-task-id"] == task


@pytest.mark.parametrize("task", ["7", "-a", "a b", "x" * 129])
def test_a_task_id_that_cannot_be_is_refused(functions, recorder, task):
    with refused("InvalidArgument", 400):
        functions.invoke(recorder[0], b"x", kind="Async", task=task)


def test_a_delayed_invocation_waits(functions, collector, recorder):
    name, path = recorder
    functions.invoke(name, b"slow", kind="Async", headers={"X-Fc-Async-Delay": "2"})
    functions.invoke(name, b"fast", kind="Async")
    accepted = time.monotonic()
    runs = collector.wait_for(path, 2)
    assert [run["payload"] for run in runs] == ["fast", "slow"]
    assert time.monotonic() - accepted > 1.5


@pytest.mark.parametrize("delay", ["0", "3600", "-1", "soon"])
def test_a_delay_that_cannot_be_is_refused(functions, recorder, delay):
    with refused("InvalidArgument", 400):
        functions.invoke(recorder[0], b"x", kind="Async", headers={"X-Fc-Async-Delay": delay})


def test_a_payload_of_the_greatest_size_is_accepted_and_one_byte_more_is_not(functions, collector, recorder):
    name, path = recorder
    functions.invoke(name, b"x" * (128 << 10), kind="Async")
    with refused("EntityTooLarge", 400):
        functions.invoke(name, b"x" * ((128 << 10) + 1), kind="Async")
    run, = collector.wait_for(path)
    assert len(run["payload"]) == 128 << 10


def test_an_unknown_function_is_refused_at_once(functions, unique):
    with refused("FunctionNotFound", 404):
        functions.invoke(unique("nobody"), b"x", kind="Async")


def test_a_function_that_fails_is_tried_as_often_as_configured(fc, functions, collector, unique):
    name = unique("fails")
    functions.create(name, FAIL, environment_variables={"URL": collector.url(f"/{name}")})
    put_config(fc, name, max_async_retry_attempts=2)
    functions.invoke(name, b"x", kind="Async")
    runs = collector.wait_for(f"/{name}", 3)
    assert len({run["request"] for run in runs}) == 1, "all attempts belong to one invocation"


def test_a_result_goes_to_the_destinations(fc, functions, hub, collector, recorder, record, unique):
    after, path = recorder
    bus = unique("failures")
    hub.create_bus(bus)
    hub.create_rule(bus, "all", {"source": ["acs.fc"]}, [record(f"/{bus}")])
    name = unique("reports")
    functions.create(name, "def handler(event, context):\n    if event == b'bad': raise Exception('no')\n    return 'result'\n")
    put_config(fc, name, max_async_retry_attempts=0,
               destination_config=destinations(on_success=function_arn(after), on_failure=bus_arn(bus)))
    good = functions.invoke(name, b"good", kind="Async").headers["x-fc-request-id"]
    bad = functions.invoke(name, b"bad", kind="Async").headers["x-fc-request-id"]
    report = json.loads(collector.wait_for(path)[0]["payload"])
    assert report["requestContext"]["requestId"] == good
    assert report["requestContext"]["functionArn"].startswith(function_arn(name))
    assert (report["requestPayload"], report["responsePayload"]) == ("good", "result")
    failure, = collector.wait_for(f"/{bus}")
    assert failure["type"] == "fc:Function:AsyncInvocationResult"
    assert failure["data"]["requestContext"]["requestId"] == bad
    assert failure["data"]["requestContext"]["condition"] == "UnhandledInvocationError"
    assert failure["data"]["requestPayload"] == "bad"


def test_a_configuration_is_kept_merged_listed_and_deleted(fc, functions, unique):
    name = unique("configured")
    functions.create(name, "def handler(event, context):\n    pass\n")

    def get():
        return fc.get_async_invoke_config(name, models.GetAsyncInvokeConfigRequest()).body

    def delete():
        return fc.delete_async_invoke_config(name, models.DeleteAsyncInvokeConfigRequest())

    with refused("AsyncConfigNotExists", 404):
        get()
    with refused("AsyncConfigNotExists", 404):
        delete()
    put = put_config(fc, name, max_async_retry_attempts=1, max_async_event_age_in_seconds=300)
    assert (put.max_async_retry_attempts, put.max_async_event_age_in_seconds) == (1, 300)
    assert put.function_arn.startswith(function_arn(name))
    assert put.created_time and put.last_modified_time
    put_config(fc, name, destination_config=destinations(on_success=function_arn(name)))
    merged = get()
    assert (merged.max_async_retry_attempts, merged.max_async_event_age_in_seconds) == (1, 300)
    assert merged.destination_config.on_success.destination == function_arn(name)
    configs = fc.list_async_invoke_configs(models.ListAsyncInvokeConfigsRequest(function_name=name)).body.configs
    assert [config.to_map() for config in configs] == [merged.to_map()]
    assert delete().status_code == 204
    with refused("AsyncConfigNotExists", 404):
        get()


@pytest.mark.parametrize("settings", [
    {"max_async_retry_attempts": -1}, {"max_async_retry_attempts": 9},
    {"max_async_event_age_in_seconds": 0}, {"max_async_event_age_in_seconds": 2_592_001},
    {"destination_config": destinations(on_success="nonsense")},
], ids=lambda settings: "-".join(settings))
def test_a_configuration_that_cannot_be_is_refused(fc, functions, unique, settings):
    name = unique("misconfigured")
    functions.create(name, "def handler(event, context):\n    pass\n")
    with refused("InvalidArgument", 400):
        put_config(fc, name, **settings)
    with refused("AsyncConfigNotExists", 404):
        fc.get_async_invoke_config(name, models.GetAsyncInvokeConfigRequest())


def test_a_configuration_needs_its_function(fc, unique):
    with refused("FunctionNotFound", 404):
        put_config(fc, unique("nobody"), max_async_retry_attempts=1)


def test_accepted_invocations_survive_a_restart(new_server, collector, unique):
    server = new_server()
    functions, name = Functions(server), unique("survives")
    functions.create(name, RECORD, environment_variables={"URL": collector.url(f"/{name}")})
    accepted = [functions.invoke(name, str(i), kind="Async", headers={"X-Fc-Async-Delay": "1"}) for i in range(20)]
    server.kill()
    server.start()
    ids = {answer.headers["x-fc-request-id"] for answer in accepted}
    runs = collector.wait_for(f"/{name}", 20, within=30)
    assert {run["request"] for run in runs} == ids


def test_attempts_end_with_the_age_of_the_event(fc, functions, collector, unique):
    name = unique("old")
    functions.create(name, FAIL, environment_variables={"URL": collector.url(f"/{name}")})
    put_config(fc, name, max_async_event_age_in_seconds=1, max_async_retry_attempts=8,
               destination_config=destinations(on_failure=function_arn(name + "-after")))
    functions.create(name + "-after", RECORD, environment_variables={"URL": collector.url(f"/{name}-after")})
    functions.invoke(name, b"old", kind="Async")
    report = json.loads(collector.wait_for(f"/{name}-after")[0]["payload"])
    assert report["requestPayload"] == "old"
    assert len(collector.bodies(f"/{name}")) < 4, "eight retries do not fit into a second"
