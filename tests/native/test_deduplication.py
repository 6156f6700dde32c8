"""Events that come again."""

import concurrent.futures

import pytest

from harness.event_bridge import Hub, event
from harness.native import Native, NativeError


@pytest.fixture(scope="module")
def native(server):
    return Native(server)


@pytest.fixture
def bus(hub, native, unique):
    """A bus that knows for a day what it has accepted."""
    bus = unique("once")
    hub.create_bus(bus)
    native.call("PUT", f"buses/{bus}/settings", {"deduplicationWindowSeconds": 86_400})
    return bus


def trace_ids(hub, bus, *events):
    return [entry.trace_id for entry in hub.put_accepted(bus, *events)]


def test_an_event_that_comes_again_is_answered_like_the_first_and_dropped(native, hub, bus, record, collector):
    hub.create_rule(bus, "all", {}, [record(f"/{bus}")])
    first, = trace_ids(hub, bus, event("e1", data={"n": 1}))
    assert trace_ids(hub, bus, event("e1", data={"n": 2}), event("e2")) == [first, trace_ids(hub, bus, event("e2"))[0]]
    collector.wait_for(f"/{bus}", 2)
    assert sorted(native.ids(bus)) == ["e1", "e2"]
    assert {document["id"]: document["data"] for document in collector.documents(f"/{bus}")}["e1"] == {"n": 1}


def test_the_same_id_from_another_source_is_another_event(native, hub, bus):
    a, b = trace_ids(hub, bus, event("e1", source="a"), event("e1", source="b"))
    assert a != b and native.ids(bus) == ["e1", "e1"]


def test_of_two_in_one_request_one_is_stored_and_bad_ones_keep_their_places(native, hub, bus):
    entries = hub.put(bus, event("e1"), event("", type="x"), event("e1"), event("e2")).entry_list
    assert [bool(entry.error_code) for entry in entries] == [False, True, False, False]
    assert entries[0].trace_id == entries[2].trace_id != entries[3].trace_id
    assert native.ids(bus) == ["e2", "e1"]


def test_of_many_at_the_same_time_one_is_stored(server, native, bus):
    put = lambda _: trace_ids(Hub(server), bus, event("e1"))[0]  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(put, range(40)))
    assert len(answers) == 1
    assert native.ids(bus) == ["e1"]


def test_a_bus_deduplicates_only_while_it_is_told_to(native, hub, unique):
    bus = unique("often")
    hub.create_bus(bus)
    assert native.call("GET", f"buses/{bus}/settings")["deduplicationWindowSeconds"] is None
    first, second = (trace_ids(hub, bus, event("e1"))[0] for _ in range(2))
    assert first != second
    native.call("PUT", f"buses/{bus}/settings", {"deduplicationWindowSeconds": 60})
    assert trace_ids(hub, bus, event("e1"))[0] in (first, second), "what the log has is known at once"
    native.call("PUT", f"buses/{bus}/settings", {})
    assert trace_ids(hub, bus, event("e1"))[0] not in (first, second)


def test_what_was_accepted_is_known_after_a_kill(fresh_server):
    hub, native = Hub(fresh_server), Native(fresh_server)
    hub.create_bus("b")
    native.call("PUT", "buses/b/settings", {"deduplicationWindowSeconds": 3600})
    first = trace_ids(hub, "b", event("e1"), event("e2"))
    fresh_server.kill()
    fresh_server.start()
    assert native.call("GET", "buses/b/settings") == {"bus": "b", "deduplicationWindowSeconds": 3600}
    assert trace_ids(hub, "b", event("e1"), event("e2")) == first
    assert native.ids("b") == ["e2", "e1"]


def test_a_bus_has_nothing_of_the_past_of_a_deleted_one_of_its_name(native, hub, bus):
    first, = trace_ids(hub, bus, event("same"))
    native.call("POST", f"buses/{bus}/replays", {})
    hub.delete_bus(bus)
    hub.create_bus(bus)
    assert native.ids(bus) == [] and native.call("GET", f"buses/{bus}/replays")["replays"] == []
    native.call("PUT", f"buses/{bus}/settings", {"deduplicationWindowSeconds": 3600})
    assert trace_ids(hub, bus, event("same")) != [first], "not dropped"
    assert native.ids(bus) == ["same"]
    assert native.explain(bus, "same")["acceptanceCount"] == 1


def test_copies_of_a_replay_are_no_duplicates(native, hub, bus, record, collector):
    hub.create_rule(bus, "all", {}, [record(f"/{bus}")])
    trace_ids(hub, bus, event("e1"))
    native.call("POST", f"buses/{bus}/replays", {})
    collector.wait_for(f"/{bus}", 2)
    assert native.ids(bus) == ["e1", "e1"]


@pytest.mark.parametrize("body", [
    {"deduplicationWindowSeconds": 0}, {"deduplicationWindowSeconds": 86_401}, {"deduplicationWindowSeconds": "5m"},
    {"deduplicationWindow": 60}, [],
], ids=str)
def test_settings_that_cannot_be_meant_change_nothing(native, bus, body):
    with pytest.raises(NativeError) as refused:
        native.call("PUT", f"buses/{bus}/settings", body)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")
    assert native.call("GET", f"buses/{bus}/settings")["deduplicationWindowSeconds"] == 86_400
