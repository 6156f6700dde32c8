//! What a server costs that nobody uses: memory, and the time until it is ready.

use anyhow::Context;
use kulkul_bench::report::{Bound, Row};

use crate::Bench;
use crate::samples::Samples;
use crate::server::Server;

const SECTION: &str = "idle";
const STARTS: usize = 9;
/// How long a server is left alone before its memory is read.
const REST: std::time::Duration = std::time::Duration::from_secs(2);

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let starts = (0..STARTS).map(|_| Ok(Server::start(&bench.server, &bench.disk)?.ready_after));
    let ready = Samples::new(starts.collect::<anyhow::Result<Vec<_>>>()?).median().as_secs_f64() * 1e3;
    let server = Server::start(&bench.server, &bench.disk)?;
    std::thread::sleep(REST);
    let (resident, anonymous) = (kib(&server, "VmRSS:")? / 1024.0, kib(&server, "RssAnon:")? / 1024.0);
    Ok(vec![
        Row::new(
            SECTION,
            "resident memory, MiB",
            format!("{resident:.1} MiB, {anonymous:.1} MiB of it not from files"),
        )
        .value(resident)
        .bound(Bound::AtMost(25.0)),
        Row::new(
            SECTION,
            "start → ready on a new data directory, ms",
            format!("p50 {ready:.1} ms of {STARTS}"),
        )
        .value(ready)
        .bound(Bound::AtMost(60.0)),
    ])
}

fn kib(server: &Server, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()))?;
    let line = status.lines().find(|line| line.starts_with(field)).with_context(|| format!("no {field}"))?;
    let number = line.split_whitespace().nth(1).context("a field without a number")?;
    Ok(number.parse()?)
}
