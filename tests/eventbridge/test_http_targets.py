"""Targets of the types `http` and `https`: signed pushes, and what receivers can do to us."""

import json
import socket

import pytest
import requests

from harness.certificates import Authority
from harness.event_bridge import Hub, event
from harness.push_signature import certificate_of, verify
from harness.receiver import (
    Misbehaving, Receiver, bad_headers, byte_by_byte, endless, endless_headers, hang, reset,
)
from harness.refusals import business_error
from harness.targets import constants, http_target, pushes
from harness.waiting import wait_until

PATIENT = {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}
SHOP = {"source": ["shop"]}


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


def test_a_push_is_the_event_signed_in_both_generations(hub, bus, receiver):
    url = receiver.url(f"/{bus}?a=1&b=%20x")
    hub.create_rule(bus, "r", {}, [http_target(url, token="tok-1")])
    hub.put_accepted(bus, event("1", data={"n": "中"}))
    push, = receiver.wait_for(f"/{bus}")
    assert (push.method, push.target) == ("POST", f"/{bus}?a=1&b=%20x")
    assert push.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(push.body)["id"] == "1" and json.loads(push.body)["data"] == {"n": "中"}
    certificate = certificate_of(push)
    verify(push, url, certificate.public_key(), token="tok-1")
    wait_until(lambda: pushes(hub, bus, "1") == ["[200]OK"])


def test_a_signature_fits_neither_another_address_nor_another_body(hub, bus, receiver):
    url = receiver.url(f"/{bus}")
    hub.create_rule(bus, "r", {}, [http_target(url)])
    hub.put_accepted(bus, event("1"))
    push, = receiver.wait_for(f"/{bus}")
    key = certificate_of(push).public_key()
    verify(push, url, key)
    for other, address in [(push, url + "/"), (type(push)(push.method, push.target, push.headers, push.body + b" "), url)]:
        with pytest.raises(Exception, match="^$"):
            verify(other, address, key)


def test_the_key_stays_and_only_its_owner_can_read_it(new_server, receiver, unique):
    server, path = new_server(), f"/{unique('key')}"
    hub = Hub(server)
    hub.create_rule("default", "r", SHOP, [http_target(receiver.url(path))])
    assert requests.get(f"{server.url}/x509_public_certificate_0.pem", timeout=10).status_code == 404
    hub.put_accepted("default", event("1"))
    first, = receiver.wait_for(path)
    assert (server.data / "push-key.pem").stat().st_mode & 0o777 == 0o600
    server.restart()
    hub.put_accepted("default", event("2"))
    second = receiver.wait_for(path, 2)[1]
    assert second.headers["x-eventbridge-signature-url"] == first.headers["x-eventbridge-signature-url"]
    verify(second, receiver.url(path), certificate_of(first).public_key())


def test_the_certificate_is_where_the_configuration_says(new_server, receiver, unique):
    server, path = new_server(environment={"KULKUL_PUBLIC_URL": "https://hub.example.com/"}), f"/{unique('public')}"
    hub = Hub(server)
    hub.create_rule("default", "r", SHOP, [http_target(receiver.url(path))])
    hub.put_accepted("default", event("1"))
    push, = receiver.wait_for(path)
    named = push.headers["x-eventbridge-signature-url"]
    assert named.startswith("https://hub.example.com/x509_public_certificate_")
    assert requests.get(named.replace("https://hub.example.com", server.url), timeout=10).text.startswith("-----BEGIN CERT")


@pytest.mark.parametrize("body, text", [
    ({"Form": "CONSTANT", "Value": "${t}"}, "${t}"),
    ({"Form": "JSONPATH", "Value": "$.data.name"}, "é"),
    ({"Form": "TEMPLATE", "Value": '{"n":"$.data.name"}', "Template": '{"text":"${n}"}'}, '{"text":"é"}'),
], ids=lambda value: str(value)[:20])
def test_a_transform_decides_what_is_pushed_and_signed(hub, bus, receiver, body, text):
    url = receiver.url(f"/{bus}")
    hub.create_rule(bus, "r", {}, [http_target(url, body=body)])
    hub.put_accepted(bus, event("1", data={"name": "é"}))
    push, = receiver.wait_for(f"/{bus}")
    assert push.body.decode() == text
    verify(push, url, certificate_of(push).public_key())


def changed(target, key, **changes):
    params = [{**param, **changes} if param["ResourceKey"] == key else param for param in target["ParamList"]]
    return {**target, "ParamList": params}


HOOK = http_target("http://hooks.example.com/")


