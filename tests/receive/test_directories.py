"""Watched directories: a file that appears is an event."""

import json

import pytest
from alibabacloud_eventbridge20200401 import models

from harness import raw
from harness.event_bridge import Hub, checked
from harness.waiting import wait_until


@pytest.fixture
def inbox(tmp_path):
    path = tmp_path / "inbox"
    path.mkdir()
    return path


@pytest.fixture
def watcher(new_server, inbox):
    return new_server(environment={"KULKUL_WATCHED_DIRECTORIES": f"inbox={inbox}"})


def reported(server, source="inbox"):
    """Returns the events of a directory by file name, oldest first."""
    request = models.QueryTracedEventsRequest(
        event_bus_name="default", event_source=source, start_time=0, end_time=4_000_000_000_000, limit=100)
    found = checked(Hub(server).client.query_traced_events(request)).data.events
    events = {}
    for event in reversed(found):
        trace = raw.call(server, "GET", f"/kulkul/v1/buses/default/events/{event.event_id}/trace").json()
        events.setdefault(trace["events"][0]["event"]["subject"], []).append(trace["events"][0]["event"])
    return events


def test_files_are_reported_once_and_again_when_they_change(watcher, inbox):
    (inbox / "a.csv").write_text("abc")
    (inbox / ".partial").write_text("abc")
    (inbox / "folder").mkdir()
    [event] = wait_until(lambda: reported(watcher).get("a.csv"), what=watcher.tail)
    assert (event["source"], event["type"]) == ("inbox", "kulkul:Directory:FileCreated")
    assert (event["data"]["path"], event["data"]["size"]) == (str(inbox / "a.csv"), 3)
    (inbox / "a.csv").write_text("abcd")
    (inbox / "b.csv").write_text("x")
    events = wait_until(lambda: len(found := reported(watcher)) == 2 and len(found["a.csv"]) == 2 and found,
                        what=lambda: json.dumps(reported(watcher)))
    assert events["a.csv"][1]["type"] == "kulkul:Directory:FileChanged"
    assert set(events) == {"a.csv", "b.csv"}


def test_what_appeared_while_the_server_was_down_is_reported_and_nothing_twice(watcher, inbox):
    for number in range(5):
        (inbox / f"{number}.txt").write_text("x")
    wait_until(lambda: reported(watcher), what=watcher.tail)
    watcher.kill()
    (inbox / "late.txt").write_text("x")
    watcher.start()
    events = wait_until(lambda: len(found := reported(watcher)) == 6 and found, what=watcher.tail)
    assert all(len(of_file) == 1 for of_file in events.values()), json.dumps(events)


def test_a_directory_may_come_and_go(new_server, tmp_path):
    path = tmp_path / "later"
    server = new_server(environment={"KULKUL_WATCHED_DIRECTORIES": f"later={path}"})
    wait_until(lambda: "a directory is not watched" in server.tail(), what=server.tail)
    path.mkdir()
    (path / "a").write_text("x")
    wait_until(lambda: reported(server, "later").get("a"), what=server.tail)


def test_a_setting_that_cannot_be_read_is_reported(new_server):
    server = new_server(start=False, environment={"KULKUL_WATCHED_DIRECTORIES": "inbox"})
    with pytest.raises(AssertionError):
        server.start()
    assert "`watched_directories`" in server.tail()
