//! `kulkul event put`: puts one event on a bus.

use std::process::ExitCode;

use anyhow::{Context, bail};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::cli::EventPutArgs;
use crate::commands::{block_on, read_file};
use kulkul_client::{Client, encode, text};

/// Puts the event and prints its id and trace id.
pub fn run(args: &EventPutArgs) -> anyhow::Result<ExitCode> {
    let event = event_of(args)?;
    let client = Client::find(&args.at.server.data_dir)?;
    let accepted = block_on(put(&client, &args.at.bus, &event))?;
    print(&accepted, &args.at.bus, args.at.server.json);
    Ok(ExitCode::SUCCESS)
}

/// Puts a CloudEvent on a bus and returns its id and trace id.
pub async fn put(client: &Client, bus: &str, event: &Value) -> anyhow::Result<Value> {
    let path = format!("/kulkul/v1/buses/{}/events", encode(bus));
    let headers = [("content-type", "application/cloudevents+json")];
    client.rest(Method::POST, &path, &headers, Bytes::from(event.to_string())).await?.json()
}

/// Says what was accepted, and how to follow it.
pub fn print(accepted: &Value, bus: &str, json: bool) {
    if json {
        println!("{accepted}");
    } else {
        println!("accepted {} (trace {})", text(&accepted["eventId"]), text(&accepted["traceId"]));
        println!("kulkul event trace --bus {bus} {}", text(&accepted["eventId"]));
    }
}

fn event_of(args: &EventPutArgs) -> anyhow::Result<Value> {
    let mut event = match &args.file {
        Some(file) => match serde_json::from_slice(&read_file(file)?).context("the file is not JSON")? {
            Value::Object(event) => event,
            _ => bail!("the file is not a JSON object"),
        },
        None => Map::new(),
    };
    let given =
        [("id", &args.id), ("source", &args.source), ("type", &args.kind), ("subject", &args.subject)];
    for (name, value) in given {
        if let Some(value) = value {
            event.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(data) = &args.data {
        event.insert("data".to_owned(), serde_json::from_str(data).context("--data is not JSON")?);
    }
    event.entry("id").or_insert_with(|| json!(uuid::Uuid::new_v4().to_string()));
    for required in ["source", "type"] {
        if !event.contains_key(required) {
            bail!("the event needs --{required}, or a --file that has it");
        }
    }
    Ok(Value::Object(event))
}