@pytest.mark.parametrize("target, code, message", [
    (http_target("http://hooks.example.com/", body=None), "EventTargetMissingAttribute", "`Body`"),
    (http_target("ftp://hooks.example.com/", kind="http"), "EventTargetIneffectiveAttribute", "http or https address"),
    (http_target("http://user:secret@hooks.example.com/"), "EventTargetIneffectiveAttribute", "user name"),
    (http_target("http://hooks.example.com/#x"), "EventTargetIneffectiveAttribute", "fragment"),
    (http_target("http://0x7f.1/"), "EventTargetIneffectiveAttribute", "number as its host"),
    (http_target("http://h.test/" + "x" * 4096), "EventTargetIneffectiveAttribute", "4096 bytes"),
    (http_target("http://hooks.example.com/", kind="https"), "EventTargetIneffectiveAttribute", "`https://`"),
    (http_target("http://169.254.169.254/latest/meta-data"), "EventTargetIneffectiveAttribute", "KULKUL_ALLOW_TARGETS"),
    (http_target("http://[fe80::1]/"), "EventTargetIneffectiveAttribute", "KULKUL_ALLOW_TARGETS"),
    (http_target("http://[fe80::1%25lo]/"), "EventTargetIneffectiveAttribute", "KULKUL_ALLOW_TARGETS"),
    (http_target("http://10.1.2.3/"), "EventTargetIneffectiveAttribute", "KULKUL_ALLOW_TARGETS"),
    (http_target("http://hooks.example.com/", token="x" * 1025), "EventTargetIneffectiveAttribute", "Token"),
    (http_target("http://hooks.example.com/", token="a\r\nx: y"), "EventTargetIneffectiveAttribute", "Token"),
    (changed(HOOK, "Network", Value="Moon"), "EventTargetIneffectiveAttribute", "Network"),
    (changed(HOOK, "url", Form="JSONPATH", Value="$.data"), "EventTargetIneffectiveAttribute", "CONSTANT"),
    ({**HOOK, "ParamList": [*HOOK["ParamList"], *constants(Bodi="x")]}, "EventTargetIneffectiveAttribute",
     "has the parameter `Bodi`; those of `http` are url, Body, Token,"),
    ({**HOOK, "ParamList": [*HOOK["ParamList"], *constants(body="x")]}, "EventTargetIneffectiveAttribute", "`body` twice"),
    (changed(HOOK, "Body", Form="CONSTANT", Value="x" * 10_241), "InvalidConfig", "10240"),
    (changed(HOOK, "Body", Form="TEMPLATE", Value="{}", Template="x" * 10_241), "InvalidConfig", "10240"),
], ids=lambda value: value[:20] if isinstance(value, str) else "")
def test_a_target_that_cannot_work_is_refused_at_once(hub, bus, target, code, message):
    with business_error(code, message):
        hub.create_rule(bus, "r", {}, [target])
    with business_error("EventRuleNotExisted"):
        hub.get_rule(bus, "r")


def test_parameters_without_meaning_here_are_kept(hub, bus):
    parts = constants(VPCNameAndId="v/vpc-1", VSwitchesNameAndId='["s/vsw-1"]', SecurityGroupNameAndId="g/sg-1")
    hub.create_rule(bus, "r", {"source": ["nobody"]}, [{**HOOK, "ParamList": [*HOOK["ParamList"], *parts]}])
    kept = {param.resource_key: param.value for param in hub.get_rule(bus, "r").targets[0].param_list}
    assert {part["ResourceKey"]: part["Value"] for part in parts}.items() <= kept.items()


def test_limits_are_inclusive(hub, bus):
    url = "http://hooks.example.com/" + "x" * (4096 - len("http://hooks.example.com/"))
    target = http_target(url, token="x" * 1024, body={"Form": "CONSTANT", "Value": "x" * 10_240})
    hub.create_rule(bus, "r", {"source": ["nobody"]}, [target])
    assert hub.get_rule(bus, "r").targets[0].endpoint == url


def test_a_server_that_others_reach_sends_nothing_to_its_own_machine(new_server, receiver, unique):
    server, path = new_server(), f"/{unique('reach')}"
    hub = Hub(server)
    hub.create_rule("default", "old", SHOP, [http_target(receiver.url(path), **PATIENT)])
    server.extra_environment["KULKUL_ALLOW_TARGETS"] = "public,private"
    server.restart()
    for url in (receiver.url("/"), f"http://localhost:{receiver.port}/", f"http://[::1]:{receiver.port}/"):
        with business_error("EventTargetIneffectiveAttribute", "KULKUL_ALLOW_TARGETS"):
            hub.create_rule("default", "new", SHOP, [http_target(url)])
    hub.put_accepted("default", event("1"))
    answer = wait_until(lambda: pushes(hub, "default", "1"))[0]
    assert "requests to 127.0.0.1 are not allowed" in answer
    assert receiver.requests(path) == []


