//! Connections: credentials by name.

use http::{HeaderName, HeaderValue, Method, header};
use kulkul_model::{ConnectionName, Timestamp};
use kulkul_outbound::{Reach, TargetUrl};

use crate::destination::check_reach;
use crate::error::ConnectionError;
use crate::secret::{MASK, SecretText};

/// The longest credential. What the cloud allows is not documented.
const CREDENTIAL_BYTES_MAX: usize = 4096;
/// Source: EventBridge 2020-04-01, `CreateConnection`, `AuthorizationEndpoint`.
const ENDPOINT_CHARS_MAX: usize = 127;
/// The longest name of a header with a key.
const HEADER_CHARS_MAX: usize = 127;
/// The most parameters of a request for a token, of each kind.
const PARAMETER_COUNT_MAX: usize = 64;
/// Headers that say where a request goes, where it ends and how it travels. Whoever chose them could cut the body off.
const RESERVED: &[HeaderName] = &[
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

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
    /// Checks it, after masks were replaced by what they stand for. `reach` is where requests may go.
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
                secret("Password", password)
            }
            Self::ApiKey { name, value } => {
                if name.len() > HEADER_CHARS_MAX {
                    return Err(format!("ApiKeyName is longer than {HEADER_CHARS_MAX} characters"));
                }
                header_to_choose(name).map_err(|problem| format!("ApiKeyName: {problem}"))?;
                secret("ApiKeyValue", value)?;
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
        secret("ClientSecret", &self.client_secret)?;
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
                if parameter.is_secret {
                    no_mask(&format!("{what}: `{}`", parameter.key), &parameter.value)?;
                }
            }
        }
        for header in &self.headers {
            header_to_choose(&header.key).map_err(|problem| format!("HeaderParameters: {problem}"))?;
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
                // A secret stays one: it must not become visible by being called none.
                let same = |old: &&HttpParameter| {
                    old.key == parameter.key && (parameter.is_secret || !old.is_secret)
                };
                let kept = old.iter().find(same).map(|old| &old.value);
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

fn secret(what: &str, text: &SecretText) -> Result<(), String> {
    credential(what, text.expose())?;
    no_mask(what, text)
}

/// A mask that is still there stands for nothing: stored, it would be sent as the secret.
fn no_mask(what: &str, text: &SecretText) -> Result<(), String> {
    match text.is_mask() {
        true => Err(format!("{what} is the mask `{MASK}`, and there is no secret that it stands for")),
        false => Ok(()),
    }
}

/// A header that users may choose. The error is a whole sentence.
pub(crate) fn header_to_choose(name: &str) -> Result<HeaderName, String> {
    let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
    match RESERVED.contains(&name) {
        true => Err(format!("the header `{name}` cannot be chosen")),
        false => Ok(name),
    }
}

fn header_value(what: &str, value: &SecretText) -> Result<(), String> {
    match HeaderValue::from_str(value.expose()) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{what}: a value cannot stand in a header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(authorization: Authorization) -> NewConnection {
        NewConnection {
            name: "crm".parse().unwrap(),
            description: String::new(),
            authorization: Some(authorization),
            network: Network::default(),
        }
    }

    fn basic(password: &str) -> Authorization {
        Authorization::Basic { username: "u".to_owned(), password: SecretText::new(password) }
    }

    fn api_key(value: &str) -> Authorization {
        Authorization::ApiKey { name: "x-key".to_owned(), value: SecretText::new(value) }
    }

    fn oauth(client_secret: &str, parameter: &str, is_secret: bool) -> Authorization {
        let value = SecretText::new(parameter);
        Authorization::OAuth(Box::new(OAuth {
            endpoint: "https://id.test/token".parse().unwrap(),
            method: Method::POST,
            client_id: "id".to_owned(),
            client_secret: SecretText::new(client_secret),
            headers: Vec::new(),
            body: vec![HttpParameter { key: "pin".to_owned(), value, is_secret }],
            query: Vec::new(),
        }))
    }

    fn problem(connection: &NewConnection) -> Option<String> {
        connection.check(Reach::PUBLIC).err().map(|error| error.to_string())
    }

    #[test]
    fn a_mask_that_stands_for_nothing_is_refused() {
        let table = [
            (basic(MASK), Some("Password")),
            (basic("s"), None),
            (api_key(MASK), Some("ApiKeyValue")),
            (api_key("s"), None),
            (oauth(MASK, "s", true), Some("ClientSecret")),
            (oauth("s", MASK, true), Some("BodyParameters: `pin`")),
            (oauth("s", MASK, false), None),
            (oauth("s", "s", true), None),
        ];
        for (authorization, what) in table {
            let found = problem(&connection(authorization));
            let expected = what.map(|what| {
                format!(
                    "AuthParameters: {what} is the mask `{MASK}`, and there is no secret that it stands for"
                )
            });
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_mask_stands_for_the_secret_of_the_same_kind_and_name() {
        let masked = [basic(MASK), api_key(MASK), oauth(MASK, MASK, true)];
        let before = [basic("s"), api_key("s"), oauth("s", "s", true)];
        for (at, new) in masked.iter().enumerate() {
            for (of, old) in before.iter().enumerate() {
                let merged = connection(new.clone()).with_secrets_of(&connection(old.clone()));
                assert_eq!(problem(&merged).is_none(), at == of, "{new:?} after {old:?}");
            }
        }
    }

    #[test]
    fn a_header_that_decides_where_a_request_ends_is_no_place_for_a_key() {
        let key = |name: &str| Authorization::ApiKey { name: name.to_owned(), value: SecretText::new("0") };
        let token_header = |name: &str| {
            let Authorization::OAuth(mut oauth) = oauth("s", "s", true) else { panic!("it is OAuth") };
            oauth.headers =
                oauth.body.drain(..).map(|pin| HttpParameter { key: name.to_owned(), ..pin }).collect();
            Authorization::OAuth(oauth)
        };
        for name in ["Content-Length", "transfer-encoding", "HOST", "connection"] {
            for authorization in [key(name), token_header(name)] {
                let problem = problem(&connection(authorization)).unwrap_or_default();
                assert!(problem.ends_with("cannot be chosen"), "{name}: {problem}");
            }
        }
        for name in ["x-key", "authorization"] {
            assert_eq!(problem(&connection(key(name))), None);
            assert_eq!(problem(&connection(token_header(name))), None);
        }
        assert!(problem(&connection(key("a b"))).unwrap_or_default().ends_with("is no name of a header"));
    }

    #[test]
    fn a_secret_does_not_become_visible_by_being_called_none() {
        let merged =
            connection(oauth("s", MASK, false)).with_secrets_of(&connection(oauth("s", "hidden", true)));
        let Some(Authorization::OAuth(merged)) = merged.authorization else { panic!("it is OAuth") };
        assert_eq!(merged.body[0].value.expose(), MASK);
    }
}
