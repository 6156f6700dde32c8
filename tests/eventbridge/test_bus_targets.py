"""Targets of the type `acs.eventbridge`: other buses."""

import json

import pytest

from harness.event_bridge import event
from harness.raw import call
from harness.refusals import business_error
from harness.targets import bus_target, constants, pushes
from harness.waiting import wait_until


@pytest.fixture
def buses(hub, unique):
    names = [unique("bus") for _ in range(3)]
    for name in names:
        hub.create_bus(name)
    return names


def test_an_event_keeps_what_its_producer_gave_it(hub, buses, collector, record):
    first, second, third = buses
    hub.create_rule(first, "on", {"source": ["shop"]}, [bus_target(second)])
    hub.create_rule(second, "on", {}, [bus_target(third)])
    for bus in (first, third):
        hub.create_rule(bus, "record", {}, [record(f"/{bus}")])
    hub.put_accepted(first, event("1", subject="s", time="2020-08-17T16:04:46.149Z", data={"price": 1}), event("2", "x"))
    before = {got["id"]: got for got in collector.wait_for(f"/{first}", 2)}["1"]
    after, = collector.wait_for(f"/{third}")
    assert (after.pop("kulkulvia"), after.pop("aliyuneventbusname")) == (f"{first} {second}", third)
    assert after.pop("aliyunpublishtime") >= before.pop("aliyunpublishtime")
    before.pop("aliyuneventbusname")
    assert after == before
    assert wait_until(lambda: pushes(hub, second, "1")) == ["[200]OK"]


def test_events_that_go_in_a_circle_end_as_dead_letters(hub, buses):
    first, second, third = buses
    for bus, other in ((first, second), (second, third), (third, first)):
        hub.create_rule(bus, "on", {}, [bus_target(other)])
    hub.put_accepted(first, event("1"))
    answers = wait_until(lambda: pushes(hub, third, "1"))
    assert answers == [f"[400]the event goes in a circle: {first} -> {second} -> {third} -> {first}"]
    assert len(hub.trace(first, "1")) < 5, "it was on the first bus once"


def test_nobody_can_forge_the_way_of_an_event(hub, buses, server, collector, record):
    first, second, _ = buses
    hub.create_rule(first, "on", {}, [bus_target(second)])
    hub.create_rule(second, "record", {}, [record(f"/{second}")])
    forged = {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "kulkulvia": f"x {second}"}
    answer = call(server, "POST", f"/kulkul/v1/buses/{first}/events", json.dumps(forged))
    assert answer.status_code == 200, answer.text
    got, = collector.wait_for(f"/{second}")
    assert got["kulkulvia"] == first


def test_a_bus_that_is_gone_is_a_dead_letter_at_once(hub, buses, unique):
    hub.create_rule(buses[0], "r", {}, [bus_target(unique("nobody"))])
    hub.put_accepted(buses[0], event("1"))
    answer, = wait_until(lambda: pushes(hub, buses[0], "1"))
    assert answer.startswith("[404]there is no event bus `nobody-"), answer


def test_a_bus_is_no_target_of_its_own(hub, buses):
    with business_error("EventTargetIneffectiveAttribute", "on that bus again, for ever"):
        hub.create_rule(buses[0], "r", {}, [bus_target(buses[0])])


@pytest.mark.parametrize("changes, code", [
    ({"Endpoint": "acs:mns:cn-hangzhou:1:queues/q"}, "EventTargetIneffectiveAttribute"),
    ({"ParamList": constants(EventBusName="b")}, "EventTargetMissingAttribute"),
    ({"ParamList": constants(Body="x")}, "EventTargetIneffectiveAttribute"),
    ({"ParamList": [*bus_target("b")["ParamList"][3:], *constants(AccountType="AnotherAccount")]}, "EventTargetIneffectiveAttribute"),
    ({"ParamList": [*bus_target("other")["ParamList"]]}, "EventTargetIneffectiveAttribute"),
], ids=["arn", "no-body", "body-form", "account", "two-names"])
def test_a_bus_target_that_cannot_work_is_refused(hub, buses, changes, code):
    with business_error(code):
        hub.create_rule(buses[0], "r", {}, [{**bus_target("b"), **changes}])
