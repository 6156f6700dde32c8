"""Messages: sent, received, looked at, put off and deleted through the official client."""

import base64
import concurrent.futures
import hashlib
import socket
import time

import pytest
from mns.message_property import MessagePropertyValue, PropertyType
from mns.mns_exception import MNSServerException

from harness import queues
from harness.queues import message, refused
from harness.waiting import wait_until


@pytest.fixture
def queue(server, unique):
    return queues.create_queue(server, unique("queue"))


def md5_of(text):
    return hashlib.md5(text.encode()).hexdigest().upper()


@pytest.mark.parametrize("encoded", [True, False])
def test_texts_arrive_as_they_were_sent(server, unique, encoded):
    queue = queues.create_queue(server, unique("queue"), encoded=encoded)
    text = "<&>\"' \r\n\t ü 😀 ]]> &amp; {\"a\": 1}"
    sent = queue.send_message(message(text))
    received = queue.receive_message_with_str_body(0)
    assert received.message_body == text
    transmitted = base64.b64encode(text.encode()).decode() if encoded else text
    assert sent.message_body_md5 == received.message_body_md5 == md5_of(transmitted)
    assert (received.message_id, received.dequeue_count, received.priority) == (sent.message_id, 1, 8)
    queue.delete_message(received.receipt_handle)
    assert queues.counts(queue) == (0, 0, 0)


def test_a_message_comes_back_when_its_time_out_has_passed(server, unique):
    queue = queues.create_queue(server, unique("queue"), vis_timeout=1)
    before = int(time.time() * 1000)
    sent = queue.send_message(message("again"))
    first = queue.receive_message(0)
    assert before <= first.enqueue_time <= first.first_dequeue_time <= first.next_visible_time - 1000, "milliseconds"
    with refused("MessageNotExist"):
        queue.receive_message(0)
    second = queue.receive_message(30)
    assert (second.message_id, second.dequeue_count) == (sent.message_id, 2)
    assert second.first_dequeue_time == first.first_dequeue_time
    assert second.receipt_handle != first.receipt_handle
    with refused("MessageNotExist"):
        queue.delete_message(first.receipt_handle)


def test_a_receipt_is_good_once_and_in_its_queue_only(server, unique, queue):
    queue.send_message(message("once"))
    handle = queue.receive_message(0).receipt_handle
    other = queues.create_queue(server, unique("queue"))
    for wrong in (handle[:-1] + "x", "1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItOA==", "+/="):
        with refused("ReceiptHandleError"):
            queue.delete_message(wrong)
    with refused("ReceiptHandleError"):
        other.delete_message(handle)
    queue.delete_message(handle)
    with refused("MessageNotExist"):
        queue.delete_message(handle)
    with refused("MessageNotExist"):
        queue.change_message_visibility(handle, 10)


def test_a_changed_visibility_gives_a_new_receipt(queue):
    queue.send_message(message("later"))
    first = queue.receive_message(0)
    before = int(time.time() * 1000)
    changed = queue.change_message_visibility(first.receipt_handle, 600)
    assert before + 600_000 <= int(changed.next_visible_time) <= int(time.time() * 1000) + 600_001
    with refused("MessageNotExist"):
        queue.change_message_visibility(first.receipt_handle, 5)
    soon = queue.change_message_visibility(changed.receipt_handle, 1)
    assert queue.receive_message(30).dequeue_count == 2
    with refused("MessageNotExist"):
        queue.delete_message(soon.receipt_handle)


def test_delays_are_kept_and_can_be_cut_short(server, unique):
    queue = queues.create_queue(server, unique("queue"), delay_sec=600, encoded=False)
    queue.send_message(message("at once", delay_seconds=0))
    queue.send_message(message("later"))
    answer = queues.send_raw(
        server, "POST", f"/queues/{queue.queue_name}/messages",
        "<Message><MessageBody>hurried</MessageBody></Message>")
    assert queues.counts(queue) == (1, 0, 2)
    queue.change_message_visibility(queues.element(answer, "ReceiptHandle"), 1)
    assert queue.receive_message_with_str_body(0).message_body == "at once"
    assert queue.receive_message_with_str_body(30).message_body == "hurried"
    assert queues.counts(queue)[2] == 1


def test_priorities_come_first_and_then_the_order_of_sending(queue):
    queue.set_encoding(False)
    for body, priority in [("a", None), ("b", 16), ("c", 1), ("d", 8), ("e", 1)]:
        queue.send_message(message(body, priority=priority))
    peeked = queue.batch_peek_message_with_str_body(16)
    received = queue.batch_receive_message_with_str_body(16, 0)
    assert [one.message_body for one in peeked] == [one.message_body for one in received] == list("ceadb")


def test_looking_changes_nothing(queue):
    sent = queue.send_message(message("there"))
    for _ in range(2):
        peeked = queue.peek_message_with_str_body()
        assert (peeked.message_id, peeked.message_body, peeked.dequeue_count) == (sent.message_id, "there", 0)
        assert peeked.first_dequeue_time == peeked.enqueue_time
    queue.receive_message(0)
    with refused("MessageNotExist"):
        queue.peek_message()
    with refused("MessageNotExist"):
        queue.batch_peek_message(16)


