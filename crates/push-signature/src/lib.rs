//! The signature of events that one hub pushes to another over HTTP: the same string, signed by the sender and
//! checked by the receiver.
//!
//! There are two generations. In the older one (v1) the sender draws a temporary secret, signs with HMAC-SHA1, and
//! sends the secret along, encrypted with its *private* key. Whoever has seen one such push can take the secret out
//! with the public key and sign anything: only a token that sender and receiver share makes v1 mean something. The
//! newer one (v2) is an RSA signature.
//!
//! Pure: keys and messages in, verdicts out. This crate reads no clock, no file and no network.
//!
//! Source: EventBridge, "Signature algorithm for HTTP/HTTPS event targets", and the verifier in the official Java SDK.

mod certificate;
mod error;
mod headers;
mod message;
mod private_key;
mod public_key;

pub use error::{KeyError, PushRefusal};
pub use headers::{PushHeaders, header};
pub use message::{Ending, Generation, PushMessage};
pub use private_key::{PushKey, PushSignature, SealedSecret};
pub use public_key::PushPublicKeys;
