"""Putting events, what is refused about them, and the traces they leave."""

import json
import re
import time

import pytest
from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import checked, event, function_target
from harness.raw import call, rpc
from harness.refusals import business_error
from harness.server import ACCOUNT_ID, REGION
from harness.waiting import wait_until


@pytest.fixture
def bus(hub, unique):
    name = unique("bus")
    hub.create_bus(name)
    return name


@pytest.fixture
def everything(hub, bus, record):
    """The path of the collector that gets every event of the bus."""
    hub.create_rule(bus, "everything", {}, [record(f"/{bus}")])
    return f"/{bus}"


def put_json(server, bus, events):
    text = events if isinstance(events, str) else json.dumps(events)
    return rpc(server, "PutEvents", {"EventBusName": bus, "EventList": text}).json()


def nested(depth):
    data = 1
    for _ in range(depth):
        data = [data]
    return data


def test_every_event_gets_an_entry_with_its_id_and_a_trace(hub, bus, collector, everything):
    entries = hub.put_accepted(bus, *(event(f"e{i}", data={"i": i}) for i in range(16)))
    assert [entry.event_id for entry in entries] == [f"e{i}" for i in range(16)]
    assert len({entry.trace_id for entry in entries}) == 16
    assert not any(entry.error_code or entry.error_message for entry in entries)
    received = collector.wait_for(everything, 16)
    assert {got["id"]: got["data"] for got in received} == {f"e{i}": {"i": i} for i in range(16)}


def test_a_delivered_event_carries_what_the_bus_adds(hub, bus, collector, everything):
    hub.put_accepted(bus, event("1", "shop", "order:Placed", {"a": 1}, subject="s", data_schema="http://schema/"))
    got, = collector.wait_for(everything)
    assert (got["source"], got["type"], got["subject"], got["dataschema"]) == ("shop", "order:Placed", "s", "http://schema/")
    assert got["datacontenttype"] == "application/json"
    assert (got["aliyuneventbusname"], got["aliyunregionid"]) == (bus, REGION)
    assert got["aliyunaccountid"] == got["aliyunoriginalaccountid"] == ACCOUNT_ID
    assert got["aliyunpublishaddr"] == "127.0.0.1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got["aliyunpublishtime"])
    assert got["time"], "an event without a time gets the one of its receipt"


def test_what_an_event_leaves_out_is_filled_in(server, bus, collector, everything):
    answer = put_json(server, bus, [{"Id": "1", "Source": "s", "Type": "t", "Data": "plain text"}])
    assert (answer["Code"], answer["Success"], answer["Data"]["FailedEntryCount"]) == ("200", True, 0)
    got, = collector.wait_for(everything)
    assert (got["specversion"], got["datacontenttype"], got["data"]) == ("1.0", "application/json", "plain text")


def test_numbers_and_the_order_of_members_reach_the_target_as_they_were_written(server, bus, collector, everything):
    data = '{"z":1.50,"a":3.0e2,"big":123456789012345678901234567890,"m":-0,"ü":"\\u00fc"}'
    answer = put_json(server, bus, '[{"Id":"1","Source":"s","Type":"t","Data":%s}]' % data)
    assert answer["Data"]["FailedEntryCount"] == 0
    body = wait_until(lambda: collector.bodies(everything))[0].decode()
    assert '"z":1.50,"a":3.0e2,"big":123456789012345678901234567890,"m":-0,' in body


