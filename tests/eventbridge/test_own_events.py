"""What happens inside of the server is an event too, and never the cause of itself."""

import collections
import json
import time

import pytest
from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import Hub, Refused, event, function_target
from harness.functions import Functions
from harness.raw import rpc
from harness.refusals import refused
from harness.server import ACCOUNT_ID, REGION
from harness.waiting import wait_until

BROKEN = "import os\ndef handler(event, context):\n    os._exit(3)\n"
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def own_events(hub, record, collector, unique):
    """Watches the events of this server's own making; `own_events(types…)` returns a function that reads them."""
    def watch(*types):
        path = "/" + unique("own")
        hub.create_rule("default", unique("own"), {"type": list(types)}, [record(path)])
        return lambda: collector.documents(path)
    return watch


def of_resource(events, name):
    """The events that tell of a resource, in order of arrival."""
    return [event for event in events if event["data"].get("resourceName") == name]


def test_operations_on_functions_and_triggers_are_told_as_action_trail_does(own_events, functions, unique):
    seen, name = own_events("fc:ActionTrail:ApiCall"), unique("told")
    functions.create(name, ECHO, environment_variables={"SECRET": "do-not-tell"})
    functions.event_trigger(name, "orders", {"source": ["shop"]})
    functions.client.delete_trigger(name, "orders")
    functions.delete(name)
    told = lambda: [event for event in seen() if event["data"]["requestParameters"].get("functionName") == name]
    wait_until(lambda: len(told()) == 4, what=told)
    by_name = {event["data"]["eventName"]: event for event in told()}
    assert set(by_name) == {"CreateFunction", "CreateTrigger", "DeleteTrigger", "DeleteFunction"}
    event = by_name["CreateFunction"]
    data = event["data"]
    assert (event["source"], event["aliyuneventbusname"]) == ("acs.fc", "default")
    assert event["id"] == data["eventId"] == data["requestId"]
    assert data["eventType"] == "ApiCall" and data["eventRW"] == "Write" and data["apiVersion"] == "2023-03-30"
    assert data["acsRegion"] == REGION and data["userIdentity"]["accountId"] == ACCOUNT_ID
    assert data["referencedResources"] == {"ACS::FC::Function": [name]}
    assert "do-not-tell" not in json.dumps(told())


def test_a_refused_operation_is_told_without_what_stood_in_the_wrong_place(own_events, server, unique):
    seen, name = own_events("eventbridge:ActionTrail:ApiCall"), unique("secret")
    answer = rpc(server, "CreateConnection", {
        "ConnectionName": name, "NetworkParameters": '{"NetworkType":"PublicNetwork"}',
        "AuthParameters": '{"AuthorizationType":"BASIC_AUTH","BasicAuthParameters":"do-not-tell"}'})
    assert answer.json()["Code"] == "InvalidAuthParameters" and "do-not-tell" not in answer.text
    [told] = wait_until(lambda: of_resource(seen(), name))
    assert told["data"]["errorCode"] == "InvalidAuthParameters"
    assert "do-not-tell" not in json.dumps(told)


def test_the_service_tells_it_in_its_own_words_too(own_events, functions, unique):
    seen = own_events("fc:Function:CreateSuccess", "fc:Function:CreateFailed", "fc:Trigger:CreateFailed")
    name = unique("words")
    functions.create(name, ECHO)
    with refused("FunctionAlreadyExists"):
        functions.create(name, ECHO)
    with refused("InvalidArgument"):
        functions.trigger(name, "bad", "eventbridge", "{")
    told = lambda: [event for event in seen() if event["data"].get("functionName") == name]
    wait_until(lambda: len(told()) == 3, what=told)
    by_type = {event["type"]: event for event in told()}
    assert by_type["fc:Function:CreateSuccess"]["subject"] == f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/{name}"
    assert by_type["fc:Function:CreateFailed"]["data"]["errorCode"] == "FunctionAlreadyExists"
    assert by_type["fc:Trigger:CreateFailed"]["data"]["triggerName"] == "bad"


