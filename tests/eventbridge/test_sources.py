"""Event sources: the services of the cloud, those that users register on buses, and where the two lists come from."""

import time

import pytest
from alibabacloud_eventbridge20200401 import models

from harness import clients, raw
from harness.event_bridge import Hub, bus_arn, checked
from harness.refusals import business_error, refused
from harness.server import REGION


class Sources:
    """Uses the operations on event sources; business errors become `Refused`."""

    def __init__(self, client):
        self.client = client

    def create(self, bus, name, **settings):
        request = models.CreateEventSourceRequest(event_bus_name=bus, event_source_name=name, **settings)
        return checked(self.client.create_event_source(request)).data.event_source_arn

    def update(self, bus, name, **settings):
        request = models.UpdateEventSourceRequest(event_bus_name=bus, event_source_name=name, **settings)
        return checked(self.client.update_event_source(request)).data

    def delete(self, bus, name):
        request = models.DeleteEventSourceRequest(event_bus_name=bus, event_source_name=name)
        return checked(self.client.delete_event_source(request))

    def listed(self, **query):
        """Returns the answer's data as the plain maps that were sent."""
        request = models.ListUserDefinedEventSourcesRequest(**query)
        response = self.client.list_user_defined_event_sources(request)
        return checked(response).data

    def official(self):
        return checked(self.client.list_aliyun_official_event_sources()).data.event_source_list


@pytest.fixture
def sources(eb):
    return Sources(eb)


@pytest.fixture
def bus(hub, unique):
    name = unique("bus")
    hub.create_bus(name)
    return name


def test_a_source_lives_on_its_bus(sources, bus, unique):
    name = unique("my.shop")
    assert sources.create(bus, name, description="ü") == f"{bus_arn(bus)}/eventsource/{name}"
    found = sources.listed(event_bus_name=bus)
    assert found.total == 1
    source = found.event_source_list[0]
    assert (source.name, source.event_bus_name, source.type, source.status) == (name, bus, "UserDefined", "Activated")
    assert source.arn == f"{bus_arn(bus)}/eventsource/{name}"
    assert abs(source.ctime - time.time() * 1000) < 60_000
    assert sources.update(bus, name, description="new") is True
    assert sources.update(bus, name) is True
    sources.delete(bus, name)
    assert sources.listed(event_bus_name=bus).event_source_list == []
    with business_error("EventSourceNotExist", name):
        sources.delete(bus, name)
    with business_error("EventSourceNotExist", name):
        sources.update(bus, name, description="x")


def test_the_description_is_shown(server, sources, bus, unique):
    name = unique("shop")
    sources.create(bus, name, description="of the shop")
    # The SDK's model has no member for it, but other clients read it.
    listed = raw.rpc(server, "ListUserDefinedEventSources", {"EventBusName": bus}).json()["Data"]["EventSourceList"]
    assert [source["Description"] for source in listed] == ["of the shop"]


def test_a_name_is_given_once_whatever_the_bus(sources, hub, bus, unique):
    name, other = unique("shop"), unique("bus")
    hub.create_bus(other)
    sources.create(bus, name)
    for where in (bus, other):
        with business_error("EventSourceAlreadyExist", bus):
            sources.create(where, name)
    with business_error("EventSourceNotExist"):
        sources.delete(other, name)


@pytest.mark.parametrize("name", ["-a", ".a", "a b", "ü", "a/b", "x" * 128])
def test_a_name_that_cannot_be_is_refused(sources, bus, name):
    with business_error("EventSourceNameInvalid"):
        sources.create(bus, name)
    assert sources.listed(event_bus_name=bus).total == 0


def test_the_longest_name_and_description_are_taken(sources, bus, unique):
    name = unique("x").ljust(127, "y")
    sources.create(bus, name, description="ü" * 255)
    for act in (lambda: sources.create(bus, unique("z"), description="ü" * 256), lambda: sources.update(bus, name, description="ü" * 256)):
        with business_error("InvalidArgument", "255"):
            act()
    assert [source.name for source in sources.listed(event_bus_name=bus).event_source_list] == [name]


