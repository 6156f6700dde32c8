//! `kulkul rule create`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use kulkul_client::Client;
use kulkul_deploy::rules::{self, RuleSettings};
use serde_json::{Value, json};

use crate::cli::RuleCreateArgs;
use crate::commands::selection::pattern_of;
use crate::commands::{block_on, text_or_file};

/// Creates the rule with its targets, or nothing.
pub fn run(args: &RuleCreateArgs) -> anyhow::Result<ExitCode> {
    let settings = RuleSettings {
        bus: args.bus.clone(),
        pattern: pattern_of(&args.selection)?,
        enabled: !args.disabled,
        description: args.description.clone(),
        targets: targets_of(args.targets.as_deref())?,
    };
    let client = Client::find(&args.server.data_dir)?;
    let arn = block_on(rules::create(&client, &args.name, &settings))?;
    if args.server.json {
        println!("{}", json!({ "RuleARN": arn }));
    } else {
        println!("created {}/{} with {} targets", args.bus, args.name, settings.targets.len());
        println!("pattern {}", settings.pattern);
    }
    Ok(ExitCode::SUCCESS)
}

fn targets_of(given: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    match serde_json::from_str(&text_or_file(given)?).context("--targets is not JSON")? {
        Value::Array(targets) => Ok(targets),
        target @ Value::Object(_) => Ok(vec![target]),
        _ => bail!("--targets must be a JSON list of targets"),
    }
}
