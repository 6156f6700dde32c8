//! The arguments of `catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;

/// What to do with the catalog of event sources.
#[derive(Subcommand)]
pub enum CatalogCommand {
    /// Adds sources and types of your own, or corrects ours. In force at once; refused whole when something is wrong.
    Add(CatalogAddArgs),
    /// Lists what was added, and what is wrong with the files in the data directory.
    List(CatalogListArgs),
    /// Takes away what was added under a name.
    Remove(CatalogRemoveArgs),
}

/// Arguments of `catalog add`.
#[derive(Args)]
pub struct CatalogAddArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// A source document (`.json` or `.toml`), or a list of them (`.json`); docs/event-sources.md says what is in one.
    pub file: PathBuf,
    /// The name to store it under [default: the name of the file]. What had the name is replaced.
    #[arg(long)]
    pub name: Option<String>,
}

/// Arguments of `catalog list`.
#[derive(Args)]
pub struct CatalogListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `catalog remove`.
#[derive(Args)]
pub struct CatalogRemoveArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The name that it was added under.
    pub name: String,
}