def test_operations_on_buses_and_rules_are_told(own_events, hub, unique):
    seen, bus = own_events("eventbridge:ActionTrail:ApiCall"), unique("told")
    hub.create_bus(bus)
    with pytest.raises(Refused):
        hub.create_bus(bus)
    hub.create_rule(bus, "everything", {})
    told = lambda: [event for event in seen() if event["data"]["requestParameters"].get("EventBusName") == bus]
    wait_until(lambda: len(told()) == 3, what=told)
    failed = [event["data"] for event in told() if "errorCode" in event["data"]]
    assert [data["errorCode"] for data in failed] == ["EventBusAlreadyExist"]
    assert of_resource(told(), "everything")[0]["data"]["resourceType"] == "ACS::EventBridge::Rule"


def test_the_end_of_an_invocation_that_was_called_is_told_once(own_events, hub, functions, unique):
    seen, name = own_events("fc:ActionTrail:AliyunServiceEvent"), unique("ended")
    functions.create(name, ECHO)
    functions.invoke(name, "1", kind="Async")
    told = lambda: [event["data"] for event in of_resource(seen(), name)]
    wait_until(told, what=seen)
    # What comes later through the same rule: a second telling would have come before it.
    later = unique("later")
    hub.put_accepted("default", event(later, type="fc:ActionTrail:AliyunServiceEvent"))
    wait_until(lambda: later in [document["id"] for document in seen()], what=seen)
    [data] = told()
    assert (data["eventName"], data["userIdentity"]["type"]) == ("FinishAsyncInvocation", "system")
    assert data["requestParameters"] == {"functionName": name, "qualifier": "LATEST", "attemptCount": 1}
    assert "errorCode" not in data


def test_a_broken_instance_and_a_refused_call_are_told(own_events, functions, unique):
    seen = own_events("fc:ActionTrail:AliyunServiceEvent", "fc:Function:InvokeWithClientError")
    name, missing = unique("broken"), unique("missing")
    functions.create(name, BROKEN)
    assert functions.invoke(name).error_type == "UnhandledInvocationError"
    with refused("FunctionNotFound"):
        functions.invoke(missing)
    wait_until(lambda: len(of_resource(seen(), name)) == 1, what=seen)
    assert of_resource(seen(), name)[0]["data"]["errorCode"] == "InstanceLost"
    told = lambda: [event for event in seen() if event["data"].get("functionName") == missing]
    assert wait_until(told, what=seen)[0]["data"]["errorCode"] == "FunctionNotFound"


def test_refused_calls_that_are_repeated_are_told_once_a_second(own_events, hub, functions, unique):
    kind, missing = "fc:Function:InvokeWithClientError", unique("missing")
    seen = own_events(kind)
    begin = time.monotonic()
    for _ in range(20):
        with refused("FunctionNotFound"):
            functions.invoke(missing)
    seconds = time.monotonic() - begin
    told = lambda: [document for document in seen() if document["data"].get("functionName") == missing]
    # What comes later through the same rule: a further telling would have come before it.
    later = unique("later")
    hub.put_accepted("default", event(later, type=kind))
    wait_until(lambda: later in [document["id"] for document in seen()], what=seen)
    assert 1 <= len(told()) <= 1 + int(seconds), (seconds, len(told()))


def test_no_event_is_about_delivering_an_event(fresh_server):
    """A function that gets every event, and breaks at each, does not make one."""
    hub, functions = Hub(fresh_server), Functions(fresh_server)
    functions.create("all", BROKEN)
    functions.event_trigger("all", "everything", {})
    hub.create_rule("default", "all", {}, [function_target("all", kind="Sync")])
    for id in ("one", "two"):
        hub.put_accepted("default", event(id))
        attempts = lambda: [entry for entry in hub.trace("default", id) if entry.action == "PushEvent"]
        wait_until(lambda: len(attempts()) >= 2, what=attempts)
    now = int(time.time() * 1000)
    asked = models.QueryTracedEventsRequest(event_bus_name="default", start_time=now - 600_000, end_time=now + 60_000, limit=100)
    types = collections.Counter(found.event_type for found in hub.client.query_traced_events(asked).body.data.events)
    assert types == {
        "fc:ActionTrail:ApiCall": 2, "fc:Function:CreateSuccess": 1, "fc:Trigger:CreateSuccess": 1,
        "eventbridge:ActionTrail:ApiCall": 1, "order:Placed": 2,
    }
