//! Durable `PutEvents`: accepted only when the events are on the disk, against what the disk can do.

use kulkul_bench::report::{Bound, Row};
use serde_json::{Value, json};

use crate::Bench;
use crate::events::{ALL_ACCEPTED, BATCH, EVENT_BYTES, put_requests};
use crate::flushes;
use crate::functions::Api;
use crate::load::{self, Run};
use crate::raw::{self, RawRun};
use crate::samples::{middle, ratio, short};
use crate::server::Server;

const SECTION: &str = "put";
/// The bus that events are put on.
pub(crate) const BUS: &str = "bench";
/// Rules of the bus that look at each event and do not match it.
pub(crate) const RULE_COUNT: usize = 100;
/// How often everything is measured; the run in the middle counts.
const ROUNDS: usize = 3;
const CONNECTIONS: usize = 64;

/// One kind of load.
struct Load {
    connections: usize,
    events_each: usize,
    requests: usize,
}

const ALONE: Load = Load { connections: 1, events_each: 1, requests: 2_000 };
const ALONE_BATCH: Load = Load { connections: 1, events_each: BATCH, requests: 1_000 };
const MANY: Load = Load { connections: CONNECTIONS, events_each: 1, requests: 60_000 };
const MANY_BATCH: Load = Load { connections: CONNECTIONS, events_each: BATCH, requests: 8_000 };

/// A run of the server beside a run of the bare disk.
struct Pair {
    ours: Run,
    raw: RawRun,
    events_each: usize,
}

impl Pair {
    fn events_per_second(&self) -> f64 {
        self.ours.per_second() * self.events_each as f64
    }

    fn raw_events_per_second(&self) -> f64 {
        self.raw.per_second * self.events_each as f64
    }

    fn slowdown(&self) -> f64 {
        ratio(self.ours.latencies.median(), self.raw.latencies.median())
    }
}

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    prepare(&server)?;
    run(&server, &Load { requests: 5_000, ..MANY })?;
    let mut rows = Vec::new();
    for (load, name) in [(ALONE, "1 event"), (ALONE_BATCH, "16 events")] {
        let pairs = pairs(&server, &load)?;
        let Some(pair) = middle(pairs, Pair::slowdown) else { continue };
        let what = format!("{name} a request, 1 connection");
        let measured = format!("{}; {:.0} events/s", pair.ours.latencies.text(), pair.events_per_second());
        let against = format!("append + fdatasync p50 {}", short(pair.raw.latencies.median()));
        let row = Row::new(SECTION, what, measured).against(against, pair.slowdown());
        rows.push(if load.events_each == 1 { row.bound(Bound::AtMost(2.5)) } else { row });
    }
    for (load, name, bound) in [(MANY, "1 event", 28_000.0), (MANY_BATCH, "16 events", 80_000.0)] {
        let pairs = pairs(&server, &load)?;
        let Some(pair) = middle(pairs, Pair::events_per_second) else { continue };
        let what = format!("{name} a request, {CONNECTIONS} connections");
        let (ours, raw) = (pair.events_per_second(), pair.raw_events_per_second());
        let measured = format!("{ours:.0} events/s; {}", pair.ours.latencies.text());
        let row = Row::new(SECTION, &what, measured).value(ours.round());
        rows.push(row.bound(Bound::AtLeast(bound)));
        let against = format!("append + fdatasync, {CONNECTIONS} producers: {raw:.0} events/s");
        rows.push(Row::new(SECTION, what, format!("{ours:.0} events/s")).against(against, ours / raw));
    }
    rows.push(flushes::measure(SECTION, &server, BUS)?);
    Ok(rows)
}

fn pairs(server: &Server, load: &Load) -> anyhow::Result<Vec<Pair>> {
    let payload = vec![b'x'; EVENT_BYTES * load.events_each];
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        let raw = match load.connections {
            1 => raw::one_by_one(server.home(), &payload, load.requests)?,
            many => raw::group_commit(server.home(), &payload, many, 60_000 / many / load.events_each)?,
        };
        pairs.push(Pair { ours: run(server, load)?, raw, events_each: load.events_each });
    }
    Ok(pairs)
}

fn run(server: &Server, load: &Load) -> anyhow::Result<Run> {
    let requests = put_requests(server.key(), server.api, BUS, load.requests, load.events_each);
    load::run(server.api, load.connections, &requests, ALL_ACCEPTED)
}

/// A bus whose rules want what no event has.
fn prepare(server: &Server) -> anyhow::Result<()> {
    let api = Api::new(server.client())?;
    api.create_bus(BUS)?;
    for number in 0..RULE_COUNT {
        api.create_rule(BUS, &format!("rule-{number}"), &rule_pattern(number), &json!([]))?;
    }
    Ok(())
}

/// What one of these rules wants.
pub(crate) fn rule_pattern(number: usize) -> Value {
    json!({
        "source": ["shop.orders"],
        "type": [{"prefix": "order:"}],
        "data": {"customer": {"id": [number]}},
    })
}
