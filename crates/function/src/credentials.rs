//! Credentials for functions that have a role.

use std::fmt;
use std::time::Duration;

use kulkul_model::{FunctionName, Timestamp};

/// Credentials that end by themselves.
#[derive(Clone)]
pub struct TemporaryCredentials {
    /// Names the key.
    pub access_key_id: String,
    /// The secret of the key.
    pub access_key_secret: String,
    /// Goes with every request signed by the key.
    pub security_token: String,
    /// From when on they are refused.
    pub expires_at: Timestamp,
}

impl fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Gives out credentials.
pub trait CredentialSource: Send + Sync + 'static {
    /// Credentials for a function, valid for `lifetime`; `role` is the ARN in its settings. `None` when there are
    /// none to give: the function then runs without.
    fn issue(&self, function: &FunctionName, role: &str, lifetime: Duration) -> Option<TemporaryCredentials>;
}
