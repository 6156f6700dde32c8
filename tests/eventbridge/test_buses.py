"""Event buses."""

import time

import pytest
from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import bus_arn, checked
from harness.refusals import business_error, refused


def get(eb, bus):
    return checked(eb.get_event_bus(models.GetEventBusRequest(event_bus_name=bus)))


def delete(eb, bus):
    return checked(eb.delete_event_bus(models.DeleteEventBusRequest(event_bus_name=bus)))


def listed(eb, **query):
    return checked(eb.list_event_buses(models.ListEventBusesRequest(**query)))


def test_a_bus_is_described_as_it_was_created(eb, hub, unique):
    bus = unique("bus")
    assert hub.create_bus(bus, "for tests ü").event_bus_arn == bus_arn(bus)
    body = get(eb, bus)
    assert body.code == "Success"
    assert (body.data.event_bus_name, body.data.event_bus_arn, body.data.description) == (bus, bus_arn(bus), "for tests ü")
    assert abs(body.data.create_timestamp - time.time() * 1000) < 60_000


def test_the_default_bus_is_always_there(eb):
    assert get(eb, "default").data.event_bus_arn == bus_arn("default")
    assert "default" in [bus.event_bus_name for bus in listed(eb, name_prefix="default").data.event_buses]


def test_a_description_can_be_changed_and_cleared(eb, hub, unique):
    bus = unique("bus")
    hub.create_bus(bus, "old")
    checked(eb.update_event_bus(models.UpdateEventBusRequest(event_bus_name=bus, description="new")))
    assert get(eb, bus).data.description == "new"
    checked(eb.update_event_bus(models.UpdateEventBusRequest(event_bus_name=bus, description="")))
    assert not get(eb, bus).data.description


def test_a_name_is_given_once(hub, unique):
    bus = unique("bus")
    hub.create_bus(bus)
    with business_error("EventBusAlreadyExist"):
        hub.create_bus(bus)


@pytest.mark.parametrize("name", ["-a", "a b", "ü", "a/b", "x" * 128, "eventbridge-reserved-x", "default"])
def test_a_name_that_cannot_be_is_refused(hub, name):
    with business_error("EventBusNameInvalid"):
        hub.create_bus(name)


def test_a_missing_name_is_refused(eb):
    with refused("MissingEventBusName", 400):
        eb.create_event_bus(models.CreateEventBusRequest())


def test_buses_are_listed_in_pages(eb, hub, unique):
    prefix = unique("page")
    for letter in "cab":
        hub.create_bus(f"{prefix}-{letter}")
    first = listed(eb, name_prefix=prefix, limit=2)
    assert first.code == "200"
    assert first.data.total == 3
    names = [bus.event_bus_name for bus in first.data.event_buses]
    second = listed(eb, name_prefix=prefix, limit=2, next_token=first.data.next_token)
    names += [bus.event_bus_name for bus in second.data.event_buses]
    assert sorted(names) == [f"{prefix}-{letter}" for letter in "abc"]
    assert not second.data.next_token
    empty = listed(eb, name_prefix=unique("absent")).data
    assert (empty.event_buses, empty.total) == ([], 0)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": -1}], ids=str)
def test_a_page_of_an_impossible_size_is_refused(eb, query):
    with refused("InvalidLimit", 400):
        listed(eb, **query)


def test_a_deleted_bus_is_gone(eb, hub, unique):
    bus = unique("bus")
    hub.create_bus(bus)
    assert delete(eb, bus).data is True
    with business_error("EventBusNotExist", bus):
        get(eb, bus)
    assert delete(eb, bus).data is False


def test_a_bus_with_rules_is_not_deleted(eb, hub, unique):
    bus = unique("bus")
    hub.create_bus(bus)
    hub.create_rule(bus, "r", {"source": ["a"]})
    with business_error("EventBusRuleNotEmptyForDelete"):
        delete(eb, bus)
    hub.delete_rule(bus, "r")
    assert delete(eb, bus).data is True


def test_the_default_bus_cannot_be_deleted(eb):
    with business_error("EventBusNameInvalid"):
        delete(eb, "default")


def test_an_unknown_bus_does_not_exist(eb, unique):
    bus = unique("nobody")
    with business_error("EventBusNotExist", bus):
        get(eb, bus)
    with business_error("EventBusNotExist", bus):
        checked(eb.update_event_bus(models.UpdateEventBusRequest(event_bus_name=bus, description="x")))


def test_an_operation_that_is_not_offered_says_so(eb):
    with refused("InvalidApi.NotFound", 404):
        eb.list_luma_tables(models.ListLumaTablesRequest())
