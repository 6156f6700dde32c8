"""EventBridge's data plane through its official SDK."""

import json
import os
import pathlib
import subprocess
import time

import pytest

from harness.event_bridge import bus_arn, function_target, rule_arn
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID

HERE = pathlib.Path(__file__).parent
PYTHON = os.environ.get("KULKUL_DATA_PLANE_PYTHON", HERE.parents[1] / ".venv-data-plane" / "bin" / "python")


class Refused(Exception):
    """What the SDK raised."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@pytest.fixture
def call(server):
    """Calls an operation of the SDK: `call("get_rule", {…})`; raises `Refused` when the SDK raises."""
    environment = {"KEY_ID": ACCESS_KEY_ID, "KEY_SECRET": ACCESS_KEY_SECRET, "API": server.api, "PATH": os.environ["PATH"]}

    def call(operation, request, model=None):
        calls = json.dumps([{"operation": operation, "request": request, "model": model}])
        done = subprocess.run([PYTHON, HERE / "call.py"], input=calls, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        answer, = json.loads(done.stdout)
        if "error" in answer:
            raise Refused(**answer["error"])
        return answer["ok"]
    return call


@pytest.fixture
def bus(call, unique):
    name = unique("plane")
    assert call("create_event_bus", {"EventBusName": name, "Description": "d"})["EventBusARN"] == bus_arn(name)
    return name


def test_buses(call, bus):
    got = call("get_event_bus", {"EventBusName": bus})
    assert (got["EventBusName"], got["Description"], got["EventBusARN"]) == (bus, "d", bus_arn(bus))
    assert got["ResourceOwnerAccountId"] == ACCOUNT_ID and abs(got["CreateTimestamp"] / 1000 - time.time()) < 600
    listed = call("list_event_buses", {"NamePrefix": bus, "Limit": 10})
    assert [found["EventBusName"] for found in listed["EventBuses"]] == [bus] and listed["Total"] == 1
    call("delete_event_bus", {"EventBusName": bus})
    with pytest.raises(Refused) as refused:
        call("get_event_bus", {"EventBusName": bus})
    assert refused.value.code == "EventBusNotExist"


def test_rules_and_targets(call, bus, functions, unique):
    function = unique("f")
    functions.create(function, "def handler(event, context):\n    return event\n")
    rule = {"EventBusName": bus, "RuleName": "r"}
    target = function_target(function)
    made = call("create_rule", {**rule, "FilterPattern": '{"source":["shop"]}', "Description": "d", "Targets": [target]})
    assert made["RuleARN"] == rule_arn(bus, "r")
    got = call("get_rule", rule)
    assert (got["FilterPattern"], got["Status"], got["Description"]) == ('{"source":["shop"]}', "ENABLE", "d")
    assert [found["Id"] for found in got["Targets"]] == ["t1"] and abs(got["Ctime"] / 1000 - time.time()) < 600
    call("update_rule", {**rule, "FilterPattern": '{"source":["store"]}', "Status": "DISABLE"})
    listed = call("list_rules", {"EventBusName": bus, "RuleNamePrefix": "r"})
    assert [(found["FilterPattern"], found["Status"]) for found in listed["Rules"]] == [('{"source":["store"]}', "DISABLE")]
    call("enable_rule", rule)
    assert call("get_rule", rule)["Status"] == "ENABLE"
    call("disable_rule", rule)
    assert call("get_rule", rule)["Status"] == "DISABLE"
    assert call("create_targets", {**rule, "Targets": [function_target(function, "t2")]})["ErrorEntriesCount"] == 0
    listed = call("list_targets", rule)["Targets"]
    assert [(found["Id"], found["Type"]) for found in listed] == [("t1", "acs.fc.function"), ("t2", "acs.fc.function")]
    assert call("delete_targets", {**rule, "TargetIds": ["t1"]})["ErrorEntriesCount"] == 0
    assert [found["Id"] for found in call("list_targets", rule)["Targets"]] == ["t2"]
    call("delete_rule", rule)
    with pytest.raises(Refused) as refused:
        call("get_rule", rule)
    assert refused.value.code == "EventRuleNotExisted"


def test_tags_are_refused_and_no_tags_are_not(call, bus, unique):
    rule = {"EventBusName": bus, "RuleName": "r", "FilterPattern": "{}", "Targets": []}
    tagged = [("create_event_bus", {"EventBusName": unique("tagged")}), ("create_rule", rule), ("update_rule", rule)]
    for operation, request in tagged:
        with pytest.raises(Refused, match="Tags are not kept") as refused:
            call(operation, {**request, "Tags": {"team": "a"}})
        assert refused.value.code == "InvalidArgument"
    call("create_rule", {**rule, "Tags": {}})


def event(id, bus, **attributes):
    defaults = {"source": "shop", "type": "order:Placed", "specversion": "1.0", "time": "2026-02-11T03:04:05.271Z", "data": '{"a":1}'}
    return {"id": id, **defaults, **attributes, "extensions": {"aliyuneventbusname": bus}}


def test_events_are_put_and_found_again(call, bus, functions, unique):
    function = unique("f")
    functions.create(function, "def handler(event, context):\n    return event\n")
    call("create_rule", {"EventBusName": bus, "RuleName": "r", "FilterPattern": "{}", "Targets": [function_target(function)]})
    put = call("put_events", [event("e1", bus), event("e2", bus, type="order:Paid"), event("", bus)])
    assert put["FailedEntryCount"] == 1
    assert [entry.get("EventId") for entry in put["EntryList"]][:2] == ["e1", "e2"]
    assert put["EntryList"][2]["ErrorCode"] == "EventIdEmpty"
    now = int(time.time() * 1000)
    period = {"EventBusName": bus, "StartTime": now - 600_000, "EndTime": now + 60_000}
    found = call("query_events_by_period", period)
    assert ([item["EventId"] for item in found["TracedEvents"]], found["Total"]) == (["e2", "e1"], 2)
    found = call("query_events_by_period", {**period, "EventType": "order:Paid", "MatchedRule": "r"})
    assert [item["EventId"] for item in found["TracedEvents"]] == ["e2"]
    found = call("query_event_by_event_id", {"EventBusName": bus, "EventId": "e1"})
    assert [item["EventSource"] for item in found["TracedEvents"]] == ["shop"]
    found = call("query_events", {"EventBusName": bus, "EventIds": ["e1", "e2", "absent"]})
    assert found["EventBusName"] == bus and set(found["EventMap"]) == {"e1", "e2"}
    assert json.loads(found["EventMap"]["e1"])["data"] == {"a": 1}
    elsewhere = {"EventBusName": bus, "EventIds": ["e1"], "EventSourceName": "elsewhere"}
    assert call("query_events", elsewhere)["EventMap"] == {}
    with pytest.raises(Refused) as refused:
        call("query_events", {"EventBusName": bus, "EventIds": [str(i) for i in range(101)]})
    assert refused.value.code == "InvalidArgument"
    traces = call("query_event_traces", {"EventBusName": bus, "EventId": "e1"})["EventTraceList"]
    assert {"PutEvent", "FilterEvent"} <= {trace["Action"] for trace in traces}


def test_patterns(call):
    asked = {"Event": '{"source":"shop"}', "EventPattern": '{"source":["shop"]}'}
    assert call("test_event_pattern", asked)["Result"] is True
    assert call("test_event_pattern", {**asked, "Event": '{"source":"store"}'})["Result"] is False
    with pytest.raises(Refused) as refused:
        call("test_event_pattern", {**asked, "EventPattern": '{"source":"shop"}'})
    assert refused.value.code == "EventRuleFilterPatternSchemaError"


def test_event_sources(call, bus, unique):
    name = unique("source")
    made = call("create_event_source", {"EventSourceName": name, "EventBusName": bus, "Description": "d"})
    assert made["EventSourceARN"] == f"{bus_arn(bus)}/eventsource/{name}"
    asked = ("list_user_defined_event_sources", {"EventBusName": bus}, "ListUserDefinedRequest")
    assert [found["Name"] for found in call(*asked)["EventSources"]] == [name]
    call("update_event_source", {"EventSourceName": name, "EventBusName": bus, "Description": "other"})
    call("delete_event_source", {"EventSourceName": name, "EventBusName": bus})
    assert call(*asked)["Total"] == 0
    assert call("list_partner_event_sources", {})["EventSources"] == []
    official = call("list_aliyun_official_event_sources", {}, "ListAliyunOfficialRequest")["EventSourceList"]
    assert "acs.oss" in {found["Name"] for found in official}


def test_what_is_not_offered_says_so(call):
    with pytest.raises(Refused) as refused:
        call("list_event_streamings", {})
    assert refused.value.code == "InvalidApi.NotFound"
