//! What attempts need of the world outside.

use std::sync::Arc;
use std::time::Duration;

use kulkul_outbound::Outbound;
use kulkul_push::Signer;

use crate::ClientErrors;
use crate::caller::{DestinationCaller, FunctionCaller};
use crate::sinks::{BusSink, QueueSink};

/// One seam for each type of target. An attempt at a target whose seam is missing fails for good.
#[derive(Clone)]
pub struct Outside {
    /// What runs functions.
    pub functions: Arc<dyn FunctionCaller>,
    /// What sends to HTTP targets.
    pub pusher: Option<Pusher>,
    /// The other buses.
    pub buses: Option<Arc<dyn BusSink>>,
    /// The message queues.
    pub queues: Option<Arc<dyn QueueSink>>,
    /// What calls API destinations.
    pub destinations: Option<Arc<dyn DestinationCaller>>,
}

/// Sends signed requests to HTTP targets.
#[derive(Clone)]
pub struct Pusher {
    /// Sends the requests.
    pub outbound: Outbound,
    /// Signs them.
    pub signer: Arc<Signer>,
    /// How long an attempt may take, from resolving the name to the end of the answer.
    pub timeout: Duration,
    /// Whether one that finds fault with a request gets it again.
    pub client_errors: ClientErrors,
}

impl Outside {
    /// Functions, and nothing else.
    pub fn new(functions: Arc<dyn FunctionCaller>) -> Self {
        Self { functions, pusher: None, buses: None, queues: None, destinations: None }
    }
}
