//! Webhooks: `/webhook/putEvents?token=…`, in whatever method the event source allows.

use std::net::IpAddr;
use std::sync::Arc;

use kulkul_listener::RequestBody;
use kulkul_source::webhook::{Network, WebhookRequest, Webhooks};
use kulkul_source::{SourceKind, Sources};

use super::error::ReceiveError;
use super::{Taken, taken};
use crate::api::Call;
use crate::eventbridge::RequestId;
use crate::percent::{Plus, decode_text};
use crate::query::raw_pairs;

/// The path of every webhook. Source: EventBridge, the URLs that it gives to webhook sources.
pub(crate) const PATH: &str = "/webhook/putEvents";

const BODY_BYTES_MAX: usize = 1024 * 1024; // Source: EventBridge 2020-04-01, "Limits": 1 MB a request.
const QUERY_COUNT_MAX: usize = 256; // Ours; each parameter becomes a member of the event.

/// Takes requests for webhook sources.
pub(super) struct WebhookReceiver {
    webhooks: Webhooks,
    trusted_proxies: Vec<Network>,
}

impl WebhookReceiver {
    pub(super) fn new(sources: Arc<Sources>, trusted_proxies: Vec<Network>) -> Self {
        Self { webhooks: Webhooks::new(sources), trusted_proxies }
    }

    pub(super) async fn receive(
        &self,
        call: Call<'_>,
        id: &RequestId,
        body: &mut RequestBody,
    ) -> Result<Taken, ReceiveError> {
        if call.path() != PATH {
            return Err(ReceiveError::UnknownWebhook);
        }
        let query = query_of(call.query())?;
        let token = query.iter().find(|(name, _)| name == "token").map_or("", |(_, token)| token);
        let source = self.webhooks.find(token).ok_or(ReceiveError::UnknownWebhook)?;
        let SourceKind::Webhook(settings) = &source.kind else { return Err(ReceiveError::UnknownWebhook) };
        let (client, scheme) = self.origin(call);
        let method = call.head.method.as_str();
        settings.admit(method, scheme, client, call.header("referer"))?;
        let body = body.read_all(BODY_BYTES_MAX).await?;
        let headers = &call.head.headers;
        let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers = headers.collect();
        let request = WebhookRequest { method, path: call.path(), query, headers, body: &body };
        let draft =
            request.event(&source, settings, &call.api.identity, &id.as_str().to_lowercase(), call.now)?;
        call.peer.run_to_end();
        let answers = call.api.hub.accept(&source.bus, vec![Ok(draft)], call.peer.ip()).await?;
        taken(id, &answers)
    }

    /// Who sends, and over which scheme: what a proxy says of it counts only when the proxy is trusted.
    fn origin(&self, call: Call<'_>) -> (Option<IpAddr>, &'static str) {
        let peer = call.peer.address().ip();
        if !self.trusted_proxies.iter().any(|proxy| proxy.contains(peer)) {
            return (Some(peer), "http");
        }
        let client = match call.header("x-real-ip") {
            Some(text) => text.trim().parse().ok(),
            None => Some(peer),
        };
        let is_tls =
            call.header("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        (client, if is_tls { "https" } else { "http" })
    }
}

fn query_of(query: &str) -> Result<Vec<(String, String)>, ReceiveError> {
    let fault = |reason: &str| ReceiveError::Unreadable { expected: "a webhook", reason: reason.to_owned() };
    let mut pairs = Vec::new();
    for (name, value) in raw_pairs(query) {
        let decode = |text| decode_text(text, Plus::Space).ok_or_else(|| fault("its query is not UTF-8"));
        pairs.push((decode(name)?.into_owned(), decode(value)?.into_owned()));
        if pairs.len() > QUERY_COUNT_MAX {
            return Err(fault("its query has too many parameters"));
        }
    }
    Ok(pairs)
}