def test_an_unknown_zone_is_a_problem_of_the_configuration(new_server):
    server = new_server(start=False, environment={"KULKUL_ALLOW_TARGETS": "everything"})
    with pytest.raises(AssertionError, match="the server ended"):
        server.start()
    assert "`everything` is not one of `public`, `loopback`, `private`" in server.tail()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def hasty(binary, tmp_path_factory, authority):
    """A server that waits one second for targets, and trusts the authority of these tests."""
    from harness.server import Server
    environment = {"KULKUL_HTTP_TARGET_TIMEOUT": "1s", "SSL_CERT_FILE": str(authority.pem)}
    server = Server(binary, tmp_path_factory.mktemp("hasty"), environment=environment)
    try:
        yield Hub(server.start())
    finally:
        server.close()


def first_answer(hub, bus, url):
    """Puts an event that is pushed to `url` and returns how the first attempt ended."""
    hub.create_bus(bus)
    hub.create_rule(bus, "r", {}, [http_target(url, **PATIENT)])
    hub.put_accepted(bus, event("1"))
    answer = wait_until(lambda: pushes(hub, bus, "1"))[0]
    hub.delete_rule(bus, "r")
    return answer


@pytest.mark.parametrize("behaviour, answer", [
    (reset, "the exchange failed"),
    (hang, "no answer within 1s"),
    (byte_by_byte, "no answer within 1s"),
    (endless, "[200]OK"),
    (endless_headers, "the exchange failed"),
    (bad_headers, "the exchange failed"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_target_that_behaves_badly_costs_one_attempt_and_no_more(hasty, unique, behaviour, answer):
    target = Misbehaving(behaviour)
    try:
        got = first_answer(hasty, unique("bad"), f"http://127.0.0.1:{target.port}/")
    finally:
        target.close()
    assert got.startswith(answer), got


def test_a_target_that_is_not_there_is_said_to_be_so(hasty, unique):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    got = first_answer(hasty, unique("bad"), f"http://127.0.0.1:{port}/")
    assert got.startswith("cannot connect") and "refused" in got
    got = first_answer(hasty, unique("bad"), "http://nowhere.invalid/")
    assert got.startswith(("cannot resolve `nowhere.invalid`", "no answer within 1s")), got


def test_redirects_are_not_followed(hasty, unique, receiver):
    path = f"/{unique('moved')}"
    receiver.answers[path] = [(307, {"location": receiver.url(path + "/secret")}, b"")]
    assert first_answer(hasty, unique("bad"), receiver.url(path)) == "[307]redirects are not followed"
    assert receiver.requests(path + "/secret") == []


def test_certificates_of_targets_are_verified(hasty, unique, authority, tmp_path):
    fine, expired = Receiver(authority.issue()), Receiver(authority.issue(days=-1))
    stranger = Receiver(Authority(tmp_path).issue())
    try:
        assert first_answer(hasty, unique("tls"), fine.url("/")) == "[200]OK"
        for server in (expired, stranger):
            got = first_answer(hasty, unique("tls"), server.url("/"))
            assert got.startswith("cannot connect") and "ertificate" in got, got
            assert server.requests("/") == []
    finally:
        for server in (fine, expired, stranger):
            server.close()


def test_what_a_target_says_is_kept_with_the_attempt(hasty, unique, receiver):
    path = f"/{unique('says')}"
    receiver.answers[path] = [(422, {}, b"field `x` is missing")]
    assert first_answer(hasty, unique("says"), receiver.url(path)) == "[422]field `x` is missing"


def test_a_target_that_asks_for_patience_gets_it(hub, bus, receiver):
    path = f"/{bus}"
    receiver.answers[path] = [(429, {"Retry-After": "3"}, b""), (200, {}, b"")]
    hub.create_rule(bus, "r", {}, [http_target(receiver.url(path), **PATIENT)])
    hub.put_accepted(bus, event("1"))
    first, second = receiver.wait_for(path, 2)
    sent = [int(push.headers["x-eventbridge-signature-timestamp"]) for push in (first, second)]
    assert sent[1] - sent[0] >= 3000, "the strategy alone would have waited one second"
    assert first.body == second.body
