"""A disk that runs full under the server: it refuses to write and says so, and goes on reading."""

import oss2
import pytest
from alibabacloud_eventbridge20200401 import models
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from harness import clients
from harness.event_bridge import Hub, Refused, checked, event
from harness.functions import Functions
from harness.waiting import wait_until

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def full(new_server):
    """A server with some data, on whose disk no file can grow any more."""
    return fill(new_server(may_run_full=True, log_elsewhere=True))


def fill(server):
    """Gives a server some data, and then takes away the room for more."""
    Functions(server).create("echo", ECHO)
    Hub(server).create_bus("orders")
    Hub(server).put_accepted("orders", event("before"))
    bucket = clients.oss2_bucket(server, "media")
    bucket.create_bucket()
    bucket.put_object("before", b"x" * 1000)
    server.limit_file_size(512)
    return server


def refuses(call):
    """Says whether a call was refused with an error in the client's format; it must not seem to work."""
    try:
        call()
    except (AlibabaCloudException, Refused) as error:
        assert error.code and error.request_id, error
        return True
    return False


def test_events_are_refused_and_none_that_was_accepted_is_lost(full):
    hub = Hub(full)
    accepted, refused = ["before"], 0
    for i in range(200):
        try:
            hub.put_accepted("orders", event(f"e{i}", data="x" * 2000))
            accepted.append(f"e{i}")
        except (AlibabaCloudException, Refused, AssertionError):
            refused += 1
    assert refused > 100, "a full disk takes no events"
    assert full.is_running()
    assert Functions(full).invoke("echo", b"reads go on").body == b"reads go on"
    bus = checked(hub.client.get_event_bus(models.GetEventBusRequest(event_bus_name="orders"))).data
    assert bus.event_bus_name == "orders"
    full.kill()
    full.start()
    hub = Hub(full)
    for id in accepted:
        assert [entry.action for entry in hub.trace("orders", id)] == ["PutEvent"], id
    hub.put_accepted("orders", event("after"))


def test_functions_and_objects_are_refused_and_nothing_is_half_there(full):
    functions, bucket = Functions(full), clients.oss2_bucket(full, "media")
    wait_until(lambda: refuses(lambda: functions.create("late", ECHO + "#" * 5000)))
    with pytest.raises(oss2.exceptions.ServerError) as raised:
        bucket.put_object("late", b"x" * 100_000)
    assert raised.value.status in (500, 503, 507)
    assert bucket.get_object("before").read() == b"x" * 1000
    full.kill()
    full.start()
    functions = Functions(full)
    assert functions.invoke("echo", b"x").body == b"x"
    assert not clients.oss2_bucket(full, "media").object_exists("late")
    functions.create("late", ECHO)
    bucket.put_object("late", b"there is room again")


def test_a_log_on_the_full_disk_does_no_harm(new_server):
    server = fill(new_server(may_run_full=True))
    for i in range(20):
        assert refuses(lambda: Hub(server).put_accepted("orders", event(f"e{i}", data="x" * 2000)))
    assert Functions(server).invoke("echo", b"reads go on").body == b"reads go on"


def test_the_log_says_what_is_the_matter(full):
    wait_until(lambda: refuses(lambda: Hub(full).create_bus("late")))
    wait_until(lambda: "no more writes" in full.log_path.read_text(), 10, full.tail)
