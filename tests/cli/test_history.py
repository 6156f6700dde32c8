"""The commands that look into the past of a bus."""

import json
import threading

import pytest

from harness.commands import Commands
from harness.event_bridge import Hub, event, function_target
from harness.functions import Functions
from harness.waiting import wait_until

ECHO = "def handler(event, context):\n    print('seen it')\n    return event\n"


@pytest.fixture(scope="module")
def kulkul(binary, server):
    return Commands(binary, server)


@pytest.fixture
def orders(server, unique):
    """A bus with a rule for large orders."""
    bus, hub = unique("orders"), Hub(server)
    hub.create_bus(bus)
    Functions(server).create(bus, ECHO)
    hub.create_rule(bus, "large", {"data": {"total": [{"numeric": [">", 100]}]}}, [function_target(bus, kind="Sync")])
    return bus


def test_an_event_is_explained_to_a_person(kulkul, hub, orders):
    hub.put_accepted(orders, event("small", data={"total": 99}), event("big", data={"total": 101}))
    wait_until(lambda: "[200]" in kulkul.succeed("event", "explain", "--bus", orders, "big"))
    big = kulkul.succeed("event", "explain", "--bus", orders, "big")
    assert "rule large matches" in big and "seen it" in big and "FAIL" not in big
    assert "ok   $.data.total" in kulkul.succeed("event", "explain", "--bus", orders, "--all", "big")
    small = kulkul.succeed("event", "explain", "--bus", orders, "small")
    assert "rule large does not match" in small
    assert 'FAIL $.data.total must satisfy [{"numeric":[">",100]}]: found 99' in small
    assert kulkul.document("event", "explain", "--bus", orders, "small")["rules"][0]["matched"] is False
    absent = kulkul.run("event", "explain", "--bus", orders, "absent")
    assert absent.returncode == 4 and "absent" in absent.stderr


def test_events_are_searched(kulkul, hub, orders):
    hub.put_accepted(orders, *(event(f"e{n}", data={"total": 100 * n}) for n in range(4)))
    # While there is none, the answer is "no".
    wait_until(lambda: len(kulkul.run("event", "search", "--bus", orders, "--status", "delivered").stdout.splitlines()) == 2)
    assert [found["id"] for found in kulkul.document("event", "search", "--bus", orders)["events"]] == ["e3", "e2", "e1", "e0"]
    first = kulkul.document("event", "search", "--bus", orders, "--limit", "1", "--oldest-first", "--body")
    assert [found["event"]["data"] for found in first["events"]] == [{"total": 0}]
    rest = kulkul.document("event", "search", "--bus", orders, "--oldest-first", "--after", first["next"], "--from", "1h")
    assert [found["id"] for found in rest["events"]] == ["e1", "e2", "e3"]
    told = kulkul.succeed("event", "search", "--bus", orders, "--rule", "large")
    assert len(told.splitlines()) == 2 and "delivered" in told and "→ large" in told
    assert kulkul.run("event", "search", "--bus", orders, "--type", "other").returncode == 4
    assert kulkul.run("event", "search", "--bus", orders, "--from", "soon").returncode == 2
    assert "status" in kulkul.run("event", "search", "--bus", orders, "--status", "lost").stderr


def test_a_bus_is_followed_live(kulkul, hub, orders):
    hub.put_accepted(orders, event("before"))
    over = threading.Event()

    def put():
        number = 0
        while not over.is_set():
            hub.put_accepted(orders, event(f"e{number}", type="wanted"), event(f"o{number}", type="other"))
            number += 1
            over.wait(0.1)

    producer = threading.Thread(target=put)
    with kulkul.start("event", "tail", "--bus", orders, "--type", "wanted", "--count", "2", "--json") as tail:
        producer.start()
        try:
            lines, _ = tail.communicate(timeout=60)
        finally:
            over.set()
            producer.join()
    seen = [json.loads(line) for line in lines.splitlines()]
    assert [found["type"] for found in seen] == ["wanted", "wanted"]
    numbers = [int(found["id"][1:]) for found in seen]
    assert numbers[1] == numbers[0] + 1
    assert tail.returncode == 0


def test_past_events_are_sent_again(kulkul, hub, orders):
    hub.put_accepted(orders, event("e1", data={"total": 101}), event("e2", data={"total": 7}))
    done = kulkul.document("event", "replay", "start", "--bus", orders, "--to-rule", "large", "--rate", "1000")
    assert (done["state"], done["sentCount"], done["unmatchedCount"]) == ("done", 1, 1)
    assert "done" in kulkul.succeed("event", "replay", "show", "--bus", orders, done["id"])
    slow = kulkul.document("event", "replay", "start", "--bus", orders, "--id", "e1", "--rate", "1", "--detach")
    assert slow["filter"] == {"id": "e1"}
    kulkul.succeed("event", "replay", "cancel", "--bus", orders, slow["id"])
    listed = kulkul.succeed("event", "replay", "list", "--bus", orders).splitlines()
    assert [line.split()[0] for line in listed] == [slow["id"], done["id"]]
    assert kulkul.run("event", "replay", "start", "--bus", orders, "--to-target", "t").returncode == 2
    absent = kulkul.run("event", "replay", "start", "--bus", orders, "--to-rule", "absent")
    assert absent.returncode == 1 and "EventRuleNotExisted" in absent.stderr


def test_a_bus_is_told_to_drop_what_comes_again(kulkul, hub, unique):
    bus = unique("once")
    hub.create_bus(bus)
    assert kulkul.document("bus", "set", bus)["deduplicationWindowSeconds"] is None
    assert "300 s" in kulkul.succeed("bus", "set", bus, "--deduplicate", "5m")
    first, second = (hub.put_accepted(bus, event("e1"))[0].trace_id for _ in range(2))
    assert first == second
    assert kulkul.document("bus", "set", bus, "--deduplicate", "off")["deduplicationWindowSeconds"] is None
    assert kulkul.run("bus", "set", bus, "--deduplicate", "2d").returncode == 1
    assert kulkul.run("bus", "set", bus, "--deduplicate", "soon").returncode == 2


def test_a_rule_is_tried_on_past_events(kulkul, hub, orders, tmp_path):
    hub.put_accepted(orders, *(event(f"e{total}", data={"total": total}) for total in (50, 150)))
    pattern = tmp_path / "pattern.json"
    pattern.write_text('{"data": {"total": [{"numeric": ["<", 100]}]}}')
    told = kulkul.succeed("rule", "dry-run", "--bus", orders, "large", "--pattern", f"@{pattern}")
    assert "newly: e50" in told and "no-longer: e150" in told
    assert 'FAIL $.data.total must satisfy [{"numeric":["<",100]}]: found 150' in told
    run = kulkul.document("rule", "dry-run", "--bus", orders, "--pattern", "{}", "--targets", "[]")
    assert (run["seenCount"], run["newlyCount"]) == (2, 2)
    assert kulkul.run("rule", "dry-run", "--bus", orders).returncode == 2
