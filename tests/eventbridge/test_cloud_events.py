"""Publishing with CloudEvents SDKs, which know nothing of the cloud: `POST /events/{bus}`."""

import json

import pytest
import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from harness import raw
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET

KEY = (ACCESS_KEY_ID, ACCESS_KEY_SECRET)
BATCH = {"content-type": "application/cloudevents-batch+json"}


def cloud_event(id, data=None, **attributes):
    defaults = {"id": id, "source": "/shop", "type": "order.placed", "datacontenttype": "application/json"}
    return CloudEvent({**defaults, **attributes}, {"total": 7} if data is None else data)


def as_json(id, **attributes):
    return {"specversion": "1.0", "id": id, "source": "/shop", "type": "order.placed", **attributes}


@pytest.fixture
def bus(hub, unique):
    name = unique("events")
    hub.create_bus(name)
    return name


@pytest.fixture
def seen(hub, bus, record, collector, unique):
    """Returns what a rule for everything gets, by id, once there are so many events."""
    path = "/" + unique("cloud-events")
    hub.create_rule(bus, "all", {}, [record(path)])

    def seen(count):
        return {event["id"]: event for event in collector.wait_for(path, count)}
    return seen


def post(server, bus, body, headers, auth=KEY):
    return requests.post(f"{server.url}/events/{bus}", data=body, headers=headers, auth=auth, timeout=30)


@pytest.mark.parametrize("mode", [to_binary_event, to_structured_event])
def test_the_python_sdk_publishes_in_both_modes(server, bus, seen, mode):
    message = mode(cloud_event("e1", subject="order 7 / ü", extension="kept"))
    answer = post(server, bus, message.body, message.headers)
    assert answer.status_code == 200, answer.text
    assert [event["id"] for event in answer.json()["events"]] == ["e1"] and answer.json()["events"][0]["traceId"]
    event = seen(1)["e1"]
    assert (event["source"], event["type"], event["subject"]) == ("/shop", "order.placed", "order 7 / ü")
    assert (event["extension"], event["data"], event["aliyuneventbusname"]) == ("kept", {"total": 7}, bus)


def test_bytes_and_texts_stay_what_they_are(server, bus, seen):
    for id, kind, data in [("text", "text/plain", "plain ü"), ("bytes", "image/png", b"\x89\xff")]:
        message = to_binary_event(cloud_event(id, data, datacontenttype=kind))
        assert post(server, bus, message.body, message.headers).status_code == 200
    events = seen(2)
    assert events["text"]["data"] == "plain ü"
    assert events["bytes"]["data_base64"] == "if8="


def test_a_batch_is_accepted_whole_or_not_at_all(server, hub, bus, seen):
    good = json.dumps([as_json(f"e{number}") for number in range(50)])
    answer = post(server, bus, good, BATCH)
    assert answer.status_code == 200 and len(answer.json()["events"]) == 50
    assert len(seen(50)) == 50
    bad = json.dumps([as_json("kept-out"), as_json("")])
    answer = post(server, bus, bad, BATCH)
    assert (answer.status_code, answer.json()["code"]) == (400, "EventIdEmpty")
    assert hub.trace(bus, "kept-out") == []


def test_a_signed_request_is_taken_too(server, bus, seen):
    body = json.dumps(as_json("signed"))
    answer = raw.call(server, "POST", f"/events/{bus}", body, {"content-type": "application/cloudevents+json"})
    assert answer.status_code == 200, answer.text
    assert "signed" in seen(1)


@pytest.mark.parametrize("auth, status, code", [
    (None, 400, "MissingRequiredHeader"),
    (("nobody", "x"), 403, "InvalidAccessKeyId"),
    ((ACCESS_KEY_ID, "wrong"), 403, "SignatureDoesNotMatch"),
])
def test_strangers_are_refused(server, bus, auth, status, code):
    answer = post(server, bus, json.dumps(as_json("e")), {"content-type": "application/cloudevents+json"}, auth)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_cannot_be_accepted_is_refused_with_the_reason(server, bus):
    structured = {"content-type": "application/cloudevents+json"}
    too_many = json.dumps([as_json("e")] * 1001)
    table = [
        (bus, "{}", {"content-type": "application/json"}, 415, "EventHTTPProtocolBindingInvalid"),
        (bus, "{", structured, 400, "EventInvalid"),
        (bus, json.dumps(as_json("e", specversion="0.2")), structured, 400, "EventSpecversionInvalid"),
        (bus, "[]", BATCH, 400, "EventDataEmpty"),
        (bus, "{}", BATCH, 400, "EventInvalid"),
        (bus, too_many, BATCH, 400, "InvalidArgument"),
        (bus, "x" * (4 * 1024 * 1024 + 1), structured, 413, "RequestEntityTooLarge"),
        ("no-such-bus", json.dumps(as_json("e")), structured, 404, "EventBusNotExist"),
        ("a%20b", json.dumps(as_json("e")), structured, 400, "EventBusNameInvalid"),
    ]
    for bus, body, headers, status, code in table:
        answer = post(server, bus, body, headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body[:100]
    answer = requests.get(f"{server.url}/events/{bus}", auth=KEY, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedHTTPMethod")
