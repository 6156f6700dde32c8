//! The arguments of `invoke`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kulkul_model::units::duration;

use super::ServerArgs;

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
