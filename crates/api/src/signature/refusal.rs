//! Why a request was not let in.

use kulkul_access::{Action, KeyRefused, Role};

/// Why a request was not let in. Each API says it in its own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is not signed")]
    Unsigned,
    #[error("the header `{0}` is missing")]
    HeaderMissing(&'static str),
    #[error("the parameter `{0}` is missing")]
    ParameterMissing(&'static str),
    #[error("the authorization is malformed")]
    Malformed,
    #[error("the header `{0}` must be among the signed ones")]
    HeaderNotSigned(&'static str),
    #[error("the date is malformed")]
    DateMalformed,
    #[error("the date is too far from the present")]
    DateSkewed,
    #[error("the nonce was used before")]
    NonceUsed,
    #[error("the signature does not match")]
    Mismatch,
    #[error("the hash of the body does not match")]
    BodyMismatch,
    #[error("the access key `{id}` is refused: {why}")]
    Key { id: String, why: KeyRefused },
    #[error("a key of the role `{role}` may not do this")]
    NotAllowed { role: Role, action: Action },
}
