//! `kulkul trigger`: one file for each of its commands.

mod create;
mod delete;
mod list;
mod show;
mod sources;

use std::process::ExitCode;

use kulkul_client::text;
use serde_json::Value;

use crate::cli::TriggerCommand;

/// Runs one of them.
pub fn run(command: &TriggerCommand) -> anyhow::Result<ExitCode> {
    match command {
        TriggerCommand::Create(args) => create::run(args),
        TriggerCommand::List(args) => list::run(args),
        TriggerCommand::Show(args) => show::run(args),
        TriggerCommand::Delete(args) => delete::run(args),
        TriggerCommand::Sources(args) => sources::run(args),
    }
}

/// The configuration of a trigger, which is a text that holds JSON.
fn config_of(trigger: &Value) -> Value {
    serde_json::from_str(&text(&trigger["triggerConfig"])).unwrap_or_default()
}
