"""Requests that are signed, but not what the API can work with."""

import gzip
import json
import socket
import urllib.parse

import pytest
import requests
from alibabacloud_fc20230330 import models

from harness import raw
from harness.event_bridge import function_target
from harness.refusals import refused

MIB = 1 << 20


def json_call(server, method, path, body):
    return raw.fc(server, method, path, body, headers={"content-type": "application/json; charset=utf-8"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"functionName":7}', b'{"functionName":"x","code":"zip"}',
                                  b'{"functionName":"a","functionName":', b'{"a":' * 50_000])
def test_a_body_that_is_not_the_expected_json_is_an_invalid_argument(server, body):
    answer = json_call(server, "POST", "/functions", body)
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument"), answer.text


@pytest.mark.parametrize("method, path", [
    ("GET", ""), ("GET", "/"), ("GET", "/nothing"), ("PATCH", "/functions"), ("PUT", "/functions"),
    ("GET", "/functions/a/b/c/d"), ("POST", "/functions/x/nothing"), ("GET", "/functions//code"),
])
def test_an_unknown_path_is_answered_in_the_clients_format(server, method, path):
    answer = raw.fc(server, method, path)
    assert 400 <= answer.status_code < 500
    assert answer.json()["Code"] and answer.json()["RequestId"] == answer.headers["x-fc-request-id"]


def test_another_api_version_is_refused(server):
    answer = raw.fc(server, "GET", "/functions", headers={"x-acs-version": "2016-08-15"})
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize("parameters, code", [
    ({}, "MissingEventBusName"),
    ({"EventBusName": "default"}, "MissingRuleName"),
    ({"EventBusName": "default", "RuleName": "r"}, "MissingFilterPattern"),
    ({"EventBusName": "default", "RuleName": "r", "FilterPattern": "{}", "EventTargets": "{"}, None),
    ({"EventBusName": "default", "RuleName": "r", "FilterPattern": "{}", "Status": "MAYBE"}, None),
])
def test_event_bridge_names_the_parameter_that_is_missing_or_wrong(server, parameters, code):
    answer = raw.rpc(server, "CreateRule", parameters)
    error = answer.json()
    assert error.get("Success") is not True
    assert code is None or (answer.status_code, error["Code"]) == (400, code), error
    assert error["Code"] and error["Message"] and error["RequestId"]
    assert raw.rpc(server, "GetRule", {"EventBusName": "default", "RuleName": "r"}).json()["Code"] == "EventRuleNotExisted"


@pytest.mark.parametrize("action", ["Explode", "", "../CreateRule", "x" * 10_000])
def test_an_unknown_action_is_not_found(server, action):
    answer = raw.rpc(server, action, {})
    assert answer.status_code in (400, 404, 431)
    assert answer.json()["Code"]


def test_parameters_may_come_in_the_query_or_in_the_form(server, unique):
    bus = unique("bus")
    query = urllib.parse.urlencode({"EventBusName": bus, "Description": "a b+c ü"})
    headers = {"x-acs-action": "CreateEventBus", "x-acs-version": "2020-04-01"}
    assert raw.call(server, "POST", f"/?{query}", headers=headers).json()["Success"] is True
    got = raw.rpc(server, "GetEventBus", {"EventBusName": bus}).json()["Data"]
    assert got["Description"] == "a b+c ü"


def test_what_is_too_long_for_the_query_is_not_for_the_form(server, unique):
    constant = {"ResourceKey": "Body", "Form": "CONSTANT", "Value": "ü" * 10_000}
    targets = [function_target("absent", id, body=constant) for id in ("t1", "t2")]
    parameters = {"EventBusName": "default", "RuleName": unique("long"), "FilterPattern": '{"source":["nobody"]}',
                  "EventTargets": json.dumps(targets, ensure_ascii=False)}
    headers = {"x-acs-action": "CreateRule", "x-acs-version": "2020-04-01"}
    answer = raw.call(server, "POST", f"/?{urllib.parse.urlencode(parameters)}", headers=headers)
    assert (answer.status_code, answer.text) == (414, "")
    assert raw.rpc(server, "CreateRule", parameters).json()["Success"] is True


def test_a_payload_over_32_mib_is_too_large_and_one_of_32_mib_is_not(server, functions, unique):
    name = unique("length")
    functions.create(name, "def handler(event, context):\n    return str(len(event))\n", memory_size=1024)
    assert functions.invoke(name, b"x" * (32 * MIB)).text == str(32 * MIB)
    answer = raw.fc(server, "POST", f"/functions/{name}/invocations", b"x" * (32 * MIB + 1))
    assert (answer.status_code, answer.json()["Code"]) == (400, "EntityTooLarge")


def test_a_body_over_the_limit_is_refused_before_it_was_sent_whole(server):
    """The server must not wait for a body that it will not take, nor keep it in memory."""
    headers = raw.sign("POST", "/2023-03-30/functions", {"host": server.api, "x-acs-version": "2023-03-30"})
    host, port = server.api.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"POST /2023-03-30/functions HTTP/1.1\r\n{head}content-length: {10_000 * MIB}\r\n\r\n".encode())
        connection.sendall(b"x" * MIB)
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 4"), answer
    assert "EntityTooLarge" in answer, answer


@pytest.mark.parametrize("head", [
    "GARBAGE\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "GET /2023-03-30/functions HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n" + "".join(f"x-{i}: y\r\n" for i in range(2000)) + "\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-long: " + "y" * (1 * MIB) + "\r\n\r\n",
    "GET /?" + "a" * (1 * MIB) + " HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
], ids=lambda head: head[:30])
def test_what_is_no_http_does_not_hurt(server, head):
    for address in (server.api, server.objects):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            try:
                connection.sendall(head.encode())
                answer = connection.recv(65536)
            except ConnectionError:
                answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"), answer[:200]
    assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200


def test_an_encoded_body_is_not_guessed_at(server):
    answer = raw.fc(server, "POST", "/functions", gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument")


def test_connections_that_say_nothing_do_not_keep_others_out(server):
    host, port = server.api.split(":")
    silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(200)]
    try:
        assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
        assert raw.fc(server, "GET", "/functions").status_code == 200
    finally:
        for connection in silent:
            connection.close()


def test_a_page_token_of_somebody_else_is_refused(fc):
    with refused("InvalidArgument", 400):
        fc.list_functions(models.ListFunctionsRequest(next_token="Li4vLi4vZXRjL3Bhc3N3ZA=="))
