//! Ten thousand triggers on one bus: what one more costs, what matching costs; and what the catalog adds to the start.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hyper::Method;
use kulkul_bench::report::{Bound, Row};
use kulkul_bench::turns::{Contestant, nanoseconds_in_turns};
use kulkul_catalog::{Catalog, SampleOptions};
use kulkul_model::{BusName, Identity, Timestamp};
use kulkul_pattern::{Pattern, PatternOptions, SharedIndex};
use serde_json::{Value, json};

use crate::Bench;
use crate::functions::{Api, ECHO};
use crate::samples::{Samples, ratio, short};
use crate::server::Server;

const SECTION: &str = "triggers";
const TRIGGER_COUNT: usize = 10_000;
/// Triggers of one function: as many as the cloud allows.
const PER_FUNCTION: usize = 50;
/// How often the catalog is made.
const LOADS: usize = 9;
/// How many creations are timed at either end.
const TIMED_COUNT: usize = 200;
/// Turns of matching and parsing, and the processor time of each.
const ROUNDS: usize = 100;
const BUDGET: Duration = Duration::from_millis(500);

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let loads = (0..LOADS).map(|_| catalog_load()).collect::<anyhow::Result<Vec<_>>>()?;
    let loaded = Samples::new(loads).median();
    let measured = format!("p50 {} of {LOADS} processes", short(loaded));
    let load = Row::new(SECTION, "the catalog is made at start, ms", measured);
    let load = load.value(loaded.as_secs_f64() * 1e3).bound(Bound::AtMost(10.0));
    let catalog = Catalog::builtin();
    Ok(vec![load, creations(bench, &catalog)?, matching(&catalog)?])
}

/// Makes the catalog and prints how many nanoseconds that took.
pub(crate) fn print_catalog_load() -> anyhow::Result<()> {
    let began = Instant::now();
    black_box(Catalog::builtin());
    println!("{}", began.elapsed().as_nanos());
    Ok(())
}

/// How long a process that has not made the catalog yet takes to make it. This one may have: it is made once.
fn catalog_load() -> anyhow::Result<Duration> {
    let output = Command::new(std::env::current_exe()?).arg("catalog").output()?;
    ensure!(output.status.success(), "the process that makes the catalog ended with {}", output.status);
    let nanoseconds: u64 = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn creations(bench: &Bench, catalog: &Catalog) -> anyhow::Result<Row> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let mut took = Vec::with_capacity(TRIGGER_COUNT + TIMED_COUNT);
    for number in 0..TRIGGER_COUNT + TIMED_COUNT {
        let function = format!("f{}", number / PER_FUNCTION);
        if number.is_multiple_of(PER_FUNCTION) {
            api.create_python(&function, ECHO, json!({}))?;
        }
        let config = json!({
            "eventSourceConfig": {"eventSourceType": "Default"},
            "eventRuleFilterPattern": pattern(catalog, number)?.to_string(),
        });
        let trigger = json!({
            "triggerName": format!("t{number}"),
            "triggerType": "eventbridge",
            "triggerConfig": config.to_string(),
        });
        let path = format!("/2023-03-30/functions/{function}/triggers");
        let began = Instant::now();
        api.rest(Method::POST, &path, trigger)?;
        took.push(began.elapsed());
    }
    let last = Samples::new(took.split_off(TRIGGER_COUNT));
    let first = Samples::new(took[..TIMED_COUNT].to_vec());
    let measured = format!("{}, longest {}", last.text(), short(last.quantile(1.0)));
    let row = Row::new(SECTION, format!("trigger {} and later are created, ms", TRIGGER_COUNT + 1), measured);
    let row = row
        .against(format!("the first {TIMED_COUNT}: {}", first.text()), ratio(last.median(), first.median()));
    Ok(row.value(last.quantile(0.99).as_secs_f64() * 1e3).bound(Bound::AtMost(20.0)))
}

fn matching(catalog: &Catalog) -> anyhow::Result<Row> {
    let index = SharedIndex::default();
    for number in 0..TRIGGER_COUNT {
        let pattern = Pattern::parse(&pattern(catalog, number)?.to_string(), &PatternOptions::default())?;
        index.insert(number, Arc::new(pattern))?;
    }
    let numbers = (0..TRIGGER_COUNT).step_by(13);
    let events = numbers.map(|number| event(catalog, number)).collect::<anyhow::Result<Vec<String>>>()?;
    for event in &events {
        let mut found = Vec::new();
        index.matching(event.as_bytes(), &mut found);
        ensure!(found.len() == 1, "{} triggers match {event}", found.len());
    }
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| {
            let mut found = Vec::new();
            for event in &events {
                found.clear();
                index.matching(black_box(event.as_bytes()), &mut found);
                black_box(&found);
            }
            events.len() as u64
        }),
        Box::new(|| {
            for event in &events {
                let parsed = sonic_rs::from_slice::<sonic_rs::Value>(black_box(event.as_bytes()));
                black_box(parsed.expect("a sample is JSON"));
            }
            events.len() as u64
        }),
    ];
    let times = nanoseconds_in_turns(&mut contestants, ROUNDS, BUDGET);
    let measured = format!("{:.0} ns/event", times[0]);
    let row = Row::new(SECTION, format!("matching samples of all types, {TRIGGER_COUNT} triggers"), measured);
    let row = row.against(format!("sonic-rs parse {:.0} ns", times[1]), times[0] / times[1]);
    Ok(row.bound(Bound::AtMost(6.0)))
}

/// What a trigger asks for: a type of the catalog, of one tenant of ten thousand.
fn pattern(catalog: &Catalog, number: usize) -> anyhow::Result<Value> {
    let (source, kind) = nth(catalog, number)?;
    Ok(json!({"source": [source], "type": [kind], "data": {"tenant": [format!("tenant-{number}")]}}))
}

/// An event that matches the trigger of a number and no other.
fn event(catalog: &Catalog, number: usize) -> anyhow::Result<String> {
    let (source, kind) = nth(catalog, number)?;
    let options = SampleOptions {
        seed: number as u64,
        identity: Identity { account: "1000000000000001".parse()?, region: "cn-hangzhou".parse()? },
        bus: BusName::default_bus(),
        time: Timestamp::now(),
        overrides: vec![("data.tenant".to_owned(), json!(format!("tenant-{number}")))],
    };
    Ok(catalog.sample(source, kind, &options)?)
}

fn nth(catalog: &Catalog, number: usize) -> anyhow::Result<(&str, &str)> {
    let count = catalog.event_types().count();
    let found = catalog.event_types().nth(number % count).context("the catalog has types")?;
    Ok((found.0.name(), found.1.full_name()))
}
