//! The arguments of `trigger sources`.

use clap::Args;

use super::ServerArgs;

/// Arguments of `trigger sources`.
#[derive(Args)]
pub struct TriggerSourcesArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Only sources of this category, such as `storage` or `security`.
    #[arg(long)]
    pub category: Option<String>,
    /// Only what these words are found in, English or Chinese: names, products, types, descriptions.
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
    /// Show the event types of each source.
    #[arg(long)]
    pub types: bool,
}
