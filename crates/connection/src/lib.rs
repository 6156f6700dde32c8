//! Connections and API destinations: somebody else's API as a target, with the credentials that it wants.
//!
//! A connection holds credentials, an API destination an address and a method. A target names an API destination, which
//! names a connection; both are looked up at each attempt, so that a change counts for all rules at once.
//!
//! Credentials lie in the store as they are, in files that only their owner can read, like access keys: whoever may read
//! those files may act for this server anyway. Nobody gets to see them again: they are masked whenever they are shown.

mod call;
mod connection;
mod connections;
mod destination;
mod document;
mod error;
mod oauth;
mod rate;
mod secret;

pub use connection::{Authorization, Connection, HttpParameter, Network, NewConnection, OAuth};
pub use connections::{Connections, ConnectionsParts};
pub use destination::{ApiDestination, NewApiDestination};
pub use error::ConnectionError;
pub use secret::{MASK, SecretText};
