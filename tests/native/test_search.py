"""Finding events, and asking why they went where they went."""

import json

import pytest

from harness import raw
from harness.deliveries import TOO_MUCH, Targets, rule_target
from harness.event_bridge import event, function_target
from harness.native import Native, NativeError
from harness.waiting import wait_until

STATUSES = ["unmatched", "pending", "dead-lettered", "delivered", "ended"]
FAILING = "def handler(event, context):\n    raise Exception('not today')\n"


@pytest.fixture(scope="module")
def native(server):
    return Native(server)


@pytest.fixture(scope="module")
def orders(server, hub, functions, native, unique):
    """A bus with one event of each status."""
    bus = unique("orders")
    hub.create_bus(bus)
    functions.create(f"{bus}-echo", "def handler(event, context):\n    return event\n")
    functions.create(f"{bus}-fails", FAILING)
    targets = {"ok": (f"{bus}-echo", "Sync"), "fails": (f"{bus}-fails", "Sync"), "bulky": (f"{bus}-echo", "Async")}
    for kind, (function, invocation) in targets.items():
        hub.create_rule(bus, kind, {"type": [kind]}, [function_target(function, kind=invocation)])
    hub.create_rule(bus, "large", {"type": ["ok"], "data": {"total": [{"numeric": [">", 100]}]}},
                    [function_target(f"{bus}-echo", kind="Sync")])
    # More than an asynchronous invocation may have: no further attempt can help.
    bulk = {"bulky": "x" * 150_000}
    hub.put_accepted(bus, *(event(f"e-{kind}", type=kind, data={"total": 7, "pad": bulk.get(kind)}, subject=f"s/{kind}")
                            for kind in [*targets, "other"]))
    statuses = {"e-ok": "delivered", "e-fails": "pending", "e-bulky": "dead-lettered", "e-other": "unmatched"}
    settled = lambda: {found["id"]: found["status"] for found in native.events(bus)}  # noqa: E731
    wait_until(lambda: settled() == statuses and hub.trace(bus, "e-fails")[-1].action == "PushEvent", what=settled)
    return bus


def test_events_are_found_by_every_attribute_and_by_status(native, orders):
    newest_first = ["e-other", "e-bulky", "e-fails", "e-ok"]
    assert native.ids(orders) == newest_first
    assert native.ids(orders, order="oldest") == newest_first[::-1]
    assert native.ids(orders, id="e-ok") == ["e-ok"]
    assert native.ids(orders, source="shop") == newest_first
    assert native.ids(orders, type="fails") == ["e-fails"]
    assert native.ids(orders, subject="s/other") == ["e-other"]
    assert native.ids(orders, rule="bulky") == ["e-bulky"]
    assert native.ids(orders, type="ok", source="bank") == []
    for status, id in {"delivered": "e-ok", "pending": "e-fails", "dead-lettered": "e-bulky", "unmatched": "e-other"}.items():
        assert native.ids(orders, status=status) == [id]
    assert native.ids(orders, status="ended") == []
    assert native.ids(orders, to="2000-01-01T00:00:00Z") == []
    assert native.ids(orders, from_="2000-01-01T00:00:00Z", to="4102444800000") == newest_first


def test_a_dead_letter_that_went_to_another_bus_is_shown_and_found_under_one_status(server, native, hub, functions, unique):
    targets, function, (bus, other) = Targets(server), unique("echo"), (unique("from"), unique("to"))
    functions.create(function, "def handler(event, context):\n    return event\n")
    for name, kind in [(bus, "Async"), (other, "Sync")]:
        hub.create_bus(name)
        hub.create_rule(name, "r", {}, [function_target(function, kind=kind)])
    hub.put_accepted(bus, event("e1", data=TOO_MUCH))
    letter, = targets.wait_for_dead_letters(1, bus=bus)
    targets.pause(rule_target(other, "r"))
    targets.redrive(letter["id"], to=rule_target(other, "r"))
    shown, = native.events(bus)
    found = {status: native.ids(bus, status=status) for status in STATUSES}
    assert found == {status: ["e1"] if status == shown["status"] else [] for status in STATUSES}
    assert shown["status"] == "ended", "its own bus owes nothing any more"


def test_pages_go_on_where_they_ended_though_events_arrive(native, hub, unique):
    bus = unique("pages")
    hub.create_bus(bus)
    hub.put_accepted(bus, *(event(f"e{n}") for n in range(10)))
    first = native.call("GET", f"buses/{bus}/events", limit=4)
    hub.put_accepted(bus, event("late"))
    rest = native.call("GET", f"buses/{bus}/events", limit=100, after=first["next"])
    assert [found["id"] for found in first["events"] + rest["events"]] == [f"e{n}" for n in reversed(range(10))]
    newer = native.call("GET", f"buses/{bus}/events", order="oldest", after=first["events"][0]["place"], body="true")
    assert [found["event"]["id"] for found in newer["events"]] == ["late"]
    assert newer["events"][0]["event"]["aliyuneventbusname"] == bus


