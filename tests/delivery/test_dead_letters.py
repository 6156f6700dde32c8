"""Dead letters: listed, shown, sent again, discarded, forgotten."""

import pytest

from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.deliveries import TOO_MUCH, TargetError, Targets, put_all, rule_target
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def targets(server):
    return Targets(server)


@pytest.fixture
def recorder(functions, collector, unique):
    """Makes a function that keeps what it gets: its name, and the path that it posts to."""
    def make():
        name = unique("recorder")
        functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
        return name, f"/{name}"
    return make


@pytest.fixture
def dead(hub, unique, targets, recorder):
    """Makes dead letters of events, more than an asynchronous invocation takes: bus, function, path."""
    def make(*events):
        bus, (function, path) = unique("bus"), recorder()
        hub.create_bus(bus)
        hub.create_rule(bus, "r", {}, [function_target(function, kind="Async")])
        put_all(hub, bus, events)
        targets.wait_for_dead_letters(len(events), bus=bus)
        return bus, function, path
    return make


def large(id, **attributes):
    return event(id, data=TOO_MUCH, **attributes)


def mend(hub, bus, function):
    """Lets the target take events of any size."""
    hub.put_targets(bus, "r", [function_target(function, kind="Sync")])


def test_dead_letters_are_listed_and_found_by_what_they_are(targets, dead):
    bus, *_ = dead(large("e1"), large("e2", source="depot"), large("e3", type="order:Paid"))
    letters = targets.dead_letters(bus=bus)
    assert [letter["eventId"] for letter in letters] == ["e1", "e2", "e3"]
    first = letters[0]
    assert (first["name"], first["bus"], first["rule"], first["target"]) == (rule_target(bus, "r"), bus, "r", "t1")
    assert (first["source"], first["type"], first["attemptCount"]) == ("shop", "order:Placed", 1)
    assert first["lastAnswer"].startswith("[400]")
    ids = lambda **query: [letter["eventId"] for letter in targets.dead_letters(bus=bus, **query)]  # noqa: E731
    assert ids(source="depot") == ["e2"]
    assert ids(type="order:Paid") == ["e3"]
    assert ids(rule="r", target="t1") == ["e1", "e2", "e3"]
    assert ids(rule="other") == []
    assert ids(from_=letters[0]["givenUpAt"], to=letters[2]["givenUpAt"]) == ["e1", "e2", "e3"]
    assert ids(to="2020-01-01T00:00:00Z") == ids(from_="2120-01-01T00:00:00Z") == []
    paged, after = [], None
    while True:
        page = targets.call("GET", "dead-letters", bus=bus, limit=2, after=after)
        paged += [letter["eventId"] for letter in page["deadLetters"]]
        after = page["next"]
        if after is None:
            break
    assert paged == ["e1", "e2", "e3"]
    assert targets.get(rule_target(bus, "r"))["deadLetterCount"] == 3


@pytest.mark.parametrize("query", [{"from": "soon"}, {"limit": 1001}, {"after": "x"}, {"target": "t"}])
def test_a_list_that_cannot_be_meant_is_refused(targets, query):
    with pytest.raises(TargetError) as refused:
        targets.dead_letters(**query)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")


def test_one_is_shown_sent_again_and_discarded(targets, dead, hub, collector):
    bus, function, path = dead(large("e1"), large("e2"))
    one, two = targets.dead_letters(bus=bus)
    shown = targets.call("GET", "dead-letters", one["id"])
    assert (shown["event"]["id"], shown["event"]["data"]) == ("e1", TOO_MUCH)
    assert [attempt["number"] for attempt in shown["attempts"]] == [1]

    with pytest.raises(TargetError) as refused:
        targets.redrive(one["id"], to="rule/default/absent/t")
    assert refused.value.code == "EventTargetNotExist"
    mend(hub, bus, function)
    assert targets.redrive(one["id"]) == {"sentCount": 1, "to": rule_target(bus, "r")}
    assert [document["id"] for document in collector.wait_for(path)] == ["e1"]
    wait_until(lambda: len(hub.trace(bus, "e1")) >= 4, what="put, filtered, and both attempts")
    assert [letter["eventId"] for letter in targets.dead_letters(bus=bus)] == ["e2"]

    assert targets.call("DELETE", "dead-letters", two["id"]) == {}
    assert targets.dead_letters(bus=bus) == []
    for call in (lambda: targets.call("GET", "dead-letters", two["id"]), lambda: targets.redrive(two["id"]),
                 lambda: targets.call("DELETE", "dead-letters", two["id"]), lambda: targets.redrive("nonsense")):
        with pytest.raises(TargetError) as refused:
            call()
        assert (refused.value.status, refused.value.code) == (404, "DeadLetterNotExist")


