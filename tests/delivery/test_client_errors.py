"""What follows when a target over HTTP finds fault with a request (4xx): another attempt, or the end of the delivery."""

import json

import pytest

from harness import clients
from harness.connections import BASIC, connect, destination_target, destine, oauth
from harness.deliveries import Targets, rule_target
from harness.event_bridge import Hub, event
from harness.receiver import Receiver
from harness.server import Server
from harness.targets import http_target, pushes
from harness.waiting import wait_until

PATIENT = {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def strict(binary, tmp_path_factory):
    """A server on which such a fault is final."""
    environment = {"KULKUL_HTTP_TARGET_RETRY_CLIENT_ERRORS": "false"}
    server = Server(binary, tmp_path_factory.mktemp("strict"), environment=environment)
    try:
        yield server.start()
    finally:
        server.close()


def answer(status, body=b""):
    return (status, {"content-type": "application/json"}, body)


def push(server, bus, receiver, *answers, **settings):
    """Puts an event that is owed to a target which gives these answers, the last one for ever."""
    receiver.answers[f"/{bus}"] = list(answers)
    hub = Hub(server)
    hub.create_bus(bus)
    hub.create_rule(bus, "r", {}, [http_target(receiver.url(f"/{bus}"), **PATIENT, **settings)])
    hub.put_accepted(bus, event("1"))
    return hub


def call(server, bus, receiver, auth):
    """Puts an event that is owed to an API destination."""
    hub, eb = Hub(server), clients.event_bridge(server)
    hub.create_bus(bus)
    connect(eb, bus, auth)
    destine(eb, bus, bus, receiver.url(f"/{bus}"))
    hub.create_rule(bus, "r", {}, [destination_target(bus, body={"Form": "ORIGINAL"}, **PATIENT)])
    hub.put_accepted(bus, event("1"))
    return hub


@pytest.mark.parametrize("status", [404, 425])
def test_a_fault_of_the_request_is_tried_again_unless_the_server_is_told_otherwise(server, unique, receiver, status):
    bus = unique("mended")
    hub = push(server, bus, receiver, answer(status), answer(200))
    attempts = wait_until(lambda: len(made := pushes(hub, bus, "1")) == 2 and made)
    assert attempts[0].startswith(f"[{status}]") and attempts[1] == "[200]OK"


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_a_final_fault_ends_the_delivery_at_its_first_attempt(strict, unique, receiver, status):
    bus = unique("final")
    hub = push(strict, bus, receiver, answer(status, b"no such thing"), answer(200))
    letter, = Targets(strict).wait_for_dead_letters(1, bus=bus)
    assert (letter["eventId"], letter["attemptCount"], letter["lastAnswer"]) == ("1", 1, f"[{status}]no such thing")
    assert pushes(hub, bus, "1") == [f"[{status}]no such thing"]
    assert len(receiver.requests(f"/{bus}")) == 1


def test_a_final_fault_blocks_a_target_that_tolerates_none(strict, unique, receiver):
    bus = unique("blocked")
    hub = push(strict, bus, receiver, answer(422), answer(200), ErrorsTolerance="NONE")
    targets = Targets(strict)
    targets.wait_for_state(rule_target(bus, "r"), "blocked")
    assert wait_until(lambda: pushes(hub, bus, "1")) == ["[422]Unprocessable Entity"]
    assert targets.dead_letters(bus=bus) == []
    targets.resume(rule_target(bus, "r"))
    wait_until(lambda: pushes(hub, bus, "1")[1:] == ["[200]OK"])


@pytest.mark.parametrize("status", [408, 425, 429, 500])
def test_who_asks_for_patience_or_is_broken_is_tried_again_anyway(strict, unique, receiver, status):
    bus = unique("patience")
    hub = push(strict, bus, receiver, answer(status), answer(200))
    attempts = wait_until(lambda: len(made := pushes(hub, bus, "1")) == 2 and made)
    assert attempts[0].startswith(f"[{status}]") and attempts[1] == "[200]OK"


def test_a_final_fault_ends_a_delivery_to_an_api_destination_too(strict, unique, receiver):
    bus = unique("final")
    receiver.answers[f"/{bus}"] = [answer(403)]
    call(strict, bus, receiver, BASIC)
    letter, = Targets(strict).wait_for_dead_letters(1, bus=bus)
    assert (letter["attemptCount"], letter["lastAnswer"]) == (1, "[403]Forbidden")


@pytest.mark.parametrize("after, ends", [(200, "[200]OK"), (401, "[401]Unauthorized")])
def test_a_refused_token_is_final_only_when_a_new_one_is_refused_as_well(strict, unique, receiver, after, ends):
    bus = unique("token")
    grants = [answer(200, json.dumps({"access_token": token}).encode()) for token in ("first", "second")]
    receiver.answers[f"/{bus}-token"] = grants
    receiver.answers[f"/{bus}"] = [answer(401), answer(after)]
    hub = call(strict, bus, receiver, oauth(receiver.url(f"/{bus}-token")))
    assert wait_until(lambda: pushes(hub, bus, "1")) == [ends]
    assert len(Targets(strict).dead_letters(bus=bus)) == (1 if after == 401 else 0)
    sent = [request.headers["authorization"] for request in receiver.requests(f"/{bus}")]
    assert sent == ["Bearer first", "Bearer second"], "both within one attempt"


def test_without_a_token_nothing_was_sent_that_could_be_at_fault(strict, unique, receiver):
    bus = unique("token")
    receiver.answers[f"/{bus}-token"] = [answer(401), answer(200, b'{"access_token": "t"}')]
    hub = call(strict, bus, receiver, oauth(receiver.url(f"/{bus}-token")))
    attempts = wait_until(lambda: len(made := pushes(hub, bus, "1")) == 2 and made)
    assert attempts == ["no token: the authorization endpoint answered 401", "[200]OK"]