@pytest.mark.parametrize("query", [
    {"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after": "x"}, {"order": "random"}, {"status": "lost"},
    {"from": "yesterday"}, {"to": "-"}, {"rule": "a b"},
], ids=str)
def test_a_query_that_cannot_be_meant_is_refused_by_name(native, query):
    with pytest.raises(NativeError) as refused:
        native.call("GET", "buses/default/events", **query)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")
    assert next(iter(query)) in refused.value.message


def test_an_unknown_bus_has_no_events(native):
    with pytest.raises(NativeError) as refused:
        native.events("never-made")
    assert (refused.value.status, refused.value.code) == (404, "EventBusNotExist")


def test_an_explanation_tells_of_each_rule_what_failed_on_which_value(native, orders):
    told = native.explain(orders, "e-ok")
    rules = {rule["rule"]: rule for rule in told["rules"]}
    assert {name: (rule["matched"], rule["routed"]) for name, rule in rules.items()} == {
        "ok": (True, True), "fails": (False, False), "bulky": (False, False), "large": (False, False)}
    failed = [finding for finding in rules["large"]["findings"] if not finding["held"]]
    assert [(finding["path"], finding["found"]) for finding in failed] == [("$.data.total", "7")]
    assert json.loads(failed[0]["condition"]) == [{"numeric": [">", 100]}]
    delivery, = told["event"]["deliveries"]
    assert (delivery["rule"], delivery["state"]) == ("ok", "delivered")
    assert [(attempt["number"], attempt["succeeded"], attempt["answer"]) for attempt in delivery["attempts"]] == [(1, True, "[200]Ok")]
    assert told["event"]["event"]["id"] == "e-ok" and told["next"] is None


def test_an_explanation_tells_attempts_and_dead_letters(native, orders):
    waiting, = native.explain(orders, "e-fails")["event"]["deliveries"]
    assert waiting["state"] == "waiting" and waiting["attempts"][0]["succeeded"] is False
    dead, = native.explain(orders, "e-bulky")["event"]["deliveries"]
    assert dead["state"] == "dead-lettered" and "payload size" in dead["lastAnswer"]


def test_an_explanation_shows_that_a_rule_has_changed_since(native, hub, unique, functions):
    bus = unique("changed")
    hub.create_bus(bus)
    functions.create(bus, "def handler(event, context):\n    return event\n")
    hub.create_rule(bus, "r", {"source": ["shop"]}, [function_target(bus, kind="Sync")])
    hub.put_accepted(bus, event("e1"))
    hub.delete_rule(bus, "r")
    hub.create_rule(bus, "r", {"source": ["bank"]}, [function_target(bus, kind="Sync")])
    rule, = native.explain(bus, "e1")["rules"]
    assert (rule["routed"], rule["matched"], rule["enabled"]) == (True, False, True)


def test_many_rules_are_explained_in_pages_and_one_by_name(native, hub, unique):
    bus = unique("many")
    hub.create_bus(bus)
    names = [f"r{n:02}" for n in range(12)]
    for name in names:
        hub.create_rule(bus, name, {"source": [name]})
    hub.put_accepted(bus, event("e1", source="r07"))
    seen, after = [], None
    while True:
        page = native.explain(bus, "e1", limit=5, after=after)
        seen += [(rule["rule"], rule["matched"]) for rule in page["rules"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [(name, name == "r07") for name in names]
    one = native.explain(bus, "e1", rule="r03")
    assert [rule["rule"] for rule in one["rules"]] == ["r03"]
    with pytest.raises(NativeError) as refused:
        native.explain(bus, "e1", rule="absent")
    assert (refused.value.status, refused.value.code) == (404, "EventRuleNotExisted")


def test_of_several_events_with_one_id_each_can_be_explained(native, hub, unique):
    bus = unique("twice")
    hub.create_bus(bus)
    first, second = (hub.put_accepted(bus, event("e1", type=kind))[0].trace_id for kind in ("first", "second"))
    assert native.explain(bus, "e1")["event"]["event"]["type"] == "second"
    told = native.explain(bus, "e1", traceId=first)
    assert told["event"]["event"]["type"] == "first" and told["acceptanceCount"] == 2
    assert told["event"]["traceId"] == first != second


def test_what_never_was_has_no_explanation(native):
    for id, query in [("never", {}), ("never", {"traceId": "0" * 32})]:
        with pytest.raises(NativeError) as refused:
            native.explain("default", id, **query)
        assert (refused.value.status, refused.value.code) == (404, "EventNotExist")


def test_the_past_is_shown_to_signed_requests_only(server):
    for path in ("events", "events/e1/explanation"):
        answer = raw.call(server, "GET", f"/kulkul/v1/buses/default/{path}", secret="wrong")
        assert (answer.status_code, answer.json()["Code"]) == (403, "SignatureNotMatch")
