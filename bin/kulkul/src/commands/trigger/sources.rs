//! `kulkul trigger sources`: what can be chosen as the source of a trigger.

use std::process::ExitCode;

use bytes::Bytes;
use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::Value;

use crate::cli::TriggerSourcesArgs;
use crate::commands::table::Table;
use crate::commands::{EXIT_NO, block_on};

/// Prints the sources, or their types. The exit code is 4 when nothing is found.
pub fn run(args: &TriggerSourcesArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let given = [("category", &args.category), ("search", &args.search)];
    let given = given.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let path = format!("/kulkul/v1/event-sources?{}", query.join("&"));
    let answer = block_on(client.rest(Method::GET, &path, &[], Bytes::new()))?.json()?;
    let sources = answer["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (args.server.json, args.types) {
        (true, _) => println!("{answer}"),
        (false, true) => types_of(sources).print(),
        (false, false) => table_of(sources).print(),
    }
    Ok(if sources.is_empty() { ExitCode::from(EXIT_NO) } else { ExitCode::SUCCESS })
}

fn table_of(sources: &[Value]) -> Table {
    let mut table = Table::new(&["source", "category", "types", "bus", "product"]);
    for source in sources {
        let count = types(source).count().to_string();
        let bus = source["eventBusName"].as_str().unwrap_or("default").to_owned();
        table.row([text(&source["name"]), text(&source["category"]), count, bus, text(&source["fullName"])]);
    }
    table
}

fn types_of(sources: &[Value]) -> Table {
    let mut table = Table::new(&["source", "type", "name"]);
    for source in sources {
        for kind in types(source) {
            table.row([text(&source["name"]), text(&kind["type"]), text(&kind["name"])]);
        }
    }
    table
}

fn types(source: &Value) -> impl Iterator<Item = &Value> {
    source["types"].as_array().into_iter().flatten()
}
