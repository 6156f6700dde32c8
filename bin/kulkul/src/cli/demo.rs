//! The arguments of `demo`.

use std::path::PathBuf;

use clap::Args;

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
