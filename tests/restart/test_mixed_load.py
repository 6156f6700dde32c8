"""Every event type of the catalog at full speed, failing targets among the others, and `kill -9` in the middle."""

import concurrent.futures
import itertools
import json
import pathlib
import threading
import urllib.parse

from harness import raw
from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.waiting import wait_until

CATALOG = pathlib.Path(__file__).parents[2] / "crates/catalog/data"
PRODUCERS = 4
EVENTS_PER_REQUEST = 16
TARGETS = 10
FAILING = 1
LAPS = 2
# How far the load has come when the server dies, as parts of it.
KILLS = (0.3, 0.7)

FAILS = "def handler(event, context):\n    raise RuntimeError('out of order')\n"


def catalog():
    """Returns every source with each of its types and the sample of its data."""
    for path in sorted(CATALOG.glob("*.json")):
        document = json.loads(path.read_text())
        for kind in document["types"]:
            yield document["source"], kind["type"], kind.get("sample_data")


class Load:
    """Puts every event of a list, from several threads, and remembers what was acknowledged.

    What was under way when the server died is put again under another id: nothing was promised of the first.
    """

    def __init__(self, server, events):
        self.server = server
        self.waiting = [events[at:at + EVENTS_PER_REQUEST] for at in range(0, len(events), EVENTS_PER_REQUEST)]
        self.total = len(events)
        self.acknowledged = {}
        self.lock, self.numbers = threading.Lock(), itertools.count()

    def run(self):
        hub = Hub(self.server)
        while True:
            with self.lock:
                if not self.waiting:
                    return
                batch = self.waiting.pop()
            named = {f"e{next(self.numbers)}": row for row in batch}
            events = [event(id, source, kind, data) for id, (source, kind, data) in named.items()]
            try:
                entries = hub.put_accepted("default", *events)
            except AssertionError:
                raise
            except Exception:
                with self.lock:
                    self.waiting.append(batch)
                continue
            with self.lock:
                self.acknowledged.update({entry.event_id: named[entry.event_id][1] for entry in entries})

    def done(self):
        return len(self.acknowledged) / self.total


def deliveries(server, id):
    """Returns what the trace of an event says of each delivery: the state, and how many attempts there were."""
    answer = raw.call(server, "GET", f"/kulkul/v1/buses/default/events/{urllib.parse.quote(id)}/trace")
    assert answer.status_code == 200, answer.text
    return [(delivery["target"], delivery["state"], len(delivery["attempts"]), delivery.get("lastAnswer") or "")
            for accepted in answer.json()["events"] for delivery in accepted["deliveries"]]


def test_every_accepted_event_is_delivered_or_dead_lettered_and_its_trace_says_which(new_server, collector, unique):
    server, path = new_server(environment={"KULKUL_OWN_EVENTS": "false", "KULKUL_HELD_UP_MAX": "20s"}), "/" + unique("mixed")
    hub, functions = Hub(server), Functions(server)
    rows = list(catalog())
    assert len(rows) == 783
    functions.create("fails", FAILS)
    functions.create("works", RECORDER, environment_variables={"URL": collector.url(path)})
    types = sorted({kind for _, kind, _ in rows})
    target_of = {}
    for number in range(TARGETS):
        mine = types[number::TARGETS]
        function = "fails" if number < FAILING else "works"
        target = function_target(function, f"t{number}", "Sync")
        target_of.update(dict.fromkeys(mine, f"t{number}"))
        hub.create_rule("default", f"r{number}", {"type": mine}, [target])

    load = Load(server, rows * LAPS)
    with concurrent.futures.ThreadPoolExecutor(PRODUCERS) as pool:
        producers = [pool.submit(load.run) for _ in range(PRODUCERS)]
        for part in KILLS:
            wait_until(lambda: load.done() >= part, 120, load.done)
            assert load.done() < 1, "the server dies under load, or this test says nothing"
            server.kill()
            server.start()
        for producer in producers:
            producer.result(120)
    accepted = load.acknowledged
    assert len(accepted) == len(rows) * LAPS

    # An event is settled once, so each is asked about until it is, and then no more.
    owed = set(accepted)
    ends = {}
    with concurrent.futures.ThreadPoolExecutor(PRODUCERS) as pool:
        def look():
            for id, found in zip(list(owed), pool.map(lambda id: deliveries(server, id), list(owed))):
                if all(state != "waiting" for _, state, _, _ in found):
                    ends[id] = found
                    owed.discard(id)
            return not owed
        wait_until(look, 240, lambda: f"{len(owed)} are still owed: {sorted(owed)[:5]}", every=2)

    recorded = {document["id"] for document in collector.documents(path)}
    for id, found in ends.items():
        target = target_of[accepted[id]]
        failing = int(target[1:]) < FAILING
        (named, state, attempts, answer), = found
        assert (named, state) == (target, "dead-lettered" if failing else "delivered"), (id, found)
        # Given up after the four attempts of the strategy, or because a parked target held it up: the trace says which.
        assert attempts >= (4 if failing else 1) or failing and answer.startswith("parked"), (id, found)
        assert (id in recorded) != failing, (id, found)
    dead = sum(state == "dead-lettered" for found in ends.values() for _, state, _, _ in found)
    print(f"\n{len(accepted)} events of {len(types)} types accepted over {len(KILLS)} kills: {len(accepted) - dead} delivered, {dead} dead-lettered")
