//! Pushes of the cloud's EventBridge: `POST /push/{bus}`, as its HTTP and HTTPS targets send them.
//!
//! Source: EventBridge, "Signature algorithm for HTTP/HTTPS event targets".

use std::time::Duration;

use kulkul_access::{Secret, equal};
use kulkul_listener::RequestBody;
use kulkul_push_signature::{PushHeaders, PushPublicKeys};

use super::error::ReceiveError;
use super::{Taken, bus_of, events, taken};
use crate::api::Call;
use crate::eventbridge::RequestId;
use crate::signature::NonceCache;

/// How far the time of a signature may be from the present. Source: the receiver of the official SDK.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// Pushes that are remembered: those of two minutes at 4 000 a second. Ours.
const REMEMBERED_COUNT_MAX: usize = 500_000;

/// The largest body: a list of events. Ours; one event has at most 256 KB.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Takes pushes.
pub(super) struct PushReceiver {
    public_url: String,
    keys: PushPublicKeys,
    token: Option<Secret>,
    seen: NonceCache,
}

impl PushReceiver {
    pub(super) fn new(public_url: String, keys: PushPublicKeys, token: Option<Secret>) -> Self {
        // A signature may lie in the future by the skew, and be good until it is past by the skew.
        let seen = NonceCache::new(REMEMBERED_COUNT_MAX, SKEW_MAX * 2);
        Self { public_url, keys, token, seen }
    }

    /// Checks a push and puts its events on the bus that its path names.
    pub(super) async fn receive(
        &self,
        call: Call<'_>,
        id: &RequestId,
        body: &mut RequestBody,
    ) -> Result<Taken, ReceiveError> {
        let bus = bus_of(call.path())?;
        let headers = self.check_head(call)?;
        let body = match &self.token {
            // It was the right one: the sender is no stranger.
            Some(_) => body.read_all(BODY_BYTES_MAX).await?,
            None => call.api.unsigned_bodies.read(call, body, BODY_BYTES_MAX).await?,
        };
        self.keys.verify(&headers, &self.url(call), &body)?;
        let events = events::read(&call.head.headers, &body)?;
        call.peer.run_to_end();
        // Both generations sign with what only the sender has: equal signatures are the same push.
        let nonce = hex::encode(headers.signature());
        if !self.seen.note("push", &nonce, call.now) {
            return Err(ReceiveError::Replayed);
        }
        let answers = match call.api.hub.accept(&bus, events, call.peer.ip()).await {
            Ok(answers) => answers,
            Err(error) => {
                // It will be sent again, and perhaps just as it is.
                self.seen.forget("push", &nonce);
                return Err(error.into());
            }
        };
        taken(id, &answers)
    }

    /// What can be refused before the body is read.
    fn check_head<'a>(&self, call: Call<'a>) -> Result<PushHeaders<'a>, ReceiveError> {
        if self.keys.count() == 0 {
            return Err(ReceiveError::NotConfigured);
        }
        let headers = PushHeaders::read(|name| call.header(name))?;
        headers.check_time(call.now, SKEW_MAX)?;
        match (&self.token, headers.token) {
            (Some(expected), Some(token)) if equal(expected.expose().as_bytes(), token.as_bytes()) => {}
            (Some(_), _) => return Err(ReceiveError::Token),
            // Whoever has seen one push of the older generation can make more of them.
            (None, _) if headers.is_v1() => return Err(ReceiveError::TokenNeeded),
            (None, _) => {}
        }
        Ok(headers)
    }

    /// The URL that the sender was configured with. Never from the `Host` header: that is the sender's word.
    fn url(&self, call: Call<'_>) -> String {
        let target = call.head.uri.path_and_query().map_or("/", |target| target.as_str());
        format!("{}{target}", self.public_url)
    }
}
