"""Rules and their targets."""

import json
import time

import pytest
from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import checked, event, function_arn, function_target, rule_arn
from harness.functions import RECORDER
from harness.raw import rpc
from harness.refusals import business_error
from harness.waiting import wait_until


@pytest.fixture
def bus(hub, unique):
    name = unique("bus")
    hub.create_bus(name)
    return name


def listed(eb, bus, **query):
    return checked(eb.list_rules(models.ListRulesRequest(event_bus_name=bus, **query))).data


def update(eb, bus, rule, pattern, **changes):
    request = models.UpdateRuleRequest(event_bus_name=bus, rule_name=rule, filter_pattern=pattern, **changes)
    return checked(eb.update_rule(request))


def enable(eb, bus, rule):
    return checked(eb.enable_rule(models.EnableRuleRequest(event_bus_name=bus, rule_name=rule)))


def disable(eb, bus, rule):
    return checked(eb.disable_rule(models.DisableRuleRequest(event_bus_name=bus, rule_name=rule)))


def test_a_rule_is_described_as_it_was_created(hub, bus):
    pattern = '{ "source": ["shop"],\n "data": {"price": [1.50]} }'
    target = function_target("f", PushRetryStrategy="EXPONENTIAL_DECAY_RETRY", ErrorsTolerance="ALL")
    assert hub.create_rule(bus, "r", pattern, [target], description="orders ü").rule_arn == rule_arn(bus, "r")
    rule = hub.get_rule(bus, "r")
    assert (rule.rule_name, rule.event_bus_name, rule.rule_arn) == ("r", bus, rule_arn(bus, "r"))
    assert (rule.description, rule.status) == ("orders ü", "ENABLE")
    assert rule.filter_pattern == pattern, "the text itself, not what was read from it"
    assert abs(rule.created_timestamp - time.time() * 1000) < 60_000
    got, = rule.targets
    assert (got.id, got.type, got.endpoint) == ("t1", "acs.fc.function", function_arn("f"))
    assert (got.push_retry_strategy, got.errors_tolerance) == ("EXPONENTIAL_DECAY_RETRY", "ALL")


def test_an_update_replaces_pattern_and_status_but_never_targets(eb, hub, bus):
    hub.create_rule(bus, "r", {"source": ["a"]}, [function_target("f")], description="old")
    update(eb, bus, "r", '{"source":["b"]}', status="DISABLE")
    rule = hub.get_rule(bus, "r")
    assert (rule.filter_pattern, rule.status, rule.description) == ('{"source":["b"]}', "DISABLE", "old")
    assert [target.id for target in rule.targets] == ["t1"]
    update(eb, bus, "r", '{"source":["b"]}', description="")
    rule = hub.get_rule(bus, "r")
    assert (rule.status, rule.description or "") == ("DISABLE", "")


def test_rules_are_listed_in_pages(eb, hub, bus):
    for letter in "cab":
        hub.create_rule(bus, f"r-{letter}", {"source": [letter]})
    first = listed(eb, bus, rule_name_prefix="r-", limit=2)
    second = listed(eb, bus, rule_name_prefix="r-", limit=2, next_token=first.next_token)
    assert sorted(rule.rule_name for rule in first.rules + second.rules) == ["r-a", "r-b", "r-c"]
    assert (first.total, len(first.rules), bool(second.next_token)) == (3, 2, False)
    assert listed(eb, bus, rule_name_prefix="s").rules == []


def test_a_rule_can_be_switched_off_and_on(eb, hub, bus, collector, record):
    hub.create_rule(bus, "r", {}, [record(f"/{bus}")])
    for _ in range(2):
        disable(eb, bus, "r")
    assert hub.get_rule(bus, "r").status == "DISABLE"
    hub.put_accepted(bus, event("lost"))
    for _ in range(2):
        enable(eb, bus, "r")
    hub.put_accepted(bus, event("found"))
    assert [got["id"] for got in collector.wait_for(f"/{bus}")] == ["found"]


def test_a_rule_may_be_born_disabled(hub, bus):
    hub.create_rule(bus, "r", {}, status="DISABLE")
    assert hub.get_rule(bus, "r").status == "DISABLE"


def test_a_changed_pattern_holds_for_the_next_event(eb, hub, bus, collector, record):
    hub.create_rule(bus, "r", {"source": ["old"]}, [record(f"/{bus}")])
    update(eb, bus, "r", '{"source":["new"]}')
    hub.put_accepted(bus, event("1", "old"), event("2", "new"))
    assert [got["id"] for got in collector.wait_for(f"/{bus}")] == ["2"]


def test_a_deleted_rule_is_gone_and_its_name_free(hub, bus, collector, record):
    hub.create_rule(bus, "r", {}, [record(f"/{bus}")])
    hub.delete_rule(bus, "r")
    with business_error("EventRuleNotExisted"):
        hub.get_rule(bus, "r")
    with business_error("EventRuleNotExisted"):
        hub.delete_rule(bus, "r")
    hub.create_rule(bus, "r", {})
    assert not hub.get_rule(bus, "r").targets


