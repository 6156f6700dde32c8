"""Message queues as event sources: each message becomes an event."""

import base64

import pytest
from alibabacloud_eventbridge20200401 import models
from mns.mns_exception import MNSServerException

from harness import queues
from harness.event_bridge import Hub, checked, function_target
from harness.functions import RECORDER, Functions
from harness.refusals import refused
from harness.server import ACCOUNT_ID, REGION
from harness.waiting import wait_until


def create_source(hub, bus, name, queue, **settings):
    parameters = models.CreateEventSourceRequestSourceMNSParameters(region_id=REGION, queue_name=queue, **settings)
    request = models.CreateEventSourceRequest(
        event_bus_name=bus, event_source_name=name, source_mnsparameters=parameters)
    return checked(hub.client.create_event_source(request)).data.event_source_arn


def delete_source(hub, bus, name):
    checked(hub.client.delete_event_source(models.DeleteEventSourceRequest(event_bus_name=bus, event_source_name=name)))


@pytest.fixture
def bus(hub, unique, record, collector):
    """A bus whose events are all recorded, and the path that they are recorded under."""
    name = unique("bus")
    hub.create_bus(name)
    hub.create_rule(name, "all", {"type": ["mns:Queue:SendMessage"]}, [record(f"/{name}")])
    return name


@pytest.mark.parametrize("settings, sent, body", [
    ({}, base64.b64encode("grüße".encode()).decode(), "grüße"),
    ({}, "no Base64", "no Base64"),
    ({"is_base_64decode": False}, "aGVsbG8=", "aGVsbG8="),
])
def test_a_message_becomes_an_event_and_is_gone(server, hub, bus, collector, unique, settings, sent, body):
    name, source = unique("source"), unique("my.source")
    queue = queues.create_queue(server, name, encoded=False)
    create_source(hub, bus, source, name, **settings)
    message = queue.send_message(queues.message(sent))
    collector.wait_for(f"/{bus}")
    event = collector.documents(f"/{bus}")[0]
    assert (event["source"], event["type"]) == (source, "mns:Queue:SendMessage")
    assert event["subject"] == f"acs:mns:{REGION}:{ACCOUNT_ID}:queues/{name}"
    assert event["data"]["messageBody"] == body and event["data"]["messageId"] == message.message_id
    assert len(event["data"]["requestId"]) == 24 and event["aliyuneventbusname"] == bus
    wait_until(lambda: queues.counts(queue) == (0, 0, 0), what=lambda: queues.counts(queue))
    delete_source(hub, bus, source)


def test_a_source_is_shown_with_its_queue_and_read_no_more_when_it_is_deleted(server, hub, bus, collector, unique):
    name, source = unique("later"), unique("my.source")
    create_source(hub, bus, source, name)
    request = models.ListUserDefinedEventSourcesRequest(event_bus_name=bus)
    shown = checked(hub.client.list_user_defined_event_sources(request)).data.event_source_list[0]
    assert shown.external_source_type == "MNS"
    parameters = shown.source_mnsparameters
    assert (parameters.queue_name, parameters.region_id, parameters.is_base_64decode) == (name, REGION, True)
    queue = queues.create_queue(server, name)
    queue.send_message(queues.message("first"))
    collector.wait_for(f"/{bus}")
    assert collector.documents(f"/{bus}")[0]["data"]["messageBody"] == "first"
    delete_source(hub, bus, source)

    def is_left_alone():
        queue.send_message(queues.message("second"))
        try:
            return queue.receive_message_with_str_body(0).message_body == "second"
        except MNSServerException as error:
            assert error.type == "MessageNotExist"
    # Who reads a queue is told to stop a moment after the source is gone.
    wait_until(is_left_alone)


def test_a_queue_that_cannot_be_is_refused(hub, bus, unique):
    for queue in ("a_b", ""):
        with refused("InvalidSourceMNSParameters", status=400):
            create_source(hub, bus, unique("my.source"), queue)


def test_messages_become_events_after_a_kill(new_server, collector, unique):
    server, path = new_server(), f"/{unique('survivor')}"
    hub, queue = Hub(server), queues.create_queue(server, "orders", encoded=False)
    hub.create_bus("b")
    Functions(server).create("record", RECORDER, environment_variables={"URL": collector.url(path)})
    hub.create_rule("b", "all", {}, [function_target("record", kind="Sync")])
    create_source(hub, "b", "of-orders", "orders")
    sent = {queue.send_message(queues.message(f"m{number}")).message_id for number in range(50)}
    server.kill()
    server.start()
    def arrived():
        return {event["data"]["messageId"] for event in collector.documents(path)} >= sent
    wait_until(arrived, within=60)
