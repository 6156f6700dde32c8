//! `kulkul function create`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::functions::{self, FunctionSettings};

use super::{packed, settings_of};
use crate::cli::FunctionCreateArgs;
use crate::commands::block_on;

/// Creates the function.
pub fn run(args: &FunctionCreateArgs) -> anyhow::Result<ExitCode> {
    let zip = packed(&args.code, &args.runtime)?;
    let mut settings =
        FunctionSettings { runtime: Some(args.runtime.clone()), ..settings_of(&args.settings) };
    settings.handler.get_or_insert_with(|| functions::handler_default(&args.code));
    settings.timeout.get_or_insert(functions::TIMEOUT_DEFAULT);
    let client = Client::find(&args.server.data_dir)?;
    let created = block_on(functions::create(&client, &args.name, &settings, &zip))?;
    if args.server.json {
        println!("{created}");
    } else {
        let size = created["codeSize"].as_u64().unwrap_or_default();
        println!("created {} ({}, {size} bytes of code)", args.name, text(&created["runtime"]));
        if let Some(reason) = created["stateReason"].as_str() {
            eprintln!("kulkul: {reason}");
        }
        println!("kulkul invoke {} --log", args.name);
    }
    Ok(ExitCode::SUCCESS)
}
