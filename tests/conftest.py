"""Fixtures of all black-box tests: the server, its clients, and what they leave behind on failure."""

import itertools
import os
import uuid

import pytest

from harness import clients
from harness.collector import Collector
from harness.event_bridge import Hub, function_target
from harness.functions import RECORDER, Functions
from harness.server import Server, find_binary


def pytest_configure(config):
    binary = find_binary()
    if not os.access(binary, os.X_OK):
        pytest.exit(f"{binary} is not there: build it with `cargo build -p kulkul` or set KULKUL_BIN", returncode=4)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the end of the log of every server that a failed test used."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            servers = value.started if isinstance(value, ServerFactory) else [value]
            for server in servers:
                if isinstance(server, Server):
                    report.sections.append((f"log of {name} in {server.home}", server.tail()))
    return report


class ServerFactory:
    """Makes servers with a fresh data directory each, and ends them all with the test."""

    def __init__(self, binary, home):
        self.binary, self.home, self.started = binary, home, []

    def __call__(self, start=True, **options):
        server = Server(self.binary, self.home / f"server-{len(self.started)}", **options)
        self.started.append(server)
        return server.start() if start else server

    def close(self):
        for server in self.started:
            server.close()


@pytest.fixture(scope="session")
def binary():
    """The program under test."""
    return find_binary()


@pytest.fixture(scope="session")
def server(binary, tmp_path_factory):
    """A server that all tests of one worker share: use names of your own in it."""
    server = Server(binary, tmp_path_factory.mktemp("shared"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def new_server(binary, tmp_path):
    """Starts servers that belong to one test: `new_server(environment={…})`."""
    factory = ServerFactory(binary, tmp_path)
    yield factory
    factory.close()


@pytest.fixture
def fresh_server(new_server):
    """A server that belongs to one test and knows nothing yet."""
    return new_server()


@pytest.fixture(scope="session")
def unique():
    """Makes names that no other test uses: `unique("resize")`."""
    counter = itertools.count(1)
    prefix = uuid.uuid4().hex[:6]
    return lambda stem="t": f"{stem}-{prefix}-{next(counter)}"


@pytest.fixture(scope="session")
def collector():
    """An HTTP server that remembers what functions and targets send to it."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="session")
def fc(server):
    """The official Function Compute client on the shared server."""
    return clients.function_compute(server)


@pytest.fixture(scope="session")
def eb(server):
    """The official EventBridge client on the shared server."""
    return clients.event_bridge(server)


@pytest.fixture(scope="session")
def functions(server):
    """Short ways to create and invoke functions on the shared server."""
    return Functions(server)


@pytest.fixture
def record(functions, collector):
    """Makes targets that keep whole events, or what `body` makes of them, in the collector: `record("/path")`."""
    def target(path, id="t1", body=None, **settings):
        name = path.strip("/").replace("/", "-")
        functions.create(name, RECORDER, environment_variables={"URL": collector.url(path)})
        return function_target(name, id, "Sync", body, **settings)
    return target


@pytest.fixture(scope="session")
def hub(server):
    """Short ways to use buses and rules of the shared server."""
    return Hub(server)
