"""Webhook sources: created through the official SDK, used by anybody who knows the URL."""

import hashlib
import hmac
import json
import urllib.parse

import pytest
import requests
from alibabacloud_eventbridge20200401 import models

from harness import raw
from harness.event_bridge import Hub, Refused, checked
from harness.server import ACCOUNT_ID, REGION


@pytest.fixture
def webhook(server, hub, unique):
    """Creates a webhook source and returns its name and URL: `webhook(method=["POST"])`."""
    def create(name=None, bus="default", **settings):
        name = name or unique("hook")
        parameters = {"type": "HTTP", "method": ["POST"], "security_config": "none", **settings}
        request = models.CreateEventSourceRequest(
            event_bus_name=bus, event_source_name=name,
            source_http_event_parameters=models.CreateEventSourceRequestSourceHttpEventParameters(**parameters))
        checked(hub.client.create_event_source(request))
        return name, url_of(hub, name)
    return create


def listed(hub, name, bus=None):
    request = models.ListUserDefinedEventSourcesRequest(event_bus_name=bus, name_prefix=name)
    return checked(hub.client.list_user_defined_event_sources(request)).data.event_source_list


def url_of(hub, name):
    [source] = listed(hub, name)
    assert source.external_source_type == "HttpEvent"
    return source.source_http_event_parameters.public_web_hook_url[0]


def stored(server, bus, id):
    events = raw.call(server, "GET", f"/kulkul/v1/buses/{bus}/events/{id}/trace").json()["events"]
    return [entry["event"] for entry in events]


def test_a_request_becomes_an_event(server, hub, webhook, unique):
    bus = unique("bus")
    hub.create_bus(bus)
    name, url = webhook(bus=bus)
    answer = requests.post(url + "&k=v&k=w", json={"a": 1}, timeout=60, headers={
        "X-Thing": "b", "Authorization": "Basic secret", "Cookie": "c=d"}).json()
    assert answer["FailedEntryCount"] == 0, answer
    [event] = stored(server, bus, answer["EntryList"][0]["EventId"])
    assert (event["source"], event["type"]) == (name, "eventbridge:Events:HTTPEvent")
    assert event["subject"] == f"acs:eventbridge:{REGION}:{ACCOUNT_ID}:eventbus/{bus}/eventsource/{name}"
    data = event["data"]
    assert (data["path"], data["body"], data["httpMethod"]) == ("/webhook/putEvents", {"a": 1}, "POST")
    assert data["queryString"] == {"k": "v"} and data["headers"]["x-thing"] == "b"
    assert not {"authorization", "cookie"} & set(data["headers"])


def test_every_method_that_is_allowed_is_taken_and_no_other(server, hub, webhook):
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
    _, url = webhook(method=methods)
    for method in methods:
        assert requests.request(method, url, timeout=60).status_code == 200, method
    _, url = webhook(method=["GET"])
    answer = requests.post(url, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "PutEventsRequestSecurityCheckFailed")


def test_clients_are_told_apart_by_address_and_referer(server, hub, webhook, new_server):
    _, url = webhook(security_config="ip", ip=["127.0.0.0/8"])
    assert requests.post(url, timeout=60).status_code == 200
    _, url = webhook(security_config="ip", ip=["192.0.2.7"])
    forged = {"X-Real-IP": "192.0.2.7", "X-Forwarded-For": "192.0.2.7"}
    assert requests.post(url, timeout=60, headers=forged).status_code == 403
    _, url = webhook(security_config="referer", referer=["https://shop.example"])
    assert requests.post(url, timeout=60, headers={"Referer": "https://shop.example"}).status_code == 200
    assert requests.post(url, timeout=60, headers={"Referer": "https://shop.example/x"}).status_code == 403