def test_a_redrive_sends_what_a_filter_finds_to_another_target(targets, dead, recorder, hub, unique, collector):
    bus, *_ = dead(*(large(f"e{n}", type="order:Paid" if n % 2 else "order:Placed") for n in range(10)))
    other_bus, (other, path) = unique("bus"), recorder()
    hub.create_bus(other_bus)
    hub.create_rule(other_bus, "r", {}, [function_target(other, kind="Sync")])
    order = targets.order_redrive({"bus": bus, "type": "order:Paid"}, to=rule_target(other_bus, "r"))
    done = targets.wait_for_redrive(order["id"])
    assert (done["state"], done["sentCount"], done["keptCount"], done["foundCount"]) == ("done", 5, 0, 10)
    assert {document["id"] for document in collector.wait_for(path, 5)} == {f"e{n}" for n in range(1, 10, 2)}
    assert {letter["eventId"] for letter in targets.dead_letters(bus=bus)} == {f"e{n}" for n in range(0, 10, 2)}
    assert order["id"] in [redrive["id"] for redrive in targets.call("GET", "redrives")["redrives"]]


def test_a_redrive_leaves_what_has_no_target_any_more(targets, dead, hub):
    bus, *_ = dead(large("e1"), large("e2"))
    hub.delete_rule(bus, "r")
    done = targets.wait_for_redrive(targets.order_redrive({"bus": bus})["id"])
    assert (done["state"], done["sentCount"], done["keptCount"]) == ("done", 0, 2)
    assert len(targets.dead_letters(bus=bus)) == 2


def test_dead_letters_outlive_their_bus_until_another_gets_its_name(targets, dead, hub):
    bus, function, _ = dead(large("e1"))
    hub.delete_rule(bus, "r")
    hub.delete_bus(bus)
    assert [letter["eventId"] for letter in targets.dead_letters(bus=bus)] == ["e1"]
    hub.create_bus(bus)
    hub.create_rule(bus, "r", {}, [function_target(function, kind="Sync")])
    assert targets.dead_letters(bus=bus) == []
    assert targets.get(rule_target(bus, "r"))["deadLetterCount"] == 0


def test_a_redrive_can_be_ended_before_its_time(targets, dead, hub):
    bus, function, _ = dead(*(large(f"e{n}") for n in range(10)))
    mend(hub, bus, function)
    order = targets.order_redrive({"bus": bus}, per_second=1)
    wait_until(lambda: targets.get_redrive(order["id"])["sentCount"] >= 1)
    ended = targets.call("POST", "redrives", order["id"], "cancel")
    assert ended["state"] == "canceled"
    assert len(targets.dead_letters(bus=bus)) == 10 - ended["sentCount"]


@pytest.mark.parametrize("order", [
    {"lettersPerSecond": 0}, {"lettersPerSecond": 10_001}, {"filter": {"form": "x"}}, {"filter": 7}, {"rate": 1}, [],
])
def test_an_order_that_cannot_be_meant_is_refused(targets, order):
    with pytest.raises(TargetError) as refused:
        targets.call("POST", "redrives", body=order)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")


def test_an_order_for_what_is_not_there_is_not_found(targets):
    with pytest.raises(TargetError) as refused:
        targets.order_redrive(to="rule/default/absent/t1")
    assert refused.value.code == "EventTargetNotExist"
    for call in (lambda: targets.get_redrive("absent"), lambda: targets.call("POST", "redrives", "absent", "cancel")):
        with pytest.raises(TargetError) as refused:
            call()
        assert (refused.value.status, refused.value.code) == (404, "RedriveNotExist")


