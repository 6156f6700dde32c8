//! Events from outside, from senders that have no access key of ours: what they bring along instead is checked here.
//!
//! | path | who sends | what proves it |
//! | --- | --- | --- |
//! | `POST /push/{bus}` | the cloud's EventBridge, or another Kulkul, through an HTTPS target | a signature and a token |
//! | `POST /cloudmonitor/{bus}` | CloudMonitor's URL notifications | a token in the URL |
//! | `/webhook/putEvents` | anybody, for a webhook source | a token in the URL, and what the source asks for |
//!
//! The sender is answered 2xx only after the commit, so that it sends again what was not stored. Every refusal is
//! counted under its code, and logged without what was sent: once a minute for each code as a warning, since strangers
//! may not fill the log.

mod cloud_monitor;
mod error;
mod events;
mod push;
mod tally;
mod webhook;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode};
use kulkul_access::Secret;
use kulkul_bus::Acceptance;
use kulkul_listener::RequestBody;
use kulkul_model::{BusName, EventError};
use kulkul_push_signature::PushPublicKeys;
use kulkul_source::Sources;
use kulkul_source::webhook::Network;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::answer::{Answer, with_body};
use crate::api::{Call, discard, guarded};
use crate::eventbridge::{RequestId, entries};
use crate::percent::{Plus, decode_text};
use error::ReceiveError;
use push::PushReceiver;
use tally::Tally;
pub(crate) use webhook::PATH as WEBHOOK_PATH;
use webhook::WebhookReceiver;

/// What strangers have to know to bring events.
#[derive(Clone, Default)]
pub struct ReceiveOptions {
    /// The base URL under which senders reach this server, without a slash at its end: signatures cover it.
    pub public_url: String,
    /// Who may push. None: pushes are refused.
    pub push_keys: PushPublicKeys,
    /// What pushes must carry as their token.
    pub push_token: Option<Secret>,
    /// What the URL of CloudMonitor's notifications must carry. None: they are refused.
    pub cloud_monitor_token: Option<Secret>,
    /// Whose word about the client and the scheme of a webhook's request counts.
    pub trusted_proxies: Vec<Network>,
}

impl fmt::Debug for ReceiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveOptions")
            .field("public_url", &self.public_url)
            .field("push_keys", &self.push_keys)
            .finish_non_exhaustive()
    }
}

/// Everything that takes events from strangers.
pub(crate) struct Receivers {
    push: PushReceiver,
    push_tally: Tally,
    cloud_monitor_token: Option<Secret>,
    cloud_monitor_tally: Tally,
    webhook: WebhookReceiver,
    webhook_tally: Tally,
}

/// Which of them a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Push,
    CloudMonitor,
    Webhook,
}

impl Receiver {
    /// The receiver that a path belongs to, whatever follows.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.split('/').nth(1)? {
            "push" => Some(Self::Push),
            "cloudmonitor" => Some(Self::CloudMonitor),
            "webhook" => Some(Self::Webhook),
            _ => None,
        }
    }
}

impl Receivers {
    pub(crate) fn new(options: ReceiveOptions, sources: Arc<Sources>) -> Self {
        let ReceiveOptions { public_url, push_keys, push_token, cloud_monitor_token, trusted_proxies } =
            options;
        Self {
            push: PushReceiver::new(public_url, push_keys, push_token),
            push_tally: Tally::default(),
            cloud_monitor_token,
            cloud_monitor_tally: Tally::default(),
            webhook: WebhookReceiver::new(sources, trusted_proxies),
            webhook_tally: Tally::default(),
        }
    }

    fn tally(&self, receiver: Receiver) -> &Tally {
        match receiver {
            Receiver::Push => &self.push_tally,
            Receiver::CloudMonitor => &self.cloud_monitor_tally,
            Receiver::Webhook => &self.webhook_tally,
        }
    }

    /// What each has taken and refused since the start.
    pub(crate) fn report(&self) -> Value {
        json!({
            "push": self.push_tally.report(),
            "cloudMonitor": self.cloud_monitor_tally.report(),
            "webhook": self.webhook_tally.report(),
        })
    }
}

