//! How many events a second go through a bus and one rule into a warm Python function, and that none is lost.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kulkul_bench::report::{Bound, Row};
use serde_json::json;

use crate::Bench;
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
/// Digits of an event's id.
const ID_BYTES: usize = 32;
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Appends the id of each event to a file, in one write.
const HANDLER: &str = "import os
seen = os.open(os.environ['SEEN'], os.O_WRONLY | os.O_APPEND)
def handler(event, context):
    os.write(seen, event[7:39])
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
    let seen = server.home().join("seen");
    std::fs::write(&seen, "")?;
    api.create_bus(BUS)?;
    api.create_python("count", HANDLER, json!({ "SEEN": seen }))?;
    api.create_rule(BUS, "all", &json!({"source": ["shop.orders"]}), &function_target("count"))?;
    stream(&server, &seen, WARM_UP)?;
    let runs = (0..ROUNDS).map(|_| stream(&server, &seen, EVENTS)).collect::<anyhow::Result<Vec<_>>>()?;
    let run = middle(runs, |run| run.elapsed.as_secs_f64()).context("there are runs")?;
    let per_second = EVENTS as f64 / run.elapsed.as_secs_f64();
    let measured = format!(
        "{per_second:.0} events/s, none lost, {} called twice; all accepted after {}",
        run.repeated,
        short(run.put)
    );
    let what = format!("{EVENTS} events through one rule into one Python function");
    Ok(vec![Row::new(SECTION, what, measured).value(per_second.round()).bound(Bound::AtLeast(5_000.0))])
}

fn stream(server: &Server, seen: &Path, count: usize) -> anyhow::Result<Streamed> {
    // The file is empty again; whoever has it open appends at its end.
    std::fs::OpenOptions::new().write(true).open(seen)?.set_len(0)?;
    let requests = put_requests(server.key(), server.api, BUS, count / BATCH, BATCH);
    let began = Instant::now();
    let put = load::run(server.api, CONNECTIONS, &requests, ALL_ACCEPTED)?.elapsed;
    loop {
        let elapsed = began.elapsed();
        let bytes = std::fs::metadata(seen)?.len() as usize;
        if bytes >= count * ID_BYTES {
            let ids = std::fs::read(seen)?;
            let different = ids.chunks(ID_BYTES).collect::<HashSet<_>>().len();
            if different == count {
                return Ok(Streamed { elapsed, put, repeated: ids.len() / ID_BYTES - count });
            }
        }
        if elapsed > WAIT_MAX {
            bail!("only {} of {count} events within {WAIT_MAX:?}\n{}", bytes / ID_BYTES, server.log());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
