//! `SourceHttpEventParameters`: webhook sources.
//!
//! `Signature` (`{"Scheme": "GitHub" or "StandardWebhooks", "Secret": …}`) is ours: the cloud has no such member.

use kulkul_source::SourceKind;
use kulkul_source::webhook::{
    InvalidWebhook, Schemes, WebhookMethod, WebhookSecurity, WebhookSettings, WebhookSignature, WebhookToken,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::error::RpcError;
use crate::fields::misshapen;
use crate::gate::Secrets;
use crate::receive::WEBHOOK_PATH;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Block {
    r#type: String,
    method: Vec<String>,
    security_config: Option<String>,
    ip: Vec<String>,
    referer: Vec<String>,
    signature: Option<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Signature {
    scheme: String,
    secret: String,
}

/// Reads the block. The URL of the source is new; an update keeps the one that it has.
pub(super) fn read(parameter: &'static str, block: Value) -> Result<SourceKind, RpcError> {
    let block: Block = serde_json::from_value(block)
        .map_err(|error| invalid(format!("`{parameter}` is invalid: {}", misshapen(&error))))?;
    let settings = settings(block).map_err(|error| invalid(format!("`{parameter}`: {error}")))?;
    let token = WebhookToken::random().map_err(|error| RpcError::internal(error.to_string()))?;
    Ok(SourceKind::Webhook(WebhookSettings { token, ..settings }))
}

fn invalid(message: String) -> RpcError {
    RpcError::business("HttpSourceParametersInvalid", message)
}

fn settings(block: Block) -> Result<WebhookSettings, InvalidWebhook> {
    let mut methods: Vec<WebhookMethod> = Vec::new();
    for method in &block.method {
        let method = method.parse()?;
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    if methods.is_empty() {
        return Err(InvalidWebhook { field: "Method", problem: "must have at least one value".to_owned() });
    }
    let security = block.security_config.as_deref().filter(|text| !text.is_empty()).unwrap_or("none");
    Ok(WebhookSettings {
        schemes: block.r#type.parse::<Schemes>()?,
        methods,
        security: WebhookSecurity::parse(security, &block.ip, &block.referer)?,
        signature: block
            .signature
            .map(|signature| WebhookSignature::parse(&signature.scheme, &signature.secret))
            .transpose()?,
        token: WebhookToken::default(),
    })
}

/// The block as it is listed, with the URLs of the source. Whoever knows such a URL can bring events.
pub(super) fn shown(settings: &WebhookSettings, public_url: &str, secrets: Secrets) -> Map<String, Value> {
    let (_, host_and_path) = public_url.split_once("://").unwrap_or(("", public_url));
    let token = secrets.show(settings.token.expose());
    let url = |scheme: &&str| format!("{scheme}://{host_and_path}{WEBHOOK_PATH}?token={token}");
    let urls: Vec<String> = settings.schemes.of_urls().iter().map(url).collect();
    let methods: Vec<&str> = settings.methods.iter().map(|method| method.as_str()).collect();
    let (ip, referer) = match &settings.security {
        WebhookSecurity::None => (Vec::new(), Vec::new()),
        WebhookSecurity::Ip(networks) => (networks.iter().map(ToString::to_string).collect(), Vec::new()),
        WebhookSecurity::Referer(referers) => (Vec::new(), referers.clone()),
    };
    let mut block = json!({
        "Type": settings.schemes.as_str(),
        "Method": methods,
        "SecurityConfig": settings.security.as_str(),
        "Ip": ip,
        "Referer": referer,
        "PublicWebHookUrl": urls,
        "VpcWebHookUrl": urls,
    });
    if let Some(signature) = &settings.signature {
        block["Signature"] = json!({"Scheme": signature.scheme.as_str()});
    }
    Map::from_iter([("SourceHttpEventParameters".to_owned(), block)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Result<WebhookSettings, String> {
        let read = read("SourceHttpEventParameters", serde_json::from_str(text).unwrap());
        match read.map_err(|error| format!("{} {}", error.code, error.message))? {
            SourceKind::Webhook(settings) => Ok(settings),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_block_is_shown_as_it_was_given_with_its_urls() {
        let given = r#"{"Type":"HTTP&HTTPS","Method":["POST","GET","POST"],"SecurityConfig":"ip","Ip":["10.0.0.0/8","1.2.3.4"],
            "Signature":{"Scheme":"GitHub","Secret":"hunter2"}}"#;
        let settings = block(given).unwrap();
        let token = settings.token.expose();
        assert_eq!(token.len(), 32);
        let url = "https://hub.example.com/base";
        let masked = json!(shown(&settings, url, Secrets::Masked)).to_string();
        assert!(masked.contains("?token=******") && !masked.contains(token), "{masked}");
        let shown = shown(&settings, url, Secrets::Shown);
        let path = format!("hub.example.com/base/webhook/putEvents?token={token}");
        let urls = [format!("http://{path}"), format!("https://{path}")];
        let expected = json!({
            "Type": "HTTP&HTTPS", "Method": ["POST", "GET"], "SecurityConfig": "ip",
            "Ip": ["10.0.0.0/8", "1.2.3.4"], "Referer": [], "PublicWebHookUrl": urls, "VpcWebHookUrl": urls,
            "Signature": {"Scheme": "GitHub"},
        });
        assert_eq!(shown["SourceHttpEventParameters"], expected);
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let table = [
            ("{}", "`Method`"),
            ("[]", "`Method`"),
            ("7", "invalid"),
            (r#"{"Type":"HTTP","Method":"POST"}"#, "invalid"),
            (r#"{"Type":"FTP","Method":["POST"]}"#, "`Type`"),
            (r#"{"Type":"HTTP","Method":["POST"],"SecurityConfig":"ip"}"#, "`Ip`"),
            (r#"{"Type":"HTTP","Method":["POST"],"Signature":{"Scheme":"X","Secret":"y"}}"#, "`Signature`"),
        ];
        for (text, reason) in table {
            let error = block(text).unwrap_err();
            assert!(
                error.starts_with("HttpSourceParametersInvalid") && error.contains(reason),
                "{text}: {error}"
            );
        }
    }
}
