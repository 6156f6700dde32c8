//! The arguments of `target`.

use clap::{Args, Subcommand};

use super::ServerArgs;

/// What to do with targets.
#[derive(Subcommand)]
pub enum TargetCommand {
    /// Lists targets with what they are owed and how they are.
    List(TargetListArgs),
    /// Shows everything known of one target.
    Show(TargetNameArgs),
    /// Holds a target back: nothing is lost, everything waits.
    Pause(TargetNameArgs),
    /// Lets a target go on that is paused or blocked, and probes one at once that is parked.
    Resume(TargetNameArgs),
}

/// Which targets.
#[derive(Args)]
pub struct TargetFilterArgs {
    /// Those of this bus.
    #[arg(long, conflicts_with = "function")]
    pub bus: Option<String>,
    /// Those of this rule of the bus.
    #[arg(long, requires = "bus")]
    pub rule: Option<String>,
    /// This target of the rule.
    #[arg(long, requires = "rule")]
    pub target: Option<String>,
    /// The asynchronous invocations of this function.
    #[arg(long)]
    pub function: Option<String>,
}

/// Arguments of `target list`.
#[derive(Args)]
pub struct TargetListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Which targets.
    #[command(flatten)]
    pub filter: TargetFilterArgs,
    /// Those in this state.
    #[arg(long, value_parser = ["running", "paused", "blocked", "parked", "recovering", "throttled"])]
    pub state: Option<String>,
}

/// Arguments of `target show`, `pause` and `resume`.
#[derive(Args)]
pub struct TargetNameArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The name, such as `rule/default/resize/1`, as `target list` shows it.
    pub name: String,
}

impl TargetFilterArgs {
    /// The words of the API for it.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let words = [
            ("bus", &self.bus),
            ("rule", &self.rule),
            ("target", &self.target),
            ("function", &self.function),
        ];
        words.into_iter().filter_map(|(word, text)| Some((word, text.clone()?))).collect()
    }
}
