//! Connections on the wire.

use http::Method;
use kulkul_connection::{
    Authorization, Connection, HttpParameter, MASK, Network, NewConnection, OAuth, SecretText,
};
use kulkul_model::ConnectionName;
use serde::{Deserialize, Serialize};

use super::error::RpcError;
use super::params::Params;

/// Source: EventBridge 2020-04-01, `CreateConnection.AuthParameters`.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AuthParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basic_auth_parameters: Option<BasicAuthParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_auth_parameters: Option<ApiKeyAuthParameters>,
    #[serde(rename = "OAuthParameters", skip_serializing_if = "Option::is_none")]
    oauth_parameters: Option<OAuthParameters>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct BasicAuthParameters {
    username: Option<String>,
    password: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct ApiKeyAuthParameters {
    api_key_name: Option<String>,
    api_key_value: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct OAuthParameters {
    authorization_endpoint: Option<String>,
    http_method: Option<String>,
    client_parameters: Option<ClientParameters>,
    #[serde(rename = "OAuthHttpParameters")]
    oauth_http_parameters: Option<OAuthHttpParameters>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct ClientParameters {
    #[serde(rename = "ClientID")]
    client_id: Option<String>,
    #[serde(rename = "ClientSecret")]
    client_secret: Option<String>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct OAuthHttpParameters {
    header_parameters: Option<Vec<Parameter>>,
    body_parameters: Option<Vec<Parameter>>,
    query_string_parameters: Option<Vec<Parameter>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct Parameter {
    key: Option<String>,
    value: Option<String>,
    /// `true` or `false`, as a text.
    is_value_secret: Option<String>,
}

/// Source: EventBridge 2020-04-01, `CreateConnection.NetworkParameters`; `VswitcheId` is the name on the wire.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkParameters {
    network_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vswitche_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_id: Option<String>,
}

/// A connection as it is shown, without its secrets.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConnectionOutput {
    connection_name: String,
    id: String,
    description: String,
    gmt_create: i64,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_parameters: Option<AuthParameters>,
    network_parameters: NetworkParameters,
}

/// The only type of connection that there is here.
pub(super) const HTTP: &str = "Http";

/// `ConnectionName`.
pub(super) fn name(params: &Params<'_>) -> Result<ConnectionName, RpcError> {
    params.require("ConnectionName")?.parse().map_err(|error: kulkul_model::InvalidName| {
        RpcError::business("ConnectionNameInvalid", error.to_string())
    })
}

/// Refuses types of connections that targets here cannot use.
pub(super) fn check_kind(params: &Params<'_>) -> Result<(), RpcError> {
    match params.get("Type") {
        None | Some("" | HTTP) => Ok(()),
        Some(other) => {
            let shown: String = other.chars().take(64).collect();
            let message = format!("connections of the type `{shown}` are not supported; supported: {HTTP}");
            Err(RpcError::business("InvalidArgument", message))
        }
    }
}

/// `AuthParameters`, when they are given.
pub(super) fn authorization(params: &Params<'_>) -> Result<Option<Authorization>, RpcError> {
    match params.structured::<AuthParameters>("AuthParameters")? {
        Some(given) => given.authorization(),
        None => Ok(None),
    }
}

/// `NetworkParameters`, when they are given.
pub(super) fn network(params: &Params<'_>) -> Result<Option<Network>, RpcError> {
    match params.structured::<NetworkParameters>("NetworkParameters")? {
        Some(given) => given.network().map(Some),
        None => Ok(None),
    }
}

impl AuthParameters {
    fn authorization(self) -> Result<Option<Authorization>, RpcError> {
        match self.authorization_type.as_deref() {
            None | Some("") => Ok(None),
            Some("BASIC_AUTH") => {
                let given = self.basic_auth_parameters.ok_or_else(|| lacks("BasicAuthParameters"))?;
                Ok(Some(Authorization::Basic {
                    username: given.username.unwrap_or_default(),
                    password: SecretText::new(given.password.unwrap_or_default()),
                }))
            }
            Some("API_KEY_AUTH") => {
                let given = self.api_key_auth_parameters.ok_or_else(|| lacks("ApiKeyAuthParameters"))?;
                Ok(Some(Authorization::ApiKey {
                    name: given.api_key_name.unwrap_or_default(),
                    value: SecretText::new(given.api_key_value.unwrap_or_default()),
                }))
            }
            Some("OAUTH_AUTH") => {
                let given = self.oauth_parameters.ok_or_else(|| lacks("OAuthParameters"))?;
                Ok(Some(Authorization::OAuth(Box::new(given.oauth()?))))
            }
            Some(_) => Err(bad("AuthorizationType must be `BASIC_AUTH`, `API_KEY_AUTH` or `OAUTH_AUTH`")),
        }
    }

    fn of(authorization: &Authorization) -> Self {
        let masked = || Some(MASK.to_owned());
        let kind = match authorization {
            Authorization::Basic { .. } => "BASIC_AUTH",
            Authorization::ApiKey { .. } => "API_KEY_AUTH",
            Authorization::OAuth(_) => "OAUTH_AUTH",
        };
        let mut shown = Self { authorization_type: Some(kind.to_owned()), ..Self::default() };
        match authorization {
            Authorization::Basic { username, password: _ } => {
                let username = Some(username.clone());
                shown.basic_auth_parameters = Some(BasicAuthParameters { username, password: masked() });
            }
            Authorization::ApiKey { name, value: _ } => {
                let api_key_name = Some(name.clone());
                shown.api_key_auth_parameters =
                    Some(ApiKeyAuthParameters { api_key_name, api_key_value: masked() });
            }
            Authorization::OAuth(oauth) => {
                shown.oauth_parameters = Some(OAuthParameters {
                    authorization_endpoint: Some(oauth.endpoint.as_str().to_owned()),
                    http_method: Some(oauth.method.as_str().to_owned()),
                    client_parameters: Some(ClientParameters {
                        client_id: Some(oauth.client_id.clone()),
                        client_secret: masked(),
                    }),
                    oauth_http_parameters: Some(OAuthHttpParameters {
                        header_parameters: Some(oauth.headers.iter().map(Parameter::of).collect()),
                        body_parameters: Some(oauth.body.iter().map(Parameter::of).collect()),
                        query_string_parameters: Some(oauth.query.iter().map(Parameter::of).collect()),
                    }),
                });
            }
        }
        shown
    }
}

impl OAuthParameters {
    fn oauth(self) -> Result<OAuth, RpcError> {
        let endpoint = self.authorization_endpoint.unwrap_or_default();
        let client = self.client_parameters.unwrap_or_default();
        let further = self.oauth_http_parameters.unwrap_or_default();
        let parameters = |list: Option<Vec<Parameter>>| {
            list.unwrap_or_default().into_iter().map(Parameter::parameter).collect::<Result<_, _>>()
        };
        Ok(OAuth {
            endpoint: endpoint.parse().map_err(|error| bad(&format!("AuthorizationEndpoint {error}")))?,
            method: method(self.http_method.as_deref()).map_err(|problem| bad(&problem))?,
            client_id: client.client_id.unwrap_or_default(),
            client_secret: SecretText::new(client.client_secret.unwrap_or_default()),
            headers: parameters(further.header_parameters)?,
            body: parameters(further.body_parameters)?,
            query: parameters(further.query_string_parameters)?,
        })
    }
}

impl Parameter {
    fn parameter(self) -> Result<HttpParameter, RpcError> {
        let is_secret = match self.is_value_secret.as_deref() {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("IsValueSecret must be `true` or `false`")),
        };
        Ok(HttpParameter {
            key: self.key.unwrap_or_default(),
            value: SecretText::new(self.value.unwrap_or_default()),
            is_secret,
        })
    }

    fn of(parameter: &HttpParameter) -> Self {
        let value = if parameter.is_secret { MASK } else { parameter.value.expose() };
        Self {
            key: Some(parameter.key.clone()),
            value: Some(value.to_owned()),
            is_value_secret: Some(parameter.is_secret.to_string()),
        }
    }
}

impl NetworkParameters {
    fn network(self) -> Result<Network, RpcError> {
        let invalid = |message: &str| RpcError::business("ConnectionNetworkParametersInvalid", message);
        let private = match self.network_type.as_deref() {
            Some("PublicNetwork") => false,
            Some("PrivateNetwork") => true,
            _ => return Err(invalid("NetworkType must be `PublicNetwork` or `PrivateNetwork`")),
        };
        let ids = [&self.vpc_id, &self.vswitche_id, &self.security_group_id];
        if ids.into_iter().flatten().any(|id| id.len() > 255) {
            return Err(invalid("an id has more than 255 characters"));
        }
        Ok(Network {
            private,
            vpc_id: self.vpc_id,
            vswitch_id: self.vswitche_id,
            security_group_id: self.security_group_id,
        })
    }

    fn of(network: &Network) -> Self {
        let kind = if network.private { "PrivateNetwork" } else { "PublicNetwork" };
        Self {
            network_type: Some(kind.to_owned()),
            vpc_id: network.vpc_id.clone(),
            vswitche_id: network.vswitch_id.clone(),
            security_group_id: network.security_group_id.clone(),
        }
    }
}

impl ConnectionOutput {
    pub(super) fn of(connection: &Connection) -> Self {
        let NewConnection { name, description, authorization, network } = &connection.settings;
        Self {
            connection_name: name.as_str().to_owned(),
            id: connection.id.clone(),
            description: description.clone(),
            gmt_create: connection.created_at.as_millis(),
            kind: HTTP,
            auth_parameters: authorization.as_ref().map(AuthParameters::of),
            network_parameters: NetworkParameters::of(network),
        }
    }
}

/// A method that requests may have. The error is a predicate of nothing: a whole sentence.
pub(super) fn method(text: Option<&str>) -> Result<Method, String> {
    match text {
        Some("GET") => Ok(Method::GET),
        Some("POST") => Ok(Method::POST),
        Some("HEAD") => Ok(Method::HEAD),
        Some("DELETE") => Ok(Method::DELETE),
        Some("PUT") => Ok(Method::PUT),
        Some("PATCH") => Ok(Method::PATCH),
        _ => Err("the method must be GET, POST, HEAD, DELETE, PUT or PATCH".to_owned()),
    }
}

fn lacks(what: &str) -> RpcError {
    bad(&format!("{what} is missing"))
}

fn bad(message: &str) -> RpcError {
    RpcError::business("ConnectionAuthParametersInvalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OAUTH: &str = r#"{"AuthorizationType":"OAUTH_AUTH","OAuthParameters":{
        "AuthorizationEndpoint":"https://id.test/token","HttpMethod":"POST",
        "ClientParameters":{"ClientID":"id","ClientSecret":"hunter2"},
        "OAuthHttpParameters":{"BodyParameters":[{"Key":"scope","Value":"all","IsValueSecret":"false"},
                                                 {"Key":"pin","Value":"hunter2","IsValueSecret":"true"}]}}}"#;

    fn parse(json: &str) -> Result<Option<Authorization>, String> {
        let given: AuthParameters = serde_json::from_str(json).unwrap();
        given.authorization().map_err(|error| format!("{}: {}", error.code, error.message))
    }

    #[test]
    fn secrets_are_taken_and_never_shown() {
        let table = [
            (OAUTH, "id.test"),
            (
                r#"{"AuthorizationType":"BASIC_AUTH","BasicAuthParameters":{"Username":"u","Password":"hunter2"}}"#,
                "\"u\"",
            ),
            (
                r#"{"AuthorizationType":"API_KEY_AUTH","ApiKeyAuthParameters":{"ApiKeyName":"x-key","ApiKeyValue":"hunter2"}}"#,
                "x-key",
            ),
        ];
        for (json, shown_part) in table {
            let authorization = parse(json).unwrap().unwrap();
            assert!(!format!("{authorization:?}").contains("hunter2"), "{authorization:?}");
            let shown = serde_json::to_string(&AuthParameters::of(&authorization)).unwrap();
            assert!(shown.contains(shown_part) && shown.contains(MASK), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_with_credentials_is_said() {
        let table = [
            (r#"{"AuthorizationType":"MAGIC"}"#, "AuthorizationType must be"),
            (r#"{"AuthorizationType":"BASIC_AUTH"}"#, "BasicAuthParameters is missing"),
            (
                r#"{"AuthorizationType":"OAUTH_AUTH","OAuthParameters":{}}"#,
                "AuthorizationEndpoint must be an http",
            ),
            (
                r#"{"AuthorizationType":"OAUTH_AUTH","OAuthParameters":{"AuthorizationEndpoint":"http://h/","HttpMethod":"BREW"}}"#,
                "the method must be",
            ),
        ];
        for (json, reason) in table {
            let error = parse(json).unwrap_err();
            assert!(
                error.starts_with("ConnectionAuthParametersInvalid: ") && error.contains(reason),
                "{error}"
            );
        }
        assert_eq!(parse("{}"), Ok(None));
    }
}
