//! `kulkul function`: one file for each of its commands.

mod create;
mod delete;
mod list;
mod logs;
mod show;
mod update;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use kulkul_deploy::functions::FunctionSettings;
use kulkul_deploy::{SingleFile, pack};

use crate::cli::{FunctionCommand, FunctionSettingsArgs};

/// Runs one of them.
pub fn run(command: &FunctionCommand) -> anyhow::Result<ExitCode> {
    match command {
        FunctionCommand::Create(args) => create::run(args),
        FunctionCommand::Update(args) => update::run(args),
        FunctionCommand::List(args) => list::run(args),
        FunctionCommand::Show(args) => show::run(args),
        FunctionCommand::Delete(args) => delete::run(args),
        FunctionCommand::Logs(args) => logs::run(args),
    }
}

fn settings_of(args: &FunctionSettingsArgs) -> FunctionSettings {
    FunctionSettings {
        handler: args.handler.clone(),
        description: args.description.clone(),
        memory_mib: args.memory,
        timeout: args.timeout,
        environment: (!args.env.is_empty()).then(|| args.env.iter().cloned().collect()),
        role: args.role.clone(),
        instance_concurrency: args.instance_concurrency,
        ..FunctionSettings::default()
    }
}

fn packed(code: &Path, runtime: &str) -> anyhow::Result<Vec<u8>> {
    pack(code, SingleFile::of_runtime(runtime)).context("cannot pack the code")
}
