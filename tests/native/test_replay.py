"""Past events, sent again."""

import pytest

from harness.event_bridge import Hub, event, function_target
from harness.native import Native, NativeError
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def native(server):
    return Native(server)


@pytest.fixture
def bus(hub, unique):
    bus = unique("past")
    hub.create_bus(bus)
    return bus


def replay(native, bus, **settings):
    """Runs a replay to its end."""
    id = native.call("POST", f"buses/{bus}/replays", settings)["id"]
    shown = lambda: native.call("GET", f"buses/{bus}/replays/{id}")  # noqa: E731
    wait_until(lambda: shown()["state"] != "running", what=shown)
    return shown()


def counts(replay):
    return {name: replay[f"{name}Count"] for name in ("seen", "sent", "unmatched", "copy")}


def test_past_events_reach_a_rule_that_is_newer_than_they_are(native, hub, bus, record, collector):
    hub.put_accepted(bus, *(event(f"e{n}", source="shop" if n % 2 else "bank", data={"n": n}) for n in range(10)))
    hub.create_rule(bus, "late", {"source": ["shop"]}, [record(f"/{bus}")])
    done = replay(native, bus, eventsPerSecond=1000)
    assert done["state"] == "done" and done["fraction"] == 1 and done["endedAt"]
    assert counts(done) == {"seen": 10, "sent": 5, "unmatched": 5, "copy": 0}
    wait_until(lambda: len(collector.documents(f"/{bus}")) == 5)
    received = {document["id"]: document for document in collector.documents(f"/{bus}")}
    assert set(received) == {f"e{n}" for n in range(10) if n % 2}
    assert all(document["kulkulreplay"] == done["id"] for document in received.values())
    assert received["e3"]["data"] == {"n": 3} and received["e3"]["source"] == "shop"
    assert sorted(native.ids(bus, rule="late")) == sorted(received), "copies are events of the bus"


def test_copies_are_not_copied_again(native, hub, bus, record, collector):
    hub.create_rule(bus, "all", {}, [record(f"/{bus}")])
    hub.put_accepted(bus, *(event(f"e{n}") for n in range(3)))
    for _ in range(2):
        done = replay(native, bus)
        assert done["sentCount"] == 3
    assert counts(done) == {"seen": 6, "sent": 3, "unmatched": 0, "copy": 3}
    wait_until(lambda: len(collector.documents(f"/{bus}")) == 9)
    marks = [document.get("kulkulreplay") for document in collector.documents(f"/{bus}")]
    assert marks.count(None) == 3 and len(set(marks)) == 3


def test_a_replay_can_be_limited_to_one_rule_one_target_and_some_events(native, hub, bus, record, collector):
    one, two, other = (record(f"/{bus}-{name}", id=name) for name in ("one", "two", "other"))
    hub.create_rule(bus, "r", {"type": ["a"]}, [one, two])
    hub.create_rule(bus, "s", {}, [other])
    hub.put_accepted(bus, *(event(f"{kind}{n}", type=kind) for kind in "ab" for n in range(2)))
    seen = lambda name: sorted(document["id"] for document in collector.documents(f"/{bus}-{name}"))  # noqa: E731
    wait_until(lambda: seen("one") == seen("two") == ["a0", "a1"] and len(seen("other")) == 4)
    assert counts(replay(native, bus, rule="r")) == {"seen": 4, "sent": 2, "unmatched": 2, "copy": 0}
    wait_until(lambda: seen("one") == seen("two") == ["a0", "a0", "a1", "a1"])
    assert replay(native, bus, rule="r", target="two", filter={"id": "a1"})["sentCount"] == 1
    wait_until(lambda: seen("two") == ["a0", "a0", "a1", "a1", "a1"])
    assert len(seen("one")) == 4 and len(seen("other")) == 4, "others got nothing"
    assert replay(native, bus, filter={"to": "2000-01-01T00:00:00Z"})["seenCount"] == 0


def test_a_rule_can_tell_copies_from_originals(native, hub, bus, record, collector):
    hub.create_rule(bus, "fresh", {"kulkulreplay": [{"exists": False}]}, [record(f"/{bus}")])
    hub.put_accepted(bus, event("e1"))
    assert counts(replay(native, bus))["unmatched"] == 1
    wait_until(lambda: len(collector.documents(f"/{bus}")) == 1)


