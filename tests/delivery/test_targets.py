"""What targets are owed and how they are: shown, paused, resumed, blocked, parked."""

import pytest

from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.deliveries import TOO_MUCH, TargetError, Targets, put_all, rule_target
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def targets(server):
    return Targets(server)


@pytest.fixture
def refusing(functions, hub, collector, unique):
    """Makes a rule whose target fails until `collector.status_of[path]` is taken away: bus, name, path."""
    def make(**settings):
        bus, path = unique("bus"), f"/{unique('path')}"
        functions.create(path.strip("/"), RECORDER, environment_variables={"URL": collector.url(path)})
        collector.status_of[path] = 500
        hub.create_bus(bus)
        hub.create_rule(bus, "r", {}, [function_target(path.strip("/"), kind="Sync", **settings)])
        return bus, rule_target(bus, "r"), path
    return make


def test_a_target_shows_what_it_is_owed_and_why(targets, hub, collector, refusing):
    bus, name, path = refusing(PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    shown = targets.get(name)
    assert (shown["bus"], shown["rule"], shown["target"], shown["type"]) == (bus, "r", "t1", "acs.fc.function")
    assert (shown["state"], shown["pendingCount"], shown["oldestAcceptedAt"]) == ("running", 0, None)
    hub.put_accepted(bus, event("e1"))
    failed = wait_until(lambda: (shown := targets.get(name))["failedCount"] > 0 and shown)
    assert (failed["pendingCount"], failed["lastFailure"]["id"]) == (1, "e1")
    assert "UnhandledInvocationError" in failed["lastFailure"]["answer"]
    assert failed["oldestAcceptedAt"]
    collector.status_of.pop(path)
    done = wait_until(lambda: (shown := targets.get(name))["pendingCount"] == 0 and shown)
    assert (done["succeededCount"], done["deadLetterCount"], done["circuit"]["failuresInRow"]) == (1, 0, 0)


def test_targets_are_listed_in_pages_and_by_bus_rule_and_state(targets, functions, hub, unique):
    bus = unique("bus")
    functions.create(bus, "def handler(event, context):\n    pass\n")
    hub.create_bus(bus)
    for rule in ("r1", "r2", "r3"):
        hub.create_rule(bus, rule, {}, [function_target(bus, id=id) for id in ("a", "b")])
    names = [rule_target(bus, rule, id) for rule in ("r1", "r2", "r3") for id in ("a", "b")]
    assert [shown["name"] for shown in targets.list(bus=bus)] == names
    assert [shown["name"] for shown in targets.list(bus=bus, rule="r2")] == names[2:4]
    assert [shown["name"] for shown in targets.list(bus=bus, rule="r2", target="b")] == names[3:4]
    assert [shown["name"] for shown in targets.list(name=names[3])] == names[3:4]
    assert targets.list(name=names[3], after=names[3]) == targets.list(name=names[3], state="paused") == []
    assert targets.list(name="rule/nowhere/r/t") == []
    assert [shown["name"] for shown in targets.list(function=bus)] == [f"async/{bus}/LATEST"]
    paged, after = [], None
    while True:
        page = targets.call("GET", "targets", bus=bus, limit=4, after=after)
        assert len(page["targets"]) <= 4
        paged += [shown["name"] for shown in page["targets"]]
        after = page["next"]
        if after is None:
            break
    assert paged == names
    targets.pause(names[0])
    assert [shown["name"] for shown in targets.list(bus=bus, state="paused")] == names[:1]
    assert len(targets.list(bus=bus, state="running")) == 5


@pytest.mark.parametrize("query", [
    {"state": "fine"}, {"limit": 0}, {"limit": 101}, {"limit": "x"}, {"rule": "r"}, {"bus": "a b"},
    {"name": "rule/b/r/t", "bus": "b"},
])
def test_a_list_that_cannot_be_meant_is_refused(targets, query):
    with pytest.raises(TargetError) as refused:
        targets.list(**query)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")


def test_what_is_not_there_is_not_found(targets):
    for call in (targets.get, targets.pause, targets.resume):
        with pytest.raises(TargetError) as refused:
            call("rule/default/absent/t1")
        assert (refused.value.status, refused.value.code) == (404, "EventTargetNotExist")


def test_a_paused_target_waits_and_loses_nothing_over_a_kill(fresh_server, collector, unique):
    functions, hub, targets = Functions(fresh_server), Hub(fresh_server), Targets(fresh_server)
    path = f"/{unique('paused')}"
    functions.create("f", RECORDER, environment_variables={"URL": collector.url(path)})
    hub.create_rule("default", "r", {"source": ["shop"]}, [function_target("f", kind="Sync")])
    name = rule_target("default", "r")
    assert targets.pause(name)["state"] == "paused"
    assert targets.pause(name)["state"] == "paused", "harmless twice"
    put_all(hub, "default", [event(f"e{n}") for n in range(20)])
    fresh_server.kill()
    fresh_server.start()
    shown = targets.get(name)
    assert (shown["state"], shown["pendingCount"], shown["dueCount"]) == ("paused", 20, 20)
    hub.put_accepted("default", event("e20"))
    assert collector.bodies(path) == []
    assert targets.resume(name)["state"] == "running"
    delivered = collector.wait_for(path, 21)
    assert {document["id"] for document in delivered} == {f"e{n}" for n in range(21)}
    wait_until(lambda: targets.get(name)["pendingCount"] == 0)


def test_a_target_without_tolerance_is_blocked_until_it_is_resumed(fresh_server, collector, unique):
    functions, hub, targets = Functions(fresh_server), Hub(fresh_server), Targets(fresh_server)
    path = f"/{unique('strict')}"
    functions.create("f", RECORDER, environment_variables={"URL": collector.url(path)})
    strict = {"ErrorsTolerance": "NONE", "ConcurrentConfig": {"Concurrency": 1}}
    hub.create_rule("default", "r", {"source": ["shop"]}, [function_target("f", kind="Async", **strict)])
    name = rule_target("default", "r")
    hub.put_accepted("default", event("e1", data=TOO_MUCH))
    targets.wait_for_state(name, "blocked")
    hub.put_accepted("default", event("e2"))
    fresh_server.kill()
    fresh_server.start()
    shown = targets.get(name)
    assert (shown["state"], shown["pendingCount"], shown["deadLetterCount"]) == ("blocked", 2, 0)
    hub.put_targets("default", "r", [function_target("f", kind="Sync", **strict)])
    targets.resume(name)
    assert [document["id"] for document in collector.wait_for(path, 2)] == ["e1", "e2"]


def test_a_target_that_keeps_failing_is_parked_and_drained_when_it_recovers(targets, hub, collector, refusing):
    bus, name, path = refusing(PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    put_all(hub, bus, [event(f"e{n}") for n in range(40)])
    shown = targets.wait_for_state(name, "parked") and targets.get(name)
    assert shown["circuit"]["failuresInRow"] >= 10
    assert shown["pendingCount"] == 40
    assert shown["readyCount"] <= 2, "what is not tried waits in the store"
    collector.status_of.pop(path)
    targets.resume(name)
    wait_until(lambda: targets.get(name)["pendingCount"] == 0, 60, lambda: targets.get(name))
    assert targets.get(name)["state"] == "running"
    assert {document["id"] for document in collector.documents(path)} == {f"e{n}" for n in range(40)}
