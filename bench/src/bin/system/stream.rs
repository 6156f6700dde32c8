//! How many events a second go through a bus and one rule into a warm Python function, and that none is lost.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kulkul_bench::report::{Bound, Row};
use serde_json::json;

use crate::Bench;
use crate::collector::Collector;
use crate::events::{ALL_ACCEPTED, put_requests};
use crate::functions::{Api, function_target};
use crate::load;
use crate::samples::{middle, short};
use crate::server::Server;

const SECTION: &str = "stream";
const BUS: &str = "orders";
const ROUNDS: usize = 3;
const WARM_UP: usize = 1_600;
const EVENTS: usize = 32_000;
const BATCH: usize = 16;
const CONNECTIONS: usize = 8;
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often the reports are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Reports the id of each event; an event begins with `{"id":"`.
const HANDLER: &str = "import os, socket
report = socket.create_connection(('127.0.0.1', int(os.environ['REPORT_PORT'])))
def handler(event, context):
    report.sendall(event[7:39])
    return b''
";

/// One run.
struct Streamed {
    /// From the first request to the last event in the function.
    elapsed: Duration,
    /// From the first request to the last answer.
    put: Duration,
    /// Calls beyond one for each event.
    repeated: usize,
}

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
    let run = middle(runs, |run| run.elapsed.as_secs_f64()).context("there are runs")?;
    let per_second = EVENTS as f64 / run.elapsed.as_secs_f64();
    let measured = format!(
        "{per_second:.0} events/s, none lost, {} more than once; all accepted after {}",
        run.repeated,
        short(run.put)
    );
    let what = format!("{EVENTS} events through one rule into one Python function");
    Ok(vec![Row::new(SECTION, what, measured).value(per_second.round()).bound(Bound::AtLeast(5_000.0))])
}

fn stream(server: &Server, collector: &mut Collector, count: usize) -> anyhow::Result<Streamed> {
    collector.collect()?;
    collector.reset();
    let requests = put_requests(server.key(), server.api, BUS, count / BATCH, BATCH);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| load::run(server.api, CONNECTIONS, &requests, ALL_ACCEPTED));
        let (elapsed, repeated) = loop {
            let (different, repeated) = collector.collect()?;
            let elapsed = began.elapsed();
            if different == count {
                break (elapsed, repeated);
            }
            if elapsed > WAIT_MAX {
                bail!("only {different} of {count} events within {WAIT_MAX:?}\n{}", server.log());
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let put = put.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))??;
        Ok(Streamed { elapsed, put: put.elapsed, repeated })
    })
}
