"""Dead-letter queues: what is given up goes to another bus or a message queue, as it was."""

import json

import pytest

from harness import queues
from harness.deliveries import TOO_MUCH, Targets, rule_target
from harness.event_bridge import Refused, bus_arn, event, function_target
from harness.functions import RECORDER
from harness.native import Native
from harness.server import ACCOUNT_ID, REGION
from harness.targets import bus_target
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def targets(server):
    return Targets(server)


def test_a_bus_gets_what_is_given_up_as_it_was(targets, functions, hub, collector, unique):
    bus, repair, name = unique("bus"), unique("repair"), unique("f")
    functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    hub.create_bus(bus)
    hub.create_bus(repair)
    hub.create_rule(repair, "r", {}, [function_target(name, kind="Sync")])
    body = {"ResourceKey": "Body", "Form": "JSONPATH", "Value": "$.data"}
    hub.create_rule(bus, "r", {}, [function_target(name, kind="Async", body=body, DeadLetterQueue={"Arn": bus_arn(repair)})])
    hub.put_accepted(bus, event("e1", type="order:Paid", subject="orders/1", data=TOO_MUCH))
    got = collector.wait_for(f"/{name}")[0]
    assert (got["id"], got["source"], got["type"], got["subject"]) == ("e1", "shop", "order:Paid", "orders/1")
    assert got["data"] == TOO_MUCH, "the event, not what the target would have got"
    assert got["aliyuneventbusname"] == repair
    assert targets.dead_letters(bus=bus) == []
    shown = targets.get(f"dlq/{rule_target(bus, 'r')}")
    assert (shown["type"], shown["endpoint"], shown["succeededCount"]) == ("dead-letter-queue", bus_arn(repair), 1)


def test_a_message_queue_gets_the_event_as_its_message(server, targets, hub, unique):
    bus, name = unique("bus"), unique("dlq")
    queue = queues.create_queue(server, name, encoded=False)
    hub.create_bus(bus)
    given_up_at_once = bus_target(unique("absent"))
    hub.create_rule(bus, "r", {}, [{**given_up_at_once, "DeadLetterQueue": {"Arn": f"acs:mns:{REGION}:{ACCOUNT_ID}:/queues/{name}"}}])
    hub.put_accepted(bus, event("e1", type="order:Paid"))
    got = json.loads(queue.receive_message_with_str_body(30).message_body)
    assert (got["id"], got["type"], got["aliyuneventbusname"]) == ("e1", "order:Paid", bus)
    status = lambda: [found["status"] for found in Native(server).events(bus, status="ended")]  # noqa: E731
    wait_until(lambda: targets.get(f"dlq/{rule_target(bus, 'r')}")["succeededCount"] == 1 and status() == ["ended"], what=status)


def test_what_a_missing_bus_cannot_take_is_kept_and_can_be_sent_again(targets, functions, hub, collector, unique):
    bus, name = unique("bus"), unique("f")
    functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    hub.create_bus(bus)
    queue = {"Arn": bus_arn(unique("absent"))}
    hub.create_rule(bus, "r", {}, [function_target(name, kind="Async", DeadLetterQueue=queue)])
    hub.put_accepted(bus, event("e1", data=TOO_MUCH))
    letter, = targets.wait_for_dead_letters(1, bus=bus)
    assert "the dead-letter queue: [404]" in letter["lastAnswer"] and letter["attemptCount"] == 1
    hub.put_targets(bus, "r", [function_target(name, kind="Sync", DeadLetterQueue=queue)])
    targets.redrive(letter["id"])
    assert collector.wait_for(f"/{name}")[0]["id"] == "e1"
    wait_until(lambda: targets.get(rule_target(bus, "r"))["pendingCount"] == 0)


@pytest.mark.parametrize("arn", [
    "acs:mns:cn-hangzhou:1:/topics/t", "acs:mq:cn-hangzhou:1:/instances/i/topic/t", "acs:alikafka:cn-hangzhou:1:instance/i/topic/t", "somewhere",
])
def test_other_kinds_are_refused_with_those_that_there_are(functions, hub, unique, arn):
    bus, name = unique("bus"), unique("f")
    functions.create(name, RECORDER)
    hub.create_bus(bus)
    with pytest.raises(Refused) as refused:
        hub.create_rule(bus, "r", {}, [function_target(name, DeadLetterQueue={"Arn": arn})])
    assert refused.value.code == "EventTargetIneffectiveAttribute"
    assert arn in refused.value.message and "acs:eventbridge:" in refused.value.message
    assert hub.list_rules(bus) == []
