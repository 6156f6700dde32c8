//! What a webhook source takes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Network, WebhookRefusal, WebhookSignature};

/// Source: EventBridge 2020-04-01, `SourceHttpEventParameters`: `Ip` and `Referer` have up to 5 values.
const ALLOWED_COUNT_MAX: usize = 5;
/// Source: the same, of one `Referer`.
const REFERER_CHARS_MAX: usize = 256;

/// Which requests a webhook source takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Over which schemes.
    pub schemes: Schemes,
    /// Of which methods; at least one, none twice.
    pub methods: Vec<WebhookMethod>,
    /// From whom.
    pub security: WebhookSecurity,
    /// With which signature, if any. Beyond what the cloud has.
    pub signature: Option<WebhookSignature>,
    /// What the URL carries. It stays when the settings change.
    pub token: WebhookToken,
}

/// The schemes of a webhook's URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// `HTTP`.
    Http,
    /// `HTTPS`.
    Https,
    /// `HTTP&HTTPS`.
    Both,
}

/// Who may use a webhook, beside knowing its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookSecurity {
    /// Everybody.
    None,
    /// Clients with one of these addresses.
    Ip(Vec<Network>),
    /// Requests with one of these referers, compared exactly.
    Referer(Vec<String>),
}

/// A text is no setting of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct InvalidWebhook {
    /// Which setting, as the wire calls it.
    pub field: &'static str,
    /// What is wrong with it, as a predicate.
    pub problem: String,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the word that it stands for")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// A method of HTTP.
    WebhookMethod {
        Get = "GET", Post = "POST", Put = "PUT", Patch = "PATCH", Delete = "DELETE",
        Head = "HEAD", Options = "OPTIONS", Trace = "TRACE", Connect = "CONNECT",
    }
}

impl FromStr for WebhookMethod {
    type Err = InvalidWebhook;

    fn from_str(text: &str) -> Result<Self, InvalidWebhook> {
        let found = Self::ALL.iter().find(|method| method.as_str() == text).copied();
        found.ok_or_else(|| invalid("Method", "holds a word that is no method of HTTP"))
    }
}

impl Schemes {
    /// The value of `Type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Both => "HTTP&HTTPS",
        }
    }

    /// The schemes as URLs have them.
    pub const fn of_urls(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["http"],
            Self::Https => &["https"],
            Self::Both => &["http", "https"],
        }
    }
}

impl FromStr for Schemes {
    type Err = InvalidWebhook;

    fn from_str(text: &str) -> Result<Self, InvalidWebhook> {
        let found =
            [Self::Http, Self::Https, Self::Both].into_iter().find(|schemes| schemes.as_str() == text);
        found.ok_or_else(|| invalid("Type", "must be `HTTP`, `HTTPS` or `HTTP&HTTPS`"))
    }
}

impl WebhookSecurity {
    /// The value of `SecurityConfig`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ip(_) => "ip",
            Self::Referer(_) => "referer",
        }
    }

    /// Parses `SecurityConfig` with the lists that go with it.
    pub fn parse(config: &str, ip: &[String], referer: &[String]) -> Result<Self, InvalidWebhook> {
        match config {
            "none" => Ok(Self::None),
            "ip" => {
                check_count("Ip", ip)?;
                let network = |text: &String| text.parse().ok().filter(Network::is_ipv4);
                let networks: Option<Vec<Network>> = ip.iter().map(network).collect();
                let fault = || invalid("Ip", "must hold IPv4 addresses, or networks such as `192.0.2.0/24`");
                networks.map(Self::Ip).ok_or_else(fault)
            }
            "referer" => {
                check_count("Referer", referer)?;
                let legal = |text: &String| !text.is_empty() && text.chars().count() <= REFERER_CHARS_MAX;
                match referer.iter().all(legal) {
                    true => Ok(Self::Referer(referer.to_vec())),
                    false => Err(invalid("Referer", "must hold texts of 1 to 256 characters")),
                }
            }
            _ => Err(invalid("SecurityConfig", "must be `none`, `ip` or `referer`")),
        }
    }
}

fn check_count(field: &'static str, values: &[String]) -> Result<(), InvalidWebhook> {
    match values.len() {
        1..=ALLOWED_COUNT_MAX => Ok(()),
        _ => Err(invalid(field, "must have 1 to 5 values")),
    }
}

