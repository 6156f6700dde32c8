//! `kulkul trigger delete`.

use std::process::ExitCode;

use kulkul_client::Client;
use kulkul_deploy::triggers;
use serde_json::json;

use crate::cli::TriggerNameArgs;
use crate::commands::block_on;

/// Deletes the trigger.
pub fn run(args: &TriggerNameArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    block_on(triggers::delete(&client, &args.function, &args.name))?;
    let name = format!("{}/{}", args.function, args.name);
    if args.server.json {
        println!("{}", json!({ "deleted": name }));
    } else {
        println!("deleted {name}");
    }
    Ok(ExitCode::SUCCESS)
}
