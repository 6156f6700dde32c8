//! Signatures that a webhook can ask for, beside its URL.
//!
//! Source: the Standard Webhooks specification; GitHub, "Validating webhook deliveries".

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use kulkul_model::Timestamp;
use sha2::Sha256;

use super::{InvalidWebhook, WebhookRefusal};

/// How far the time of a signature may be from the present. Source: the libraries of Standard Webhooks.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    StandardWebhooks,
    /// `x-hub-signature-256`. It has no time: a request that is sent again is taken again, with the same id.
    GitHub,
}

/// A signature that a webhook asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSignature {
    /// How it is made.
    pub scheme: SignatureScheme,
    /// What with.
    pub secret: WebhookSecret,
}

/// What sender and receiver share. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl SignatureScheme {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "StandardWebhooks",
            Self::GitHub => "GitHub",
        }
    }
}

impl WebhookSignature {
    /// Parses a scheme and its secret.
    pub fn parse(scheme: &str, secret: &str) -> Result<Self, InvalidWebhook> {
        let fault = |problem: &str| InvalidWebhook { field: "Signature", problem: problem.to_owned() };
        let scheme = [SignatureScheme::StandardWebhooks, SignatureScheme::GitHub]
            .into_iter()
            .find(|known| known.as_str() == scheme)
            .ok_or_else(|| fault("must have the `Scheme` `StandardWebhooks` or `GitHub`"))?;
        let parsed = Self { scheme, secret: WebhookSecret(secret.to_owned()) };
        if secret.is_empty() || secret.len() > 512 || parsed.key().is_none_or(|key| key.is_empty()) {
            return Err(fault(
                "must have a `Secret` of 1 to 512 bytes, for Standard Webhooks `whsec_` and base64",
            ));
        }
        Ok(parsed)
    }

    /// Checks a request. Returns the id that the sender gave it, which is the same when it is sent again.
    pub(super) fn check<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<&'a str>, WebhookRefusal> {
        let missing = WebhookRefusal::Signature("a header is missing");
        let key = self.key().ok_or(WebhookRefusal::Signature("the secret is unusable"))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        let (given, id) = match self.scheme {
            SignatureScheme::StandardWebhooks => {
                let (Some(id), Some(time), Some(signatures)) =
                    (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
                else {
                    return Err(missing);
                };
                let seconds: i64 =
                    time.parse().map_err(|_| WebhookRefusal::Signature("its time is no number"))?;
                let signed_at = Timestamp::from_millis(seconds.saturating_mul(1000));
                if now.since(signed_at).max(signed_at.since(now)) > SKEW_MAX {
                    return Err(WebhookRefusal::Signature("its time is more than 5 minutes away"));
                }
                for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
                    mac.update(part);
                }
                let versions = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
                let decoded = versions.filter_map(|text| STANDARD.decode(text).ok());
                (decoded.collect::<Vec<_>>(), Some(id))
            }
            SignatureScheme::GitHub => {
                let signature = header("x-hub-signature-256").ok_or(missing)?;
                mac.update(body);
                let hex = signature.strip_prefix("sha256=").and_then(|text| hex::decode(text).ok());
                (Vec::from_iter(hex), header("x-github-delivery"))
            }
        };
        match given.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
            true => Ok(id.filter(|id| !id.is_empty() && id.len() <= 128)),
            false => Err(WebhookRefusal::Signature("it is not of this request")),
        }
    }

    fn key(&self) -> Option<Vec<u8>> {
        match self.scheme {
            SignatureScheme::StandardWebhooks => {
                STANDARD.decode(self.secret.0.strip_prefix("whsec_").unwrap_or(&self.secret.0)).ok()
            }
            SignatureScheme::GitHub => Some(self.secret.0.clone().into_bytes()),
        }
    }
}

impl WebhookSecret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        signature: &WebhookSignature,
        headers: &[(&str, &'static str)],
        body: &[u8],
        seconds: i64,
    ) -> Result<Option<&'static str>, WebhookRefusal> {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        signature.check(header, body, Timestamp::from_millis(seconds * 1000))
    }

    /// Source: the test vector of the Standard Webhooks libraries.
    #[test]
    fn standard_webhooks_are_verified() {
        let signature =
            WebhookSignature::parse("StandardWebhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let good = "v2,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let headers = |value: &'static str, time: &'static str| {
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", time),
                ("webhook-signature", value),
            ]
        };
        let body = br#"{"test": 2432232314}"#;
        let now = 1_614_265_330;
        let seen = check(&signature, &headers(good, "1614265330"), body, now);
        assert_eq!(seen, Ok(Some("msg_p5jXN8AQM9LWM0D4loKWxJek")));
        for (value, time, body, now) in [
            (good, "1614265330", &b"{}"[..], now),
            (good, "1614265331", body, now),
            (good, "1614265330", body, now + 301),
            (good, "1614265330", body, now - 301),
            ("v1,AAAA", "1614265330", body, now),
            ("", "1614265330", body, now),
            (good, "soon", body, now),
        ] {
            let seen = check(&signature, &headers(value, time), body, now);
            assert!(matches!(seen, Err(WebhookRefusal::Signature(_))), "{value} {time} {now}: {seen:?}");
        }
        assert!(check(&signature, &[], body, now).is_err());
    }

    /// Source: GitHub, "Validating webhook deliveries", the values to test an implementation with.
    #[test]
    fn deliveries_of_github_are_verified() {
        let signature = WebhookSignature::parse("GitHub", "It's a Secret to Everybody").unwrap();
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = [("x-hub-signature-256", good), ("x-github-delivery", "72d3162e")];
        assert_eq!(check(&signature, &headers, b"Hello, World!", 0), Ok(Some("72d3162e")));
        assert!(check(&signature, &headers, b"Hello, World", 0).is_err());
        for bad in ["sha256=", "757107ea", "sha256=zz"] {
            assert!(
                check(&signature, &[("x-hub-signature-256", bad)], b"Hello, World!", 0).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn secrets_are_checked_and_do_not_print() {
        for (scheme, secret) in
            [("GitHub", ""), ("StandardWebhooks", "whsec_"), ("StandardWebhooks", "?"), ("MD5", "x")]
        {
            assert_eq!(WebhookSignature::parse(scheme, secret).unwrap_err().field, "Signature");
        }
        let signature = WebhookSignature::parse("GitHub", "hunter2").unwrap();
        assert!(!format!("{signature:?}").contains("hunter2"));
    }
}
