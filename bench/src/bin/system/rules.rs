//! What a thousand rules on a bus cost its events, from the put to the target, when one rule matches each of them.

use anyhow::Context;
use kulkul_bench::report::Row;
use serde_json::json;

use crate::Bench;
use crate::deliver::{Delivered, deliver_to};
use crate::events::{BATCH, event_of, put_requests_of};
use crate::functions::Api;
use crate::put::rule_pattern;
use crate::receiver::Receiver;
use crate::samples::{middle, short};
use crate::server::Server;
use crate::targets::{create_destinations, destination_target};

const SECTION: &str = "rules";
const ROUNDS: usize = 3;
const EVENTS: usize = 9_600;
const WARM_UP: usize = 1_600;
/// Addresses that the targets share: a thousand hosts would measure the making of connections.
const ADDRESSES: usize = 50;

/// A bus with rules, each of which asks for the events of one customer, and the events that are put on it.
struct Load {
    bus: &'static str,
    rules: usize,
    /// The events are those of so many customers in turn.
    customers: usize,
    /// Attempts at once at each target; the server's choice when absent.
    concurrency: Option<usize>,
}

const ONE: Load = Load { bus: "one-rule", rules: 1, customers: 1, concurrency: None };
/// The same rule matches every event: the deliveries are those of [`ONE`].
const SAME: Load = Load { bus: "many-rules", rules: 1_000, customers: 1, concurrency: None };
/// A thousand targets at once are enough; with the usual concurrency they would be eight times as many.
const EACH: Load = Load { bus: "each-rule", rules: 1_000, customers: 1_000, concurrency: Some(1) };

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let receiver = Receiver::start(ADDRESSES)?;
    create_destinations(&api, receiver.addresses())?;
    for load in [ONE, SAME, EACH] {
        load.create(&api)?;
        load.run(&server, &receiver, WARM_UP)?;
    }
    let (mut same, mut each) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let one = accepted_and_delivered(&ONE.run(&server, &receiver, EVENTS)?);
        same.push((one, SAME.run(&server, &receiver, EVENTS)?));
        each.push((one, EACH.run(&server, &receiver, EVENTS)?));
    }
    let mut rows = Vec::new();
    for (load, rounds) in [(SAME, same), (EACH, each)] {
        let slowdown = |(one, many): &((f64, f64), Delivered)| many.per_second() / one.1;
        let (one, many) = middle(rounds, slowdown).context("there are rounds")?;
        let (accepted, delivered) = accepted_and_delivered(&many);
        let matching = if load.customers == 1 { "the same" } else { "another" };
        let what = format!("{} rules, {matching} matches each event", load.rules);
        let measured = format!("{}; all accepted after {}", many.text(), short(many.put));
        rows.push(
            Row::new(SECTION, format!("{what}: events delivered"), measured)
                .against(format!("1 rule: {:.0}/s", one.1), delivered / one.1),
        );
        rows.push(
            Row::new(SECTION, format!("{what}: events accepted"), format!("{accepted:.0}/s"))
                .against(format!("1 rule: {:.0}/s", one.0), accepted / one.0),
        );
    }
    Ok(rows)
}

/// Events in a second, to the last answer and to the last delivery: each event has one.
fn accepted_and_delivered(run: &Delivered) -> (f64, f64) {
    (run.count as f64 / run.put.as_secs_f64(), run.per_second())
}

impl Load {
    fn create(&self, api: &Api) -> anyhow::Result<()> {
        api.create_bus(self.bus)?;
        for number in 0..self.rules {
            let mut target = destination_target(number % ADDRESSES);
            if let Some(concurrency) = self.concurrency {
                target[0]["ConcurrentConfig"] = json!({ "Concurrency": concurrency });
            }
            api.create_rule(self.bus, &format!("rule-{number}"), &rule_pattern(number), &target)?;
        }
        Ok(())
    }

    fn run(&self, server: &Server, receiver: &Receiver, count: usize) -> anyhow::Result<Delivered> {
        let events = (0..count).map(|number| event_of(number % self.customers));
        let requests = put_requests_of(server.key(), server.api, self.bus, events, BATCH);
        deliver_to(receiver, server, &requests, count)
    }
}
