//! The other end of a request.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;

use crate::RequestBody;
use crate::connection::Connection;

/// The client of one request.
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    pub(crate) connection: Arc<Connection>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, connection: Arc<Connection>) -> Self {
        Self { address, connection }
    }

    /// Where the client's connection comes from.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The client's address without the port, as text.
    pub fn ip(&self) -> &str {
        self.connection.client_ip()
    }

    /// The body of the request, with the listener's time-out on each piece.
    pub fn body(&self, incoming: Incoming) -> RequestBody {
        RequestBody::new(incoming, Arc::clone(&self.connection))
    }

    /// From now on the handler of this request is not dropped when the client hangs up.
    ///
    /// Call this once the body has been read: its end would not be noticed afterwards. It lasts until the handler
    /// returns. The stop of the listener, after its grace, still cuts the handler off.
    pub fn run_to_end(&self) {
        self.connection.set_run_to_end(true);
    }
}
