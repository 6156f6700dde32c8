"""The main job: an object goes into a bucket, becomes an event, matches a trigger, runs a function, and a
result comes back; in each kind of runtime, and with each kind of trigger."""

import os
import pathlib
import struct
import time

import oss2
import pytest
from alibabacloud_eventbridge20200401 import models

from harness import clients
from harness.event_bridge import checked, function_arn
from harness.functions import CUSTOM, NODE, PYTHON
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, REGION, find_binary
from harness.waiting import wait_until

HERE = pathlib.Path(__file__).parent
PHOTO = HERE.parents[1] / "examples" / "thumbnail" / "raccoon.jpg"
SHOUT = {PYTHON: {"index.py": (HERE / "shout.py").read_text()}, NODE: {"index.js": (HERE / "shout.js").read_text()}}


@pytest.fixture
def bucket(server, unique):
    bucket = clients.oss2_bucket(server, unique("media"))
    bucket.create_bucket()
    return bucket


def environment(server, **more):
    return {"OSS_ENDPOINT": server.objects_url, "OSS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "OSS_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET, **more}


def watch(functions, function, bucket, kind, prefix):
    """Lets uploads below a prefix call the function."""
    if kind == "oss":
        functions.trigger(function, "uploads", "oss", {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": prefix}}},
                          source_arn=f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}")
    else:
        functions.event_trigger(function, "uploads", {
            "source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}],
            "subject": [{"prefix": f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}/{prefix}"}],
        }, asynchronous=kind == "eventbridge-async")


def content(bucket, key):
    """Returns the bytes of an object, or nothing while it is not there."""
    try:
        return bucket.get_object(key).read()
    except oss2.exceptions.NoSuchKey:
        return None


@pytest.mark.parametrize("kind", ["eventbridge-async", "eventbridge-sync", "oss"])
@pytest.mark.parametrize("runtime", SHOUT)
def test_an_upload_calls_a_function_that_writes_a_result(server, functions, bucket, unique, runtime, kind):
    name = unique("shout")
    functions.create(name, SHOUT[runtime], runtime, environment_variables=environment(server))
    watch(functions, name, bucket, kind, "said/")
    bucket.put_object("said/größe a.txt", "hello".encode())
    assert wait_until(lambda: content(bucket, "shouted/größe a.txt")) == b"HELLO"


def test_a_photo_becomes_a_thumbnail_and_its_way_can_be_traced(server, functions, hub, bucket, unique):
    name = unique("thumbnail")
    functions.create(name, {"bootstrap": thumbnail_program()}, CUSTOM, handler=None, timeout=30, memory_size=512,
                     environment_variables=environment(server, THUMBNAIL_SIZE="200"))
    watch(functions, name, bucket, "eventbridge-sync", "")
    put = bucket.put_object("photos/raccoon.jpg", PHOTO.read_bytes())
    thumbnail = wait_until(lambda: content(bucket, "thumbnails/photos/raccoon.jpg"))
    assert jpeg_size(thumbnail) == (200, 150)
    kind = bucket.head_object("thumbnails/photos/raccoon.jpg").content_type
    assert kind == "image/jpeg"
    event = only_event_of(hub, f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}/photos/raccoon.jpg")
    trace = wait_until(lambda: finished(hub.trace("default", event)))
    assert [entry.action for entry in trace] == ["PutEvent", "FilterEvent", "PushEvent"]
    assert trace[1].rule_name == f"{name}-uploads"
    assert trace[2].endpoint.startswith(function_arn(name))
    assert trace[2].notify_status.startswith("[200]")
    stored = stored_event(hub, event)
    assert stored["data"]["responseElements"]["requestId"] == put.request_id
    # The thumbnail's own event called the function too, which did nothing about it.
    wait_until(lambda: finished(hub.trace("default", only_event_of(
        hub, f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}/thumbnails/photos/raccoon.jpg"))))
    keys = sorted(found.key for found in oss2.ObjectIterator(bucket))
    assert keys == ["photos/raccoon.jpg", "thumbnails/photos/raccoon.jpg"]


def test_a_photo_that_is_none_fails_with_a_reason(server, functions, bucket, unique):
    name = unique("thumbnail")
    functions.create(name, {"bootstrap": thumbnail_program()}, CUSTOM, handler=None, timeout=30,
                     environment_variables=environment(server))
    bucket.put_object("broken.jpg", b"this is no photo")
    event = {"data": {"eventName": "ObjectCreated:PutObject", "oss": {
        "bucket": {"name": bucket.bucket_name}, "object": {"key": "broken.jpg"}}}}
    answer = functions.invoke(name, event)
    assert answer.error_type == "UnhandledInvocationError"
    assert answer.document["errorMessage"].endswith("broken.jpg: the object is not a JPEG, PNG or WebP picture")


def test_every_upload_of_a_burst_is_handled(server, functions, bucket, unique):
    name = unique("shout")
    functions.create(name, SHOUT[PYTHON], PYTHON, environment_variables=environment(server))
    watch(functions, name, bucket, "eventbridge-async", "said/")
    keys = [f"{i:03}.txt" for i in range(100)]
    for key in keys:
        bucket.put_object(f"said/{key}", key)
    wait_until(lambda: {found.key for found in oss2.ObjectIterator(bucket, prefix="shouted/")} == {f"shouted/{key}" for key in keys}, 60)


def thumbnail_program():
    """Returns the example's program, which is built beside the server's."""
    named = os.environ.get("KULKUL_THUMBNAIL")
    return (pathlib.Path(named) if named else find_binary().parent / "thumbnail").read_bytes()


def only_event_of(hub, subject):
    """Returns the id of the one event about a subject."""
    now = int(time.time() * 1000)
    request = models.QueryTracedEventsRequest(
        event_bus_name="default", start_time=now - 300_000, end_time=now + 60_000, subject=subject)
    found = checked(hub.client.query_traced_events(request)).data.events
    assert len(found) == 1, [event.to_map() for event in found]
    return found[0].event_id


def stored_event(hub, event_id):
    request = models.QueryEventRequest(event_bus_name="default", event_id=event_id, event_source="acs.oss")
    return checked(hub.client.query_event(request)).data


def finished(trace):
    """Returns the trace once it holds an attempt."""
    return trace if any(entry.action == "PushEvent" for entry in trace) else None


def jpeg_size(data):
    """Returns width and height of a JPEG picture, from its frame header."""
    assert data[:2] == b"\xff\xd8"
    at = 2
    while True:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", data[at + 5:at + 9])
            return width, height
        at += 2 + length


def test_the_sample_photo_is_what_the_demo_promises():
    assert jpeg_size(PHOTO.read_bytes()) == (1024, 768)
