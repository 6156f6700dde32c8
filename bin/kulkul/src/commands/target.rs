//! `kulkul target`: what targets are owed and how they are; pause and resume.

use std::process::ExitCode;

use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Value, json};

use crate::cli::{TargetCommand, TargetListArgs, TargetNameArgs};
use crate::commands::table::Table;
use crate::commands::{block_on, native};

/// Runs one of its commands.
pub fn run(command: &TargetCommand) -> anyhow::Result<ExitCode> {
    match command {
        TargetCommand::List(args) => list(args),
        TargetCommand::Show(args) => act(args, Method::GET, ""),
        TargetCommand::Pause(args) => act(args, Method::POST, "/pause"),
        TargetCommand::Resume(args) => act(args, Method::POST, "/resume"),
    }
}

fn list(args: &TargetListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let mut words = args.filter.words();
    words.extend(args.state.clone().map(|state| ("state", state)));
    let targets = block_on(native::all(&client, "targets", "targets", &words, usize::MAX))?;
    if args.server.json {
        println!("{}", json!({"targets": targets}));
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["target", "state", "pending", "due", "in flight", "dead", "oldest", "last failure"];
    let mut table = Table::new(&header);
    targets.iter().for_each(|target| table.row(row(target)));
    table.print();
    Ok(ExitCode::SUCCESS)
}

fn row(target: &Value) -> Vec<String> {
    let failure = &target["lastFailure"];
    let failure = match failure["at"].as_str() {
        Some(at) => format!("{at} {}", text(&failure["answer"])),
        None => "-".to_owned(),
    };
    let oldest = target["oldestAcceptedAt"].as_str().unwrap_or("-").to_owned();
    let mut row: Vec<String> =
        ["name", "state", "pendingCount", "dueCount", "inFlightCount", "deadLetterCount"]
            .map(|member| text(&target[member]))
            .into();
    row.extend([oldest, failure]);
    row
}

fn act(args: &TargetNameArgs, method: Method, verb: &str) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("targets/{}{verb}", encode(&args.name));
    let target = block_on(native::call(&client, method, &path, &[], None))?;
    if args.server.json {
        println!("{target}");
    } else {
        print!("{}", members(&target));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for each member that says something.
fn members(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let rows: Vec<Vec<String>> = members.map(|(name, value)| vec![name.clone(), text(value)]).collect();
    rows.iter().map(|row| format!("{:<18} {}\n", row[0], row[1])).collect()
}