def test_a_name_is_given_once_per_bus(hub, bus, unique):
    hub.create_rule(bus, "r", {})
    with business_error("EventRuleAlreadyExist"):
        hub.create_rule(bus, "r", {})
    other = unique("bus")
    hub.create_bus(other)
    hub.create_rule(other, "r", {})


@pytest.mark.parametrize("name", ["-a", "a b", "ü", "a.b", "x" * 256, "eventbridge-reserved-x"])
def test_a_name_that_cannot_be_is_refused(hub, bus, name):
    with business_error("EventRuleNameInvalid"):
        hub.create_rule(bus, name, {})


@pytest.mark.parametrize("pattern, code, message", [
    ("", "EventRuleFilterPatternEmpty", None),
    ("{", "EventRuleFilterPatternSchemaError", "Event pattern is not valid, reason: "),
    ("[]", "EventRuleFilterPatternSchemaError", "Event pattern is not valid, reason: "),
    ('{"source":"a"}', "EventRuleFilterPatternSchemaError", "source"),
    ('{"source":[]}', "EventRuleFilterPatternSchemaError", "source"),
    ('{"data":{"a":{"b":[{"prefx":"x"}]}}}', "EventRuleFilterPatternSchemaError", "data.a.b"),
    ('{"data":{"a":[{"numeric":["~",1]}]}}', "EventRuleFilterPatternSchemaError", "data.a"),
    ('{"data":{"a":[{"cidr":"10.0.0.0/40"}]}}', "EventRuleFilterPatternSchemaError", "data.a"),
], ids=lambda value: str(value)[:30])
def test_a_wrong_pattern_is_refused_and_nothing_kept(eb, hub, bus, pattern, code, message):
    with business_error(code, message):
        hub.create_rule(bus, "r", pattern)
    assert listed(eb, bus).rules == []
    hub.create_rule(bus, "good", '{"source":["a"]}')
    with business_error(code, message):
        update(eb, bus, "good", pattern)
    assert hub.get_rule(bus, "good").filter_pattern == '{"source":["a"]}'


def test_rules_need_their_bus(eb, hub, unique):
    bus = unique("nobody")
    for call in (
        lambda: hub.create_rule(bus, "r", {}),
        lambda: hub.get_rule(bus, "r"),
        lambda: listed(eb, bus),
        lambda: update(eb, bus, "r", "{}"),
        lambda: hub.delete_rule(bus, "r"),
        lambda: enable(eb, bus, "r"),
        lambda: hub.put_targets(bus, "r", [function_target("f")]),
    ):
        with business_error("EventBusNotExist", bus):
            call()


def test_operations_on_an_unknown_rule_say_so(eb, hub, bus):
    for call in (
        lambda: update(eb, bus, "r", "{}"),
        lambda: enable(eb, bus, "r"),
        lambda: disable(eb, bus, "r"),
        lambda: hub.put_targets(bus, "r", [function_target("f")]),
        lambda: hub.delete_targets(bus, "r", ["t1"]),
        lambda: hub.list_targets(bus, "r"),
    ):
        with business_error("EventRuleNotExisted"):
            call()


def test_targets_are_put_by_id_listed_and_deleted(hub, bus):
    hub.create_rule(bus, "r", {})
    assert hub.put_targets(bus, "r", [function_target("f", "a"), function_target("f", "b")]).error_entries_count == 0
    hub.put_targets(bus, "r", [function_target("changed", "a")])
    targets = {target.id: target for target in hub.list_targets(bus, "r")}
    assert {id: target.endpoint for id, target in targets.items()} == {"a": function_arn("changed"), "b": function_arn("f")}
    assert (targets["a"].event_bus_name, targets["a"].rule_name, targets["a"].type) == (bus, "r", "acs.fc.function")
    assert [(p.resource_key, p.form, p.value) for p in targets["a"].param_list if p.resource_key == "functionName"] == [
        ("functionName", "CONSTANT", "changed")]
    assert hub.delete_targets(bus, "r", ["a"]).error_entries_count == 0
    assert [target.id for target in hub.list_targets(bus, "r")] == ["b"]


def test_a_target_that_is_not_there_is_an_entry_among_the_errors(hub, bus):
    hub.create_rule(bus, "r", {}, [function_target("a", "a")])
    answer = hub.delete_targets(bus, "r", ["a", "absent"])
    assert answer.error_entries_count == 1
    assert (answer.error_entries[0].entry_id, answer.error_entries[0].error_code) == ("absent", "EventTargetNotExist")
    assert not hub.list_targets(bus, "r")