def test_what_is_missing_or_unknown_is_named(sources, bus, unique):
    with refused("MissingEventSourceName", 400):
        sources.create(bus, None)
    with refused("MissingEventBusName", 400):
        sources.create(None, "x")
    absent = unique("nowhere")
    for act in (lambda: sources.create(absent, "x"), lambda: sources.listed(event_bus_name=absent)):
        with business_error("EventBusNotExist", absent):
            act()


def test_sources_are_listed_in_pages(sources, bus, unique):
    prefix = unique("page")
    for letter in "cab":
        sources.create(bus, f"{prefix}-{letter}")
    first = sources.listed(name_prefix=prefix, limit=2)
    second = sources.listed(name_prefix=prefix, limit=2, next_token=first.next_token)
    names = [source.name for page in (first, second) for source in page.event_source_list]
    assert (first.total, names, second.next_token) == (3, [f"{prefix}-{letter}" for letter in "abc"], None)
    with refused("InvalidLimit", 400):
        sources.listed(limit=101)


KAFKA = models.CreateEventSourceRequestSourceKafkaParameters(topic="t")
ROCKET = models.CreateEventSourceRequestSourceRocketMQParameters(topic="t")


@pytest.mark.parametrize("settings, type", [
    ({"source_kafka_parameters": KAFKA}, "Kafka"),
    ({"linked_external_source": True, "external_source_type": "RabbitMQ", "external_source_config": {"a": "b"}}, "RabbitMQ"),
    ({"source_rocket_mqparameters": ROCKET}, "RocketMQ"),
    ({"external_source_type": "Telex"}, "Telex"),
], ids=["block", "older", "rocket", "unknown"])
def test_a_kind_that_is_not_offered_is_refused_with_those_that_are(sources, bus, settings, type):
    with business_error("EventSourceTypeInvalid", f"`{type}` are not offered; offered are applications"):
        sources.create(bus, "x", **settings)
    assert sources.listed(event_bus_name=bus).total == 0


def test_a_source_keeps_its_kind(sources, bus, unique):
    name = unique("shop")
    sources.create(bus, name)
    with business_error("EventSourceTypeInvalid"):
        sources.update(bus, name, source_kafka_parameters=models.UpdateEventSourceRequestSourceKafkaParameters(topic="t"))


def test_a_bus_with_sources_is_not_deleted(sources, eb, bus, unique):
    name = unique("shop")
    sources.create(bus, name)
    delete = lambda: checked(eb.delete_event_bus(models.DeleteEventBusRequest(event_bus_name=bus)))
    with business_error("EventBusSourceNotEmptyForDelete"):
        delete()
    sources.delete(bus, name)
    assert delete().data is True


def test_every_service_of_the_cloud_is_listed_with_its_types(sources):
    official = {source.name: source for source in sources.official() if source.name.startswith("acs.")}
    assert len(official) == 77
    assert sum(len(source.event_types) for source in official.values()) == 783
    oss = official["acs.oss"]
    assert oss.arn == f"acs:eventbridge:{REGION}:SYSTEM:eventsource/acs.oss"
    assert (oss.full_name, oss.event_bus_name, oss.status, oss.type) == ("Object Storage Service", "default", "Activated", "1")
    kind = next(kind for kind in oss.event_types if kind.name == "oss:ObjectCreated:PutObject")
    assert (kind.event_source_name, kind.group_name, kind.short_name) == ("acs.oss", "oss:ObjectCreated", "PutObject")


def test_sources_survive_a_restart(new_server):
    server = new_server()
    Hub(server).create_bus("orders")
    Sources(clients.event_bridge(server)).create("orders", "shop")
    server.restart()
    found = Sources(clients.event_bridge(server)).listed(event_bus_name="orders").event_source_list
    assert [source.name for source in found] == ["shop"]


def test_what_only_database_sources_need_is_not_offered(eb):
    mysql = models.DiscoverEventSourceRequestSourceMySQLParameters(host_name="h", port=3306)
    with refused("InvalidApi.NotFound", 404):
        eb.discover_event_source(models.DiscoverEventSourceRequest(source_my_sqlparameters=mysql))
    mysql = models.TestEventSourceConfigRequestSourceMySQLParameters(host_name="h", port=3306)
    with refused("InvalidApi.NotFound", 404):
        eb.test_event_source_config(models.TestEventSourceConfigRequest(source_my_sqlparameters=mysql))
