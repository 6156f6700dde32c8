//! The arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;

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
