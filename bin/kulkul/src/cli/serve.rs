//! The arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub set: Vec<(String, String)>,
    /// Log as JSON lines.
    #[arg(long)]
    pub log_json: bool,
}
