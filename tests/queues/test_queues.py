"""Queues: their attributes, their names, and lists of them."""

import time

import pytest
from mns.queue import QueueMeta

from harness import queues
from harness.queues import refused

DEFAULTS = {
    "visibility_timeout": 30, "maximum_message_size": 65536, "message_retention_period": 345600, "delay_seconds": 0,
    "polling_wait_seconds": 0, "logging_enabled": False,
}


def attributes(queue):
    meta = queue.get_attributes()
    return {name: getattr(meta, name) for name in DEFAULTS}


def test_a_new_queue_has_the_documented_defaults(server, unique):
    name = unique("queue")
    before = int(time.time())
    queue = queues.account(server).get_queue(name)
    assert queue.create(QueueMeta()) == f"{server.url}/queues/{name}"
    assert attributes(queue) == DEFAULTS
    meta = queue.get_attributes()
    assert meta.queue_name == name and queues.counts(queue) == (0, 0, 0)
    assert before <= meta.create_time == meta.last_modify_time <= int(time.time()), "seconds"


def test_creating_a_queue_again_needs_the_same_attributes(server, unique):
    name = unique("queue")
    queue = queues.create_queue(server, name, delay_sec=7)
    assert queue.create(QueueMeta(delay_sec=7, logging_enabled=True)) == f"{server.url}/queues/{name}"
    with refused("QueueAlreadyExist"):
        queue.create(QueueMeta())


def test_attributes_change_only_where_they_are_named(server, unique):
    queue = queues.create_queue(server, unique("queue"), vis_timeout=60)
    queue.set_attributes(QueueMeta(delay_sec=5, logging_enabled=True))
    assert attributes(queue) == {**DEFAULTS, "visibility_timeout": 60, "delay_seconds": 5, "logging_enabled": True}
    with refused("QueueNotExist"):
        queues.account(server).get_queue(unique("queue")).set_attributes(QueueMeta(delay_sec=5))


LIMITS = [
    ("DelaySeconds", 0, 604800), ("MaximumMessageSize", 1024, 65536), ("MessageRetentionPeriod", 60, 1296000),
    ("VisibilityTimeout", 1, 43200), ("PollingWaitSeconds", 0, 30),
]


@pytest.mark.parametrize("element, low, high", LIMITS)
def test_attributes_are_taken_at_their_limits_and_refused_past_them(server, unique, element, low, high):
    def create(value):
        return queues.send_raw(server, "PUT", f"/queues/{unique('queue')}", f"<Queue><{element}>{value}</{element}></Queue>")
    assert [create(low).status_code, create(high).status_code] == [201, 201]
    for value in (low - 1, high + 1, "many", "", 10**30):
        answer = create(value)
        assert queues.code_of(answer) == (400, "InvalidArgument"), value
        assert element in answer.text


def test_names_of_queues_follow_the_rule(server, unique):
    def create(name):
        return queues.send_raw(server, "PUT", f"/queues/{name}")
    long = (unique("Q") + "-" + "q" * 120)[:120]
    assert [create(unique("9queue")).status_code, create(long).status_code] == [201, 201]
    for name, code in [("-queue", "InvalidQueueName"), ("a_b", "InvalidQueueName"), ("q" * 121, "InvalidQueueName"),
                       ("q" * 257, "QueueNameLengthError"), ("%C3%A4", "InvalidQueueName")]:
        assert queues.code_of(create(name)) == (400, code), name


def test_a_deleted_queue_is_gone_with_its_messages(server, unique):
    queue = queues.create_queue(server, unique("queue"))
    queue.send_message(queues.message("gone"))
    queue.delete()
    queue.delete()
    with refused("QueueNotExist"):
        queue.get_attributes()
    with refused("QueueNotExist"):
        queue.send_message(queues.message("late"))
    with refused("QueueNotExist"):
        queue.receive_message(0)
    queue.create(QueueMeta())
    assert queues.counts(queue) == (0, 0, 0)


def test_lists_are_walked_in_pages(server, unique):
    account, prefix = queues.account(server), unique("list")
    names = sorted(f"{prefix}-{number}" for number in range(25))
    for name in names:
        account.get_queue(name).create(QueueMeta())
    found, marker, pages = [], "", 0
    while True:
        urls, marker = account.list_queue(prefix, 10, marker)
        found += [url.rsplit("/", 1)[1] for url in urls]
        pages += 1
        if not marker:
            break
    assert (found, pages) == (names, 3)
    assert account.list_queue(unique("none")) == ([], "")
    account.get_queue(names[0]).send_message(queues.message("one"))
    answer = queues.send_raw(
        server, "GET", "/queues", headers={"x-mns-prefix": names[0], "x-mns-with-meta": "true"})
    assert queues.element(answer, "QueueURL") == f"{server.url}/queues/{names[0]}"
    assert (queues.element(answer, "ActiveMessages"), queues.element(answer, "VisibilityTimeout")) == ("1", "30")


@pytest.mark.parametrize("headers", [
    {"x-mns-ret-number": "0"}, {"x-mns-ret-number": "1001"}, {"x-mns-ret-number": "x"}, {"x-mns-marker": "?"},
    {"x-mns-marker": "LQ=="},
])
def test_lists_refuse_what_makes_no_sense(server, headers):
    assert queues.code_of(queues.send_raw(server, "GET", "/queues", headers=headers)) == (400, "InvalidArgument")
