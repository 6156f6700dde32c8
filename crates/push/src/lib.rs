//! The key that this server signs its pushes with, and the certificate with which receivers check that.
//!
//! The key is made when it is first needed, which takes a moment, and kept in the data directory, where only its owner
//! can read it. Whoever has it can send events in this server's name to every receiver that trusts it. What is signed,
//! and how, is the business of [`kulkul_push_signature`].

mod key_file;
mod signer;

pub use key_file::{KEY_FILE_NAME, SignerError};
pub use signer::Signer;
