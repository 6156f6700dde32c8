//! `kulkul rule`: one file for each of its commands that has something to say.

mod create;
mod list;
mod show;

use std::process::ExitCode;

use kulkul_client::Client;
use kulkul_deploy::rules;
use serde_json::json;

use crate::cli::{RuleCommand, RuleNameArgs};
use crate::commands::{block_on, rule_dry_run};

/// Runs one of them.
pub fn run(command: &RuleCommand) -> anyhow::Result<ExitCode> {
    match command {
        RuleCommand::Create(args) => create::run(args),
        RuleCommand::List(args) => list::run(args),
        RuleCommand::Show(args) => show::run(args),
        RuleCommand::Delete(args) => change(args, "deleted", Change::Delete),
        RuleCommand::Enable(args) => change(args, "enabled", Change::Enable),
        RuleCommand::Disable(args) => change(args, "disabled", Change::Disable),
        RuleCommand::DryRun(args) => rule_dry_run::run(args),
    }
}

/// What is done with a rule as a whole.
enum Change {
    Delete,
    Enable,
    Disable,
}

fn change(args: &RuleNameArgs, done: &str, change: Change) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let (bus, name) = (&args.bus, &args.name);
    block_on(async {
        match change {
            Change::Delete => rules::delete(&client, bus, name).await,
            Change::Enable => rules::set_enabled(&client, bus, name, true).await,
            Change::Disable => rules::set_enabled(&client, bus, name, false).await,
        }
    })?;
    if args.server.json {
        println!("{}", json!({ "bus": bus, "rule": name, "change": done }));
    } else {
        println!("{done} {bus}/{name}");
    }
    Ok(ExitCode::SUCCESS)
}
