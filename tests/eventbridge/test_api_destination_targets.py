"""Targets of the type `acs.api.destination`: requests with the credentials of a connection."""

import json
import urllib.parse

import pytest

from harness.connections import (
    API_KEY, BASIC, connect, delete_destination, destination_target, destine, get_connection, oauth, update_connection,
    update_destination,
)
from harness.event_bridge import event
from harness.raw import rpc
from harness.receiver import Receiver
from harness.refusals import business_error
from harness.targets import http_target, pushes
from harness.waiting import wait_until

PATIENT = {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}
WHOLE = {"Form": "ORIGINAL"}


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def bus(hub, unique):
    name = unique("bus")
    hub.create_bus(name)
    return name


@pytest.fixture
def call(eb, hub, bus, receiver):
    """Makes a connection, an API destination and a rule, puts an event and returns what the API received."""
    def call(auth=None, method="POST", path=None, data=None, **parts):
        path = path or f"/{bus}"
        connect(eb, bus, auth)
        destine(eb, bus, bus, receiver.url(path), method=method)
        hub.create_rule(bus, "r", {}, [destination_target(bus, **PATIENT, **parts)])
        hub.put_accepted(bus, event("1", data=data))
        return receiver.wait_for(urllib.parse.urlsplit(path).path)[0]
    return call


def test_headers_query_and_body_are_made_from_the_event(call, bus):
    request = call(
        method="PUT", path=f"/{bus}?fixed=1", data={"n": "ü&x", "k": 7},
        headers={"Form": "TEMPLATE", "Value": '{"n":"$.data.k"}', "Template": '{"X-Key":"${n}","Content-Type":"text/plain"}'},
        query={"Form": "TEMPLATE", "Value": '{"n":"$.data.n"}', "Template": '{"name":"${jsonEscape(n)}","page":2}'},
        body={"Form": "TEMPLATE", "Value": '{"id":"$.id"}', "Template": "event ${id}"},
    )
    assert (request.method, request.body) == ("PUT", b"event 1")
    assert (request.headers["x-key"], request.headers["content-type"]) == ("7", "text/plain")
    assert request.query == {"fixed": ["1"], "name": ["ü&x"], "page": ["2"]}
    assert "authorization" not in request.headers


def test_a_whole_event_may_be_the_body(call):
    request = call(body=WHOLE)
    assert json.loads(request.body)["id"] == "1"
    assert request.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH"])
def test_requests_have_the_method_of_the_destination(call, method):
    assert call(method=method).method == method


def test_basic_credentials_go_into_the_header(call):
    assert call(BASIC, body=WHOLE).headers["authorization"] == "Basic dXNlcjpodW50ZXIy"


def test_an_api_key_goes_into_its_header_and_nobody_overrides_it(call):
    headers = {"Form": "CONSTANT", "Value": '{"X-Api-Key":"other"}'}
    assert call(API_KEY, headers=headers).headers["x-api-key"] == "hunter2"


def grant(token, **more):
    return (200, {"content-type": "application/json"}, json.dumps({"access_token": token, "token_type": "Bearer", **more}).encode())


def test_a_token_is_asked_for_once_and_used_until_it_is_refused(call, hub, bus, receiver):
    path, tokens = f"/{bus}", f"/{bus}-token"
    receiver.answers[tokens] = [grant("first", expires_in=3600), grant("second", expires_in="3600")]
    auth = oauth(receiver.url(tokens), body=[("scope", "a b", "false")], query=[("v", "2", "false")], headers=[("x-h", "1", "true")])
    assert call(auth, body=WHOLE).headers["authorization"] == "Bearer first"
    asked, = receiver.requests(tokens)
    assert asked.method == "POST" and asked.query == {"v": ["2"]} and asked.headers["x-h"] == "1"
    assert urllib.parse.parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["client"], "client_secret": ["hunter2"], "scope": ["a b"]}
    hub.put_accepted(bus, event("2"))
    assert receiver.wait_for(path, 2)[1].headers["authorization"] == "Bearer first"
    assert len(receiver.requests(tokens)) == 1, "the token is kept"
    receiver.answers[path] = [(401, {}, b""), (200, {}, b"")]
    hub.put_accepted(bus, event("3"))
    third, again = receiver.wait_for(path, 4)[2:]
    assert (third.headers["authorization"], again.headers["authorization"]) == ("Bearer first", "Bearer second")
    assert wait_until(lambda: pushes(hub, bus, "3")) == ["[200]OK"], "one attempt, although the token was refused"


