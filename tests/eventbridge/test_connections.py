"""Connections and API destinations: what is kept, what is shown, what is refused."""

import json

import pytest
from alibabacloud_eventbridge20200401 import models

from harness.connections import (
    API_KEY, BASIC, PUBLIC, Refused, connect, delete_connection, delete_destination, destine, get_connection,
    get_destination, list_connections, list_destinations, oauth, update_connection, update_destination,
)
from harness.raw import rpc

MASK = "******"


def refused(code, message=""):
    return pytest.raises(Refused, match=f"^{code}: .*{message}")


def test_a_connection_is_described_without_its_secrets(eb, unique):
    name = unique("c")
    assert connect(eb, name, BASIC, description="crm ü").data.connection_name == name
    body = get_connection(eb, name)
    assert (body.http_code, body.code) == (200, "Success")
    got, = body.data.connections
    assert (got.connection_name, got.description, got.type) == (name, "crm ü", "Http")
    assert got.id and got.gmt_create > 1_600_000_000_000
    assert got.network_parameters.network_type == "PublicNetwork"
    assert got.auth_parameters.to_map() == {
        "AuthorizationType": "BASIC_AUTH", "BasicAuthParameters": {"Username": "user", "Password": MASK}}


def test_every_secret_is_masked_and_everything_else_shown(eb, server, unique):
    key, token = unique("c"), unique("c")
    connect(eb, key, API_KEY)
    connect(eb, token, oauth("https://id.example.com/token", body=[("scope", "all", "false"), ("pin", "hunter2", "true")]))
    shown = get_connection(eb, key).data.connections[0].auth_parameters.to_map()
    assert shown["ApiKeyAuthParameters"] == {"ApiKeyName": "x-api-key", "ApiKeyValue": MASK}
    shown = get_connection(eb, token).data.connections[0].auth_parameters.to_map()["OAuthParameters"]
    assert shown["AuthorizationEndpoint"] == "https://id.example.com/token"
    assert shown["ClientParameters"] == {"ClientID": "client", "ClientSecret": MASK}
    assert shown["OAuthHttpParameters"]["BodyParameters"] == [
        {"Key": "scope", "Value": "all", "IsValueSecret": "false"},
        {"Key": "pin", "Value": MASK, "IsValueSecret": "true"}]
    answers = [rpc(server, "GetConnection", {"ConnectionName": name}).text for name in (key, token)]
    assert not any("hunter2" in answer for answer in answers)
    assert '"Success"' not in answers[0].replace('"Code":"Success"', ""), "this operation has no such field"


