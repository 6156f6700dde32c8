"""What was answered holds, whatever happens to the server afterwards."""

import concurrent.futures

from mns.mns_exception import MNSServerException

from harness import queues


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
    queue = queues.create_queue(fresh_server, "empty")

    def wait():
        try:
            queue.receive_message(30)
        except MNSServerException as error:
            return error.type

    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait)
        # It has arrived when the server shows a connection that is not answered: another request passes it.
        queues.account(fresh_server).get_queue("empty").get_attributes()
        assert fresh_server.stop() == 0
        assert waiting.result(timeout=60) in ("MessageNotExist", None)