def test_a_replay_can_be_cancelled_and_is_listed(native, hub, bus, record):
    hub.create_rule(bus, "all", {}, [record(f"/{bus}")])
    hub.put_accepted(bus, *(event(f"e{n}") for n in range(16)))
    slow = native.call("POST", f"buses/{bus}/replays", {"eventsPerSecond": 1})
    wait_until(lambda: native.call("GET", f"buses/{bus}/replays/{slow['id']}")["sentCount"] >= 1)
    cancelled = native.call("POST", f"buses/{bus}/replays/{slow['id']}/cancel")
    assert cancelled["state"] == "cancelled" and cancelled["sentCount"] < 16
    assert native.call("POST", f"buses/{bus}/replays/{slow['id']}/cancel") == cancelled, "harmless"
    done = replay(native, bus, filter={"id": "e1"})
    listed = native.call("GET", f"buses/{bus}/replays")["replays"]
    assert [shown["id"] for shown in listed] == [done["id"], slow["id"]]
    assert listed[0]["filter"] == {"id": "e1"}


def test_a_replay_to_what_goes_away_fails_and_says_why(native, hub, bus, record):
    hub.create_rule(bus, "r", {}, [record(f"/{bus}")])
    hub.put_accepted(bus, *(event(f"e{n}") for n in range(16)))
    id = native.call("POST", f"buses/{bus}/replays", {"rule": "r", "eventsPerSecond": 1})["id"]
    hub.delete_rule(bus, "r")
    shown = lambda: native.call("GET", f"buses/{bus}/replays/{id}")  # noqa: E731
    wait_until(lambda: shown()["state"] == "failed", what=shown)
    assert "rule" in shown()["reason"]


@pytest.mark.parametrize("body, status, code, word", [
    ({"rule": "absent"}, 404, "EventRuleNotExisted", "rule"),
    ({"rule": "r", "target": "absent"}, 404, "EventTargetNotExist", "absent"),
    ({"rule": "off"}, 400, "InvalidArgument", "disabled"),
    ({"target": "t"}, 400, "InvalidArgument", "rule"),
    ({"eventsPerSecond": 0}, 400, "InvalidArgument", "eventsPerSecond"),
    ({"eventsPerSecond": 10_001}, 400, "InvalidArgument", "eventsPerSecond"),
    ({"filter": {"form": "1h"}}, 400, "InvalidArgument", "form"),
    ({"filter": {"from": "soon"}}, 400, "InvalidArgument", "from"),
    ({"everything": True}, 400, "InvalidArgument", "everything"),
    ([], 400, "InvalidArgument", "JSON object"),
], ids=str)
def test_a_replay_that_cannot_be_meant_is_refused_and_starts_nothing(native, hub, bus, record, body, status, code, word):
    hub.create_rule(bus, "r", {})
    hub.create_rule(bus, "off", {}, status="DISABLE")
    with pytest.raises(NativeError) as refused:
        native.call("POST", f"buses/{bus}/replays", body)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert word in refused.value.message
    assert native.call("GET", f"buses/{bus}/replays")["replays"] == []


def test_what_is_no_replay_is_not_found(native, bus):
    for id, status, code in [("0" * 20, 404, "ReplayNotExist"), ("x", 400, "InvalidArgument")]:
        with pytest.raises(NativeError) as refused:
            native.call("GET", f"buses/{bus}/replays/{id}")
        assert (refused.value.status, refused.value.code) == (status, code)


def test_only_so_many_replays_run_at_once(new_server):
    native = Native(new_server())
    hub = Hub(native.server)
    hub.create_bus("b")
    hub.create_rule("b", "all", {}, [function_target("absent")])
    hub.put_accepted("b", *(event(f"e{n}") for n in range(16)))
    started = []
    with pytest.raises(NativeError) as refused:
        for _ in range(20):
            started.append(native.call("POST", "buses/b/replays", {"eventsPerSecond": 1}))
    assert (refused.value.status, refused.value.code) == (400, "LimitExceededError")
    assert len(started) == 8
