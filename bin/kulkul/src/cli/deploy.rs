//! The arguments of `deploy`.

use std::path::PathBuf;

use clap::Args;

use super::ServerArgs;

/// Arguments of `deploy`.
#[derive(Args)]
pub struct DeployArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The file, or a directory with a `kulkul.yaml`; docs/deploy.md describes it.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Delete triggers of the file's functions that are not in the file.
    #[arg(long)]
    pub prune: bool,
}