/// Answers one request.
pub(crate) async fn serve(call: Call<'_>, receiver: Receiver, mut body: RequestBody) -> Answer {
    let id = RequestId::random();
    let span = tracing::debug_span!("receive", request.id = id.as_str());
    let work = run(call, receiver, &id, &mut body).instrument(span);
    let done = guarded(id.as_str(), work).await.unwrap_or(Err(ReceiveError::Panicked));
    let tally = call.api.receivers.tally(receiver);
    match done {
        Ok(taken) => {
            tally.accepted(taken.event_count);
            with_body(StatusCode::OK, "application/json", taken.answer)
        }
        Err(error) => {
            let (status, code) = error.wire();
            let is_told = tally.refused(code, Instant::now());
            let (from, chain) = (call.peer.ip(), error.chain());
            let request_id = id.as_str();
            match (status.is_server_error(), is_told) {
                (true, _) => {
                    tracing::error!(request.id = request_id, error = chain, "events could not be taken")
                }
                (false, true) => {
                    tracing::warn!(request.id = request_id, code, from, error = chain, "refused events")
                }
                (false, false) => {
                    tracing::debug!(request.id = request_id, code, from, error = chain, "refused events")
                }
            }
            discard(call, &mut body).await;
            let message =
                if status.is_server_error() { "the events could not be taken".into() } else { chain };
            let answer = json!({"code": code, "message": message, "requestId": id.as_str()});
            with_body(status, "application/json", answer.to_string())
        }
    }
}

/// What was taken, and what its sender is told.
struct Taken {
    event_count: usize,
    answer: Vec<u8>,
}

async fn run(
    call: Call<'_>,
    receiver: Receiver,
    id: &RequestId,
    body: &mut RequestBody,
) -> Result<Taken, ReceiveError> {
    if call.oversized {
        return Err(ReceiveError::HeadTooLarge);
    }
    if call.head.method != Method::POST && receiver != Receiver::Webhook {
        return Err(ReceiveError::Method);
    }
    let receivers: &Arc<Receivers> = &call.api.receivers;
    match receiver {
        Receiver::Push => receivers.push.receive(call, id, body).await,
        Receiver::CloudMonitor => {
            cloud_monitor::receive(receivers.cloud_monitor_token.as_ref(), call, id, body).await
        }
        Receiver::Webhook => receivers.webhook.receive(call, id, body).await,
    }
}

/// What the sender is told of its events. When none of them was taken, that is a refusal.
fn taken(id: &RequestId, answers: &[Result<Acceptance, EventError>]) -> Result<Taken, ReceiveError> {
    let event_count = answers.iter().filter(|answer| answer.is_ok()).count();
    match answers.first() {
        Some(Err(error)) if event_count == 0 => Err(ReceiveError::Event(error.clone())),
        _ => Ok(Taken { event_count, answer: entries(id, answers) }),
    }
}

/// The bus that the path names: `/{receiver}/{bus}`.
fn bus_of(path: &str) -> Result<BusName, ReceiveError> {
    let mut segments = path.split('/').skip(2);
    let (Some(bus), None) = (segments.next(), segments.next()) else { return Err(ReceiveError::Path) };
    let bus = decode_text(bus, Plus::Plus).ok_or(ReceiveError::Path)?;
    bus.parse().map_err(ReceiveError::BusName)
}

/// What fuzzing reaches of this module.
#[cfg(test)]
pub(crate) mod fuzz {
    /// Reads bodies of pushes and notifications.
    pub(crate) fn bodies(text: &str) {
        drop(super::events::read(&http::HeaderMap::new(), text.as_bytes()));
        drop(super::cloud_monitor::read(text.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_receiver_and_a_bus() {
        let table = [
            ("/push/default", Some(Receiver::Push), Some("default")),
            ("/push/a%2Db", Some(Receiver::Push), Some("a-b")),
            ("/push", Some(Receiver::Push), None),
            ("/push/", Some(Receiver::Push), None),
            ("/push/a/b", Some(Receiver::Push), None),
            ("/cloudmonitor/b", Some(Receiver::CloudMonitor), Some("b")),
            ("/pushy/b", None, Some("b")),
            ("/", None, None),
        ];
        for (path, receiver, bus) in table {
            assert_eq!(Receiver::of(path), receiver, "{path}");
            assert_eq!(bus_of(path).ok().map(|bus| bus.to_string()).as_deref(), bus, "{path}");
        }
    }

    #[test]
    fn options_do_not_print_what_is_secret() {
        let secret = Secret::new("hunter2").ok();
        let options =
            ReceiveOptions { push_token: secret.clone(), cloud_monitor_token: secret, ..Default::default() };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