@pytest.mark.parametrize("bad, code", [
    ({"Id": ""}, "EventIdEmpty"),
    ({"Id": None}, "EventIdEmpty"),
    ({"Source": None}, "EventSourceInvalid"),
    ({"Source": "x" * 129}, "EventSourceInvalid"),
    ({"Type": None}, "EventTypeInvalid"),
    ({"Type": "x" * 257}, "EventTypeInvalid"),
    ({"Subject": "x" * 513}, "EventSubjectInvalid"),
    ({"SpecVersion": "2.0"}, "EventSpecversionInvalid"),
    ({"Data": {"a": "x" * (257 << 10)}}, "EventSizeExceed"),
    ({"Data": nested(101)}, "JsonAttributeInvalid"),
    ({"Data": {"a": "half a character: \ud800"}}, "JsonAttributeInvalid"),
], ids=lambda value: str(value)[:24])
def test_a_bad_event_fails_alone(server, bus, collector, everything, bad, code):
    good = {"Source": "s", "Type": "t", "Data": {}}
    answer = put_json(server, bus, [{**good, "Id": "before"}, {**good, "Id": "bad", **bad}, {**good, "Id": "after"}])
    data = answer["Data"]
    assert (answer["Success"], data["FailedEntryCount"]) == (True, 1)
    assert [entry.get("ErrorCode") for entry in data["EntryList"]] == [None, code, None]
    assert data["EntryList"][1]["ErrorMessage"]
    received = collector.wait_for(everything, 2)
    assert {got["id"] for got in received} == {"before", "after"}


def test_an_event_of_256_kb_is_accepted(hub, bus, collector, everything):
    hub.put_accepted(bus, event("big", data={"a": "x" * (255 << 10)}))
    assert len(collector.wait_for(everything)[0]["data"]["a"]) == 255 << 10


@pytest.mark.parametrize("events, code", [
    ([{"Id": str(i), "Source": "s", "Type": "t"} for i in range(17)], "InvalidArgument"),
    ("not json", "InvalidEventList"),
    ("[{]", "InvalidEventList"),
    ('{"Id":"1"}', "InvalidEventList"),
    ("[]", "EventDataEmpty"),
    ([{"Id": str(i), "Source": "s", "Type": "t", "Data": "x" * (200 << 10)} for i in range(6)], "EventSizeExceed"),
], ids=["seventeen", "no-json", "broken-json", "no-list", "none", "more-than-1-mb"])
def test_a_request_that_cannot_be_is_refused_whole(server, hub, bus, collector, everything, events, code):
    answer = put_json(server, bus, events)
    assert (answer.get("Success") is True, answer["Code"]) == (False, code), answer
    hub.put_accepted(bus, event("marker"))
    assert [got["id"] for got in collector.wait_for(everything)] == ["marker"]


def test_an_unknown_bus_takes_nothing(hub, unique):
    bus = unique("nobody")
    with business_error("EventBusNotExist", bus):
        hub.put(bus, event("1"))


def test_the_same_event_may_be_put_twice(hub, bus, collector, everything):
    hub.put_accepted(bus, event("1"))
    hub.put_accepted(bus, event("1"))
    assert [got["id"] for got in collector.wait_for(everything, 2)] == ["1", "1"]


def test_an_event_goes_to_every_rule_that_matches(hub, bus, collector, record):
    for rule, pattern in {"a": {"source": ["a"]}, "ab": {"source": ["a", "b"]}, "c": {"source": ["c"]}}.items():
        hub.create_rule(bus, rule, pattern, [record(f"/{bus}/{rule}")])
    hub.put_accepted(bus, event("1", "a"), event("2", "b"))
    assert {got["id"] for got in collector.wait_for(f"/{bus}/ab", 2)} == {"1", "2"}
    assert [got["id"] for got in collector.wait_for(f"/{bus}/a")] == ["1"]
    assert not collector.bodies(f"/{bus}/c")


def test_buses_are_apart(hub, bus, collector, everything, unique):
    other = unique("bus")
    hub.create_bus(other)
    hub.put_accepted(other, event("elsewhere"))
    hub.put_accepted(bus, event("here"))
    assert [got["id"] for got in collector.wait_for(everything)] == ["here"]


