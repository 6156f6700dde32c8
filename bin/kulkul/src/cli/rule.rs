//! The arguments of `rule`.

use clap::{Args, Subcommand};

use super::{BusArgs, RuleDryRunArgs, SelectionArgs, ServerArgs};

/// What to do with rules.
#[derive(Subcommand)]
pub enum RuleCommand {
    /// Creates a rule and its targets.
    Create(RuleCreateArgs),
    /// Lists the rules of a bus.
    List(RuleListArgs),
    /// Shows a rule with its pattern and targets.
    Show(RuleNameArgs),
    /// Deletes a rule, with the deliveries that it still owes.
    Delete(RuleNameArgs),
    /// Lets a rule act on events that arrive from now on.
    Enable(RuleNameArgs),
    /// Keeps a rule from acting on events that arrive from now on.
    Disable(RuleNameArgs),
    /// Says what a changed rule would have done with past events, and the difference to what it did.
    DryRun(RuleDryRunArgs),
}

/// Arguments of `rule create`.
#[derive(Args)]
pub struct RuleCreateArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Its name.
    pub name: String,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
    /// Its targets: a JSON list in the form of the API (`EventTargets`), or @FILE.
    #[arg(long, value_name = "TARGETS")]
    pub targets: Option<String>,
    /// Create it switched off.
    #[arg(long)]
    pub disabled: bool,
    /// What it is for.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub description: String,
    // Last, since what follows it in the help would stand below its heading.
    /// Which events.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `rule list`.
#[derive(Args)]
pub struct RuleListArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// Only those whose names start with this.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub prefix: String,
}

/// Arguments of commands about one rule.
#[derive(Args)]
pub struct RuleNameArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The rule.
    pub name: String,
    /// The bus.
    #[arg(long, default_value = "default")]
    pub bus: String,
}
