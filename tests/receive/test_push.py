"""What the cloud's EventBridge pushes: taken when it is signed, refused and counted when it is not."""

import json
import time

import pytest

from harness import raw
from harness.event_bridge import Hub
from harness.push import Sender, post

PUBLIC = "https://hub.example.com/base"
TOKEN = "push-token-7"


@pytest.fixture(scope="module")
def sender():
    return Sender()


@pytest.fixture
def receiver(new_server, sender):
    """A server behind a proxy that trusts `sender` and asks for a token."""
    return new_server(environment={
        "KULKUL_PUSH_KEYS": sender.certificate(), "KULKUL_PUSH_TOKEN": TOKEN, "KULKUL_PUBLIC_URL": PUBLIC + "/",
    })


def cloud_event(id, **attributes):
    return {
        "id": id, "source": "acs.ecs", "specversion": "1.0", "type": "ecs:Instance:StateChange",
        "datacontenttype": "application/json;charset=utf-8", "time": "2026-02-11T11:04:05+08:00",
        "subject": "acs:ecs:cn-shanghai:1409876512340077:instance/i-1",
        "aliyunaccountid": "1409876512340077", "aliyuneventbusname": "elsewhere",
        "aliyunpublishtime": "2026-02-11T03:04:05.244PRC", "data": {"resourceId": "i-1", "state": "Stopped"},
        **attributes,
    }


def push(server, sender, events, path="/push/default", **signing):
    """Signs for the public address and sends to the real one, as a proxy does."""
    body = json.dumps(events).encode()
    signing.setdefault("token", TOKEN)
    headers = sender.headers(PUBLIC + path, body, **signing)
    return post(server.url + path, body, headers)


def stored(server, bus, id):
    """Returns the event as the bus has it."""
    events = raw.call(server, "GET", f"/kulkul/v1/buses/{bus}/events/{id}/trace").json()["events"]
    return [entry["event"] for entry in events]


def counts(server):
    return raw.call(server, "GET", "/kulkul/v1/receivers").json()["push"]


@pytest.mark.parametrize("generations", [("v1",), ("v2",), ("v1", "v2")])
@pytest.mark.parametrize("newline", [True, False])
def test_both_generations_are_accepted(receiver, sender, generations, newline):
    status, answer = push(receiver, sender, cloud_event("e1"), generations=generations, newline=newline)
    assert status == 200, answer
    assert answer["FailedEntryCount"] == 0 and answer["EntryList"][0]["EventId"] == "e1"
    assert counts(receiver) == {"acceptedEvents": 1, "refusedRequests": {}}


def test_events_go_on_the_bus_as_they_came(receiver, sender):
    Hub(receiver).create_bus("from-cloud")
    sent = [cloud_event("e1"), cloud_event("e2", source="acs:dm", subject="", traceparent="00-1-2-00")]
    status, answer = push(receiver, sender, sent, path="/push/from-cloud?a=%2F&b")
    assert (status, len(answer["EntryList"])) == (200, 2), answer
    for event in sent:
        [seen] = stored(receiver, "from-cloud", event["id"])
        kept = {name: value for name, value in event.items() if not name.startswith("aliyun")}
        assert {name: seen[name] for name in kept} == kept
        assert seen["aliyuneventbusname"] == "from-cloud"


def test_a_bad_event_of_several_is_refused_by_itself(receiver, sender):
    status, answer = push(receiver, sender, [cloud_event("e1"), {"id": "e2"}])
    assert (status, answer["FailedEntryCount"]) == (200, 1)
    assert answer["EntryList"][1]["ErrorCode"] == "EventSourceInvalid"
    status, answer = push(receiver, sender, {"id": "e3"})
    assert (status, answer["code"]) == (400, "EventSourceInvalid")


