//! Connections: credentials by name.

use http::{HeaderName, HeaderValue, Method};
use kulkul_model::{ConnectionName, Timestamp};
use kulkul_outbound::{Reach, TargetUrl};

use crate::destination::check_reach;
use crate::error::ConnectionError;
use crate::secret::SecretText;

/// The longest credential. What the cloud allows is not documented.
const CREDENTIAL_BYTES_MAX: usize = 4096;
/// Source: EventBridge 2020-04-01, `CreateConnection`, `AuthorizationEndpoint`.
const ENDPOINT_CHARS_MAX: usize = 127;
/// The most parameters of a request for a token, of each kind.
const PARAMETER_COUNT_MAX: usize = 64;

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What it is.
    pub settings: NewConnection,
    /// A number that no other connection has had.
    pub id: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A connection to create, or what an existing one is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConnection {
    /// Its name.
    pub name: ConnectionName,
    /// What its owner says of it.
    pub description: String,
    /// How requests say who sends them.
    pub authorization: Option<Authorization>,
    /// The network that it is in.
    pub network: Network,
}

/// How requests say who sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `BASIC_AUTH`: a name and a password, in the header `authorization`.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretText,
    },
    /// `API_KEY_AUTH`: a header.
    ApiKey {
        /// The name of the header.
        name: String,
        /// Its value.
        value: SecretText,
    },
    /// `OAUTH_AUTH`: a token that another server gives out, in the header `authorization`.
    OAuth(Box<OAuth>),
}

/// How a token is asked for: OAuth 2.0, client credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth {
    /// Where.
    pub endpoint: TargetUrl,
    /// The method of the request.
    pub method: Method,
    /// Who asks.
    pub client_id: String,
    /// The secret that proves it.
    pub client_secret: SecretText,
    /// Further headers.
    pub headers: Vec<HttpParameter>,
    /// Further fields of the body.
    pub body: Vec<HttpParameter>,
    /// Further parameters of the query.
    pub query: Vec<HttpParameter>,
}

/// A named value of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpParameter {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: SecretText,
    /// Whether the value is masked when it is shown.
    pub is_secret: bool,
}

/// The network that a connection is in. Kept as given: this server has one network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Whether it is `PrivateNetwork` instead of `PublicNetwork`.
    pub private: bool,
    /// The id of the VPC.
    pub vpc_id: Option<String>,
    /// The id of the vSwitch.
    pub vswitch_id: Option<String>,
    /// The id of the security group.
    pub security_group_id: Option<String>,
}

impl NewConnection {
    /// Checks it. `reach` is where requests may go.
    pub(crate) fn check(&self, reach: Reach) -> Result<(), ConnectionError> {
        check_description(&self.description)?;
        let Some(authorization) = &self.authorization else { return Ok(()) };
        authorization.check(reach).map_err(|problem| ConnectionError::BadAuthorization { problem })
    }

    /// This connection, in which masks stand for what `before` has.
    pub(crate) fn with_secrets_of(mut self, before: &Self) -> Self {
        match (&mut self.authorization, &before.authorization) {
            (
                Some(Authorization::Basic { password, .. }),
                Some(Authorization::Basic { password: kept, .. }),
            ) => *password = password.clone().or_kept(Some(kept)),
            (Some(Authorization::ApiKey { value, .. }), Some(Authorization::ApiKey { value: kept, .. })) => {
                *value = value.clone().or_kept(Some(kept));
            }
            (Some(Authorization::OAuth(new)), Some(Authorization::OAuth(old))) => new.keep_secrets(old),
            _ => {}
        }
        self
    }
}

impl Authorization {
    fn check(&self, reach: Reach) -> Result<(), String> {
        match self {
            Self::Basic { username, password } => {
                credential("Username", username)?;
                if username.contains(':') {
                    return Err("Username must not contain `:`".to_owned());
                }
                credential("Password", password.expose())
            }
            Self::ApiKey { name, value } => {
                let header = name.parse::<HeaderName>();
                if header.is_err() || name.len() > 127 {
                    return Err(
                        "ApiKeyName must be the name of a header, of at most 127 characters".to_owned()
                    );
                }
                credential("ApiKeyValue", value.expose())?;
                header_value("ApiKeyValue", value)
            }
            Self::OAuth(oauth) => oauth.check(reach),
        }
    }
}

impl OAuth {
    fn check(&self, reach: Reach) -> Result<(), String> {
        if self.endpoint.as_str().len() > ENDPOINT_CHARS_MAX {
            return Err(format!("AuthorizationEndpoint is longer than {ENDPOINT_CHARS_MAX} characters"));
        }
        check_reach(&self.endpoint, reach)?;
        credential("ClientID", &self.client_id)?;
        credential("ClientSecret", self.client_secret.expose())?;
        for (what, parameters) in [
            ("HeaderParameters", &self.headers),
            ("BodyParameters", &self.body),
            ("QueryStringParameters", &self.query),
        ] {
            if parameters.len() > PARAMETER_COUNT_MAX {
                return Err(format!("there are more than {PARAMETER_COUNT_MAX} {what}"));
            }
            for parameter in parameters {
                credential(what, &parameter.key)?;
                if parameter.value.expose().len() > CREDENTIAL_BYTES_MAX {
                    return Err(format!("a value of {what} is longer than {CREDENTIAL_BYTES_MAX} bytes"));
                }
            }
        }
        for header in &self.headers {
            if header.key.parse::<HeaderName>().is_err() {
                return Err(format!("HeaderParameters: `{}` is no name of a header", header.key));
            }
            header_value("HeaderParameters", &header.value)?;
        }
        Ok(())
    }

    fn keep_secrets(&mut self, old: &Self) {
        self.client_secret = self.client_secret.clone().or_kept(Some(&old.client_secret));
        for (new, old) in
            [(&mut self.headers, &old.headers), (&mut self.body, &old.body), (&mut self.query, &old.query)]
        {
            for parameter in new {
                let kept = old.iter().find(|old| old.key == parameter.key).map(|old| &old.value);
                parameter.value = parameter.value.clone().or_kept(kept);
            }
        }
    }
}

/// Source: EventBridge 2020-04-01, names and limits.
pub(crate) fn check_description(text: &str) -> Result<(), ConnectionError> {
    const CHARS_MAX: usize = 255;
    match text.chars().count() > CHARS_MAX {
        true => Err(ConnectionError::TooLong { what: "the description", char_count_max: CHARS_MAX }),
        false => Ok(()),
    }
}

fn credential(what: &str, text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err(format!("{what} is missing")),
        1..=CREDENTIAL_BYTES_MAX => Ok(()),
        _ => Err(format!("{what} is longer than {CREDENTIAL_BYTES_MAX} bytes")),
    }
}

fn header_value(what: &str, value: &SecretText) -> Result<(), String> {
    match HeaderValue::from_str(value.expose()) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{what}: a value cannot stand in a header")),
    }
}
