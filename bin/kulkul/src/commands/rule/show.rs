//! `kulkul rule show`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::rules;
use serde_json::Value;

use crate::cli::RuleNameArgs;
use crate::commands::block_on;

/// Shows the rule with its pattern and targets.
pub fn run(args: &RuleNameArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let rule = block_on(rules::get(&client, &args.bus, &args.name))?;
    if args.server.json {
        println!("{rule}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("name     {}/{}", args.bus, text(&rule["RuleName"]));
    println!("status   {}", text(&rule["Status"]));
    println!("arn      {}", text(&rule["RuleARN"]));
    for target in rules::targets_of(&rule) {
        println!(
            "target   {}  {}  {}",
            text(&target["Id"]),
            text(&target["Type"]),
            text(&target["Endpoint"])
        );
    }
    let pattern = text(&rule["FilterPattern"]);
    match serde_json::from_str::<Value>(&pattern) {
        Ok(pattern) => println!("pattern  {pattern:#}"),
        Err(_) => println!("pattern  {pattern}"),
    }
    Ok(ExitCode::SUCCESS)
}
