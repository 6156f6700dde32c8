//! The arguments of `function`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use kulkul_model::units::duration;

use super::ServerArgs;

/// What to do with functions.
#[derive(Subcommand)]
pub enum FunctionCommand {
    /// Creates a function from a file, a directory or a zip.
    Create(FunctionCreateArgs),
    /// Changes what is given of a function.
    Update(FunctionUpdateArgs),
    /// Lists functions.
    List(FunctionListArgs),
    /// Shows a function and its triggers.
    Show(FunctionNameArgs),
    /// Deletes a function.
    Delete(FunctionDeleteArgs),
    /// Shows what a function printed lately.
    Logs(FunctionLogsArgs),
}

/// Arguments of `function create`.
#[derive(Args)]
pub struct FunctionCreateArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Its name.
    pub name: String,
    /// Its code: a directory, a zip, a source file, or the program of a custom runtime.
    #[arg(long)]
    pub code: PathBuf,
    /// What it is written for, such as python3.12, nodejs20 or custom.debian12.
    #[arg(long)]
    pub runtime: String,
    /// The settings.
    #[command(flatten)]
    pub settings: FunctionSettingsArgs,
}

/// Arguments of `function update`.
#[derive(Args)]
pub struct FunctionUpdateArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub name: String,
    /// New code.
    #[arg(long)]
    pub code: Option<PathBuf>,
    /// What it is written for.
    #[arg(long)]
    pub runtime: Option<String>,
    /// The settings.
    #[command(flatten)]
    pub settings: FunctionSettingsArgs,
}

/// Settings of a function that creating and changing one have in common.
#[derive(Args)]
pub struct FunctionSettingsArgs {
    /// The entry point in the code [default: index.handler, or that of the only source file].
    #[arg(long)]
    pub handler: Option<String>,
    /// An environment variable; may be given several times. Those given replace all that were there.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = super::key_value)]
    pub env: Vec<(String, String)>,
    /// The memory of an instance, such as 512MiB.
    #[arg(long, value_name = "SIZE", value_parser = mebibytes)]
    pub memory: Option<u64>,
    /// How long one invocation may take, such as 30s.
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    pub timeout: Option<Duration>,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// The role whose temporary access key it gets, as ARN.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// Invocations that one instance serves at once; custom runtimes only.
    #[arg(long, value_name = "COUNT")]
    pub instance_concurrency: Option<u32>,
}

/// Arguments of `function list`.
#[derive(Args)]
pub struct FunctionListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Only those whose names start with this.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub prefix: String,
}

/// Arguments of commands about one function.
#[derive(Args)]
pub struct FunctionNameArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub name: String,
}

/// Arguments of `function delete`.
#[derive(Args)]
pub struct FunctionDeleteArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub name: String,
    /// Delete its triggers, too; without it, a function that has triggers stays.
    #[arg(long)]
    pub triggers: bool,
}

/// Arguments of `function logs`.
#[derive(Args)]
pub struct FunctionLogsArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The function.
    pub name: String,
    /// How many lines at most, the last ones.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub lines: u32,
    /// Only what this invocation printed.
    #[arg(long, value_name = "ID")]
    pub invocation: Option<String>,
    /// Go on with new lines until Ctrl-C.
    #[arg(long, short, conflicts_with = "invocation")]
    pub follow: bool,
}

fn mebibytes(text: &str) -> Result<u64, String> {
    match kulkul_model::units::bytes(text)? {
        bytes if bytes > 0 && bytes.is_multiple_of(1 << 20) => Ok(bytes >> 20),
        _ => Err(format!("is `{text}`, but must be whole MiB, such as `512MiB`")),
    }
}

fn whole_seconds(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        duration if duration.subsec_nanos() == 0 && !duration.is_zero() => Ok(duration),
        _ => Err(format!("is `{text}`, but must be whole seconds, such as `30s`")),
    }
}
