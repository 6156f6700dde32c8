"""Samples: whole events of any type that the catalog knows."""

import pytest

from harness import catalog
from harness.server import ACCOUNT_ID, REGION

AT = "2026-02-11T03:04:05Z"


def test_a_sample_is_what_the_service_would_send(server):
    answer = catalog.sample(server, "acs.ecs", "ecs:Instance:StateChange", seed=1, time=AT)
    assert answer.headers["content-type"] == "application/cloudevents+json"
    event = answer.json()
    assert (event["source"], event["type"], event["specversion"]) == ("acs.ecs", "ecs:Instance:StateChange", "1.0")
    assert (event["aliyunaccountid"], event["aliyunregionid"], event["aliyuneventbusname"]) == (ACCOUNT_ID, REGION, "default")
    assert event["time"].startswith("2026-02-11T03:04:05")
    assert event["data"]["state"]


def test_equal_seeds_and_times_make_equal_samples(server):
    ask = lambda **wishes: catalog.sample(server, "acs.ecs", "ecs:Instance:StateChange", **wishes).text
    assert ask(seed=1, time=AT) == ask(seed=1, time=AT)
    assert ask(seed=1, time=AT) != ask(seed=2, time=AT)
    assert ask(time=AT) != ask(time=AT), "without a seed each is new"


def test_the_older_spelling_of_a_source_is_understood(server):
    assert catalog.sample(server, "acs:ecs", "ecs:Instance:StateChange").json()["source"] == "acs.ecs"


def test_values_are_set_by_path(server):
    event = catalog.sample(server, "acs.ecs", "ecs:Instance:StateChange", bus="b", set={
        "data.state": "Stopped", "data.note": {"a": [1]}, "subject": "mine"}).json()
    assert (event["data"]["state"], event["data"]["note"], event["subject"]) == ("Stopped", {"a": [1]}, "mine")
    assert event["aliyuneventbusname"] == "b"


@pytest.mark.parametrize("wishes, status, code, words", [
    ({"source": "acs.esc"}, 404, "EventSourceNotExist", ["acs.esc", "acs.ecs"]),
    ({"type": "ecs:Instance:StateChanged"}, 404, "EventTypeNotExist", ["ecs:Instance:StateChanged", "ecs:Instance:StateChange`"]),
    ({"set": {"data.state.deep": 1}}, 400, "InvalidArgument", ["data.state.deep"]),
    ({"set": {"data.sta[": 1}}, 400, "InvalidArgument", ["data.sta["]),
    ({"set": {"type": "x"}}, 400, "InvalidArgument", ["type"]),
    ({"set": ["data.state=x"]}, 400, "InvalidArgument", ["set"]),
    ({"seed": -1}, 400, "InvalidArgument", ["seed"]),
    ({"time": "yesterday"}, 400, "InvalidArgument", ["time"]),
    ({"bus": "a b"}, 400, "InvalidArgument", ["bus"]),
    ({"type": None}, 400, "InvalidArgument", ["type"]),
    ({"sets": {"data.state": "Stopped"}}, 400, "InvalidArgument", ["sets", "not known"]),
], ids=str)
def test_an_impossible_wish_is_named(server, wishes, status, code, words):
    asked = {"source": "acs.ecs", "type": "ecs:Instance:StateChange", **wishes}
    answer = catalog.sample(server, **asked)
    assert (answer.status_code, answer.json()["Code"]) == (status, code), answer.text
    for word in words:
        assert word in answer.json()["Message"]


def test_what_nobody_knows_is_said_to_be_unknown(server):
    unknown = [
        (source["name"], kind["type"]) for source in catalog.sources(server).values() for kind in source["types"]
        if source["origin"] == "builtin" and kind["payload"] == "unknown"
    ]
    if not unknown:
        pytest.skip("every payload is known by now")
    event = catalog.sample(server, *unknown[0]).json()
    assert (event["data"], event["kulkulsample"]) == ({}, "payload-unknown")
