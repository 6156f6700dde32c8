//! How many events a second go through a bus and one rule into a warm Python function, and that none is lost.

use anyhow::Context;
use kulkul_bench::report::{Bound, Row};
use serde_json::json;

use crate::Bench;
use crate::collector::Collector;
use crate::deliver::{Delivered, deliver};
use crate::events::{BATCH, put_requests};
use crate::functions::{Api, function_target};
use crate::samples::{middle, short};
use crate::server::Server;

const SECTION: &str = "stream";
const BUS: &str = "orders";
const ROUNDS: usize = 3;
const WARM_UP: usize = 1_600;
const EVENTS: usize = 32_000;

/// Reports the id of each event; an event begins with `{"id":"`.
const HANDLER: &str = "import os, socket
report = socket.create_connection(('127.0.0.1', int(os.environ['REPORT_PORT'])))
def handler(event, context):
    report.sendall(event[7:39])
    return b''
";

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let mut collector = Collector::new()?;
    let port = collector.port()?.to_string();
    api.create_bus(BUS)?;
    api.create_python("count", HANDLER, json!({ "REPORT_PORT": port }))?;
    api.create_rule(BUS, "all", &json!({"source": ["shop.orders"]}), &function_target("count"))?;
    stream(&server, &mut collector, WARM_UP)?;
    let runs =
        (0..ROUNDS).map(|_| stream(&server, &mut collector, EVENTS)).collect::<anyhow::Result<Vec<_>>>()?;
    let run = middle(runs, Delivered::per_second).context("there are runs")?;
    let per_second = run.per_second();
    let measured = format!(
        "{per_second:.0} events/s, none lost, {} more than once; all accepted after {}",
        run.repeated,
        short(run.put)
    );
    let what = format!("{EVENTS} events through one rule into one Python function");
    Ok(vec![Row::new(SECTION, what, measured).value(per_second.round()).bound(Bound::AtLeast(5_000.0))])
}

fn stream(server: &Server, collector: &mut Collector, count: usize) -> anyhow::Result<Delivered> {
    collector.collect()?;
    collector.reset();
    let requests = put_requests(server.key(), server.api, BUS, count / BATCH, BATCH);
    deliver(server, &requests, count, || collector.collect())
}
