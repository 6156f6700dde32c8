//! The arguments of `dead-letter`.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use kulkul_model::Timestamp;

use super::ServerArgs;
use super::history::moment;
use super::target::TargetFilterArgs;

/// What to do with dead letters.
#[derive(Subcommand)]
pub enum DeadLetterCommand {
    /// Lists dead letters, by target and time.
    List(DeadLetterListArgs),
    /// Shows one with its event and every attempt.
    Show(DeadLetterShowArgs),
    /// Sends dead letters again, one or many, to their targets or to another one.
    Redrive(DeadLetterRedriveArgs),
    /// Lists redrives, or ends one before its time.
    Redrives(RedrivesArgs),
    /// Forgets dead letters for good.
    Discard(DeadLetterDiscardArgs),
}

/// Which dead letters.
#[derive(Args)]
pub struct DeadLetterFilterArgs {
    /// Of which targets.
    #[command(flatten)]
    pub targets: TargetFilterArgs,
    /// Those whose event has this source.
    #[arg(long)]
    pub source: Option<String>,
    /// Those whose event has this type.
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// Given up at this time or later: `2026-11-22T07:21:54Z`, or how long ago, such as `90m` or `7d`.
    #[arg(long, value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Given up at this time or earlier.
    #[arg(long, value_parser = moment)]
    pub to: Option<Timestamp>,
}

/// Arguments of `dead-letter list`.
#[derive(Args)]
pub struct DeadLetterListArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: DeadLetterFilterArgs,
    /// How many to show.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Arguments of `dead-letter show`.
#[derive(Args)]
pub struct DeadLetterShowArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The id, as `dead-letter list` shows it.
    pub id: String,
}

/// Arguments of `dead-letter redrive`.
#[derive(Args)]
pub struct DeadLetterRedriveArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The ids, as `dead-letter list` shows them; without them a filter or `--all`.
    pub ids: Vec<String>,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: DeadLetterFilterArgs,
    /// All there are.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// The name of another target that gets them, as `target list` shows it.
    #[arg(long = "to-target", value_name = "NAME")]
    pub to_target: Option<String>,
    /// How many a second, at most.
    #[arg(long, default_value = "100")]
    pub rate: NonZeroU32,
    /// Return as soon as the redrive is ordered; `dead-letter redrives` shows how far it came.
    #[arg(long)]
    pub no_wait: bool,
}

/// Arguments of `dead-letter redrives`.
#[derive(Args)]
pub struct RedrivesArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// End this redrive; what was sent again stays sent.
    #[arg(long, value_name = "ID")]
    pub cancel: Option<String>,
}

/// Arguments of `dead-letter discard`.
#[derive(Args)]
pub struct DeadLetterDiscardArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The ids, as `dead-letter list` shows them; without them a filter or `--all`.
    pub ids: Vec<String>,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: DeadLetterFilterArgs,
    /// All there are.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}

impl DeadLetterFilterArgs {
    /// The words of the API for it.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let texts = [("source", &self.source), ("type", &self.kind)];
        let texts = texts.into_iter().filter_map(|(word, text)| Some((word, text.clone()?)));
        let times = [("from", self.from), ("to", self.to)];
        let times = times.into_iter().filter_map(|(word, time)| Some((word, time?.as_millis().to_string())));
        self.targets.words().into_iter().chain(texts).chain(times).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_sent_as_milliseconds() {
        let filter = DeadLetterFilterArgs {
            targets: TargetFilterArgs { bus: Some("b".into()), rule: None, target: None, function: None },
            source: None,
            kind: Some("t".into()),
            from: Some(moment("1970-01-01T00:00:01Z").unwrap()),
            to: None,
        };
        let expected = [("bus", "b"), ("type", "t"), ("from", "1000")];
        assert_eq!(filter.words(), expected.map(|(word, text)| (word, text.to_owned())));
    }
}
