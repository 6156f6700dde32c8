"""What a changed rule would have done with past events."""

import json

import pytest

from harness.event_bridge import event, function_target
from harness.native import Native, NativeError
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def native(server):
    return Native(server)


def template(text):
    return {"ResourceKey": "Body", "Form": "TEMPLATE", "Value": '{"total":"$.data.total"}', "Template": text}


@pytest.fixture
def bus(hub, unique, native, record):
    """A bus whose rule sends totals over 100 to a target, with totals from 0 to 300."""
    bus = unique("tried")
    hub.create_bus(bus)
    hub.create_rule(bus, "large", {"data": {"total": [{"numeric": [">", 100]}]}}, [record(f"/{bus}", body=template("total ${total}"))])
    hub.put_accepted(bus, *(event(f"e{total}", data={"total": total}) for total in (0, 100, 200, 300)))
    wait_until(lambda: len(native.ids(bus, status="delivered")) == 2)
    return bus


def try_out(native, bus, **settings):
    return native.call("POST", f"buses/{bus}/dry-run", settings)


def counts(run):
    return {name: run[f"{name}Count"] for name in ("seen", "matchedBefore", "matchedNow", "newly", "noLonger", "payloadChanged")}


def samples(run, change):
    return [sample["id"] for sample in run["samples"] if sample["change"] == change]


def test_a_changed_pattern_shows_what_would_be_new_and_what_would_be_missing(native, bus, hub, collector):
    before = hub.get_rule(bus, "large").filter_pattern
    run = try_out(native, bus, rule="large", pattern={"data": {"total": [{"numeric": [">=", 100, "<", 300]}]}})
    assert counts(run) == {"seen": 4, "matchedBefore": 2, "matchedNow": 2, "newly": 1, "noLonger": 1, "payloadChanged": 0}
    assert run["isComplete"] is True
    assert (samples(run, "newly"), samples(run, "no-longer"), samples(run, "same")) == (["e100"], ["e300"], ["e200"])
    missing, = (sample for sample in run["samples"] if sample["change"] == "no-longer")
    assert [(finding["path"], finding["found"]) for finding in missing["findings"]] == [("$.data.total", "300")]
    new, = (sample for sample in run["samples"] if sample["change"] == "newly")
    assert [(payload["target"], payload["now"][0]["text"], payload["before"]) for payload in new["payloads"]] == [("t1", "total 100", None)]
    assert hub.get_rule(bus, "large").filter_pattern == before, "nothing is changed"
    assert len(collector.bodies(f"/{bus}")) == 2, "nothing is sent"


def test_a_changed_transform_shows_both_payloads(native, bus):
    changed = function_target("f", kind="Sync", body=template('{"t": ${total}}'))
    run = try_out(native, bus, rule="large", targets=[changed])
    assert counts(run) == {"seen": 4, "matchedBefore": 2, "matchedNow": 2, "newly": 0, "noLonger": 0, "payloadChanged": 2}
    first = run["samples"][0]
    assert (first["change"], first["id"]) == ("payload-changed", "e300"), "the newest first"
    payload, = first["payloads"]
    assert (payload["before"][0]["text"], payload["now"][0]["text"]) == ("total 300", '{"t": 300}')


def test_a_rule_that_is_not_there_yet_can_be_tried(native, bus):
    run = try_out(native, bus, pattern=json.dumps({"data": {"total": [0]}}), targets=[function_target("f")])
    assert counts(run) == {"seen": 4, "matchedBefore": 0, "matchedNow": 1, "newly": 1, "noLonger": 0, "payloadChanged": 0}
    event = json.loads(run["samples"][0]["payloads"][0]["now"][0]["text"])
    assert event["id"] == "e0"


def test_a_window_is_bounded_and_says_so(native, bus):
    run = try_out(native, bus, rule="large", eventCount=3, sampleCount=1)
    assert counts(run)["seen"] == 3 and run["isComplete"] is False
    assert samples(run, "same") == ["e300"]
    assert counts(try_out(native, bus, rule="large", filter={"id": "e100"}))["seen"] == 1
    assert counts(try_out(native, bus, rule="large", filter={"to": "1000"}))["seen"] == 0


@pytest.mark.parametrize("body, status, code, word", [
    ({}, 400, "InvalidArgument", "pattern"),
    ({"rule": "absent"}, 404, "EventRuleNotExisted", "rule"),
    ({"pattern": {"data": {"total": [{"bigger": 1}]}}}, 400, "InvalidArgument", "data.total"),
    ({"pattern": {}, "targets": [{"Id": "t"}]}, 400, "InvalidArgument", "targets"),
    ({"pattern": {}, "targets": [function_target("f", body={"ResourceKey": "Body", "Form": "JSONPATH", "Value": "nope"})]},
     400, "InvalidArgument", "must start with"),
    ({"pattern": {}, "targets": [function_target("f")] * 2}, 400, "InvalidArgument", "duplicate"),
    ({"pattern": {}, "eventCount": 100_001}, 400, "InvalidArgument", "eventCount"),
    ({"pattern": {}, "sampleCount": -1}, 400, "InvalidArgument", "sampleCount"),
    ({"pattern": {}, "patern": {}}, 400, "InvalidArgument", "patern"),
], ids=str)
def test_what_cannot_be_tried_is_refused_with_the_reason(native, body, status, code, word):
    with pytest.raises(NativeError) as refused:
        try_out(native, "default", **body)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert word in refused.value.message
