//! How connections and API destinations are stored. Format 1.

use std::num::NonZeroU32;

use bytes::Bytes;
use http::Method;
use kulkul_model::{ApiDestinationName, ConnectionName, Timestamp};
use kulkul_store::{Document, Key, StoreError};
use serde::{Deserialize, Serialize};

use crate::connection::{Authorization, Connection, HttpParameter, Network, NewConnection, OAuth};
use crate::destination::{ApiDestination, NewApiDestination};
use crate::secret::SecretText;

/// Keys of connections start with this; the name follows.
pub(crate) const CONNECTION_PREFIX: &str = "connection/";
/// Keys of API destinations start with this; the name follows.
pub(crate) const DESTINATION_PREFIX: &str = "api-destination/";

const FORMAT: u32 = 1;

pub(crate) fn connection_key(name: &ConnectionName) -> Key {
    format!("{CONNECTION_PREFIX}{name}").into()
}

pub(crate) fn destination_key(name: &ApiDestinationName) -> Key {
    format!("{DESTINATION_PREFIX}{name}").into()
}

#[derive(Serialize, Deserialize)]
struct StoredConnection {
    format: u32,
    name: String,
    id: String,
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorization: Option<StoredAuthorization>,
    network: StoredNetwork,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredAuthorization {
    Basic {
        username: String,
        password: String,
    },
    ApiKey {
        name: String,
        value: String,
    },
    OAuth {
        endpoint: String,
        method: String,
        client_id: String,
        client_secret: String,
        headers: Vec<StoredParameter>,
        body: Vec<StoredParameter>,
        query: Vec<StoredParameter>,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredParameter {
    key: String,
    value: String,
    secret: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredNetwork {
    private: bool,
    vpc_id: Option<String>,
    vswitch_id: Option<String>,
    security_group_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredDestination {
    format: u32,
    name: String,
    connection: String,
    description: String,
    endpoint: String,
    method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate_max: Option<NonZeroU32>,
    created_ms: i64,
}

/// Why a document cannot be read. Never quotes what it found, which may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("the document `{key}` is not what this version writes: {problem}")]
struct Unreadable {
    key: String,
    problem: String,
}

pub(crate) fn write_connection(connection: &Connection) -> Bytes {
    let settings = &connection.settings;
    to_bytes(&StoredConnection {
        format: FORMAT,
        name: settings.name.as_str().to_owned(),
        id: connection.id.clone(),
        description: settings.description.clone(),
        authorization: settings.authorization.as_ref().map(store_authorization),
        network: StoredNetwork {
            private: settings.network.private,
            vpc_id: settings.network.vpc_id.clone(),
            vswitch_id: settings.network.vswitch_id.clone(),
            security_group_id: settings.network.security_group_id.clone(),
        },
        created_ms: connection.created_at.as_millis(),
    })
}

pub(crate) fn read_connection(document: &Document) -> Result<Connection, StoreError> {
    let stored: StoredConnection = parse(document)?;
    check_format(document, stored.format)?;
    let authorization = stored.authorization.map(restore_authorization).transpose();
    let settings = NewConnection {
        name: stored.name.parse().map_err(|error| unreadable(document, error))?,
        description: stored.description,
        authorization: authorization.map_err(|problem| unreadable(document, problem))?,
        network: Network {
            private: stored.network.private,
            vpc_id: stored.network.vpc_id,
            vswitch_id: stored.network.vswitch_id,
            security_group_id: stored.network.security_group_id,
        },
    };
    Ok(Connection { settings, id: stored.id, created_at: Timestamp::from_millis(stored.created_ms) })
}

pub(crate) fn write_destination(destination: &ApiDestination) -> Bytes {
    let settings = &destination.settings;
    to_bytes(&StoredDestination {
        format: FORMAT,
        name: settings.name.as_str().to_owned(),
        connection: settings.connection.as_str().to_owned(),
        description: settings.description.clone(),
        endpoint: settings.endpoint.as_str().to_owned(),
        method: settings.method.as_str().to_owned(),
        rate_max: settings.rate_max,
        created_ms: destination.created_at.as_millis(),
    })
}

pub(crate) fn read_destination(document: &Document) -> Result<ApiDestination, StoreError> {
    let stored: StoredDestination = parse(document)?;
    check_format(document, stored.format)?;
    let settings = NewApiDestination {
        name: stored.name.parse().map_err(|error| unreadable(document, error))?,
        connection: stored.connection.parse().map_err(|error| unreadable(document, error))?,
        description: stored.description,
        endpoint: stored.endpoint.parse().map_err(|error| unreadable(document, error))?,
        method: method(&stored.method).map_err(|error| unreadable(document, error))?,
        rate_max: stored.rate_max,
    };
    Ok(ApiDestination { settings, created_at: Timestamp::from_millis(stored.created_ms) })
}

fn store_authorization(authorization: &Authorization) -> StoredAuthorization {
    let parameters = |list: &[HttpParameter]| {
        let parameter = |parameter: &HttpParameter| StoredParameter {
            key: parameter.key.clone(),
            value: parameter.value.expose().to_owned(),
            secret: parameter.is_secret,
        };
        list.iter().map(parameter).collect()
    };
    match authorization {
        Authorization::Basic { username, password } => {
            StoredAuthorization::Basic { username: username.clone(), password: password.expose().to_owned() }
        }
        Authorization::ApiKey { name, value } => {
            StoredAuthorization::ApiKey { name: name.clone(), value: value.expose().to_owned() }
        }
        Authorization::OAuth(oauth) => StoredAuthorization::OAuth {
            endpoint: oauth.endpoint.as_str().to_owned(),
            method: oauth.method.as_str().to_owned(),
            client_id: oauth.client_id.clone(),
            client_secret: oauth.client_secret.expose().to_owned(),
            headers: parameters(&oauth.headers),
            body: parameters(&oauth.body),
            query: parameters(&oauth.query),
        },
    }
}

fn restore_authorization(stored: StoredAuthorization) -> Result<Authorization, String> {
    let parameters = |list: Vec<StoredParameter>| {
        let parameter = |stored: StoredParameter| HttpParameter {
            key: stored.key,
            value: SecretText::new(stored.value),
            is_secret: stored.secret,
        };
        list.into_iter().map(parameter).collect()
    };
    Ok(match stored {
        StoredAuthorization::Basic { username, password } => {
            Authorization::Basic { username, password: SecretText::new(password) }
        }
        StoredAuthorization::ApiKey { name, value } => {
            Authorization::ApiKey { name, value: SecretText::new(value) }
        }
        StoredAuthorization::OAuth {
            endpoint,
            method: name,
            client_id,
            client_secret,
            headers,
            body,
            query,
        } => Authorization::OAuth(Box::new(OAuth {
            endpoint: endpoint.parse().map_err(|_| "the authorization endpoint".to_owned())?,
            method: method(&name)?,
            client_id,
            client_secret: SecretText::new(client_secret),
            headers: parameters(headers),
            body: parameters(body),
            query: parameters(query),
        })),
    })
}

fn method(name: &str) -> Result<Method, String> {
    name.parse().map_err(|_| "the method".to_owned())
}

fn to_bytes(stored: &impl Serialize) -> Bytes {
    serde_json::to_vec(stored).expect("a struct of texts and numbers is JSON").into()
}

fn parse<T: for<'a> Deserialize<'a>>(document: &Document) -> Result<T, StoreError> {
    serde_json::from_slice(&document.value)
        .map_err(|error| unreadable(document, format!("malformed at column {}", error.column())))
}

fn check_format(document: &Document, found: u32) -> Result<(), StoreError> {
    if found == FORMAT {
        return Ok(());
    }
    let (found, expected) = (found.to_string(), FORMAT.to_string());
    Err(StoreError::Format { what: format!("the document `{}`", document.key), found, expected })
}

fn unreadable(document: &Document, problem: impl ToString) -> StoreError {
    let error = Unreadable { key: document.key.to_string(), problem: problem.to_string() };
    StoreError::engine("read a stored connection or API destination", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_store::Revision;

    fn document(key: Key, value: Bytes) -> Document {
        Document { key, value, revision: Revision(1) }
    }

    fn connection(authorization: Option<Authorization>) -> Connection {
        let settings = NewConnection {
            name: "c1".parse().unwrap(),
            description: "d".into(),
            authorization,
            network: Network { private: true, vpc_id: Some("vpc".into()), ..Network::default() },
        };
        Connection { settings, id: "7".into(), created_at: Timestamp::from_millis(5) }
    }

    #[test]
    fn connections_and_destinations_come_back_as_they_were_stored() {
        let parameter =
            |key: &str| vec![HttpParameter { key: key.into(), value: SecretText::new("v"), is_secret: true }];
        let oauth = OAuth {
            endpoint: "https://id.test/token".parse().unwrap(),
            method: Method::POST,
            client_id: "id".into(),
            client_secret: SecretText::new("s"),
            headers: parameter("h"),
            body: parameter("b"),
            query: parameter("q"),
        };
        let authorizations = [
            None,
            Some(Authorization::Basic { username: "u".into(), password: SecretText::new("p") }),
            Some(Authorization::ApiKey { name: "x-key".into(), value: SecretText::new("k") }),
            Some(Authorization::OAuth(Box::new(oauth))),
        ];
        for authorization in authorizations {
            let connection = connection(authorization);
            let key = connection_key(&connection.settings.name);
            let stored = document(key, write_connection(&connection));
            assert_eq!(read_connection(&stored).unwrap(), connection);
        }
        let settings = NewApiDestination {
            name: "a1".parse().unwrap(),
            connection: "c1".parse().unwrap(),
            description: String::new(),
            endpoint: "http://api.test/x?y".parse().unwrap(),
            method: Method::PATCH,
            rate_max: NonZeroU32::new(5),
        };
        let destination = ApiDestination { settings, created_at: Timestamp::from_millis(6) };
        let stored = document(destination_key(&destination.settings.name), write_destination(&destination));
        assert_eq!(read_destination(&stored).unwrap(), destination);
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_secret() {
        let stored =
            document("connection/c1".into(), Bytes::from_static(br#"{"format":1,"password":"hunter2"}"#));
        let error = read_connection(&stored).unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        assert!(text.contains("connection/c1") && !text.contains("hunter2"), "{text}");
    }
}
