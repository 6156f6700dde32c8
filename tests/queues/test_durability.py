"""What was answered holds, whatever happens to the server afterwards."""

import http.client
import re

from harness import queues, sockets
from harness.waiting import wait_until


def test_messages_survive_a_kill_as_they_were_answered(fresh_server):
    queue = queues.create_queue(fresh_server, "orders", encoded=False)
    for body in ("deleted", "invisible", "visible"):
        queue.send_message(queues.message(body))
    deleted, invisible = queue.batch_receive_message_with_str_body(2, 0)
    queue.delete_message(deleted.receipt_handle)
    queue.send_message(queues.message("last", delay_seconds=600))
    fresh_server.kill()
    fresh_server.start()
    queue = queues.account(fresh_server).get_queue("orders")
    queue.set_encoding(False)
    assert queues.counts(queue) == (1, 1, 1)
    assert queue.receive_message_with_str_body(0).message_body == "visible"
    soon = queue.change_message_visibility(invisible.receipt_handle, 1)
    fresh_server.kill()
    fresh_server.start()
    again = queue.receive_message_with_str_body(30)
    assert (again.message_body, again.dequeue_count) == ("invisible", 2)
    assert again.first_dequeue_time == invisible.first_dequeue_time
    assert soon.receipt_handle != again.receipt_handle


def test_a_server_that_stops_lets_waiting_receives_go(fresh_server):
    queues.create_queue(fresh_server, "empty")
    target = "/queues/empty/messages?waitseconds=30"
    waiting = http.client.HTTPConnection(fresh_server.api, timeout=60)
    waiting.request("GET", target, headers=queues.signed_headers("GET", target))
    wait_until(lambda: sockets.has_read_all(waiting.sock), what="the server reads the request")
    assert fresh_server.stop(within=20) == 0, "it does not wait for the end of the receive"
    answer = waiting.getresponse()
    assert (answer.status, re.search("<Code>(.*)</Code>", answer.read().decode())[1]) == (404, "MessageNotExist")
    waiting.close()
