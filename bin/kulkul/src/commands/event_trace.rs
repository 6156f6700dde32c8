//! `kulkul event trace`: what happened to an event.

use std::process::ExitCode;

use hyper::Method;
use serde_json::Value;

use crate::cli::EventTraceArgs;
use crate::commands::{EXIT_NO, block_on, native, trace_text};
use kulkul_client::{Client, encode};

/// Prints the trace. The exit code is 4 when there is no such event.
pub fn run(args: &EventTraceArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let answer = block_on(fetch(&client, &args.at.bus, &args.id))?;
    let found = answer["events"].as_array().is_some_and(|events| !events.is_empty());
    match (args.at.server.json, found) {
        (true, _) => println!("{answer}"),
        (false, true) => print!("{}", trace_text::of(&answer)),
        (false, false) => {
            eprintln!("no event `{}` on the bus `{}`, or it is past retention", args.id, args.at.bus)
        }
    }
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

/// Asks a server for the trace of an event.
pub async fn fetch(client: &Client, bus: &str, id: &str) -> anyhow::Result<Value> {
    let path = format!("buses/{}/events/{}/trace", encode(bus), encode(id));
    native::call(client, Method::GET, &path, &[], None).await
}
