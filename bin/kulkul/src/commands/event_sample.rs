//! `kulkul event sample`: makes an event of a type that the catalog knows.

use std::process::ExitCode;

use bytes::Bytes;
use hyper::Method;
use kulkul_client::Client;
use serde_json::{Map, Value, json};

use crate::cli::EventSampleArgs;
use crate::commands::{block_on, event_put};

/// Prints the sample, or puts it.
pub fn run(args: &EventSampleArgs) -> anyhow::Result<ExitCode> {
    let request = request(args);
    let client = Client::find(&args.server.data_dir)?;
    let headers = [("content-type", "application/json")];
    let body = Bytes::from(request.to_string());
    let sample = block_on(client.rest(Method::POST, "/kulkul/v1/samples", &headers, body))?.json()?;
    if args.put {
        let accepted = block_on(event_put::put(&client, &args.bus, sample.to_string()))?;
        event_put::print(&accepted, &args.bus, args.server.json);
    } else if args.server.json {
        println!("{sample}");
    } else {
        println!("{sample:#}");
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: &EventSampleArgs) -> Value {
    let set: Map<String, Value> = args.set.iter().cloned().collect();
    json!({
        "source": args.source,
        "type": args.kind,
        "bus": args.bus,
        "seed": args.seed,
        "time": args.time,
        "set": set,
    })
}