def test_secrets_lie_in_files_that_only_their_owner_can_read(fresh_server):
    from harness import clients
    connect(clients.event_bridge(fresh_server), "c1", BASIC)
    assert fresh_server.data.stat().st_mode & 0o077 == 0
    for path in fresh_server.data.glob("meta.db*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert "hunter2" not in fresh_server.tail(100_000)


def test_names_are_given_once_and_unknown_ones_said_to_be_so(eb, unique):
    name = unique("c")
    connect(eb, name)
    with refused("ConnectionAlreadyExist"):
        connect(eb, name)
    other = unique("c")
    for call in (get_connection, update_connection, delete_connection):
        with refused("ConnectionNotExist", other):
            call(eb, other)
    for call in (get_destination, update_destination, delete_destination):
        with refused("ApiDestinationNotExist", other):
            call(eb, other)
    with refused("ConnectionNotExist"):
        destine(eb, unique("a"), other, "https://api.example.com/")


@pytest.mark.parametrize("name", ["x", "-x", "a b", "ü1", "x" * 128])
def test_names_follow_their_rule(eb, unique, name):
    with refused("ConnectionNameInvalid"):
        connect(eb, name)
    connection = unique("c")
    connect(eb, connection)
    with refused("ApiDestinationNameInvalid"):
        destine(eb, name, connection, "https://api.example.com/")


def test_limits_are_inclusive(eb, unique):
    name = unique("c").ljust(127, "x")
    connect(eb, name, description="d" * 255)
    endpoint = "https://api.example.com/".ljust(127, "x")
    destine(eb, name, name, endpoint, description="d" * 255)
    assert get_destination(eb, name).data.http_api_parameters.endpoint == endpoint
    with refused("InvalidArgument", "255"):
        connect(eb, unique("c"), description="d" * 256)
    with refused("ApiDestinationParametersInvalid", "127"):
        destine(eb, unique("a"), name, endpoint + "x")
    with refused("ConnectionAuthParametersInvalid", "127"):
        connect(eb, unique("c"), oauth("https://id.example.com/".ljust(128, "x")))


@pytest.mark.parametrize("auth, message", [
    ({"AuthorizationType": "MAGIC"}, "AuthorizationType"),
    ({"AuthorizationType": "BASIC_AUTH"}, "BasicAuthParameters"),
    ({**BASIC, "BasicAuthParameters": {"Username": "a:b", "Password": "x"}}, "Username"),
    ({**BASIC, "BasicAuthParameters": {"Username": "u"}}, "Password is missing"),
    ({**BASIC, "BasicAuthParameters": {"Username": "u", "Password": MASK}}, "Password is the mask"),
    (oauth("https://id.example.com/", body=[("pin", MASK, "true")]), "is the mask"),
    ({**API_KEY, "ApiKeyAuthParameters": {"ApiKeyName": "x y", "ApiKeyValue": "v"}}, "name of a header"),
    ({**API_KEY, "ApiKeyAuthParameters": {"ApiKeyName": "x", "ApiKeyValue": "a\r\nb: c"}}, "cannot stand in a header"),
    (oauth("ftp://id.example.com/"), "AuthorizationEndpoint"),
    (oauth("http://169.254.169.254/token"), "KULKUL_ALLOW_TARGETS"),
    (oauth("https://id.example.com/", method="BREW"), "method"),
    (oauth("https://id.example.com/", client=("", "s")), "ClientID is missing"),
    (oauth("https://id.example.com/", headers=[("a b", "c", "false")]), "name of a header"),
    (oauth("https://id.example.com/", body=[("k", "v", "maybe")]), "IsValueSecret"),
], ids=lambda value: value[:20] if isinstance(value, str) else "")
def test_credentials_that_cannot_be_used_are_refused(eb, unique, auth, message):
    name = unique("c")
    with refused("ConnectionAuthParametersInvalid", message):
        connect(eb, name, auth)
    with refused("ConnectionNotExist"):
        get_connection(eb, name)


def test_networks_and_types_are_checked(eb, unique):
    with refused("ConnectionNetworkParametersInvalid"):
        connect(eb, unique("c"), network={"NetworkType": "Moon"})
    with refused("InvalidArgument", "supported: Http"):
        connect(eb, unique("c"), type="Kafka")
    name = unique("c")
    connect(eb, name, network={"NetworkType": "PrivateNetwork", "VpcId": "vpc-1", "VswitcheId": "vsw-1", "SecurityGroupId": "sg-1"})
    network = get_connection(eb, name).data.connections[0].network_parameters
    assert (network.network_type, network.vpc_id, network.vswitche_id) == ("PrivateNetwork", "vpc-1", "vsw-1")


@pytest.mark.parametrize("api, message", [
    ({"Endpoint": "nowhere", "Method": "POST"}, "Endpoint"),
    ({"Endpoint": "http://127.0.0.1.nip.example/", "Method": "BREW"}, "method"),
    ({"Endpoint": "http://10.0.0.1/", "Method": "POST"}, "KULKUL_ALLOW_TARGETS"),
    ({"Endpoint": "http://h.example/", "Method": "POST", "InvocationRateLimitPerSecond": 0}, "at least 1"),
    ({"Endpoint": "http://h.example/", "Method": "POST", "InvocationRateLimitPerSecond": 10_001}, "10000"),
])
def test_addresses_that_cannot_be_used_are_refused(eb, server, unique, api, message):
    connection, name = unique("c"), unique("a")
    connect(eb, connection)
    parameters = {"ApiDestinationName": name, "ConnectionName": connection, "HttpApiParameters": json.dumps(api)}
    answer = rpc(server, "CreateApiDestination", parameters).json()
    assert answer["Code"] == "ApiDestinationParametersInvalid" and message in answer["Message"], answer
    with refused("ApiDestinationNotExist"):
        get_destination(eb, name)


def test_an_api_destination_is_described_changed_and_deleted(eb, unique):
    connection, other, name = unique("c"), unique("c"), unique("a")
    connect(eb, connection)
    connect(eb, other)
    created = destine(eb, name, connection, "https://api.example.com/v1?x=y", method="PATCH", description="d")
    assert created.date.api_destination_name == name, "the official client reads `Date`"
    got = get_destination(eb, name).data
    assert (got.api_destination_name, got.connection_name, got.description) == (name, connection, "d")
    assert got.http_api_parameters.to_map() == {"Endpoint": "https://api.example.com/v1?x=y", "Method": "PATCH"}
    update_destination(eb, name, connection=other, endpoint="https://api.example.com/v2", method="GET")
    got = get_destination(eb, name).data
    assert (got.connection_name, got.description, got.http_api_parameters.method) == (other, "d", "GET")
    with refused("ApiDestinationAlreadyExist"):
        destine(eb, name, other, "https://api.example.com/")
    with refused("ConnectionNotExist"):
        update_destination(eb, name, connection=unique("c"))
    with refused("ConnectionBoundApiDestination", name):
        delete_connection(eb, other)
    delete_connection(eb, connection)
    delete_destination(eb, name)
    delete_connection(eb, other)


def test_both_are_listed_in_pages(eb, unique):
    prefix = unique("page")
    for letter in "cab":
        connect(eb, f"{prefix}-{letter}")
    for letter in "cab":
        destine(eb, f"{prefix}-{letter}", f"{prefix}-a", "https://api.example.com/")
    first = list_connections(eb, connection_name_prefix=prefix, max_results=2)
    second = list_connections(eb, connection_name_prefix=prefix, max_results=2, next_token=first.next_token)
    assert [c.connection_name for c in first.connections + second.connections] == [f"{prefix}-{x}" for x in "abc"]
    assert (first.total, first.max_results, second.next_token) == (3, 2, None)
    assert list_connections(eb, connection_name_prefix=prefix, type="Kafka").total == 0
    assert list_connections(eb, connection_name_prefix=prefix, exclude_type="Http").total == 0
    first = list_destinations(eb, connection_name=f"{prefix}-a", max_results=2)
    assert (first.total, len(first.api_destinations)) == (3, 2)
    assert list_destinations(eb, api_destination_name_prefix=f"{prefix}-b").total == 1
    assert list_destinations(eb, connection_name=f"{prefix}-b").total == 0


@pytest.mark.parametrize("query", [{"max_results": 0}, {"max_results": 101}])
def test_pages_have_bounds(eb, query):
    with pytest.raises(Exception, match="InvalidMaxResults"):
        list_connections(eb, **query)


def test_what_is_kept_survives_a_restart(fresh_server):
    from harness import clients
    eb = clients.event_bridge(fresh_server)
    connect(eb, "c1", oauth("https://id.example.com/token"))
    destine(eb, "a1", "c1", "https://api.example.com/")
    before = get_connection(eb, "c1").data.to_map(), get_destination(eb, "a1").data.to_map()
    fresh_server.kill()
    fresh_server.start()
    assert (get_connection(eb, "c1").data.to_map(), get_destination(eb, "a1").data.to_map()) == before


def test_a_connection_needs_its_network(eb, unique):
    with pytest.raises(Exception, match="MissingNetworkParameters"):
        eb.create_connection(models.CreateConnectionRequest(connection_name=unique("c")))
    assert PUBLIC == {"NetworkType": "PublicNetwork"}
