//! Serves HTTP/1.1 on one address, with a bound on everything that a client can make us hold or wait for.
//!
//! The caller brings a handler, a function from a request to an answer; this crate brings the rest: accepting,
//! the number of connections, time-outs for heads, bodies, idle and stalled connections, and an orderly stop.
//!
//! Time-outs cost nothing per request. A connection notes in which *phase* it is and since which *tick*; the
//! listener looks at all connections once a tick. That makes time-outs late by up to two ticks, which is of no
//! consequence, and spares every request several timers.
//!
//! A handler is dropped when its client hangs up, which is how a call is cancelled. A handler that must not be cut
//! off says so with [`Peer::run_to_end`].

mod body;
mod connection;
mod limits;
mod peer;
mod serve;
mod watched;

pub use body::{BodyError, RequestBody};
pub use limits::{Limits, head_bytes};
pub use peer::Peer;
pub use serve::{Listener, Stopped};
