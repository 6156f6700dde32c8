//! Access keys: who may call, and what with.
//!
//! A key has an id, a secret that signs requests, and a [`Role`]. Keys live in the metadata store, and all of them in
//! memory, since every request looks one up; a lookup takes no lock. *Temporary keys* carry their own description,
//! sealed with a key that only this server (and its peers on the same store) has, in the security token that goes
//! with each request. So they need no storage and no clean-up, and they die with the key that they were made from.
//!
//! A signature can only be checked with the plain secret: secrets are stored as they are, in the metadata store, and
//! nowhere else. Whoever can read the data directory can sign as anybody. No type here prints a secret.

mod error;
mod first;
mod key;
mod keys;
mod record;
mod role;
mod secret;
mod temporary;

pub use error::{AccessError, KeyRefused};
pub use first::{FirstKey, KEY_FILE_NAME, read_key_file};
pub use key::{AccessKey, AccessKeyId, NewKey};
pub use keys::AccessKeys;
pub use role::{Action, Role};
pub use secret::{Secret, equal};
pub use temporary::TemporaryKey;