def test_a_token_that_runs_out_is_asked_for_anew(call, hub, bus, receiver):
    tokens = f"/{bus}-token"
    receiver.answers[tokens] = [grant("short", expires_in=0), grant("long")]
    assert call(oauth(receiver.url(tokens), method="GET"), body=WHOLE).headers["authorization"] == "Bearer short"
    assert receiver.requests(tokens)[0].query["client_id"] == ["client"]
    hub.put_accepted(bus, event("2"))
    assert receiver.wait_for(f"/{bus}", 2)[1].headers["authorization"] == "Bearer long"


@pytest.mark.parametrize("answer", [(403, {}, b"hunter2"), (200, {}, b"no json"), (200, {}, b'{"token":"hunter2"}')])
def test_without_a_token_nothing_is_sent_and_the_attempt_says_why(eb, hub, bus, receiver, answer):
    receiver.answers[f"/{bus}-token"] = [answer]
    connect(eb, bus, oauth(receiver.url(f"/{bus}-token")))
    destine(eb, bus, bus, receiver.url(f"/{bus}"))
    hub.create_rule(bus, "r", {}, [destination_target(bus, body=WHOLE, **PATIENT)])
    hub.put_accepted(bus, event("1"))
    got = wait_until(lambda: pushes(hub, bus, "1"))[0]
    assert got.startswith("no token: ") and "hunter2" not in got
    assert receiver.requests(f"/{bus}") == []


def test_changes_count_at_once_for_rules_that_exist(call, eb, hub, bus, receiver):
    call(BASIC, body=WHOLE)
    update_connection(eb, bus, {**API_KEY})
    update_destination(eb, bus, endpoint=receiver.url(f"/{bus}-new"), method="PATCH")
    hub.put_accepted(bus, event("2"))
    request, = receiver.wait_for(f"/{bus}-new")
    assert (request.method, request.headers["x-api-key"]) == ("PATCH", "hunter2")
    assert "authorization" not in request.headers


def test_a_mask_that_is_sent_back_means_the_secret_that_is_there(call, eb, hub, bus, receiver):
    call(BASIC, body=WHOLE)
    shown = get_connection(eb, bus).data.connections[0].auth_parameters.to_map()
    shown["BasicAuthParameters"]["Username"] = "other"
    update_connection(eb, bus, shown)
    hub.put_accepted(bus, event("2"))
    assert receiver.wait_for(f"/{bus}", 2)[1].headers["authorization"] == "Basic b3RoZXI6aHVudGVyMg=="


@pytest.mark.parametrize("parts, reason", [
    ({"headers": {"Form": "CONSTANT", "Value": "[]"}}, "HeaderParameters do not become a JSON object"),
    ({"query": {"Form": "CONSTANT", "Value": '{"a":{}}'}}, "QueryStringParameters: the value of `a`"),
    ({"headers": {"Form": "CONSTANT", "Value": '{"Host":"evil"}'}}, "the header `host` cannot be chosen"),
    ({"headers": {"Form": "CONSTANT", "Value": '{"x":"a\\r\\ny: z"}'}}, "the header `x` cannot be sent"),
])
def test_what_cannot_be_sent_is_a_dead_letter_at_once(eb, hub, bus, receiver, parts, reason):
    connect(eb, bus)
    destine(eb, bus, bus, receiver.url(f"/{bus}"))
    hub.create_rule(bus, "r", {}, [destination_target(bus, **parts, **PATIENT)])
    hub.put_accepted(bus, event("1"))
    answer, = wait_until(lambda: pushes(hub, bus, "1"))
    assert answer.startswith(reason), answer
    assert receiver.requests(f"/{bus}") == []