def test_a_trusted_proxy_is_believed(new_server):
    server = new_server(environment={
        "KULKUL_TRUSTED_PROXIES": "127.0.0.1, ::1", "KULKUL_PUBLIC_URL": "https://hub.example.com/base"})
    hub = Hub(server)
    request = models.CreateEventSourceRequest(
        event_bus_name="default", event_source_name="hook",
        source_http_event_parameters=models.CreateEventSourceRequestSourceHttpEventParameters(
            type="HTTPS", method=["POST"], security_config="ip", ip=["192.0.2.0/24"]))
    checked(hub.client.create_event_source(request))
    shown = urllib.parse.urlsplit(url_of(hub, "hook"))
    assert (shown.scheme, shown.netloc, shown.path) == ("https", "hub.example.com", "/base/webhook/putEvents")
    url = f"{server.url}/webhook/putEvents?{shown.query}"
    good = {"X-Real-IP": "192.0.2.9", "X-Forwarded-Proto": "https"}
    assert requests.post(url, timeout=60, headers=good).status_code == 200
    for bad in [{**good, "X-Forwarded-Proto": "http"}, {**good, "X-Real-IP": "198.51.100.1"}, {}]:
        assert requests.post(url, timeout=60, headers=bad).status_code == 403, bad


def test_bodies_are_what_their_type_says(server, hub, webhook):
    _, url = webhook()
    def send(body, content_type):
        answer = requests.post(url, data=body, timeout=60, headers={"content-type": content_type}).json()
        if "code" in answer:
            return answer["code"]
        return stored(server, "default", answer["EntryList"][0]["EventId"])[0]["data"]["body"]
    assert send("{\"a\":1}", "text/plain") == "{\"a\":1}"
    assert send("[1.0]", "application/json; charset=utf-8") == [1.0]
    assert send("", "application/json") == ""
    assert send("{", "application/json") == "JsonAttributeInvalid"
    assert send("x" * 1_100_000, "text/plain") == "RequestEntityTooLarge"


def test_an_update_keeps_the_url_and_a_deleted_source_is_gone_at_once(server, hub, webhook):
    name, url = webhook()
    request = models.UpdateEventSourceRequest(
        event_bus_name="default", event_source_name=name,
        source_http_event_parameters=models.UpdateEventSourceRequestSourceHttpEventParameters(
            type="HTTP", method=["PUT"], security_config="none"))
    checked(hub.client.update_event_source(request))
    assert url_of(hub, name) == url
    assert requests.post(url, timeout=60).status_code == 403
    assert requests.put(url, timeout=60).status_code == 200
    checked(hub.client.delete_event_source(models.DeleteEventSourceRequest(
        event_bus_name="default", event_source_name=name)))
    answer = requests.put(url, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "PutEventsRequestSecurityCheckFailed")
    assert requests.put(url.split("=")[0] + "=", timeout=60).status_code == 403


@pytest.mark.parametrize("settings", [
    {"type": "GOPHER"}, {"method": ["FETCH"]}, {"method": []}, {"security_config": "password"},
    {"security_config": "ip"}, {"security_config": "ip", "ip": ["1.1.1.1"] * 6},
    {"security_config": "ip", "ip": ["somewhere"]}, {"security_config": "referer", "referer": ["x" * 257]},
    {"security_config": "referer", "referer": ["x"] * 6},
])
def test_settings_that_cannot_work_are_refused(hub, webhook, unique, settings):
    name = unique("hook")
    with pytest.raises(Refused) as refused:
        webhook(name=name, **settings)
    assert refused.value.code == "HttpSourceParametersInvalid"
    assert listed(hub, name) == []


def test_a_source_can_ask_for_signatures(server, hub, unique):
    name, secret = unique("signed"), "It's a Secret to Everybody"
    parameters = {"Type": "HTTP", "Method": ["POST"], "SecurityConfig": "none",
                  "Signature": {"Scheme": "GitHub", "Secret": secret}}
    raw.rpc(server, "CreateEventSource", {
        "EventBusName": "default", "EventSourceName": name, "SourceHttpEventParameters": json.dumps(parameters)})
    url = url_of(hub, name)
    body, delivery = b'{"zen":"x"}', unique("delivery")
    good = {"content-type": "application/json", "x-github-delivery": delivery, "x-hub-signature-256":
            "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    for _ in range(2):
        assert requests.post(url, data=body, timeout=60, headers=good).status_code == 200
    assert len(stored(server, "default", delivery)) == 2, "the same id: receivers see that it came twice"
    assert requests.post(url, data=body + b" ", timeout=60, headers=good).status_code == 403
    assert requests.post(url, data=body, timeout=60).status_code == 403
    shown = raw.rpc(server, "ListUserDefinedEventSources", {"NamePrefix": name}).text
    assert "GitHub" in shown and secret not in shown
