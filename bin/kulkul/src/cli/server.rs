//! How a command finds the server.

use std::path::PathBuf;

use clap::Args;

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

/// A bus, and how to find its server.
#[derive(Args)]
pub struct BusArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
}
