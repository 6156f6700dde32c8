//! How many deliveries a second there are when an event has one target, and when it has a hundred.

use anyhow::Context;
use kulkul_bench::report::Row;
use serde_json::json;

use crate::Bench;
use crate::deliver::{Delivered, deliver_to};
use crate::events::{BATCH, put_requests};
use crate::functions::Api;
use crate::receiver::Receiver;
use crate::samples::middle;
use crate::server::Server;
use crate::targets::{create_destinations, destination_target};

const SECTION: &str = "fan-out";
const ROUNDS: usize = 3;
/// Deliveries of a run: the same number for one target and for many.
const DELIVERIES: usize = 16_000;
const WARM_UP: usize = 1_600;

/// A bus each of whose events goes to so many targets, by as many rules.
struct Fan {
    bus: &'static str,
    targets: usize,
}

const ONE: Fan = Fan { bus: "to-one", targets: 1 };
const MANY: Fan = Fan { bus: "to-many", targets: 100 };

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let receiver = Receiver::start(MANY.targets)?;
    create_destinations(&api, receiver.addresses())?;
    for fan in [ONE, MANY] {
        fan.create(&api)?;
        fan.run(&server, &receiver, WARM_UP)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let one = ONE.run(&server, &receiver, DELIVERIES)?;
        rounds.push((one, MANY.run(&server, &receiver, DELIVERIES)?));
    }
    let ratio = |(one, many): &(Delivered, Delivered)| many.per_second() / one.per_second();
    let round = middle(rounds, ratio).context("there are rounds")?;
    let (one, many) = &round;
    let what = |fan: Fan| format!("1 event → {}: deliveries/s", fan.targets);
    Ok(vec![
        Row::new(SECTION, what(ONE), one.text()).value(one.per_second().round()),
        Row::new(SECTION, what(MANY), many.text())
            .against(format!("1 → 1: {:.0}/s", one.per_second()), ratio(&round)),
    ])
}

impl Fan {
    fn create(&self, api: &Api) -> anyhow::Result<()> {
        api.create_bus(self.bus)?;
        for number in 0..self.targets {
            let target = destination_target(number);
            api.create_rule(
                self.bus,
                &format!("rule-{number}"),
                &json!({"source": ["shop.orders"]}),
                &target,
            )?;
        }
        Ok(())
    }

    fn run(&self, server: &Server, receiver: &Receiver, deliveries: usize) -> anyhow::Result<Delivered> {
        let requests =
            put_requests(server.key(), server.api, self.bus, deliveries / self.targets / BATCH, BATCH);
        deliver_to(receiver, server, &requests, deliveries)
    }
}
