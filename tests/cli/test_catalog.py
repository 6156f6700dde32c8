"""The commands around event sources: `trigger sources`, `event sample`, `catalog …`."""

import json

import pytest

from harness import catalog
from harness.commands import Commands
from harness.event_bridge import Hub

DEPOT = {"source": "depot", "name": {"en": "Depot"}, "types": [{"type": "depot:Door:Opened", "sample_data": {"door": 7}}]}


@pytest.fixture
def commands(binary, server):
    """Runs commands against the shared server."""
    return Commands(binary, server)


def test_sources_are_listed_and_found(kulkul, succeed):
    told = succeed("trigger", "sources")
    assert sum(line.startswith("acs.") for line in told.splitlines()) == 77
    storage = succeed("trigger", "sources", "--category", "storage")
    assert "acs.oss" in storage and "acs.ecs" not in storage
    found = succeed("trigger", "sources", "--search", "blackhole", "--types")
    assert "acs.ddos" in found and "acs.oss" not in found
    machine = json.loads(succeed("trigger", "sources", "--json"))["sources"]
    assert sum(len(source["types"]) for source in machine if source["origin"] == "builtin") == 783
    assert kulkul("trigger", "sources", "--search", "no-such-thing-anywhere").returncode == 4
    wrong = kulkul("trigger", "sources", "--category", "toys")
    assert wrong.returncode == 1 and "toys" in wrong.stderr and "storage" in wrong.stderr


def test_a_sample_is_printed_or_put(succeed, server, unique):
    bus = unique("bus")
    Hub(server).create_bus(bus)
    args = ["event", "sample", "acs.ecs", "ecs:Instance:StateChange", "--seed", "7", "--time", "2026-02-11T03:04:05Z", "--bus", bus]
    printed = json.loads(succeed(*args, "--set", "data.state=Stopped", "--set", "data.count=3", "--json"))
    assert (printed["data"]["state"], printed["data"]["count"]) == ("Stopped", 3)
    assert json.loads(succeed(*args))["id"] == printed["id"]
    put = json.loads(succeed(*args, "--set", "data.state=Stopped", "--put", "--json"))
    assert put["eventId"] == printed["id"]
    assert '"Stopped"' in succeed("event", "trace", "--bus", bus, printed["id"], "--json")


def test_what_cannot_be_set_or_does_not_exist_is_named(kulkul):
    kind = ["event", "sample", "acs.ecs", "ecs:Instance:StateChange"]
    table = [
        ([*kind, "--set", "data.state.deep=1"], 1, "data.state.deep"),
        ([*kind, "--set", "nonsense"], 2, "`nonsense` is not of the form path=value"),
        ([*kind, "--put", "--bus", "absent"], 1, "EventBusNotExist"),
        (["event", "sample", "acs.esc", "x"], 1, "acs.ecs"),
    ]
    for arguments, status, words in table:
        done = kulkul(*arguments)
        assert done.returncode == status and words in done.stderr, f"{arguments}: {done.stderr}"


def test_a_source_is_added_offered_and_taken_away(kulkul, succeed, server, unique, tmp_path):
    name = unique("depot")
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(DEPOT | {"source": name}))
    assert f"{name}.json: {name}" in succeed("catalog", "add", str(file))
    assert name in succeed("trigger", "sources", "--search", name)
    assert json.loads(succeed("event", "sample", name, "depot:Door:Opened", "--json"))["data"] == {"door": 7}
    assert f"{name}.json" in succeed("catalog", "list")
    succeed("catalog", "remove", f"{name}.json")
    assert name not in catalog.sources(server)
    assert kulkul("catalog", "remove", f"{name}.json").returncode == 1


def test_a_bad_document_is_refused_with_file_line_and_reason(kulkul, server, unique, tmp_path):
    name = unique("bad")
    file = tmp_path / f"{name}.toml"
    file.write_text(f'source = "{name}"\n\ncategory = "toys"\n')
    done = kulkul("catalog", "add", str(file))
    assert done.returncode == 1
    assert f"{name}.toml:3:" in done.stderr and "unknown category `toys`" in done.stderr
    assert name not in catalog.sources(server)