fn invalid(field: &'static str, problem: &str) -> InvalidWebhook {
    InvalidWebhook { field, problem: problem.to_owned() }
}

impl WebhookSettings {
    /// Whether a request is taken, as far as its head and its sender go.
    pub fn admit(
        &self,
        method: &str,
        scheme: &'static str,
        client: Option<IpAddr>,
        referer: Option<&str>,
    ) -> Result<(), WebhookRefusal> {
        if !self.methods.iter().any(|known| known.as_str() == method) {
            return Err(WebhookRefusal::Method(method.chars().take(16).collect()));
        }
        if !self.schemes.of_urls().contains(&scheme) {
            return Err(WebhookRefusal::Scheme(scheme));
        }
        match &self.security {
            WebhookSecurity::None => Ok(()),
            WebhookSecurity::Ip(networks) => {
                let allowed = |client| networks.iter().any(|network| network.contains(client));
                if client.is_some_and(allowed) { Ok(()) } else { Err(WebhookRefusal::Address) }
            }
            WebhookSecurity::Referer(allowed) => {
                let known = referer.is_some_and(|referer| allowed.iter().any(|known| known == referer));
                if known { Ok(()) } else { Err(WebhookRefusal::Referer) }
            }
        }
    }
}

/// What a webhook's URL carries: whoever knows it may use the webhook. It does not print itself.
///
/// The default is the empty token, which nobody can use.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct WebhookToken(String);

impl WebhookToken {
    /// A new one: 128 random bits.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// Takes over one that was stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(security: WebhookSecurity) -> WebhookSettings {
        WebhookSettings {
            schemes: Schemes::Http,
            methods: vec![WebhookMethod::Post, WebhookMethod::Get],
            security,
            signature: None,
            token: WebhookToken::random().unwrap(),
        }
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn only_the_methods_and_schemes_that_are_set_are_taken() {
        let settings = settings(WebhookSecurity::None);
        let admit = |method, scheme| settings.admit(method, scheme, None, None);
        assert_eq!(admit("POST", "http"), Ok(()));
        assert_eq!(admit("PUT", "http"), Err(WebhookRefusal::Method("PUT".to_owned())));
        assert_eq!(admit("POST", "https"), Err(WebhookRefusal::Scheme("https")));
    }

    #[test]
    fn only_those_that_are_allowed_are_taken() {
        let by_ip = WebhookSecurity::parse("ip", &strings(&["192.0.2.0/24", "198.51.100.7"]), &[]).unwrap();
        let by_ip = settings(by_ip);
        for (client, taken) in [("192.0.2.9", true), ("198.51.100.7", true), ("198.51.100.8", false)] {
            assert_eq!(by_ip.admit("GET", "http", client.parse().ok(), None).is_ok(), taken, "{client}");
        }
        assert_eq!(by_ip.admit("GET", "http", None, None), Err(WebhookRefusal::Address));
        let by_referer = WebhookSecurity::parse("referer", &[], &strings(&["https://a.example"])).unwrap();
        let by_referer = settings(by_referer);
        for (referer, taken) in
            [(Some("https://a.example"), true), (Some("https://a.example/"), false), (None, false)]
        {
            assert_eq!(by_referer.admit("GET", "http", None, referer).is_ok(), taken, "{referer:?}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused_by_name() {
        let many = strings(&["1.1.1.1"; 6]);
        let long = strings(&[&"x".repeat(257)]);
        let table = [
            (WebhookSecurity::parse("ip", &[], &[]), "Ip"),
            (WebhookSecurity::parse("ip", &many, &[]), "Ip"),
            (WebhookSecurity::parse("ip", &strings(&["::1"]), &[]), "Ip"),
            (WebhookSecurity::parse("referer", &[], &long), "Referer"),
            (WebhookSecurity::parse("password", &[], &[]), "SecurityConfig"),
        ];
        for (parsed, field) in table {
            assert_eq!(parsed.unwrap_err().field, field);
        }
        assert_eq!("GOPHER".parse::<Schemes>().unwrap_err().field, "Type");
        assert_eq!("post".parse::<WebhookMethod>().unwrap_err().field, "Method");
    }
}
