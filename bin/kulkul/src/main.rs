//! The `kulkul` program: arguments, configuration, wiring and signals.

#![expect(unreachable_pub, reason = "nothing outside of a program sees its modules, and `pub` reads better")]

#[macro_use]
mod output;

mod cli;
mod commands;
mod config;
mod server;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, EventCommand, PatternCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Says what went wrong.
fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(wrong) = error.downcast_ref::<clap::Error>() {
        // Whoever does not read it has the status.
        let _ = wrong.print();
        return ExitCode::from(commands::EXIT_ARGUMENTS);
    }
    eprintln!("kulkul: {error:#}");
    let is_configuration = error.downcast_ref::<config::ConfigError>().is_some();
    ExitCode::from(if is_configuration { commands::EXIT_CONFIGURATION } else { commands::EXIT_FAILED })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Deploy(args) => commands::deploy::run(&args),
        Command::Invoke(args) => commands::invoke::run(&args),
        Command::Function { command } => commands::function::run(&command),
        Command::Trigger { command } => commands::trigger::run(&command),
        Command::Bus { command } => commands::bus::run(&command),
        Command::Rule { command } => commands::rule::run(&command),
        Command::Event { command } => match command {
            EventCommand::Put(args) => commands::event_put::run(&args),
            EventCommand::Sample(args) => commands::event_sample::run(&args),
            EventCommand::Trace(args) => commands::event_trace::run(&args),
            EventCommand::Explain(args) => commands::event_explain::run(&args),
            EventCommand::Search(args) => commands::event_search::run(&args),
            EventCommand::Tail(args) => commands::event_tail::run(&args),
            EventCommand::Replay { command } => commands::event_replay::run(&command),
        },
        Command::Target { command } => commands::target::run(&command),
        Command::DeadLetter { command } => commands::dead_letter::run(&command),
        Command::Catalog { command } => commands::catalog::run(&command),
        Command::Pattern { command } => match command {
            PatternCommand::Explain(args) => commands::pattern_explain::run(&args),
        },
    }
}
