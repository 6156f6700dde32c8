//! The arguments of `bus`.

use clap::{Args, Subcommand};

use super::{BusSetArgs, ServerArgs};

/// What to do with event buses.
#[derive(Subcommand)]
pub enum BusCommand {
    /// Creates an event bus.
    Create(BusCreateArgs),
    /// Lists event buses.
    List(BusListArgs),
    /// Deletes an event bus that has no rules.
    Delete(BusDeleteArgs),
    /// Changes what is chosen for a bus; without a choice, shows it.
    Set(BusSetArgs),
}

/// Arguments of `bus create`.
#[derive(Args)]
pub struct BusCreateArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub description: String,
}

/// Arguments of `bus list`.
#[derive(Args)]
pub struct BusListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `bus delete`.
#[derive(Args)]
pub struct BusDeleteArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The bus.
    pub name: String,
}
