"""What tests of the examples share: each is deployed with its own file and tried with real events."""

import json

import pytest

from harness.example import CHECKOUT, Example


@pytest.fixture
def example(request, binary, fresh_server):
    """The example that the test's file is named after: `test_ecs_guard.py` is about `ecs-guard`."""
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    return Example(name, binary, fresh_server)


@pytest.fixture
def sample():
    """Makes a whole event of a known type: `sample("ecs:Instance:StateChange", {"state": "Stopped"}, id="e1")`."""
    def make(kind, data=None, id="event-1", time="2026-11-29T08:00:00Z"):
        source, known = find(kind)
        subject = known.get("subject", "")
        setting = source["sample_setting"]
        merged = {**known["sample_data"], **(data or {})}
        subject = subject.replace("{region}", setting["region"]).replace("{account}", setting["account"])
        return {
            "specversion": "1.0", "id": id, "source": source["source"], "type": kind, "time": time,
            "datacontenttype": "application/json", "subject": subject or "-", "data": merged,
        }
    return make


def find(kind):
    """Returns the catalog's source and type of this name."""
    for path in (CHECKOUT / "crates" / "catalog" / "data").glob("*.json"):
        source = json.loads(path.read_text())
        for known in source["types"]:
            if known["type"] == kind:
                return source, known
    raise KeyError(kind)
