//! `kulkul function update`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use kulkul_client::{Client, text};
use kulkul_deploy::functions::{self, FunctionSettings};

use super::{packed, settings_of};
use crate::cli::{FunctionUpdateArgs, wrong_together};
use crate::commands::block_on;

/// Changes what is given.
pub fn run(args: &FunctionUpdateArgs) -> anyhow::Result<ExitCode> {
    let settings = FunctionSettings { runtime: args.runtime.clone(), ..settings_of(&args.settings) };
    if args.code.is_none() && settings == FunctionSettings::default() {
        let (kind, message) = (ErrorKind::MissingRequiredArgument, "nothing to change is given");
        return Err(wrong_together(&["function", "update"], kind, message).into());
    }
    let client = Client::find(&args.server.data_dir)?;
    let updated = block_on(async {
        let zip = match &args.code {
            Some(code) => {
                // How a single file is packed depends on the runtime, which may be the one that is there.
                let runtime = match &args.runtime {
                    Some(runtime) => runtime.clone(),
                    None => text(&functions::get(&client, &args.name).await?["runtime"]),
                };
                Some(packed(code, &runtime)?)
            }
            None => None,
        };
        functions::update(&client, &args.name, &settings, zip.as_deref()).await
    })?;
    if args.server.json {
        println!("{updated}");
    } else {
        println!("updated {}", args.name);
    }
    Ok(ExitCode::SUCCESS)
}
