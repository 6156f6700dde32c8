//! Arguments of the commands that look into the past of a bus.

use std::time::Duration;

use clap::{Args, Subcommand};
use kulkul_model::Timestamp;
use kulkul_model::units::duration;

use super::{BusArgs, ServerArgs};

/// Which events are meant. All that is given must hold.
#[derive(Args, Clone, Default)]
pub struct EventFilterArgs {
    /// The attribute `id`.
    #[arg(long)]
    pub id: Option<String>,
    /// The attribute `source`.
    #[arg(long)]
    pub source: Option<String>,
    /// The attribute `type`.
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// The attribute `subject`.
    #[arg(long)]
    pub subject: Option<String>,
    /// Only events that were sent to a target of this rule.
    #[arg(long)]
    pub rule: Option<String>,
    /// Where they stand: unmatched, pending, dead-lettered, delivered or ended.
    #[arg(long)]
    pub status: Option<String>,
    /// Accepted at this time or later: `2026-11-22T07:21:54Z`, or how long ago, such as `90m` or `7d`.
    #[arg(long, value_parser = moment)]
    pub from: Option<Timestamp>,
    /// Accepted at this time or earlier.
    #[arg(long, value_parser = moment)]
    pub to: Option<Timestamp>,
}

/// Arguments of `event explain`.
#[derive(Args)]
pub struct EventExplainArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// Ask this rule only.
    #[arg(long)]
    pub rule: Option<String>,
    /// Of several events with this id, the one that was accepted under this trace id instead of the newest.
    #[arg(long)]
    pub trace_id: Option<String>,
    /// Show the conditions that held, too.
    #[arg(long)]
    pub all: bool,
    /// The id of the event.
    pub id: String,
}

/// Arguments of `event search`.
#[derive(Args)]
pub struct EventSearchArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// Which events.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// The oldest first.
    #[arg(long)]
    pub oldest_first: bool,
    /// Go on after this place: what the page before ended with.
    #[arg(long)]
    pub after: Option<String>,
    /// How many events at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Show the events themselves.
    #[arg(long)]
    pub body: bool,
}

/// Arguments of `event tail`.
#[derive(Args)]
pub struct EventTailArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// Which events.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// Show the events themselves.
    #[arg(long)]
    pub body: bool,
    /// End after so many events.
    #[arg(long)]
    pub count: Option<u64>,
}

/// What to do with replays.
#[derive(Subcommand)]
pub enum ReplayCommand {
    /// Sends past events again, and shows how far it has come until it is done.
    ///
    /// Each copy has the extension attribute `kulkulreplay`. Without a filter, everything that is kept is sent.
    Start(Box<ReplayStartArgs>),
    /// Shows the replays of a bus.
    List(ReplayListArgs),
    /// Shows one replay.
    Show(ReplayIdArgs),
    /// Stops a replay; what it has sent stays sent.
    Cancel(ReplayIdArgs),
}

/// Arguments of `event replay start`.
#[derive(Args)]
pub struct ReplayStartArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// Which events.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// Send to the targets of this rule only, what it matches now.
    #[arg(long)]
    pub to_rule: Option<String>,
    /// Send to this target of the rule only.
    #[arg(long, requires = "to_rule")]
    pub to_target: Option<String>,
    /// Events a second at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Return at once; the server goes on.
    #[arg(long)]
    pub detach: bool,
}

/// Arguments of `event replay list`.
#[derive(Args)]
pub struct ReplayListArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
}

/// Arguments of `event replay show` and `event replay cancel`.
#[derive(Args)]
pub struct ReplayIdArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// The id of the replay.
    pub id: String,
}

/// Arguments of `rule dry-run`.
#[derive(Args)]
pub struct RuleDryRunArgs {
    /// Which bus of which server.
    #[command(flatten)]
    pub at: BusArgs,
    /// The rule to compare with; without it, nothing was sent then.
    pub name: Option<String>,
    /// The pattern to try as JSON, or `@FILE`; the rule's own without it.
    #[arg(long, short, required_unless_present = "name")]
    pub pattern: Option<String>,
    /// The targets to try as a JSON list in the form of EventBridge, or `@FILE`; the rule's own without it.
    #[arg(long)]
    pub targets: Option<String>,
    /// Which events. `--rule` is about what they were sent to.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// How many events at most; the newest count.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub events: u32,
    /// How many samples of each kind to show.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub samples: u32,
}

/// Arguments of `bus set`.
#[derive(Args)]
pub struct BusSetArgs {
    /// How to find the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// The bus.
    pub bus: String,
    /// How long an event that comes again, by source and id, is answered like the first one and dropped: `5m`, at most
    /// `1d`; or `off`.
    #[arg(long, value_parser = window)]
    pub deduplicate: Option<Window>,
}

/// A window, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// None.
    Off,
    /// One of this length.
    Of(Duration),
}

fn window(text: &str) -> Result<Window, String> {
    match text {
        "off" => Ok(Window::Off),
        text => duration(text).map(Window::Of),
    }
}

/// A point in time, or how long ago it was.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Ok(time);
    }
    let ago: Duration = duration(text)
        .map_err(|_| "must be a time such as `2026-11-22T07:21:54Z`, or how long ago, such as `90m`")?;
    let millis = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(Timestamp::from_millis(1000)));
        let hour = Timestamp::now().since(moment("1h").unwrap()).as_secs();
        // The clock is read twice and rounded to milliseconds.
        assert!((3590..3700).contains(&hour), "{hour}");
        assert!(moment("yesterday").is_err());
    }
}
