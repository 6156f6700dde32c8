"""Schedule sources fire every tick once, also over restarts."""

import datetime

import pytest
from alibabacloud_eventbridge20200401 import models

from harness import raw
from harness.event_bridge import Hub, Refused, checked
from harness.waiting import wait_until

TYPE = "eventbridge:Events:ScheduledEvent"


def create(hub, name, schedule, bus="default", **settings):
    request = models.CreateEventSourceRequest(
        event_bus_name=bus, event_source_name=name,
        source_scheduled_event_parameters=models.CreateEventSourceRequestSourceScheduledEventParameters(
            schedule=schedule, **settings))
    return checked(hub.client.create_event_source(request))


def fired(server, source, bus="default"):
    """Returns the events of a source, oldest first."""
    request = models.QueryTracedEventsRequest(
        event_bus_name=bus, event_source=source, start_time=0, end_time=4_000_000_000_000, limit=100)
    found = checked(Hub(server).client.query_traced_events(request)).data.events
    ids = [event.event_id for event in found]
    traces = [raw.call(server, "GET", f"/kulkul/v1/buses/{bus}/events/{id}/trace").json()["events"] for id in ids]
    return sorted((entry["event"] for trace in traces for entry in trace), key=lambda event: event["time"])


def test_a_schedule_fires_at_planned_times(server, hub, unique):
    name = unique("tick")
    create(hub, name, "*/1 * * * * *", time_zone="GMT+8:00", user_data='{"a":1}')
    events = wait_until(lambda: len(found := fired(server, name)) >= 3 and found, what=server.tail)
    times = [datetime.datetime.fromisoformat(event["time"]) for event in events]
    assert all(later - earlier == datetime.timedelta(seconds=1) for earlier, later in zip(times, times[1:]))
    assert {event["type"] for event in events} == {TYPE}
    assert len({event["id"] for event in events}) == len(events)
    assert events[0]["data"] == {"TimeZone": "GMT+8:00", "Schedule": "*/1 * * * * *", "UserData": '{"a":1}'}
    assert "subject" not in events[0]


def test_a_schedule_follows_its_source(server, hub, unique):
    name = unique("tick")
    create(hub, name, "0 0 0 29 2 *", time_zone="Asia/Jakarta")
    request = models.UpdateEventSourceRequest(
        event_bus_name="default", event_source_name=name,
        source_scheduled_event_parameters=models.UpdateEventSourceRequestSourceScheduledEventParameters(
            schedule="* * * * * *"))
    checked(hub.client.update_event_source(request))
    wait_until(lambda: fired(server, name), what=server.tail)
    request = models.ListUserDefinedEventSourcesRequest(name_prefix=name)
    [source] = checked(hub.client.list_user_defined_event_sources(request)).data.event_source_list
    shown = source.source_scheduled_event_parameters
    assert (source.external_source_type, shown.schedule, shown.time_zone) == ("ScheduledEvent", "* * * * * *", "GMT+0:00")
    checked(hub.client.delete_event_source(models.DeleteEventSourceRequest(
        event_bus_name="default", event_source_name=name)))
    other = unique("tick")
    create(hub, other, "* * * * * *")
    # A tick that was under way at the deletion has come once a later one of another schedule has.
    before = len(wait_until(lambda: fired(server, other), what=server.tail))
    count = len(fired(server, name))
    wait_until(lambda: len(fired(server, other)) >= before + 3, what=server.tail)
    assert len(fired(server, name)) == count


def test_every_tick_fires_once_over_restarts(new_server):
    server = new_server()
    create(Hub(server), "tick", "* * * * * *")
    for _ in range(3):
        before = len(fired(server, "tick"))
        wait_until(lambda: len(fired(server, "tick")) > before, what=server.tail)
        server.kill()
        server.start()
    before = len(fired(server, "tick"))
    events = wait_until(lambda: len(found := fired(server, "tick")) > before and found, what=server.tail)
    times = [datetime.datetime.fromisoformat(event["time"]) for event in events]
    gaps = {later - earlier for earlier, later in zip(times, times[1:])}
    assert gaps == {datetime.timedelta(seconds=1)}, "none twice, and those of the restarts were made up"


@pytest.mark.parametrize("schedule, zone", [
    ("* * * * *", None), ("61 * * * * *", None), ("0 0 0 30 2 *", None), ("", None),
    ("* * * * * *", "Mars/Base"), ("* * * * * *", "GMT+99:00"),
])
def test_what_is_no_schedule_is_refused(hub, unique, schedule, zone):
    with pytest.raises(Refused) as refused:
        create(hub, unique("tick"), schedule, time_zone=zone)
    assert refused.value.code == "InvalidArgument"
