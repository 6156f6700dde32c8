"""`kill -9` in the middle of a replay: it goes on, and nothing is lost."""

from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.native import Native
from harness.waiting import wait_until

EVENTS = 480
KILLS = 3


def test_a_replay_goes_on_after_a_kill_and_misses_nothing(new_server, collector, unique):
    server, path = new_server(), f"/{unique('again')}"
    hub, native = Hub(server), Native(server)
    hub.create_bus("b")
    for first in range(0, EVENTS, 16):
        hub.put_accepted("b", *(event(f"e{n}") for n in range(first, first + 16)))
    Functions(server).create("record", RECORDER, environment_variables={"URL": collector.url(path)})
    hub.create_rule("b", "late", {}, [function_target("record", kind="Sync")])
    id = native.call("POST", "buses/b/replays", {"rule": "late", "eventsPerSecond": 100})["id"]
    shown = lambda: native.call("GET", f"buses/b/replays/{id}")  # noqa: E731
    for kill in range(1, KILLS + 1):
        wanted = EVENTS * kill // (KILLS + 2)
        wait_until(lambda: shown()["sentCount"] >= wanted, 60, shown)
        assert shown()["state"] == "running"
        server.kill()
        server.start()
    wait_until(lambda: shown()["state"] == "done", 60, shown)
    expected = {f"e{n}" for n in range(EVENTS)}
    delivered = lambda: {document["id"] for document in collector.documents(path)}  # noqa: E731
    wait_until(lambda: delivered() == expected, 120, lambda: sorted(expected - delivered())[:10])
    assert all(document["kulkulreplay"] == id for document in collector.documents(path))
    print(f"\n{len(collector.bodies(path)) - EVENTS} of {EVENTS} copies were made twice over {KILLS} kills")
