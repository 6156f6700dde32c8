//! The arguments, one file for each command or group of commands.

mod bus;
mod catalog;
mod dead_letter;
mod demo;
mod deploy;
mod doctor;
mod event;
mod event_sample;
mod function;
mod history;
mod invoke;
mod pattern;
mod rule;
mod selection;
mod serve;
mod server;
mod target;
mod trigger;
mod trigger_sources;

pub use bus::{BusCommand, BusCreateArgs, BusDeleteArgs, BusListArgs};
pub use catalog::{CatalogAddArgs, CatalogCommand, CatalogListArgs, CatalogRemoveArgs};
pub use dead_letter::{
    DeadLetterCommand, DeadLetterDiscardArgs, DeadLetterListArgs, DeadLetterRedriveArgs, DeadLetterShowArgs,
    RedrivesArgs,
};
pub use demo::DemoArgs;
pub use deploy::DeployArgs;
pub use doctor::DoctorArgs;
pub use event::{EventCommand, EventPutArgs, EventTraceArgs};
pub use event_sample::EventSampleArgs;
pub use function::{
    FunctionCommand, FunctionCreateArgs, FunctionDeleteArgs, FunctionListArgs, FunctionLogsArgs,
    FunctionNameArgs, FunctionSettingsArgs, FunctionUpdateArgs,
};
pub use history::{
    BusSetArgs, EventExplainArgs, EventFilterArgs, EventSearchArgs, EventTailArgs, ReplayCommand,
    ReplayIdArgs, ReplayListArgs, ReplayStartArgs, RuleDryRunArgs, Window,
};
pub use invoke::InvokeArgs;
pub use pattern::{PatternCommand, PatternExplainArgs};
pub use rule::{RuleCommand, RuleCreateArgs, RuleListArgs, RuleNameArgs};
pub use selection::SelectionArgs;
pub use serve::ServeArgs;
pub use server::{BusArgs, ServerArgs};
pub use target::{TargetCommand, TargetListArgs, TargetNameArgs};
pub use trigger::{TriggerCommand, TriggerCreateArgs, TriggerListArgs, TriggerNameArgs};
pub use trigger_sources::TriggerSourcesArgs;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

/// A self-hosted event hub and function platform for Alibaba Cloud clients.
///
/// Exit codes: 0 success; 1 failure; 2 wrong arguments; 3 wrong configuration; 4 the answer is "no" (a pattern that
/// does not match, a function that failed, a check of the doctor that failed).
#[derive(Parser)]
#[command(name = "kulkul", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Runs the server until it is told to stop (Ctrl-C, SIGTERM).
    Serve(ServeArgs),
    /// Shows the main job: a photo goes into a bucket and comes back as a thumbnail, with the trace of it.
    Demo(DemoArgs),
    /// Checks this machine: interpreters, isolation, disk, configuration.
    Doctor(DoctorArgs),
    /// Makes a deployment file true: functions, triggers, buckets, buses and rules.
    Deploy(DeployArgs),
    /// Calls a function and prints what it returns.
    Invoke(InvokeArgs),
    /// Creates, changes and shows functions.
    Function {
        /// What to do with functions.
        #[command(subcommand)]
        command: FunctionCommand,
    },
    /// Creates and shows triggers: which events make a function run.
    Trigger {
        /// What to do with triggers.
        #[command(subcommand)]
        command: TriggerCommand,
    },
    /// Creates and shows event buses.
    Bus {
        /// What to do with event buses.
        #[command(subcommand)]
        command: BusCommand,
    },
    /// Creates and shows rules: which events go to which targets.
    Rule {
        /// What to do with rules.
        #[command(subcommand)]
        command: RuleCommand,
    },
    /// Puts events and follows them.
    Event {
        /// What to do with events.
        #[command(subcommand)]
        command: EventCommand,
    },
    /// Shows what targets are owed, pauses and resumes them.
    Target {
        /// What to do with targets.
        #[command(subcommand)]
        command: TargetCommand,
    },
    /// Shows what was given up, sends it again or forgets it.
    DeadLetter {
        /// What to do with dead letters.
        #[command(subcommand)]
        command: DeadLetterCommand,
    },
    /// Adds event sources and types of your own to those that are known.
    Catalog {
        /// What to do with the catalog of event sources.
        #[command(subcommand)]
        command: CatalogCommand,
    },
    /// Tries event patterns. Needs no server.
    Pattern {
        /// What to do with patterns.
        #[command(subcommand)]
        command: PatternCommand,
    },
}

/// What clap would say of arguments that are right one by one and wrong together. `path` leads to their command.
pub fn wrong_together(path: &[&str], kind: ErrorKind, message: &str) -> clap::Error {
    let mut program = Cli::command();
    program.build();
    let mut command = &mut program;
    for name in path {
        command = command.find_subcommand_mut(name).expect("the path is written beside the command's code");
    }
    command.error(kind, message)
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_together_is_said_with_the_usage_of_the_command() {
        let wrong = wrong_together(&["dead-letter", "discard"], ErrorKind::ArgumentConflict, "not both");
        let said = wrong.to_string();
        assert_eq!(wrong.exit_code(), 2);
        assert!(said.contains("not both") && said.contains("kulkul dead-letter discard"), "{said}");
    }
}
