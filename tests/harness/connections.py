"""Short ways to use connections and API destinations through the official SDK. Refusals raise `Refused`."""

from alibabacloud_eventbridge20200401 import models

from harness.event_bridge import Refused
from harness.server import ACCOUNT_ID, REGION

PUBLIC = {"NetworkType": "PublicNetwork"}
BASIC = {"AuthorizationType": "BASIC_AUTH", "BasicAuthParameters": {"Username": "user", "Password": "hunter2"}}
API_KEY = {
    "AuthorizationType": "API_KEY_AUTH",
    "ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "hunter2"},
}


def oauth(endpoint, method="POST", client=("client", "hunter2"), headers=(), body=(), query=()):
    """Returns credentials for OAuth; further parameters are `(key, value, "true" if it is secret)`."""
    def parameters(given):
        return [{"Key": key, "Value": value, "IsValueSecret": secret} for key, value, secret in given]
    return {"AuthorizationType": "OAUTH_AUTH", "OAuthParameters": {
        "AuthorizationEndpoint": endpoint, "HttpMethod": method,
        "ClientParameters": {"ClientID": client[0], "ClientSecret": client[1]},
        "OAuthHttpParameters": {
            "HeaderParameters": parameters(headers), "BodyParameters": parameters(body),
            "QueryStringParameters": parameters(query)}}}


def _checked(response):
    """These operations have no `Success`: the code alone tells."""
    if response.body.code != "Success":
        raise Refused(response.body)
    return response.body


def connect(eb, name, auth=None, network=PUBLIC, **settings):
    request = models.CreateConnectionRequest(connection_name=name, **settings)
    request.network_parameters = models.CreateConnectionRequestNetworkParameters().from_map(network)
    if auth:
        request.auth_parameters = models.CreateConnectionRequestAuthParameters().from_map(auth)
    return _checked(eb.create_connection(request))


def update_connection(eb, name, auth=None, **settings):
    request = models.UpdateConnectionRequest(connection_name=name, **settings)
    if auth:
        request.auth_parameters = models.UpdateConnectionRequestAuthParameters().from_map(auth)
    return _checked(eb.update_connection(request))


def get_connection(eb, name):
    return _checked(eb.get_connection(models.GetConnectionRequest(connection_name=name)))


def list_connections(eb, **query):
    return _checked(eb.list_connections(models.ListConnectionsRequest(**query))).data


def delete_connection(eb, name):
    return _checked(eb.delete_connection(models.DeleteConnectionRequest(connection_name=name)))


def destine(eb, name, connection, endpoint, method="POST", **settings):
    request = models.CreateApiDestinationRequest(api_destination_name=name, connection_name=connection, **settings)
    request.http_api_parameters = models.CreateApiDestinationRequestHttpApiParameters(endpoint=endpoint, method=method)
    return _checked(eb.create_api_destination(request))


def update_destination(eb, name, connection=None, endpoint=None, method=None, **settings):
    request = models.UpdateApiDestinationRequest(api_destination_name=name, connection_name=connection, **settings)
    if endpoint:
        api = models.UpdateApiDestinationRequestHttpApiParameters(endpoint=endpoint, method=method)
        request.http_api_parameters = api
    return _checked(eb.update_api_destination(request))


def get_destination(eb, name):
    return _checked(eb.get_api_destination(models.GetApiDestinationRequest(api_destination_name=name)))


def list_destinations(eb, **query):
    return _checked(eb.list_api_destinations(models.ListApiDestinationsRequest(**query))).data


def delete_destination(eb, name):
    return _checked(eb.delete_api_destination(models.DeleteApiDestinationRequest(api_destination_name=name)))


def destination_target(name, id="t1", headers=None, query=None, body=None, **settings):
    """Returns a target that calls an API destination; each part is a parameter without its key."""
    parts = {"HeaderParameters": headers, "QueryStringParameters": query, "BodyParameters": body}
    params = [{"ResourceKey": "Name", "Form": "CONSTANT", "Value": name}]
    params += [{"ResourceKey": key, **part} for key, part in parts.items() if part]
    endpoint = f"acs:api-destination:{REGION}:{ACCOUNT_ID}:name/{name}"
    return {"Id": id, "Type": "acs.api.destination", "Endpoint": endpoint, "ParamList": params, **settings}
