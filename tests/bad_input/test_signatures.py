"""Requests that are not signed, or not rightly, at each of the doors; nothing of them is stored."""

import datetime

import pytest
import requests
from alibabacloud_eventbridge20200401 import models as eb_models
from alibabacloud_fc20230330 import models as fc_models

from harness import clients, raw
from harness.refusals import refused
from harness.server import ACCESS_KEY_SECRET

STALE = datetime.timedelta(minutes=16)


def spoil(name, value=None):
    """Returns a change that sets a header after it was signed, or takes it away."""
    def change(headers):
        headers.pop(name, None)
        if value is not None:
            headers[name] = value
    return change


def create_function(server, name, **options):
    body = '{"functionName":"%s","runtime":"python3.10","handler":"index.handler","code":{"zipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}' % name
    return raw.fc(server, "POST", "/functions", body, headers={"content-type": "application/json", "x-acs-action": "CreateFunction"}, **options)


FC_REFUSALS = [
    ("unsigned", {"change": spoil("Authorization")}, 400, ("MissingRequiredHeader",)),
    ("empty", {"change": spoil("Authorization", "")}, (400, 403), None),
    ("nonsense", {"change": spoil("Authorization", "Bearer x")}, (400, 403), None),
    ("unfinished", {"change": spoil("Authorization", "ACS3-HMAC-SHA256 Credential=")}, (400, 403), None),
    ("unknown-key", {"key_id": "LTAInobody"}, 403, ("InvalidAccessKeyID",)),
    ("wrong-secret", {"secret": "wrong"}, 403, ("SignatureNotMatch",)),
    ("late", {"skew": -STALE}, 403, ("SignatureNotMatch",)),
    ("early", {"skew": STALE}, 403, ("SignatureNotMatch",)),
    ("no-date", {"change": spoil("x-acs-date")}, (400, 403), ("MissingRequiredHeader", "SignatureNotMatch")),
    ("other-date", {"change": spoil("x-acs-date", "2026-01-01T00:00:00Z")}, 403, ("SignatureNotMatch",)),
    ("date-without-meaning", {"headers": {"x-acs-date": "yesterday"}}, (400, 403), None),
    ("other-body", {"change": spoil("x-acs-content-sha256", "0" * 64)}, 403, ("SignatureNotMatch",)),
    ("hash-of-another-body", {"headers": {"x-acs-content-sha256": "0" * 64}}, 403, ("SignatureNotMatch",)),
    ("other-host", {"change": spoil("host", "elsewhere.example.test")}, 403, ("SignatureNotMatch",)),
]


@pytest.mark.parametrize("options, status, codes", [row[1:] for row in FC_REFUSALS], ids=[row[0] for row in FC_REFUSALS])
def test_function_compute_refuses_what_is_not_signed_rightly(server, fc, unique, options, status, codes):
    name = unique("unsigned")
    options = dict(options)
    headers = options.pop("headers", None)
    if headers:
        answer = raw.fc(server, "GET", f"/functions/{name}", headers=headers, **options)
    else:
        answer = create_function(server, name, **options)
    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    error = answer.json()
    assert codes is None or error["Code"] in codes, error
    assert error["Message"] and error["RequestId"] == answer.headers["x-fc-request-id"]
    assert not fc.list_functions(fc_models.ListFunctionsRequest(prefix=name)).body.functions


EB_REFUSALS = [
    ("unsigned", {"change": spoil("Authorization")}, None),
    ("unknown-key", {"key_id": "LTAInobody"}, "InvalidAccessKeyId.NotFound"),
    ("wrong-secret", {"secret": "wrong"}, "SignatureDoesNotMatch"),
    ("late", {"skew": -STALE}, "InvalidTimeStamp.Expired"),
    ("early", {"skew": STALE}, "InvalidTimeStamp.Expired"),
    ("other-action", {"change": spoil("x-acs-action", "DeleteEventBus")}, "SignatureDoesNotMatch"),
    ("other-body", {"change": spoil("x-acs-content-sha256", "0" * 64)}, "SignatureDoesNotMatch"),
]


@pytest.mark.parametrize("options, code", [row[1:] for row in EB_REFUSALS], ids=[row[0] for row in EB_REFUSALS])
def test_event_bridge_refuses_what_is_not_signed_rightly(server, eb, unique, options, code):
    bus = unique("unsigned")
    answer = raw.rpc(server, "CreateEventBus", {"EventBusName": bus}, **options)
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()
    assert code is None or error["Code"] == code, error
    assert error["Message"] and error["RequestId"]
    listed = eb.list_event_buses(eb_models.ListEventBusesRequest(name_prefix=bus)).body.data
    assert listed.event_buses == []


def test_a_request_cannot_be_sent_twice(server, unique):
    headers = {"x-acs-signature-nonce": unique("nonce") + "0" * 20}
    first = raw.rpc(server, "CreateEventBus", {"EventBusName": unique("bus")}, headers=headers)
    assert first.status_code == 200, first.text
    second = raw.rpc(server, "CreateEventBus", {"EventBusName": unique("bus")}, headers=headers)
    assert (second.status_code, second.json()["Code"]) == (400, "SignatureNonceUsed")


def test_the_official_clients_show_the_refusal(server):
    with refused("InvalidAccessKeyID", 403):
        clients.function_compute(server, key_id="LTAInobody").list_functions(fc_models.ListFunctionsRequest())
    with refused("SignatureNotMatch", 403):
        clients.function_compute(server, secret="wrong").list_functions(fc_models.ListFunctionsRequest())
    with refused("InvalidAccessKeyId.NotFound", 404):
        clients.event_bridge(server, key_id="LTAInobody").list_event_buses(eb_models.ListEventBusesRequest())
    with refused("SignatureDoesNotMatch", 400):
        clients.event_bridge(server, secret="wrong").list_event_buses(eb_models.ListEventBusesRequest())


def test_both_older_signatures_are_accepted(server, unique):
    options = {"signature_algorithm": "v2"}
    clients.function_compute(server, **options).list_functions(fc_models.ListFunctionsRequest(prefix=unique("absent")))
    bus = unique("bus")
    created = clients.event_bridge(server, **options).create_event_bus(eb_models.CreateEventBusRequest(event_bus_name=bus))
    assert created.body.success, created.body.to_map()
    with refused("SignatureDoesNotMatch", 400):
        clients.event_bridge(server, secret="wrong", **options).list_event_buses(eb_models.ListEventBusesRequest())


def test_buckets_are_not_for_strangers(server, unique):
    bucket = unique("private")
    clients.oss2_bucket(server, bucket).create_bucket()
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = requests.request(method, f"{server.objects_url}/{bucket}/key", data=b"x", timeout=10)
        assert answer.status_code == 403, (method, answer.text)
    assert "<Code>AccessDenied</Code>" in requests.get(f"{server.objects_url}/{bucket}/", timeout=10).text


def test_only_health_is_open_to_everybody(server):
    assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
    for path in ("/2023-03-30/functions", "/2023-03-30/", "/", "/nowhere", "/_code/x"):
        answer = requests.get(server.url + path, timeout=10)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert answer.headers["content-type"].startswith("application/json"), path


def test_secrets_do_not_show_in_what_the_server_says(new_server):
    server = new_server()
    raw.fc(server, "GET", "/functions", secret="wrong-secret-of-a-caller")
    raw.fc(server, "GET", "/functions", change=spoil("x-acs-date", "2026-01-01T00:00:00Z"))
    assert raw.fc(server, "GET", "/functions").status_code == 200
    server.stop()
    said = server.log_path.read_text()
    assert ACCESS_KEY_SECRET not in said