def test_a_push_that_is_not_what_was_signed_is_refused_and_counted(receiver, sender):
    body, url = json.dumps(cloud_event("x")).encode(), PUBLIC + "/push/default"
    good = sender.headers(url, body, token=TOKEN)
    stranger = Sender().headers(url, body, token=TOKEN)
    older = {name: value for name, value in good.items() if "v2" not in name and "hash" not in name}
    cases = [
        ("PushSignatureInvalid", {"content-type": "application/json"}, body),
        ("PushSignatureInvalid", stranger, body),
        ("PushSignatureInvalid", {**good, "x-eventbridge-signature-v2": "AAAA"}, body),
        ("PushSignatureInvalid", {**older, "x-eventbridge-signature": "AAAA"}, body),
        ("PushSignatureInvalid", {**older, "x-eventbridge-signature-secret": "AAAA"}, body),
        ("PushSignatureInvalid", good, body.replace(b"Stopped", b"Started")),
        ("PushSignatureInvalid", sender.headers(receiver.url + "/push/default", body, token=TOKEN), body),
        ("PushSignatureInvalid", {**good, "x-eventbridge-signature-url": "https://evil.example.com/c.pem"}, body),
        ("ReceiverTokenInvalid", sender.headers(url, body, token="other"), body),
        ("ReceiverTokenInvalid", sender.headers(url, body), body),
        ("PushTimestampExpired", sender.headers(url, body, token=TOKEN, at=time.time() - 90), body),
        ("PushTimestampExpired", sender.headers(url, body, token=TOKEN, at=time.time() + 90), body),
    ]
    expected = {}
    for code, headers, sent in cases:
        assert post(receiver.url + "/push/default", sent, headers)[1]["code"] == code, headers
        expected[code] = expected.get(code, 0) + 1
    assert counts(receiver) == {"acceptedEvents": 0, "refusedRequests": expected}
    assert stored(receiver, "default", "x") == []
    log = receiver.log_path.read_text()
    assert "refused events" in log and TOKEN not in log and "Stopped" not in log


@pytest.mark.parametrize("generations", [("v1",), ("v2",)])
def test_a_push_that_comes_again_is_refused(receiver, sender, generations):
    body, url = json.dumps(cloud_event("once")).encode(), PUBLIC + "/push/default"
    headers = sender.headers(url, body, token=TOKEN, generations=generations, newline=True)
    address = receiver.url + "/push/default"
    assert post(address, body, headers)[0] == 200
    again = [(body, headers), (body + b"\n", headers)]
    for sent, with_headers in again:
        status, answer = post(address, sent, with_headers)
        assert (status, answer["code"]) == (403, "PushReplayed")
    assert len(stored(receiver, "default", "once")) == 1
    assert push(receiver, sender, cloud_event("once"), generations=generations)[0] == 200, "signed anew"


def test_bad_requests_are_refused_by_name(receiver, sender):
    assert push(receiver, sender, cloud_event("x"), path="/push/nowhere")[1]["code"] == "EventBusNotExist"
    assert push(receiver, sender, cloud_event("x"), path="/push/a%20b")[1]["code"] == "EventBusNameInvalid"
    assert push(receiver, sender, cloud_event("x"), path="/push/")[1]["code"] == "EventBusNameInvalid"
    assert push(receiver, sender, cloud_event("x"), path="/push/a/b")[1]["code"] == "EventBusEmpty"
    assert push(receiver, sender, [])[1]["code"] == "EventInvalid"
    assert push(receiver, sender, [{}] * 1001)[1]["code"] == "InvalidArgument"
    large = cloud_event("x", data={"text": "y" * 300_000})
    assert push(receiver, sender, large) [1]["code"] == "EventSizeExceed"
    status, answer = push(receiver, sender, cloud_event("x", data={"text": "y" * 5_000_000}))
    assert (status, answer["code"]) == (413, "RequestEntityTooLarge")


def test_the_older_generation_needs_a_token_and_any_needs_a_key(new_server, sender):
    keys = Sender().certificate() + sender.public_key()
    trusting = new_server(environment={"KULKUL_PUSH_KEYS": keys, "KULKUL_PUBLIC_URL": PUBLIC})
    assert push(trusting, sender, cloud_event("1"), generations=("v1",))[1]["code"] == "ReceiverTokenInvalid"
    assert push(trusting, sender, cloud_event("1"), generations=("v2",), token=None)[0] == 200
    plain = new_server()
    status, answer = push(plain, sender, cloud_event("1"))
    assert (status, answer["code"]) == (403, "ReceiverNotConfigured")


def test_settings_that_cannot_work_are_reported_before_the_start(new_server, tmp_path):
    (tmp_path / "keys.pem").write_text("no key")
    server = new_server(start=False, environment={
        "KULKUL_PUSH_KEYS": str(tmp_path / "keys.pem"), "KULKUL_PUBLIC_URL": "hub", "KULKUL_PUSH_TOKEN": "a b",
    })
    with pytest.raises(AssertionError):
        server.start()
    log = server.tail()
    for setting in ("push_keys", "public_url", "push_token"):
        assert f"`{setting}`" in log, log
    assert "a b" not in log
