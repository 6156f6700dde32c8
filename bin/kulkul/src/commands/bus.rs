//! `kulkul bus`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::buses;
use kulkul_model::Timestamp;
use serde_json::json;

use crate::cli::{BusCommand, BusCreateArgs, BusDeleteArgs, BusListArgs};
use crate::commands::table::Table;
use crate::commands::{EXIT_NO, block_on, bus_set};

/// Runs one of its commands.
pub fn run(command: &BusCommand) -> anyhow::Result<ExitCode> {
    match command {
        BusCommand::Create(args) => create(args),
        BusCommand::List(args) => list(args),
        BusCommand::Delete(args) => delete(args),
        BusCommand::Set(args) => bus_set::run(args),
    }
}

fn create(args: &BusCreateArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let created = block_on(buses::create(&client, &args.name, &args.description))?;
    if args.server.json {
        println!("{created}");
    } else {
        println!("created {}", args.name);
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &BusListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let found = block_on(buses::list(&client))?;
    if args.server.json {
        println!("{}", json!({ "buses": found }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["name", "created", "description"]);
    for bus in &found {
        let created = Timestamp::from_millis(bus["CreateTimestamp"].as_i64().unwrap_or_default());
        table.row([text(&bus["EventBusName"]), created.rfc3339_secs(), text(&bus["Description"])]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

/// The exit code is 4 when there is no such bus.
fn delete(args: &BusDeleteArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let was_there = block_on(buses::delete(&client, &args.name))?;
    match (args.server.json, was_there) {
        (true, _) => println!("{}", json!({ "deleted": was_there })),
        (false, true) => println!("deleted {}", args.name),
        (false, false) => eprintln!("no bus `{}`", args.name),
    }
    Ok(if was_there { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}
