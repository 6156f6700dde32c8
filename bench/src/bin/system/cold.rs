//! The first call of a new Python function, against starting the interpreter that runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kulkul_bench::report::{Bound, Row};
use kulkul_instance::{Interpreters, RuntimeChoice};
use serde_json::json;

use crate::Bench;
use crate::functions::{Api, ECHO, PYTHON, invoke_requests};
use crate::load;
use crate::samples::{Samples, ratio, short};
use crate::server::Server;

const SECTION: &str = "cold";
const FUNCTIONS: usize = 25;
const SERVERS: usize = 3;

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let interpreter = interpreter()?;
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    for number in 0..=FUNCTIONS {
        api.create_python(&format!("cold-{number}"), ECHO, json!({}))?;
    }
    api.invoke("cold-0", b"first of all")?;
    let (mut calls, mut starts) = (Vec::new(), Vec::new());
    for number in 1..=FUNCTIONS {
        starts.push(start(&interpreter)?);
        calls.push(first_call(&server, &format!("cold-{number}"))?);
    }
    let (calls, starts) = (Samples::new(calls), Samples::new(starts));
    let against = format!("`{} -c pass` p50 {}", interpreter.display(), short(starts.median()));
    let mut rows = vec![
        Row::new(SECTION, "first call of a new python function", calls.text())
            .against(&against, ratio(calls.median(), starts.median()))
            .bound(Bound::AtMost(0.5)),
    ];
    drop(server);
    let mut very_first = Vec::new();
    for _ in 0..SERVERS {
        let server = Server::start(&bench.server, &bench.disk)?;
        Api::new(server.client())?.create_python("cold", ECHO, json!({}))?;
        very_first.push(first_call(&server, "cold")?);
    }
    let very_first = Samples::new(very_first).median();
    let row = Row::new(SECTION, "first python call after a start", format!("p50 {}", short(very_first)));
    rows.push(row.against(against, ratio(very_first, starts.median())));
    Ok(rows)
}

fn first_call(server: &Server, function: &str) -> anyhow::Result<Duration> {
    let request = invoke_requests(server.key(), server.api, function, b"hello", 1);
    Ok(load::run(server.api, 1, &request, b"hello")?.latencies.median())
}

fn start(interpreter: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let status = Command::new(interpreter).args(["-c", "pass"]).status()?;
    ensure!(status.success(), "{} -c pass ended with {status}", interpreter.display());
    Ok(began.elapsed())
}

/// The interpreter that the server chooses for the Python functions here.
pub(crate) fn interpreter() -> anyhow::Result<PathBuf> {
    let runtime = PYTHON.parse().map_err(|_| anyhow::anyhow!("`{PYTHON}` is no runtime"))?;
    let choice = Interpreters::discover(&[]).choose(runtime, RuntimeChoice::Nearest);
    Ok(choice.context("this machine has no Python")?.executable)
}
