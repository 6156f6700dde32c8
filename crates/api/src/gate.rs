//! Letting requests in: keys, signatures, dates and nonces put together.

use std::sync::Arc;
use std::time::Duration;

use kulkul_access::{AccessKey, AccessKeys, Action};
use kulkul_connection::MASK;
use kulkul_model::Timestamp;

use crate::signature::{
    Acs3, Basic, Classic, DataPlane, FcLegacy, Mns, NonceCache, Refusal, Signed, check_skew, parse_http_date,
    parse_iso_date,
};

/// Whoever must be asked before a request is looked at.
pub(crate) struct Gate {
    keys: Arc<AccessKeys>,
    nonces: NonceCache,
    skew_max: Duration,
}

/// A request whose head was signed by `key`.
pub(crate) struct Admitted<'a> {
    pub(crate) key: Arc<AccessKey>,
    /// The hash that the body must have, when the signature covers one.
    pub(crate) content_sha256: Option<&'a str>,
}

/// Whether a nonce may come twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    Refused,
    Allowed,
}

impl Gate {
    pub(crate) fn new(keys: Arc<AccessKeys>, skew_max: Duration, nonce_count_max: usize) -> Self {
        // A date may lie in the future by the skew, and be good until it is past by the skew.
        let nonces = NonceCache::new(nonce_count_max, skew_max * 2);
        Self { keys, nonces, skew_max }
    }

    pub(crate) fn keys(&self) -> &AccessKeys {
        &self.keys
    }

    /// ACS3-HMAC-SHA256, `authorization` being the header.
    pub(crate) fn admit_acs3<'a>(
        &self,
        authorization: &'a str,
        request: &Signed<'a>,
        now: Timestamp,
        replay: Replay,
    ) -> Result<Admitted<'a>, Refusal> {
        let signed = Acs3::parse(authorization)?;
        let header = |name| request.header(name).ok_or(Refusal::HeaderMissing(name));
        let date = header("x-acs-date")?;
        let content_sha256 = header("x-acs-content-sha256")?;
        let key = self.key(signed.access_key_id, request.header("x-acs-security-token"), now)?;
        signed.verify(&key, request, content_sha256)?;
        check_skew(parse_iso_date(date)?, now, self.skew_max)?;
        if replay == Replay::Refused {
            self.use_nonce(&key, header("x-acs-signature-nonce")?, now)?;
        }
        Ok(Admitted { key, content_sha256: Some(content_sha256) })
    }

    /// The classic RPC signature; `parameters` are those of query and form, decoded.
    pub(crate) fn admit_classic<'p>(
        &self,
        signed: &Classic<'_>,
        method: &str,
        parameters: impl Iterator<Item = (&'p str, &'p str)>,
        now: Timestamp,
    ) -> Result<Arc<AccessKey>, Refusal> {
        let key = self.key(signed.access_key_id, signed.security_token, now)?;
        signed.verify(&key, method, parameters)?;
        check_skew(parse_iso_date(signed.timestamp)?, now, self.skew_max)?;
        self.use_nonce(&key, signed.nonce, now)?;
        Ok(key)
    }

    /// The older signature of Function Compute.
    pub(crate) fn admit_fc_legacy<'a>(
        &self,
        authorization: &'a str,
        request: &Signed<'a>,
        now: Timestamp,
    ) -> Result<Admitted<'a>, Refusal> {
        let signed = FcLegacy::parse(authorization)?;
        let date = match (request.header("date"), request.header("x-acs-date")) {
            (Some(date), _) => parse_http_date(date)?,
            (None, Some(date)) => parse_iso_date(date)?,
            (None, None) => return Err(Refusal::HeaderMissing("date")),
        };
        let key = self.key(signed.access_key_id, request.header("x-acs-security-token"), now)?;
        signed.verify(&key, request)?;
        check_skew(date, now, self.skew_max)?;
        Ok(Admitted { key, content_sha256: request.header("x-acs-content-sha256") })
    }

    /// The signature of EventBridge's data plane.
    pub(crate) fn admit_data_plane(
        &self,
        authorization: &str,
        request: &Signed<'_>,
        now: Timestamp,
    ) -> Result<Arc<AccessKey>, Refusal> {
        let signed = DataPlane::parse(authorization)?;
        let key = self.key(signed.access_key_id, request.header("x-acs-security-token"), now)?;
        signed.verify(&key, request)?;
        let date = request.header("date").ok_or(Refusal::HeaderMissing("date"))?;
        check_skew(parse_http_date(date)?, now, self.skew_max)?;
        if let Some(nonce) = request.header("x-acs-signature-nonce") {
            self.use_nonce(&key, nonce, now)?;
        }
        Ok(key)
    }

    /// The signatures of Simple Message Queue. They have no nonce: a request may come twice.
    pub(crate) fn admit_mns(
        &self,
        authorization: &str,
        request: &Signed<'_>,
        now: Timestamp,
    ) -> Result<Arc<AccessKey>, Refusal> {
        let signed = Mns::parse(authorization)?;
        check_skew(Mns::date(request)?, now, self.skew_max)?;
        let key = self.key(signed.access_key_id, request.header("security-token"), now)?;
        signed.verify(&key, request)?;
        Ok(key)
    }

    /// A key as name and password.
    pub(crate) fn admit_basic(
        &self,
        authorization: &str,
        security_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<AccessKey>, Refusal> {
        let given = Basic::parse(authorization)?;
        let key = self.key(&given.access_key_id, security_token, now)?;
        given.verify(&key)?;
        Ok(key)
    }

    fn key(&self, id: &str, security_token: Option<&str>, now: Timestamp) -> Result<Arc<AccessKey>, Refusal> {
        self.keys.find(id, security_token, now).map_err(|why| Refusal::Key {
            id: id.chars().take(128).filter(|c| !c.is_control()).collect(),
            why,
        })
    }

    fn use_nonce(&self, key: &AccessKey, nonce: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.nonces.note(key.id().as_str(), nonce, now) {
            true => Ok(()),
            false => Err(Refusal::NonceUsed),
        }
    }
}

/// What an answer shows of secrets that let their reader do more than read: tokens of webhooks and of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    Shown,
    Masked,
}

impl Secrets {
    /// What `key` sees: who may change a definition may know what is in it.
    pub(crate) fn seen_by(key: &AccessKey) -> Self {
        match key.role().allows(Action::Admin) {
            true => Self::Shown,
            false => Self::Masked,
        }
    }

    /// The secret, or the mask that stands for it.
    pub(crate) fn show(self, secret: &str) -> &str {
        match self {
            Self::Shown => secret,
            Self::Masked => MASK,
        }
    }
}

/// Refuses a key whose role does not allow what it asks.
pub(crate) fn check_role(key: &AccessKey, action: Action) -> Result<(), Refusal> {
    match key.role().allows(action) {
        true => Ok(()),
        false => Err(Refusal::NotAllowed { role: key.role(), action }),
    }
}
