//! The arguments of `pattern`.

use clap::{Args, Subcommand};

/// What to do with patterns.
#[derive(Subcommand)]
pub enum PatternCommand {
    /// Says whether a pattern matches an event, and which condition failed on which value.
    Explain(PatternExplainArgs),
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
