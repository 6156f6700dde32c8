//! `kulkul bus set`: what is chosen for a bus.

use std::process::ExitCode;

use anyhow::bail;
use bytes::Bytes;
use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Value, json};

use crate::cli::{BusSetArgs, Window};
use crate::commands::block_on;

/// Changes the settings that are given, and prints all.
pub fn run(args: &BusSetArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("/kulkul/v1/buses/{}/settings", encode(&args.bus));
    let (method, body) = match args.deduplicate {
        None => (Method::GET, Bytes::new()),
        Some(window) => (Method::PUT, Bytes::from(asked(window)?.to_string())),
    };
    let headers = [("content-type", "application/json")];
    let settings = block_on(client.rest(method, &path, &headers, body))?.json()?;
    match args.server.json {
        true => println!("{settings}"),
        false => println!("{}", line(&settings)),
    }
    Ok(ExitCode::SUCCESS)
}

fn asked(window: Window) -> anyhow::Result<Value> {
    Ok(match window {
        Window::Off => json!({"deduplicationWindowSeconds": null}),
        Window::Of(length) if length.subsec_nanos() == 0 => {
            json!({"deduplicationWindowSeconds": length.as_secs()})
        }
        Window::Of(_) => bail!("--deduplicate: a window lasts whole seconds"),
    })
}

fn line(settings: &Value) -> String {
    let bus = text(&settings["bus"]);
    match settings["deduplicationWindowSeconds"].as_u64() {
        Some(secs) => format!("bus {bus}: an event that comes again within {secs} s is dropped"),
        None => format!("bus {bus}: every event is a new one"),
    }
}
