//! The arguments, one file for each command or group of commands.

mod demo;
mod doctor;
mod event;
mod history;
mod invoke;
mod pattern;
mod serve;
mod server;

pub use demo::DemoArgs;
pub use doctor::DoctorArgs;
pub use event::{EventCommand, EventPutArgs, EventTraceArgs};
pub use history::{
    BusCommand, BusSetArgs, EventExplainArgs, EventFilterArgs, EventSearchArgs, EventTailArgs, ReplayCommand,
    ReplayIdArgs, ReplayListArgs, ReplayStartArgs, RuleCommand, RuleDryRunArgs, Window,
};
pub use invoke::InvokeArgs;
pub use pattern::{PatternCommand, PatternExplainArgs};
pub use serve::ServeArgs;
pub use server::ServerArgs;

use clap::{Parser, Subcommand};

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
    /// Calls a function and prints what it returns.
    Invoke(InvokeArgs),
    /// Puts events and follows them.
    Event {
        /// What to do with events.
        #[command(subcommand)]
        command: EventCommand,
    },
    /// Changes what is chosen for a bus.
    Bus {
        /// What to do with buses.
        #[command(subcommand)]
        command: BusCommand,
    },
    /// Tries rules on past events.
    Rule {
        /// What to do with rules.
        #[command(subcommand)]
        command: RuleCommand,
    },
    /// Tries event patterns. Needs no server.
    Pattern {
        /// What to do with patterns.
        #[command(subcommand)]
        command: PatternCommand,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
