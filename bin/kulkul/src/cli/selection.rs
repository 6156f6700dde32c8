//! How to say which events are meant.

use clap::Args;

/// Which events are meant: all conditions must hold; of the values of one condition, any.
#[derive(Args)]
#[command(next_help_heading = "Which events")]
pub struct SelectionArgs {
    /// Event source, such as acs.oss; `*` stands for any text. This and most of the others may be given several times.
    #[arg(long, value_name = "SOURCE")]
    pub source: Vec<String>,
    /// Event type, such as 'oss:ObjectCreated:*'.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Vec<String>,
    /// Bucket of the object; with `--source acs.oss`, as the next three.
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Vec<String>,
    /// What the key of the object starts with.
    #[arg(long, value_name = "PREFIX")]
    pub key_prefix: Vec<String>,
    /// What the key of the object ends with.
    #[arg(long, value_name = "SUFFIX")]
    pub key_suffix: Vec<String>,
    /// What the key of the object must not start with.
    #[arg(long, value_name = "PREFIX")]
    pub key_not_prefix: Vec<String>,
    /// Any other field, such as data.state=Stopped.
    #[arg(long = "match", value_name = "PATH=VALUE", value_parser = super::key_value)]
    pub matches: Vec<(String, String)>,
    /// A whole event pattern as JSON, or @FILE, instead of all of the above.
    #[arg(long, value_name = "PATTERN", conflicts_with_all = [
        "source", "kind", "bucket", "key_prefix", "key_suffix", "key_not_prefix", "matches"
    ])]
    pub pattern: Option<String>,
}
