//! Settings of a webhook as they are stored. Secrets are stored as they are, like those of access keys.

use serde::{Deserialize, Serialize};

use super::{
    InvalidWebhook, Schemes, WebhookMethod, WebhookSecurity, WebhookSettings, WebhookSignature, WebhookToken,
};

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredWebhook {
    schemes: String,
    methods: Vec<String>,
    security: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ip: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    referer: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<StoredSignature>,
    token: String,
}

#[derive(Serialize, Deserialize)]
struct StoredSignature {
    scheme: String,
    secret: String,
}

impl StoredWebhook {
    pub(crate) fn of(settings: &WebhookSettings) -> Self {
        let (ip, referer) = match &settings.security {
            WebhookSecurity::None => (Vec::new(), Vec::new()),
            WebhookSecurity::Ip(networks) => (networks.iter().map(ToString::to_string).collect(), Vec::new()),
            WebhookSecurity::Referer(referers) => (Vec::new(), referers.clone()),
        };
        let signature = settings.signature.as_ref().map(|signature| StoredSignature {
            scheme: signature.scheme.as_str().to_owned(),
            secret: signature.secret.expose().to_owned(),
        });
        Self {
            schemes: settings.schemes.as_str().to_owned(),
            methods: settings.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            security: settings.security.as_str().to_owned(),
            ip,
            referer,
            signature,
            token: settings.token.expose().to_owned(),
        }
    }

    pub(crate) fn settings(self) -> Result<WebhookSettings, InvalidWebhook> {
        let methods = self.methods.iter().map(|method| method.parse::<WebhookMethod>());
        let signature = self.signature.map(|stored| WebhookSignature::parse(&stored.scheme, &stored.secret));
        Ok(WebhookSettings {
            schemes: self.schemes.parse::<Schemes>()?,
            methods: methods.collect::<Result<_, _>>()?,
            security: WebhookSecurity::parse(&self.security, &self.ip, &self.referer)?,
            signature: signature.transpose()?,
            token: WebhookToken::from_stored(self.token),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for security in [
            WebhookSecurity::None,
            WebhookSecurity::parse("ip", &strings(&["10.0.0.0/8", "1.2.3.4"]), &[]).unwrap(),
            WebhookSecurity::parse("referer", &[], &strings(&["https://a"])).unwrap(),
        ] {
            let settings = WebhookSettings {
                schemes: Schemes::Both,
                methods: WebhookMethod::ALL.to_vec(),
                security,
                signature: WebhookSignature::parse("GitHub", "x").ok(),
                token: WebhookToken::random().unwrap(),
            };
            let text = serde_json::to_string(&StoredWebhook::of(&settings)).unwrap();
            let read: StoredWebhook = serde_json::from_str(&text).unwrap();
            assert_eq!(read.settings(), Ok(settings));
        }
    }
}
