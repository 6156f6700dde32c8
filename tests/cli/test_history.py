"""The commands that look into the past of a bus."""

import json
import os
import subprocess
import threading

import pytest

from harness.event_bridge import Hub, event, function_target
from harness.functions import Functions
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET
from harness.waiting import wait_until

ECHO = "def handler(event, context):\n    print('seen it')\n    return event\n"


class Commands:
    """Runs commands of the program against a server."""

    def __init__(self, binary, server):
        self.binary = str(binary)
        self.environment = {
            "PATH": os.environ["PATH"], "KULKUL_DATA_DIR": str(server.data),
            "KULKUL_ACCESS_KEY_ID": ACCESS_KEY_ID, "KULKUL_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
        }

    def run(self, *arguments):
        return subprocess.run([self.binary, *arguments], env=self.environment, capture_output=True, text=True, timeout=60)

    def told(self, *arguments, code=0):
        done = self.run(*arguments)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments, code=0):
        return json.loads(self.told(*arguments, "--json", code=code))

    def start(self, *arguments):
        return subprocess.Popen([self.binary, *arguments], env=self.environment, stdout=subprocess.PIPE, text=True)


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
    wait_until(lambda: "[200]" in kulkul.told("event", "explain", "--bus", orders, "big"))
    big = kulkul.told("event", "explain", "--bus", orders, "big")
    assert "rule large matches" in big and "seen it" in big and "FAIL" not in big
    assert "ok   $.data.total" in kulkul.told("event", "explain", "--bus", orders, "--all", "big")
    small = kulkul.told("event", "explain", "--bus", orders, "small")
    assert "rule large does not match" in small
    assert 'FAIL $.data.total must satisfy [{"numeric":[">",100]}]: found 99' in small
    assert kulkul.json("event", "explain", "--bus", orders, "small")["rules"][0]["matched"] is False
    absent = kulkul.run("event", "explain", "--bus", orders, "absent")
    assert absent.returncode == 4 and "absent" in absent.stderr


def test_events_are_searched(kulkul, hub, orders):
    hub.put_accepted(orders, *(event(f"e{n}", data={"total": 100 * n}) for n in range(4)))
    wait_until(lambda: len(kulkul.json("event", "search", "--bus", orders, "--status", "delivered")["events"]) == 2)
    assert [found["id"] for found in kulkul.json("event", "search", "--bus", orders)["events"]] == ["e3", "e2", "e1", "e0"]
    first = kulkul.json("event", "search", "--bus", orders, "--limit", "1", "--oldest-first", "--body")
    assert [found["event"]["data"] for found in first["events"]] == [{"total": 0}]
    rest = kulkul.json("event", "search", "--bus", orders, "--oldest-first", "--after", first["next"], "--from", "1h")
    assert [found["id"] for found in rest["events"]] == ["e1", "e2", "e3"]
    told = kulkul.told("event", "search", "--bus", orders, "--rule", "large")
    assert len(told.splitlines()) == 2 and "delivered" in told and "→ large" in told
    assert kulkul.run("event", "search", "--bus", orders, "--type", "other").returncode == 4
    assert kulkul.run("event", "search", "--bus", orders, "--from", "soon").returncode == 2
    assert "status" in kulkul.run("event", "search", "--bus", orders, "--status", "lost").stderr


def test_a_bus_is_followed_live(kulkul, hub, orders):
    hub.put_accepted(orders, event("before"))
    tail = kulkul.start("event", "tail", "--bus", orders, "--type", "wanted", "--count", "2", "--json")
    over = threading.Event()

    def put():
        number = 0
        while not over.is_set():
            hub.put_accepted(orders, event(f"e{number}", type="wanted"), event(f"o{number}", type="other"))
            number += 1
            over.wait(0.1)

    producer = threading.Thread(target=put)
    producer.start()
    try:
        lines, _ = tail.communicate(timeout=60)
    finally:
        over.set()
        producer.join()
        tail.kill()
    seen = [json.loads(line) for line in lines.splitlines()]
    assert [found["type"] for found in seen] == ["wanted", "wanted"]
    numbers = [int(found["id"][1:]) for found in seen]
    assert numbers[1] == numbers[0] + 1
    assert tail.returncode == 0


def test_past_events_are_sent_again(kulkul, hub, orders):
    hub.put_accepted(orders, event("e1", data={"total": 101}), event("e2", data={"total": 7}))
    done = kulkul.json("event", "replay", "start", "--bus", orders, "--to-rule", "large", "--rate", "1000")
    assert (done["state"], done["sentCount"], done["unmatchedCount"]) == ("done", 1, 1)
    assert "done" in kulkul.told("event", "replay", "show", "--bus", orders, done["id"])
    slow = kulkul.json("event", "replay", "start", "--bus", orders, "--id", "e1", "--rate", "1", "--detach")
    assert slow["filter"] == {"id": "e1"}
    kulkul.told("event", "replay", "cancel", "--bus", orders, slow["id"])
    listed = kulkul.told("event", "replay", "list", "--bus", orders).splitlines()
    assert [line.split()[0] for line in listed] == [slow["id"], done["id"]]
    assert kulkul.run("event", "replay", "start", "--bus", orders, "--to-target", "t").returncode == 2
    absent = kulkul.run("event", "replay", "start", "--bus", orders, "--to-rule", "absent")
    assert absent.returncode == 1 and "EventRuleNotExisted" in absent.stderr


def test_a_bus_is_told_to_drop_what_comes_again(kulkul, hub, unique):
    bus = unique("once")
    hub.create_bus(bus)
    assert kulkul.json("bus", "set", bus)["deduplicationWindowSeconds"] is None
    assert "300 s" in kulkul.told("bus", "set", bus, "--deduplicate", "5m")
    first, second = (hub.put_accepted(bus, event("e1"))[0].trace_id for _ in range(2))
    assert first == second
    assert kulkul.json("bus", "set", bus, "--deduplicate", "off")["deduplicationWindowSeconds"] is None
    assert kulkul.run("bus", "set", bus, "--deduplicate", "2d").returncode == 1
    assert kulkul.run("bus", "set", bus, "--deduplicate", "soon").returncode == 2


def test_a_rule_is_tried_on_past_events(kulkul, hub, orders, tmp_path):
    hub.put_accepted(orders, *(event(f"e{total}", data={"total": total}) for total in (50, 150)))
    pattern = tmp_path / "pattern.json"
    pattern.write_text('{"data": {"total": [{"numeric": ["<", 100]}]}}')
    told = kulkul.told("rule", "dry-run", "--bus", orders, "large", "--pattern", f"@{pattern}")
    assert "newly: e50" in told and "no-longer: e150" in told
    assert 'FAIL $.data.total must satisfy [{"numeric":["<",100]}]: found 150' in told
    run = kulkul.json("rule", "dry-run", "--bus", orders, "--pattern", "{}", "--targets", "[]")
    assert (run["seenCount"], run["newlyCount"]) == (2, 2)
    assert kulkul.run("rule", "dry-run", "--bus", orders).returncode == 2
