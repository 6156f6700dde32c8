//! `kulkul event put`: puts one event on a bus.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::error::ErrorKind;
use hyper::Method;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::cli::{EventPutArgs, wrong_together};
use crate::commands::{block_on, read_file};
use kulkul_client::{Client, encode, text};

/// Puts the event and prints its id and trace id.
pub fn run(args: &EventPutArgs) -> anyhow::Result<ExitCode> {
    let event = event_of(args)?;
    let client = Client::find(&args.at.server.data_dir)?;
    let accepted = block_on(put(&client, &args.at.bus, event))?;
    print(&accepted, &args.at.bus, args.at.server.json);
    Ok(ExitCode::SUCCESS)
}

/// Puts a CloudEvent, as JSON text, on a bus and returns its id and trace id.
pub async fn put(client: &Client, bus: &str, event: String) -> anyhow::Result<Value> {
    let path = format!("/kulkul/v1/buses/{}/events", encode(bus));
    let headers = [("content-type", "application/cloudevents+json")];
    client.rest(Method::POST, &path, &headers, Bytes::from(event)).await?.json()
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

/// The event as JSON text. Values stay as they were written: patterns compare numbers by their text.
fn event_of(args: &EventPutArgs) -> anyhow::Result<String> {
    let mut event: BTreeMap<String, Box<RawValue>> = match &args.file {
        Some(file) => serde_json::from_slice(&read_file(file)?).context("the file is not a JSON object")?,
        None => BTreeMap::new(),
    };
    let given =
        [("id", &args.id), ("source", &args.source), ("type", &args.kind), ("subject", &args.subject)];
    for (name, value) in given {
        if let Some(value) = value {
            event.insert(name.to_owned(), to_raw_value(value)?);
        }
    }
    if let Some(data) = &args.data {
        let data = RawValue::from_string(data.clone()).context("--data is not JSON")?;
        event.insert("data".to_owned(), data);
    }
    if !event.contains_key("id") {
        event.insert("id".to_owned(), to_raw_value(&uuid::Uuid::new_v4().to_string())?);
    }
    for required in ["source", "type"] {
        if !event.contains_key(required) {
            let message = format!("the event needs --{required}, or a --file that has it");
            let wrong = wrong_together(&["event", "put"], ErrorKind::MissingRequiredArgument, &message);
            return Err(wrong.into());
        }
    }
    Ok(serde_json::to_string(&event)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, EventCommand};
    use clap::Parser;

    fn event(arguments: &[&str]) -> anyhow::Result<String> {
        let cli = Cli::try_parse_from([&["kulkul", "event", "put"][..], arguments].concat())?;
        match cli.command {
            Command::Event { command: EventCommand::Put(args) } => event_of(&args),
            _ => panic!("it is `event put`"),
        }
    }

    #[test]
    fn numbers_are_sent_as_they_were_written() {
        let data = r#"{"a": 3.0e2, "b": 1.50, "c": 123456789012345678901234567890}"#;
        let sent = event(&["--id", "1", "--source", "s", "--type", "t", "--data", data]).unwrap();
        assert_eq!(sent, format!(r#"{{"data":{data},"id":"1","source":"s","type":"t"}}"#));
    }

    #[test]
    fn what_an_event_lacks_is_said() {
        let error = |arguments: &[&str]| event(arguments).unwrap_err().to_string();
        assert!(error(&["--source", "s"]).contains("--type"));
        assert_eq!(error(&["--source", "s", "--type", "t", "--data", "{"]), "--data is not JSON");
        assert!(event(&["--source", "s", "--type", "t"]).unwrap().contains(r#""id":""#));
    }
}