def test_a_trace_tells_the_way_of_an_event(hub, bus, functions, unique):
    function = unique("echo")
    functions.create(function, "def handler(event, context):\n    print('seen')\n    return 'x'\n")
    hub.create_rule(bus, "mine", {"source": ["shop"]}, [function_target(function, kind="Sync")])
    hub.create_rule(bus, "other", {"source": ["elsewhere"]}, [function_target(function)])
    before = time.time() * 1000
    hub.put_accepted(bus, event("1", "shop"))
    trace = wait_until(lambda: [entry for entry in hub.trace(bus, "1")]
                       if any(entry.action == "PushEvent" for entry in hub.trace(bus, "1")) else None)
    assert [entry.action for entry in trace] == ["PutEvent", "FilterEvent", "PushEvent"]
    put, matched, push = trace
    assert all((entry.event_bus_name, entry.event_id, entry.event_source) == (bus, "1", "shop") for entry in trace)
    assert abs(put.received_time - before) < 60_000
    assert (matched.rule_name, push.rule_name) == ("mine", "mine")
    assert int(matched.rule_matching_time) >= put.received_time - 1
    assert function in push.endpoint
    assert re.fullmatch(r"\[200\].*", push.notify_status)
    assert int(push.notify_latency) >= 0 and push.notify_time >= put.received_time


def test_an_event_that_nothing_matched_has_a_trace_too(hub, bus):
    hub.put_accepted(bus, event("1"))
    assert [entry.action for entry in hub.trace(bus, "1")] == ["PutEvent"]


def test_an_unknown_event_has_no_trace(eb, hub, bus):
    assert hub.trace(bus, "absent") == []
    answer = checked(eb.query_event(models.QueryEventRequest(event_bus_name=bus, event_id="absent", event_source="s")))
    assert not answer.data


def test_traced_events_can_be_searched(eb, hub, bus, record):
    hub.create_rule(bus, "r", {"source": ["shop"]}, [record(f"/{bus}")])
    hub.put_accepted(bus, event("1", "shop", subject="x"), event("2", "shop", "order:Paid"), event("3", "elsewhere"))
    now = int(time.time() * 1000)

    def found(**query):
        request = models.QueryTracedEventsRequest(
            event_bus_name=bus, start_time=query.pop("start_time", now - 60_000), end_time=now + 60_000, **query)
        return {got.event_id for got in checked(eb.query_traced_events(request)).data.events}

    assert found() == {"1", "2", "3"}
    assert found(event_source="shop") == {"1", "2"}
    assert found(event_source="shop", event_type="order:Paid") == {"2"}
    assert found(matched_rule="r") == {"1", "2"}
    assert found(subject="x") == {"1"}
    assert found(start_time=now + 50_000) == set()
    stored = checked(eb.query_event(models.QueryEventRequest(event_bus_name=bus, event_id="1", event_source="shop"))).data
    assert (stored["id"], stored["source"], stored["subject"]) == ("1", "shop", "x")
    by_id = checked(eb.query_traced_event_by_event_id(
        models.QueryTracedEventByEventIdRequest(event_bus_name=bus, event_id="2"))).data
    assert [got.event_id for got in by_id[0].events] == ["2"]


def test_pages_of_traced_events_go_on_beyond_what_is_counted(server, hub, bus):
    batches = [[{"id": f"{batch}-{i}", "source": "s", "type": "t", "specversion": "1.0"} for i in range(550)]
               for batch in range(2)]
    for events in batches:
        answer = call(server, "POST", f"/events/{bus}", json.dumps(events),
                      {"content-type": "application/cloudevents-batch+json"})
        assert answer.status_code == 200, answer.text

    def page(token):
        request = models.QueryTracedEventsRequest(
            event_bus_name=bus, start_time=0, end_time=int(time.time() * 1000) + 60_000, limit=100, next_token=token)
        return checked(hub.client.query_traced_events(request)).data

    pages = [page("0")]
    assert pages[0].total == 500
    hub.put(bus, event("newer"))
    while pages[-1].next_token:
        pages.append(page(pages[-1].next_token))
    found = [event.event_id for page in pages for event in page.events]
    # What came in meanwhile moved none of them to another page.
    assert found == [f"{batch}-{i}" for batch in (1, 0) for i in reversed(range(550))]
