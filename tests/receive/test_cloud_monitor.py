"""CloudMonitor's notifications become events."""

import json

import pytest
import requests

from harness import raw

TOKEN = "monitor-token-7"


@pytest.fixture(scope="module")
def receiver(binary, tmp_path_factory):
    from harness.server import Server
    server = Server(binary, tmp_path_factory.mktemp("monitor"), environment={"KULKUL_CLOUD_MONITOR_TOKEN": TOKEN})
    try:
        yield server.start()
    finally:
        server.close()


def notify(server, token=TOKEN, path="/cloudmonitor/default", **body):
    answer = requests.post(f"{server.url}{path}", params={"token": token}, timeout=60, **body)
    return answer.status_code, answer.json()


def stored(server, id):
    events = raw.call(server, "GET", f"/kulkul/v1/buses/default/events/{id}/trace").json()["events"]
    return [entry["event"] for entry in events]


def test_a_system_event_becomes_the_event_of_its_service(receiver):
    notification = {
        "ver": "1.0", "id": "note-1", "product": "Redis", "name": "Instance_Failover", "level": "WARN",
        "status": "Executed", "eventTime": "20260211T110405.271+0800", "regionId": "cn-hangzhou",
        "userId": "1409876512340077", "resourceId": "acs:kvstore:cn-hangzhou:1:instance/r-1", "content": {"a": 1},
    }
    assert notify(receiver, json=notification)[0] == 200
    [event] = stored(receiver, "note-1")
    assert (event["source"], event["type"]) == ("acs.kvstore", "kvstore:CloudMonitor:InstanceFailover")
    assert (event["time"], event["data"]) == ("2026-02-11T03:04:05.271Z", notification)


def test_an_alert_that_comes_again_has_the_same_id(receiver):
    form = {"alertName": "cpu high", "alertState": "ALERT", "curValue": "95", "timestamp": "1508136760000",
            "dimensions": json.dumps([{"instanceId": "i-1"}]), "userId": "12", "expression": "$Average>90"}
    first, again = notify(receiver, data=form)[1], notify(receiver, data=form)[1]
    id = first["EntryList"][0]["EventId"]
    assert again["EntryList"][0]["EventId"] == id
    event = stored(receiver, id)[0]
    assert (event["type"], event["data"]) == ("cms:CloudMonitor:ThresholdAlert", form)


def test_what_is_not_a_notification_or_has_no_token_is_refused(receiver, new_server):
    assert notify(receiver, token="other", json={})[1]["code"] == "ReceiverTokenInvalid"
    assert notify(receiver, json={})[1]["code"] == "EventInvalid"
    assert notify(receiver, data="x" * 300_000)[1]["code"] == "RequestEntityTooLarge"
    assert notify(receiver, path="/cloudmonitor/nowhere", data={"alertState": "OK"})[1]["code"] == "EventBusNotExist"
    assert requests.get(f"{receiver.url}/cloudmonitor/default", timeout=60).status_code == 405
    refused = raw.call(receiver, "GET", "/kulkul/v1/receivers").json()["cloudMonitor"]["refusedRequests"]
    assert refused["ReceiverTokenInvalid"] == 1 and refused["EventInvalid"] == 1
    assert notify(new_server(), json={"alertState": "OK"})[1]["code"] == "ReceiverNotConfigured"
