//! `kulkul deploy`: makes a deployment file true.

use std::process::ExitCode;

use kulkul_client::Client;
use kulkul_deploy::apply::{self, Change, Mode, Others};
use kulkul_deploy::manifest::{Manifest, Variables};
use serde_json::json;

use crate::cli::DeployArgs;
use crate::commands::block_on;

/// Reads the file, and applies it.
pub fn run(args: &DeployArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let (api, objects) = (client.api_address(), client.objects_address());
    let lookup = |name: &str| match name {
        "kulkul.api" => Some(format!("http://{api}")),
        "kulkul.objects" => Some(format!("http://{objects}")),
        name => std::env::var(name).ok(),
    };
    let manifest = Manifest::read(&args.path, &Variables(&lookup))?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Apply };
    let others = if args.prune { Others::Delete } else { Others::Keep };
    let mut changes = Vec::new();
    let mut tell = |change: Change| {
        if !args.server.json {
            print(&change, mode);
        }
        changes.push(change.to_json());
    };
    let outcome = block_on(apply::apply(&client, &manifest, mode, others, &mut tell));
    if args.server.json {
        // What was done before a failure is done.
        println!("{}", json!({ "dryRun": args.dry_run, "changes": changes }));
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

fn print(change: &Change, mode: Mode) {
    let word = match mode {
        Mode::Apply => change.action.past(),
        Mode::DryRun => change.action.as_str(),
    };
    let line = format!("{word:<15}  {:<8}  {}  {}", change.kind, change.name, change.details.join(", "));
    println!("{}", line.trim_end());
    for warning in &change.warnings {
        eprintln!("kulkul: warning: {}: {warning}", change.name);
    }
}
