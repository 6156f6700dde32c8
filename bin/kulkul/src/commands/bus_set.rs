//! `kulkul bus set`: what is chosen for a bus.

use std::process::ExitCode;

use anyhow::bail;
use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Value, json};

use crate::cli::{BusSetArgs, Window};
use crate::commands::{block_on, native};

/// Changes the settings that are given, and prints all.
pub fn run(args: &BusSetArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("buses/{}/settings", encode(&args.bus));
    let asked = args.deduplicate.map(asked).transpose()?;
    let method = if asked.is_some() { Method::PUT } else { Method::GET };
    let settings = block_on(native::call(&client, method, &path, &[], asked.as_ref()))?;
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
