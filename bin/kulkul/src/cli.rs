//! The arguments.

mod history;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use history::{
    BusCommand, BusSetArgs, EventExplainArgs, EventFilterArgs, EventSearchArgs, EventTailArgs, ReplayCommand,
    ReplayIdArgs, ReplayListArgs, ReplayStartArgs, RuleCommand, RuleDryRunArgs, Window,
};

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

/// What to do with events.
#[derive(Subcommand)]
pub enum EventCommand {
    /// Puts one event on a bus and prints its id.
    Put(EventPutArgs),
    /// Shows what happened to an event: accepted, matched, attempts, the function's log.
    Trace(EventTraceArgs),
    /// Says of an event which rules match it and which do not, on which value, and what happened to it.
    Explain(EventExplainArgs),
    /// Finds events by their attributes, time and status, newest first.
    Search(EventSearchArgs),
    /// Follows a bus: prints each event that is accepted from now on.
    Tail(EventTailArgs),
    /// Sends past events again: to the bus, to one rule or to one target.
    Replay {
        /// What to do with replays.
        #[command(subcommand)]
        command: ReplayCommand,
    },
}

/// What to do with patterns.
#[derive(Subcommand)]
pub enum PatternCommand {
    /// Says whether a pattern matches an event, and which condition failed on which value.
    Explain(PatternExplainArgs),
}

/// How to find the server.
#[derive(Args)]
pub struct ServerArgs {
    /// Data directory of the running server; its address and first key are read from there.
    #[arg(long, env = "KULKUL_DATA_DIR", default_value = "kulkul-data")]
    pub data_dir: PathBuf,
    /// Print JSON for machines.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Configuration file (TOML); docs/configuration.md lists the settings.
    #[arg(long, env = "KULKUL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the API; port 0 picks a free one [default: 127.0.0.1:7500].
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Address of the buckets; port 0 picks a free one [default: 127.0.0.1:7501].
    #[arg(long)]
    pub objects_listen: Option<SocketAddr>,
    /// Directory that everything is kept in [default: kulkul-data].
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Any other setting; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Log as JSON lines.
    #[arg(long)]
    pub log_json: bool,
}

/// Arguments of `demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// A photo (JPEG, PNG or WebP).
    #[arg(long)]
    pub photo: PathBuf,
    /// The built thumbnail function of `examples/thumbnail`.
    #[arg(long)]
    pub function: PathBuf,
    /// Leave the server up until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// Where to save the thumbnail [default: in the folder of the demo].
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Args)]
pub struct DoctorArgs {
    /// Configuration file to check.
    #[arg(long, env = "KULKUL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print the reference of all settings, in Markdown.
    #[arg(long)]
    pub configuration: bool,
    /// Print JSON for machines.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `invoke`.
#[derive(Args)]
pub struct InvokeArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub function: String,
    /// What the handler receives.
    #[arg(long, short, default_value = "", conflicts_with = "file")]
    pub payload: String,
    /// A file with what the handler receives; `-` is standard input.
    #[arg(long, short)]
    pub file: Option<PathBuf>,
    /// Return as soon as the invocation is durable.
    #[arg(long = "async")]
    pub asynchronous: bool,
    /// Show the function's log.
    #[arg(long)]
    pub log: bool,
    /// How long to wait for the answer.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
}

/// Arguments of `event put`.
#[derive(Args)]
pub struct EventPutArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
    /// A file with a whole CloudEvent as JSON; `-` is standard input. The options below override its attributes.
    #[arg(long, short)]
    pub file: Option<PathBuf>,
    /// The attribute `id`; a random one without it.
    #[arg(long)]
    pub id: Option<String>,
    /// The attribute `source`.
    #[arg(long)]
    pub source: Option<String>,
    /// The attribute `type`.
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// The attribute `subject`.
    #[arg(long)]
    pub subject: Option<String>,
    /// The data, as JSON.
    #[arg(long)]
    pub data: Option<String>,
}

/// Arguments of `event trace`.
#[derive(Args)]
pub struct EventTraceArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
    /// The id of the event.
    pub id: String,
}

/// Arguments of `pattern explain`.
#[derive(Args)]
pub struct PatternExplainArgs {
    /// The pattern as JSON, or `@FILE`.
    #[arg(long, short)]
    pub pattern: String,
    /// The event as JSON, or `@FILE`; `@-` is standard input.
    #[arg(long, short)]
    pub event: String,
    /// Compare numbers by value instead of by their text.
    #[arg(long)]
    pub numeric: bool,
    /// Print JSON for machines.
    #[arg(long)]
    pub json: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::duration(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
