//! `kulkul function delete`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::{functions, triggers};
use serde_json::json;

use crate::cli::FunctionDeleteArgs;
use crate::commands::block_on;

/// Deletes the function, and its triggers when that is asked for.
pub fn run(args: &FunctionDeleteArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let deleted: Vec<String> = block_on(async {
        let mut deleted = Vec::new();
        if args.triggers {
            for trigger in triggers::list(&client, &args.name).await? {
                let trigger = text(&trigger["triggerName"]);
                triggers::delete(&client, &args.name, &trigger).await?;
                deleted.push(trigger);
            }
        }
        functions::delete(&client, &args.name).await?;
        Ok(deleted)
    })?;
    if args.server.json {
        println!("{}", json!({ "deleted": args.name, "triggers": deleted }));
    } else {
        deleted.iter().for_each(|trigger| println!("deleted trigger {trigger}"));
        println!("deleted {}", args.name);
    }
    Ok(ExitCode::SUCCESS)
}