@pytest.mark.parametrize("targets, code", [
    ([function_target("a"), function_target("b")], "EventRuleTargetIdDuplicate"),
    ([{**function_target("a"), "Type": "acs.carrier.pigeon"}], "EventTargetClassNotExist"),
    ([{**function_target("a"), "ParamList": []}], "EventTargetMissingAttribute"),
    ([function_target("f", body={"ResourceKey": "Body", "Form": "JSONPATH", "Value": "$.data..x"})], "InvalidConfig"),
    ([function_target("f", body={"ResourceKey": "Body", "Form": "MAGIC", "Value": "x"})], "InvalidConfig"),
    ([function_target("a", f"t{i}") for i in range(6)], "EventTargetCountExceedLimit"),
], ids=["twice", "unknown-type", "no-body", "indefinite-path", "unknown-form", "six"])
def test_a_rule_with_a_wrong_target_is_refused_whole(eb, hub, bus, targets, code):
    with business_error(code):
        hub.create_rule(bus, "r", {}, targets)
    assert listed(eb, bus).rules == []


@pytest.mark.parametrize("body, text", [
    ({"Form": "CONSTANT", "Value": "${text}"}, "${text}"),
    ({"Form": "JSONPATH", "Value": "$.data.text"}, "100"),
    ({"Form": "JSONPATH", "Value": "$.data.obj"}, '{"b":1,"a":[1,2.50]}'),
    ({"Form": "JSONPATH", "Value": "$.data.nope"}, ""),
    ({"Form": "TEMPLATE", "Value": '{"t":"$.data.text","who":"you"}', "Template": "The ${t} for ${who}!"}, "The 100 for you!"),
    ({"Form": "TEMPLATE", "Value": '{"l":"$.data.obj.a"}', "Template": '{"list": ${l}}'}, '{"list": [1,2.50]}'),
], ids=lambda value: str(value)[:40])
def test_a_transform_decides_what_a_target_receives(server, hub, bus, collector, body, text, record):
    hub.create_rule(bus, "r", {}, [record(f"/{bus}", body={"ResourceKey": "Body", **body})])
    put_with_literals(server, bus)
    wait_until(lambda: collector.bodies(f"/{bus}"))
    assert collector.bodies(f"/{bus}")[0].decode() == text


def put_with_literals(server, bus):
    """Puts an event whose number literals a JSON library would change."""
    text = json.dumps([{"Id": "1", "Source": "s", "Type": "t", "Data": "@"}]).replace(
        '"@"', '{"text":"100","obj":{"b":1,"a":[1,2.50]}}')
    answer = rpc(server, "PutEvents", {"EventBusName": bus, "EventList": text})
    assert answer.json()["Data"]["FailedEntryCount"] == 0, answer.text


def test_a_pattern_may_be_long_but_not_endless(server, hub, bus):
    long, endless = ['{"data":{"a":[%s]}}' % ",".join(f'"value-{i:06}"' for i in range(count)) for count in (10_000, 25_000)]
    answer = rpc(server, "CreateRule", {"EventBusName": bus, "RuleName": "long", "FilterPattern": long}).json()
    assert answer["Success"], answer
    assert hub.get_rule(bus, "long").filter_pattern == long
    answer = rpc(server, "CreateRule", {"EventBusName": bus, "RuleName": "endless", "FilterPattern": endless}).json()
    assert answer["Code"] == "EventRuleFilterPatternExceedLimit", answer


def test_a_target_that_fails_is_tried_again(hub, bus, functions, collector, unique):
    function, path = unique("fails-once"), f"/{bus}"
    functions.create(function, RECORDER, environment_variables={"URL": collector.url(path)})
    collector.status_of[path] = 500
    target = function_target(function, kind="Sync", PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    hub.create_rule(bus, "r", {}, [target])
    hub.put_accepted(bus, event("1"))
    collector.wait_for(path, 2)
    collector.status_of[path] = 200
    attempts = wait_until(lambda: pushes(hub, bus, "1")[2:])
    assert attempts[-1].startswith("[200]"), attempts
    assert not pushes(hub, bus, "1")[0].startswith("[200]Ok"), attempts


def pushes(hub, bus, id):
    """Returns how each attempt ended, the first one first."""
    return [entry.notify_status for entry in hub.trace(bus, id) if entry.action == "PushEvent"]


def test_a_slow_target_delays_no_other(hub, bus, functions, collector, record, unique):
    slow = unique("slow")
    functions.create(slow, "import time\ndef handler(event, context):\n    time.sleep(8)\n", timeout=10)
    hub.create_rule(bus, "slow", {}, [function_target(slow, kind="Sync")])
    hub.create_rule(bus, "quick", {}, [record(f"/{bus}")])
    started = time.monotonic()
    for i in range(30):
        hub.put_accepted(bus, event(str(i)))
    collector.wait_for(f"/{bus}", 30, within=6)
    assert time.monotonic() - started < 6
