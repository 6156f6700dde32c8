//! The arguments of `trigger`.

use std::time::Duration;

use clap::{Args, Subcommand};
use kulkul_model::units::duration;

use super::{SelectionArgs, ServerArgs, TriggerSourcesArgs};

/// What to do with triggers.
#[derive(Subcommand)]
pub enum TriggerCommand {
    /// Makes a function run on events.
    Create(Box<TriggerCreateArgs>),
    /// Lists the triggers of a function, or of all.
    List(TriggerListArgs),
    /// Shows a trigger and its pattern.
    Show(TriggerNameArgs),
    /// Deletes a trigger.
    Delete(TriggerNameArgs),
    /// Lists what can be chosen as the source of a trigger.
    Sources(TriggerSourcesArgs),
}

/// Arguments of `trigger create`.
#[derive(Args)]
pub struct TriggerCreateArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub function: String,
    /// The name of the trigger.
    pub name: String,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
    /// Hand events over without waiting for the function.
    #[arg(long = "async")]
    pub asynchronous: bool,
    /// Try failed deliveries again for about a day instead of three times.
    #[arg(long)]
    pub retry_for_a_day: bool,
    /// Give up events that are older than this, such as 1h.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_age: Option<Duration>,
    /// Calls at once at most.
    #[arg(long, value_name = "COUNT")]
    pub concurrency: Option<u32>,
    /// Where events go that were given up, as ARN of a queue or bus.
    #[arg(long, value_name = "ARN")]
    pub dead_letter: Option<String>,
    /// Create it switched off.
    #[arg(long)]
    pub disabled: bool,
    /// What it is for.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub description: String,
    /// Print the pattern and change nothing. Needs no server.
    #[arg(long)]
    pub dry_run: bool,
    // Last, since what follows it in the help would stand below its heading.
    /// Which events.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `trigger list`.
#[derive(Args)]
pub struct TriggerListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function; all functions without it.
    pub function: Option<String>,
}

/// Arguments of commands about one trigger.
#[derive(Args)]
pub struct TriggerNameArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub function: String,
    /// The trigger.
    pub name: String,
}