def test_batches_go_up_to_sixteen_and_are_sent_whole(server, queue):
    sent = queue.batch_send_message([message(f"m{number}") for number in range(16)])
    assert len({one.message_id for one in sent}) == 16
    assert sent[3].message_body_md5 == md5_of(base64.b64encode(b"m3").decode())
    received = queue.batch_receive_message_with_str_body(16, 0)
    assert [one.message_id for one in received] == [one.message_id for one in sent]
    handles = [one.receipt_handle for one in received]
    queue.delete_message(handles[0])
    with pytest.raises(MNSServerException) as raised:
        queue.batch_delete_message([*handles[:4], "nonsense"])
    assert raised.value.type == "MessageNotExist"
    failed = [(one["ReceiptHandle"], one["ErrorCode"]) for one in raised.value.sub_errors]
    assert failed == [(handles[0], "MessageNotExist"), ("nonsense", "ReceiptHandleError")]
    queue.batch_delete_message(handles[4:])
    assert queues.counts(queue) == (0, 0, 0)
    with refused("MessageNotExist"):
        queue.batch_receive_message(16, 0)
    large = [message("x" * 40_000), message("y" * 40_000)]
    for batch in ([message("m")] * 17, [message("m"), message("x" * 65_537)], large):
        with refused("InvalidArgument"):
            queue.batch_send_message(batch)
    assert queues.counts(queue) == (0, 0, 0), "all or nothing"


def test_sizes_are_limited_by_the_queue(server, unique):
    queue = queues.create_queue(server, unique("queue"), encoded=False, max_msg_size=1024)
    queue.send_message(message("x" * 1024))
    with refused("InvalidArgument"):
        queue.send_message(message("x" * 1025))
    with refused("InvalidArgument"):
        queue.send_message(message("ü" * 513))


@pytest.mark.parametrize("settings", [{"priority": 17}, {"priority": 0}, {"delay_seconds": 604801}])
def test_numbers_of_a_message_have_limits(server, queue, settings):
    elements = {"priority": "Priority", "delay_seconds": "DelaySeconds"}
    inner = "".join(f"<{elements[name]}>{value}</{elements[name]}>" for name, value in settings.items())
    answer = queues.send_raw(
        server, "POST", f"/queues/{queue.queue_name}/messages", f"<Message><MessageBody>a</MessageBody>{inner}</Message>")
    assert queues.code_of(answer) == (400, "InvalidArgument")


def test_properties_and_groups_are_kept(queue):
    new = message("with properties")
    new.add_user_property("text", MessagePropertyValue(PropertyType.STRING, "<ü>"))
    new.add_user_property("bytes", MessagePropertyValue(PropertyType.BINARY, b"\x00\x01"))
    new.set_message_group_id("group-1")
    queue.send_message(new)
    received = queue.receive_message_with_str_body(0)
    found = received.get_user_properties()
    assert found["text"].get_string_value_by_type() == "<ü>"
    assert received.message_group_id == "group-1"
    queue.send_message(message("without"))
    assert queue.receive_message(0).get_user_properties() == {}


def test_a_waiting_receive_is_answered_as_soon_as_something_is_sent(server, unique):
    queue = queues.create_queue(server, unique("queue"), polling_wait_sec=30)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(queues.account(server).get_queue(queue.queue_name).receive_message) for _ in range(4)]
        for number in range(4):
            queue.send_message(message(f"m{number}"))
        bodies = sorted(one.result(timeout=60).message_body for one in waiting)
    assert bodies == [b"m0", b"m1", b"m2", b"m3"]


def test_a_receive_waits_as_long_as_it_says_and_no_longer(server, unique):
    queue = queues.create_queue(server, unique("queue"), polling_wait_sec=30)
    started = time.monotonic()
    with refused("MessageNotExist"):
        queue.receive_message(1)
    waited = time.monotonic() - started
    assert waited >= 1, "it is answered when its time is up, not before"
    with refused("MessageNotExist"):
        queue.receive_message(0)


def test_a_receive_whose_client_has_left_takes_nothing(server, unique):
    queue = queues.create_queue(server, unique("queue"))
    target = f"/queues/{queue.queue_name}/messages?waitseconds=30"
    signed = queues.signed_headers("GET", target)
    host, port = server.api.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        lines = [f"GET {target} HTTP/1.1", f"host: {server.api}", *(f"{name}: {value}" for name, value in signed.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    # The first message may still have been taken for the one who left; then its lease runs out and it comes back.
    queue.send_message(message("kept"))
    received = queue.receive_message_with_str_body(30)
    assert (received.message_body, received.dequeue_count) == ("kept", 1)


def test_many_senders_and_receivers_lose_and_repeat_nothing(server, unique):
    queue = queues.create_queue(server, unique("queue"), encoded=False)
    senders, each = 8, 25

    def send(sender):
        mine = queues.account(server).get_queue(queue.queue_name)
        mine.set_encoding(False)
        for number in range(each):
            mine.send_message(message(f"{sender}-{number}"))

    def receive(_):
        mine, bodies = queues.account(server).get_queue(queue.queue_name), []
        mine.set_encoding(False)
        while True:
            try:
                some = mine.batch_receive_message_with_str_body(16, 2)
            except MNSServerException as error:
                assert error.type == "MessageNotExist"
                return bodies
            mine.batch_delete_message([one.receipt_handle for one in some])
            bodies += [one.message_body for one in some]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        sending = [pool.submit(send, sender) for sender in range(senders)]
        receiving = [pool.submit(receive, number) for number in range(4)]
        [one.result(timeout=120) for one in sending]
        bodies = [body for one in receiving for body in one.result(timeout=120)]
    bodies += receive(None)
    assert sorted(bodies) == sorted(f"{sender}-{number}" for sender in range(senders) for number in range(each))
    wait_until(lambda: queues.counts(queue) == (0, 0, 0), what=lambda: queues.counts(queue))
