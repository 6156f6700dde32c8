//! The arguments of `event`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BusArgs, EventExplainArgs, EventSampleArgs, EventSearchArgs, EventTailArgs, ReplayCommand};

/// What to do with events.
#[derive(Subcommand)]
pub enum EventCommand {
    /// Puts one event on a bus and prints its id.
    Put(EventPutArgs),
    /// Makes a sample event of a known type, and puts it if asked.
    Sample(EventSampleArgs),
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

/// Arguments of `event put`.
#[derive(Args)]
pub struct EventPutArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
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
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// The id of the event.
    pub id: String,
}
