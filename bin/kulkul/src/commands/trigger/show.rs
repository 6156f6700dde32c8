//! `kulkul trigger show`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::triggers;
use serde_json::Value;

use super::config_of;
use crate::cli::TriggerNameArgs;
use crate::commands::block_on;

/// Shows the trigger with its whole pattern.
pub fn run(args: &TriggerNameArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let trigger = block_on(triggers::get(&client, &args.function, &args.name))?;
    if args.server.json {
        println!("{trigger}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut config = config_of(&trigger);
    let pattern = text(&config["eventRuleFilterPattern"].take());
    println!("function  {}", args.function);
    println!("name      {}", text(&trigger["triggerName"]));
    println!("type      {}", text(&trigger["triggerType"]));
    println!("bus       {}", triggers::bus_of(&trigger));
    println!("created   {}", text(&trigger["createdTime"]));
    if let Value::Object(settings) = &mut config {
        settings.retain(|_, value| !value.is_null());
        println!("settings  {config}");
    }
    match serde_json::from_str::<Value>(&pattern) {
        Ok(pattern) => println!("pattern   {pattern:#}"),
        Err(_) if pattern != "null" => println!("pattern   {pattern}"),
        Err(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}