def test_a_destination_that_is_gone_is_a_dead_letter_at_once(call, eb, hub, bus):
    call(body=WHOLE)
    delete_destination(eb, bus)
    hub.put_accepted(bus, event("2"))
    answer, = wait_until(lambda: pushes(hub, bus, "2"))
    assert answer == f"the API destination [{bus}] not existed!"


def test_a_failed_call_is_tried_again_with_the_same_request(call, hub, bus, receiver):
    receiver.answers[f"/{bus}"] = [(500, {}, b""), (200, {}, b"")]
    call(body={"Form": "JSONPATH", "Value": "$.data"}, data={"a": 1}, headers={"Form": "CONSTANT", "Value": '{"x-h":"1"}'})
    first, second = receiver.wait_for(f"/{bus}", 2)
    assert first.body == second.body == b'{"a":1}' and second.headers["x-h"] == "1"
    assert wait_until(lambda: pushes(hub, bus, "1")[1:]) == ["[200]OK"]


def test_a_target_that_becomes_one_of_another_type_sends_what_its_own_transform_makes(eb, hub, bus, receiver):
    def made(text):
        return {"Form": "TEMPLATE", "Value": '{"id":"$.id"}', "Template": text}

    fails, api = f"/{bus}-fails", f"/{bus}-api"
    receiver.answers[fails] = [(500, {}, b"")]
    connect(eb, bus)
    destine(eb, bus, bus, receiver.url(fails))
    destination = destination_target(bus, **PATIENT, body=made('{"called": "${id}"}'))
    hub.create_rule(bus, "r", {}, [destination])
    hub.put_accepted(bus, event("1"))
    receiver.wait_for(fails)
    hub.put_targets(bus, "r", [http_target(receiver.url(f"/{bus}"), body=made('{"pushed": "${id}"}'), **PATIENT)])
    assert receiver.wait_for(f"/{bus}")[0].body == b'{"pushed": "1"}'

    failing_push = http_target(receiver.url(fails), body=made('{"pushed": "${id}"}'), **PATIENT)
    seen = len(receiver.requests(fails))
    hub.put_targets(bus, "r", [failing_push])
    hub.put_accepted(bus, event("2"))
    receiver.wait_for(fails, seen + 1)
    update_destination(eb, bus, bus, receiver.url(api), method="POST")
    hub.put_targets(bus, "r", [destination])
    assert receiver.wait_for(api)[0].body == b'{"called": "2"}'


def test_a_rate_is_kept_and_costs_no_attempt(eb, server, hub, bus, receiver):
    connect(eb, bus)
    api = {"Endpoint": receiver.url(f"/{bus}"), "Method": "POST", "InvocationRateLimitPerSecond": 2}
    parameters = {"ApiDestinationName": bus, "ConnectionName": bus, "HttpApiParameters": json.dumps(api)}
    assert rpc(server, "CreateApiDestination", parameters).json()["Code"] == "Success"
    hub.create_rule(bus, "r", {}, [destination_target(bus, body=WHOLE)])
    hub.put_accepted(bus, *[event(str(i)) for i in range(5)])
    receiver.wait_for(f"/{bus}", 5)
    for i in range(5):
        assert wait_until(lambda i=i: pushes(hub, bus, str(i))) == ["[200]OK"]


@pytest.mark.parametrize("changes", [
    {"Endpoint": "https://api.example.com/"},
    {"ParamList": [{"ResourceKey": "Name", "Form": "CONSTANT", "Value": "other"}]},
    {"ParamList": [{"ResourceKey": "Name", "Form": "ORIGINAL"}]},
])
def test_a_target_that_cannot_work_is_refused(hub, bus, changes):
    with business_error("EventTargetIneffectiveAttribute"):
        hub.create_rule(bus, "r", {}, [{**destination_target("crm"), **changes}])
