"""The control plane of message queues, through its official client."""

import pytest
from alibabacloud_mns_open20220119 import models
from alibabacloud_mns_open20220119.client import Client
from alibabacloud_tea_openapi import utils_models

from harness import queues, raw
from harness.refusals import refused
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, REGION


def client_of(server):
    return Client(utils_models.Config(
        access_key_id=ACCESS_KEY_ID, access_key_secret=ACCESS_KEY_SECRET, endpoint=server.api, protocol="http",
        region_id=REGION, read_timeout=60_000, connect_timeout=10_000))


@pytest.fixture
def client(server):
    return client_of(server)


def policy(model, target, count, enabled=True):
    return model(enabled=enabled, dead_letter_target_queue=target, max_receive_count=count)


def attributes(client, name):
    return client.get_queue_attributes(models.GetQueueAttributesRequest(queue_name=name)).body.data


def test_a_queue_lives_in_both_planes(server, client, unique):
    name = unique("control")
    body = client.create_queue(models.CreateQueueRequest(queue_name=name, delay_seconds=3, enable_logging=True)).body
    assert (body.code, body.success, body.data.success) == (200, True, True)
    meta = queues.account(server).get_queue(name).get_attributes()
    assert (meta.delay_seconds, meta.logging_enabled) == (3, True)
    client.set_queue_attributes(models.SetQueueAttributesRequest(queue_name=name, visibility_timeout=77))
    queues.account(server).get_queue(name).send_message(queues.message("a", delay_seconds=0))
    found = attributes(client, name)
    assert (found.queue_name, found.delay_seconds, found.visibility_timeout, found.active_messages) == (name, 3, 77, 1)
    assert found.create_time == meta.create_time
    client.delete_queue(models.DeleteQueueRequest(queue_name=name))
    with refused("QueueNotExist", status=404):
        attributes(client, name)


def test_creating_a_queue_again_needs_the_same_attributes(client, unique):
    name = unique("control")
    for _ in range(2):
        client.create_queue(models.CreateQueueRequest(queue_name=name, delay_seconds=3))
    with refused("QueueAlreadyExist", status=409):
        client.create_queue(models.CreateQueueRequest(queue_name=name, delay_seconds=4))


def test_messages_that_nobody_can_handle_go_to_the_dead_letter_queue(server, client, unique):
    name, dead = unique("control"), unique("dead")
    letters = queues.create_queue(server, dead, encoded=False)
    client.create_queue(models.CreateQueueRequest(
        queue_name=name, visibility_timeout=1, dlq_policy=policy(models.CreateQueueRequestDlqPolicy, dead, 2)))
    found = attributes(client, name).dlq_policy
    assert (found.enabled, found.dead_letter_target_queue, found.max_receive_count) == (True, dead, "2")
    queue = queues.account(server).get_queue(name)
    queue.set_encoding(False)
    sent = queue.send_message(queues.message("poison"))
    for count in (1, 2):
        assert queue.receive_message_with_str_body(30).dequeue_count == count
    with queues.refused("MessageNotExist"):
        queue.receive_message(3)
    letter = letters.receive_message_with_str_body(30)
    assert (letter.message_body, letter.dequeue_count) == ("poison", 1)
    properties = {key: value.get_string_value_by_type() for key, value in letter.get_system_properties().items()}
    assert properties["DLQOriginMessageId"] == sent.message_id
    assert properties["DLQSourceArn"].endswith(f":/queues/{name}")
    assert queues.counts(queue) == (0, 0, 0)


def test_lists_have_numbered_pages(client, unique):
    prefix = unique("listed")
    names = [f"{prefix}-{number:02}" for number in range(12)]
    for name in names:
        client.create_queue(models.CreateQueueRequest(queue_name=name))
    def page(number):
        return client.list_queue(models.ListQueueRequest(queue_name=prefix, page_num=number, page_size=10)).body.data
    first, second, third = page(1), page(2), page(3)
    assert [queue.queue_name for queue in first.page_data + second.page_data] == names
    assert (first.total, first.pages, first.size, second.size, third.size) == (12, 2, 10, 2, 0)


@pytest.mark.parametrize("settings, code", [
    ({"queue_type": "fifo"}, "InvalidQueueType"), ({"delay_seconds": 604801}, "InvalidArgument"),
    ({"queue_name": "a_b"}, "InvalidQueueName"), ({"queue_name": None}, "MissingQueueName"),
    ({"delay_seconds": -1}, "InvalidDelaySeconds"),
])
def test_what_cannot_be_is_refused(client, unique, settings, code):
    with refused(code, status=400):
        client.create_queue(models.CreateQueueRequest(**{"queue_name": unique("control"), **settings}))


def test_a_queue_cannot_be_its_own_dead_letter_queue(client, unique):
    name = unique("control")
    with refused("InvalidArgument", status=400):
        client.create_queue(models.CreateQueueRequest(
            queue_name=name, dlq_policy=policy(models.CreateQueueRequestDlqPolicy, name, 2)))


def test_operations_that_are_not_offered_say_so(server):
    headers = {"x-acs-action": "CreateTopic", "x-acs-version": "2022-01-19"}
    answer = raw.call(server, "POST", "/?TopicName=t", headers=headers)
    assert (answer.status_code, answer.json()["Code"]) == (404, "InvalidApi.NotFound")
