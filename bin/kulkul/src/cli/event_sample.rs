//! The arguments of `event sample`.

use clap::Args;
use kulkul_catalog::parse_override;
use serde_json::Value;

use super::ServerArgs;

/// Arguments of `event sample`.
#[derive(Args)]
pub struct EventSampleArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The event source, such as `acs.ecs`.
    pub source: String,
    /// The event type, such as `ecs:Instance:StateChange`.
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// The bus that the event is for.
    #[arg(long, default_value = "default")]
    pub bus: String,
    /// Puts a value into the sample, at a path such as `data.state` or `subject`; may be given several times. The
    /// value is JSON where it can be read as JSON, else a string.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = parse_override)]
    pub set: Vec<(String, Value)>,
    /// Decides what would be random. Equal seeds and times give equal samples.
    #[arg(long)]
    pub seed: Option<u64>,
    /// When it happened, such as `2026-02-11T03:04:05Z` [default: now].
    #[arg(long)]
    pub time: Option<String>,
    /// Put the sample on the bus.
    #[arg(long)]
    pub put: bool,
}
