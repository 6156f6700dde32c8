//! `kulkul event replay`: sends past events again.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Map, Value, json};

use super::event_list::words;
use super::trace_text::list;
use crate::cli::{ReplayCommand, ReplayIdArgs, ReplayListArgs, ReplayStartArgs};
use crate::commands::{EXIT_NO, block_on, native};

/// How often the server is asked how far it has come.
const PAUSE: Duration = Duration::from_millis(200);

/// Does what is asked. The exit code of `start` is 4 when the replay was cancelled or could not go on.
pub fn run(command: &ReplayCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReplayCommand::Start(args) => start(args),
        ReplayCommand::List(args) => show_all(args),
        ReplayCommand::Show(args) => act(args, Method::GET, ""),
        ReplayCommand::Cancel(args) => act(args, Method::POST, "/cancel"),
    }
}

fn start(args: &ReplayStartArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let filter: Map<String, Value> =
        words(&args.filter).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let asked = json!({
        "filter": filter, "rule": args.to_rule, "target": args.to_target, "eventsPerSecond": args.rate,
    });
    let replay = block_on(async {
        let replay = native::call(&client, Method::POST, &path(&args.at.bus, ""), &[], Some(&asked)).await?;
        if args.detach { Ok(replay) } else { follow(&client, &args.at.bus, replay).await }
    })?;
    print(&replay, args.at.server.json);
    let is_well = matches!(replay["state"].as_str(), Some("running" | "done"));
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

/// Shows how far a replay has come until it has ended.
async fn follow(client: &Client, bus: &str, mut replay: Value) -> anyhow::Result<Value> {
    let mut progress = std::io::stderr();
    let is_shown = progress.is_terminal();
    while replay["state"] == "running" {
        tokio::time::sleep(PAUSE).await;
        let id = text(&replay["id"]);
        let path = path(bus, &format!("/{}", encode(&id)));
        replay = native::call(client, Method::GET, &path, &[], None).await?;
        if is_shown {
            write!(progress, "\r{}", line(&replay))?;
            progress.flush()?;
        }
    }
    if is_shown {
        writeln!(progress)?;
    }
    Ok(replay)
}

fn show_all(args: &ReplayListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let answer = block_on(native::call(&client, Method::GET, &path(&args.at.bus, ""), &[], None))?;
    match args.at.server.json {
        true => println!("{answer}"),
        false => list(&answer["replays"]).iter().for_each(|replay| println!("{}", line(replay))),
    }
    Ok(ExitCode::SUCCESS)
}

fn act(args: &ReplayIdArgs, method: Method, then: &str) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let path = path(&args.at.bus, &format!("/{}{then}", encode(&args.id)));
    print(&block_on(native::call(&client, method, &path, &[], None))?, args.at.server.json);
    Ok(ExitCode::SUCCESS)
}

fn path(bus: &str, rest: &str) -> String {
    format!("buses/{}/replays{rest}", encode(bus))
}

fn print(replay: &Value, as_json: bool) {
    match as_json {
        true => println!("{replay}"),
        false => println!("{}", line(replay)),
    }
}

fn line(replay: &Value) -> String {
    let to = match (replay["rule"].as_str(), replay["target"].as_str()) {
        (Some(rule), Some(target)) => format!("to target {target} of rule {rule}"),
        (Some(rule), None) => format!("to rule {rule}"),
        (None, _) => "to the bus".to_owned(),
    };
    let reason = replay["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "{}  {:9} {:3.0} %  {to}: {} sent, {} not matched, {} copies passed over{reason}",
        text(&replay["id"]),
        text(&replay["state"]),
        100.0 * replay["fraction"].as_f64().unwrap_or_default(),
        replay["sentCount"],
        replay["unmatchedCount"],
        replay["copyCount"],
    )
}
