//! Synchronous calls of warm functions over the signed API, against calling the same handlers directly.

use std::net::TcpListener;

use anyhow::Context;
use kulkul_bench::report::{Bound, Row};
use serde_json::json;

use crate::Bench;
use crate::cold::interpreter;
use crate::echo;
use crate::frames::Handler;
use crate::functions::{Api, ECHO, File, invoke_requests};
use crate::load::{self, Run};
use crate::requests::Requests;
use crate::samples::{Samples, middle, short};
use crate::server::Server;

const SECTION: &str = "invoke";
const ROUNDS: usize = 3;
const ALONE: usize = 3_000;
const MANY: usize = 30_000;
const CONNECTIONS: usize = 32;

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let payload = vec![b'p'; 1024];
    let mut rows = python(&server, &api, &payload)?;
    rows.extend(custom(&server, &api, &payload)?);
    Ok(rows)
}

fn python(server: &Server, api: &Api, payload: &[u8]) -> anyhow::Result<Vec<Row>> {
    api.create_python("echo", ECHO, json!({}))?;
    let bare_dir = tempfile::tempdir_in(server.home())?;
    let mut bare = Handler::start(&interpreter()?, bare_dir.path(), ECHO)?;
    bare.call(payload, ALONE)?;
    call(server, "echo", payload, 1, ALONE)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push((bare.call(payload, ALONE)?, call(server, "echo", payload, 1, ALONE)?.latencies));
    }
    let added =
        |round: &(Samples, Samples)| (round.1.median().as_secs_f64() - round.0.median().as_secs_f64()) * 1e3;
    let round = middle(rounds, added).context("there are rounds")?;
    let measured = format!("{}; added {:.3} ms", round.1.text(), added(&round));
    let mut row =
        Row::new(SECTION, "python, 1 connection: ms added to a bare call", measured).value(added(&round));
    row.against = format!("bare frames {}", round.0.text());
    let (many, what) =
        (throughput(server, "echo", payload)?, format!("python, {CONNECTIONS} connections: requests/s"));
    let per_second = many.per_second().round();
    let many = Row::new(SECTION, what, format!("{per_second:.0}/s; {}", many.latencies.text()));
    Ok(vec![row.bound(Bound::AtMost(0.15)), many.value(per_second).bound(Bound::AtLeast(10_000.0))])
}

fn custom(server: &Server, api: &Api, payload: &[u8]) -> anyhow::Result<Vec<Row>> {
    let program = std::fs::read(std::env::current_exe()?)?;
    let file = File { name: "echo", content: &program, executable: true };
    let command = json!({
        "customRuntimeConfig": {"command": ["/code/echo"], "args": ["echo"]},
        "instanceConcurrency": CONNECTIONS,
    });
    api.create_function("custom", "custom.debian12", &[file], command)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let direct_address = listener.local_addr()?;
    // Ends with the program; it has nothing to clean up.
    std::thread::spawn(move || echo::serve_on(&listener));
    let mut direct = Requests::default();
    let headers = [("host".to_owned(), direct_address.to_string())];
    (0..MANY).for_each(|_| direct.push("POST", "/invoke", &headers, payload));
    let mut one_direct = Requests::default();
    (0..ALONE).for_each(|_| one_direct.push("POST", "/invoke", &headers, payload));
    call(server, "custom", payload, 1, ALONE)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let direct = load::run(direct_address, 1, &one_direct, payload)?.latencies;
        rounds.push((direct, call(server, "custom", payload, 1, ALONE)?.latencies));
    }
    let added =
        |round: &(Samples, Samples)| (round.1.median().as_secs_f64() - round.0.median().as_secs_f64()) * 1e3;
    let round = middle(rounds, added).context("there are rounds")?;
    let measured = format!("p50 {}; added {:.3} ms", short(round.1.median()), added(&round));
    let mut row =
        Row::new(SECTION, "custom process, 1 connection: ms added to calling it directly", measured);
    row.against = format!("directly over HTTP p50 {}", short(round.0.median()));
    let many = throughput(server, "custom", payload)?.per_second();
    let directly = load::run(direct_address, CONNECTIONS, &direct, payload)?.per_second();
    let what = format!("custom process, {CONNECTIONS} connections: requests/s");
    let many = Row::new(SECTION, what, format!("{many:.0}/s"))
        .against(format!("directly over HTTP {directly:.0}/s"), many / directly);
    Ok(vec![row.value(added(&round)), many])
}

fn throughput(server: &Server, function: &str, payload: &[u8]) -> anyhow::Result<Run> {
    // Every connection may need an instance of its own: they are started first.
    call(server, function, payload, CONNECTIONS, CONNECTIONS * 50)?;
    let runs = (0..ROUNDS).map(|_| call(server, function, payload, CONNECTIONS, MANY));
    middle(runs.collect::<anyhow::Result<Vec<_>>>()?, Run::per_second).context("there are runs")
}

fn call(
    server: &Server,
    function: &str,
    payload: &[u8],
    connections: usize,
    count: usize,
) -> anyhow::Result<Run> {
    let requests = invoke_requests(server.key(), server.api, function, payload, count);
    load::run(server.api, connections, &requests, payload)
}
