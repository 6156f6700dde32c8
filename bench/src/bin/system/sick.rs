//! What healthy targets feel of a dead one beside them.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use kulkul_bench::report::{Bound, Row};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::Bench;
use crate::deliver::{Delivered, deliver_to};
use crate::events::{BATCH, put_requests};
use crate::functions::Api;
use crate::receiver::Receiver;
use crate::samples::middle;
use crate::server::Server;
use crate::targets::{create_destinations, destination_target};

const SECTION: &str = "sick";
const BUS: &str = "orders";
const ROUNDS: usize = 3;
const EVENTS: usize = 1_280;
const WARM_UP: usize = 160;
/// Targets of each event, one of which may be dead.
const TARGETS: usize = 10;

/// A target that takes nothing, as long as this lives.
enum Dead {
    /// Has its port, and does not listen: connections are refused.
    Refusing(TcpSocket),
    /// Listens and accepts nobody: connections are made, and requests never answered.
    Hanging(TcpListener),
}

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let (mut refusing, mut hanging) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let healthy = run(bench, None)?.per_second();
        refusing.push((healthy, run(bench, Some(Dead::refusing()?))?));
        hanging.push((healthy, run(bench, Some(Dead::hanging()?))?));
    }
    let mut rows = Vec::new();
    for (what, rounds) in [("refuses connections", refusing), ("accepts and never answers", hanging)] {
        let ratio = |(healthy, sick): &(f64, Delivered)| sick.per_second() / healthy;
        let round = middle(rounds, ratio).context("there are rounds")?;
        let what = format!("1 of {TARGETS} targets {what}: deliveries/s to the others");
        let against = format!("{TARGETS} healthy targets: {:.0}/s", round.0);
        let row = Row::new(SECTION, what, round.1.text()).against(against, ratio(&round));
        rows.push(row.bound(Bound::AtLeast(0.9)));
    }
    Ok(rows)
}

/// Deliveries to the healthy targets of a new server: what a dead one is still owed stays out of the next run.
fn run(bench: &Bench, dead: Option<Dead>) -> anyhow::Result<Delivered> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let healthy = TARGETS - usize::from(dead.is_some());
    let receiver = Receiver::start(healthy)?;
    let mut addresses = receiver.addresses().to_vec();
    if let Some(dead) = &dead {
        addresses.push(dead.address()?);
    }
    create_destinations(&api, &addresses)?;
    api.create_bus(BUS)?;
    for number in 0..TARGETS {
        let target = destination_target(number);
        api.create_rule(BUS, &format!("rule-{number}"), &json!({"source": ["shop.orders"]}), &target)?;
    }
    let put = |events: usize| {
        let requests = put_requests(server.key(), server.api, BUS, events / BATCH, BATCH);
        deliver_to(&receiver, &server, &requests, events * healthy)
    };
    put(WARM_UP)?;
    let delivered = put(EVENTS)?;
    // Before the server is stopped, which waits for attempts: those that hang are over with this.
    drop(dead);
    Ok(delivered)
}

impl Dead {
    fn refusing() -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self::Refusing(socket))
    }

    fn hanging() -> anyhow::Result<Self> {
        Ok(Self::Hanging(TcpListener::bind("127.0.0.1:0")?))
    }

    fn address(&self) -> std::io::Result<SocketAddr> {
        match self {
            Self::Refusing(socket) => socket.local_addr(),
            Self::Hanging(listener) => listener.local_addr(),
        }
    }
}
