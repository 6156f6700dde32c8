"""`kill -9` in the middle of load, again and again: what was acknowledged is delivered."""

import concurrent.futures
import itertools
import subprocess
import threading

import pytest
import requests

from harness import raw
from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.waiting import wait_until

ROUNDS = 20
PRODUCERS = 4
# How many acknowledgements a round waits for before the server dies in the middle of the next ones.
ACKNOWLEDGED_PER_ROUND = 120

class Load:
    """Puts numbered events as fast as it can, from several threads, and remembers what was acknowledged."""

    def __init__(self, server, bus):
        self.server, self.bus = server, bus
        self.acknowledged = []
        self.numbers = itertools.count()
        self.over = threading.Event()

    def run(self):
        hub = Hub(self.server)
        while not self.over.is_set():
            ids = [f"e{next(self.numbers)}" for _ in range(4)]
            try:
                entries = hub.put(self.bus, *(event(id) for id in ids)).entry_list
            except Exception:
                # The server is down, or went down while this request was under way: nothing was promised.
                self.over.wait(0.01)
                continue
            self.acknowledged += [entry.event_id for entry in entries if not entry.error_code]


def test_every_acknowledged_event_is_delivered_though_the_server_is_killed(new_server, collector, unique, record_property):
    server, name = new_server(), unique("survivor")
    functions, hub = Functions(server), Hub(server)
    hub.create_bus("load")
    for kind in ("Sync", "Async"):
        functions.create(kind, RECORDER, environment_variables={"URL": collector.url(f"/{name}/{kind}")})
        hub.create_rule("load", kind, {}, [function_target(kind, kind=kind)])
    load = Load(server, "load")
    with concurrent.futures.ThreadPoolExecutor(PRODUCERS) as pool:
        producers = [pool.submit(load.run) for _ in range(PRODUCERS)]
        try:
            for round in range(ROUNDS):
                wanted = len(load.acknowledged) + ACKNOWLEDGED_PER_ROUND
                wait_until(lambda: len(load.acknowledged) >= wanted, 30, f"acknowledgements in round {round}")
                server.kill()
                server.start()
        finally:
            load.over.set()
        for producer in producers:
            producer.result(30)
    acknowledged = set(load.acknowledged)
    assert len(acknowledged) >= ROUNDS * ACKNOWLEDGED_PER_ROUND
    counts = {}
    for path in (f"/{name}/Sync", f"/{name}/Async"):
        delivered = lambda: {document["id"] for document in collector.documents(path)}  # noqa: E731
        wait_until(lambda: acknowledged <= delivered(), 120, lambda: f"{path} misses {sorted(acknowledged - delivered())[:10]}", every=0.5)
        total = len(collector.bodies(path))
        counts[path.rsplit("/", 1)[1]] = total - len(delivered())
    record_property("acknowledged", len(acknowledged))
    record_property("duplicates", str(counts))
    print(f"\n{len(acknowledged)} events acknowledged in {ROUNDS} rounds, none lost; duplicates: {counts}")


def test_resources_survive_a_kill(fresh_server):
    functions, hub = Functions(fresh_server), Hub(fresh_server)
    functions.create("echo", "def handler(event, context):\n    return event\n")
    functions.event_trigger("echo", "t", {"source": ["shop"]})
    hub.create_bus("orders", "kept")
    hub.create_rule("orders", "r", '{ "source": ["a"] }')
    before = fresh_server.api
    fresh_server.kill()
    fresh_server.start()
    assert fresh_server.api == before
    assert functions.invoke("echo", b"x").body == b"x"
    assert functions.client.get_trigger("echo", "t").body.trigger_name == "t"
    assert hub.get_rule("orders", "r").filter_pattern == '{ "source": ["a"] }'


def test_a_server_stops_cleanly_and_lets_the_work_under_way_finish(fresh_server, collector, unique):
    path = f"/{unique('polite')}"
    functions = Functions(fresh_server)
    functions.create("slow", """
import os, time, urllib.request
def post(word):
    urllib.request.urlopen(urllib.request.Request(os.environ["URL"], word), timeout=10).read()
def handler(event, context):
    post(b"started")
    time.sleep(1)
    post(b"finished")
""", environment_variables={"URL": collector.url(path)})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(functions.invoke, "slow")
        wait_until(lambda: collector.bodies(path) == [b"started"])
        assert fresh_server.stop() == 0, fresh_server.tail()
        assert call.result().error_type is None
    assert collector.bodies(path) == [b"started", b"finished"]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{fresh_server.url}/healthz", timeout=2)


def test_a_data_directory_belongs_to_one_server(fresh_server):
    command = [fresh_server.binary, "serve", "--listen", "127.0.0.1:0", "--objects-listen", "127.0.0.1:0",
               "--data-dir", str(fresh_server.data)]
    second = subprocess.run(command, capture_output=True, timeout=30)
    assert second.returncode != 0
    assert str(fresh_server.data) in second.stderr.decode(), second.stderr
    assert fresh_server.is_healthy()


def test_a_first_key_is_made_and_only_its_owner_can_read_it(new_server):
    server = new_server(environment={"KULKUL_ACCESS_KEY_ID": None, "KULKUL_ACCESS_KEY_SECRET": None})
    files = [entry for entry in server.data.iterdir() if entry.is_file() and "key" in entry.name]
    assert files, sorted(entry.name for entry in server.data.iterdir())
    assert [oct(entry.stat().st_mode & 0o777) for entry in files] == ["0o600"] * len(files)
    assert raw.fc(server, "GET", "/functions").json()["Code"] == "InvalidAccessKeyID"