def test_invocations_of_a_function_are_no_events_for_other_targets(targets, functions, hub, unique):
    bus, function = unique("bus"), unique("fails")
    functions.create(function, "def handler(event, context):\n    raise Exception('no')\n")
    hub.create_bus(bus)
    hub.create_rule(bus, "r", {}, [function_target(function)])
    with pytest.raises(TargetError) as refused:
        targets.order_redrive(to=f"async/{function}/LATEST")
    assert refused.value.code == "InvalidArgument"


def test_old_dead_letters_are_forgotten(new_server):
    server = new_server(environment={"KULKUL_DEAD_LETTER_AGE_MAX": "1s"})
    functions, hub, targets = Functions(server), Hub(server), Targets(server)
    functions.create("f", "def handler(event, context):\n    pass\n")
    hub.create_rule("default", "r", {"source": ["shop"]}, [function_target("f")])
    hub.put_accepted("default", large("e1"))
    targets.wait_for_dead_letters(1)
    wait_until(lambda: targets.dead_letters() == [], 60)


def test_a_redrive_survives_kills_and_loses_nothing(fresh_server, collector, unique):
    functions, hub, targets = Functions(fresh_server), Hub(fresh_server), Targets(fresh_server)
    path = f"/{unique('redriven')}"
    functions.create("f", RECORDER, environment_variables={"URL": collector.url(path)})
    hub.create_bus("b")
    hub.create_rule("b", "r", {}, [function_target("f")])
    ids = {f"e{n}" for n in range(200)}
    put_all(hub, "b", [large(id) for id in sorted(ids)])
    targets.wait_for_dead_letters(200)
    mend(hub, "b", "f")
    order = targets.order_redrive(per_second=40)
    for round in range(3):
        wanted = targets.get_redrive(order["id"])["sentCount"] + 20
        wait_until(lambda: targets.get_redrive(order["id"])["sentCount"] >= wanted)
        fresh_server.kill()
        fresh_server.start()
        assert targets.get_redrive(order["id"])["state"] == "running", f"round {round}"
    done = targets.wait_for_redrive(order["id"], 60)
    assert (done["state"], done["keptCount"]) == ("done", 0)
    delivered = lambda: {document["id"] for document in collector.documents(path)}  # noqa: E731
    wait_until(lambda: delivered() == ids, 60, lambda: sorted(ids - delivered())[:10])
    assert targets.dead_letters() == []


def test_retries_survive_kills(fresh_server, collector, unique):
    functions, hub, targets = Functions(fresh_server), Hub(fresh_server), Targets(fresh_server)
    path = f"/{unique('retried')}"
    functions.create("f", RECORDER, environment_variables={"URL": collector.url(path)})
    collector.status_of[path] = 500
    target = function_target("f", kind="Sync", PushRetryStrategy="EXPONENTIAL_DECAY_RETRY")
    hub.create_rule("default", "r", {"source": ["shop"]}, [target])
    hub.put_accepted("default", *(event(f"e{n}") for n in range(5)))
    for round in range(3):
        wanted = len(collector.bodies(path)) + 3
        wait_until(lambda: len(collector.bodies(path)) >= wanted, 30, f"retries in round {round}")
        fresh_server.kill()
        fresh_server.start()
    collector.status_of.pop(path)
    name = rule_target("default", "r")
    wait_until(lambda: targets.get(name)["pendingCount"] == 0, 60, lambda: targets.get(name))
    assert {document["id"] for document in collector.documents(path)} == {f"e{n}" for n in range(5)}
    assert targets.dead_letters() == []
    numbers = [entry["number"] for entry in targets.call("GET", "buses", "default", "events", "e0", "trace")["events"][0]["deliveries"][0]["attempts"]]
    assert numbers == list(range(1, len(numbers) + 1)), "one row of attempts, before and after the kills"
