//! Durations that were measured, and what is said about them.

use std::time::Duration;

/// Durations of equal things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    sorted: Vec<Duration>,
}

impl Samples {
    /// Sorts what was measured.
    pub(crate) fn new(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        Self { sorted: measured }
    }

    /// The duration that a share `q` of them does not exceed; zero when there are none.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get((last as f64 * q).round() as usize).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// `p50 240 µs, p99 610 µs`.
    pub(crate) fn text(&self) -> String {
        format!("p50 {}, p99 {}", short(self.median()), short(self.quantile(0.99)))
    }
}

/// The run in the middle, by a number that says how good each is.
pub(crate) fn middle<T>(mut runs: Vec<T>, by: impl Fn(&T) -> f64) -> Option<T> {
    runs.sort_by(|a, b| by(a).total_cmp(&by(b)));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle)
}

/// A duration in the unit that suits it.
pub(crate) fn short(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        1_000_000.0.. => format!("{:.2} s", micros / 1e6),
        1_000.0.. => format!("{:.2} ms", micros / 1e3),
        100.0.. => format!("{micros:.0} µs"),
        _ => format!("{micros:.1} µs"),
    }
}

/// How many times larger one duration is than another.
pub(crate) fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_durations() {
        let samples = Samples::new((1..=101).rev().map(Duration::from_micros).collect());
        assert_eq!(samples.median(), Duration::from_micros(51));
        assert_eq!(samples.quantile(0.99), Duration::from_micros(100));
        assert_eq!(samples.quantile(1.0), Duration::from_micros(101));
        assert_eq!(Samples::default().median(), Duration::ZERO);
    }

    #[test]
    fn the_middle_run_is_chosen_whole() {
        let runs = vec![("b", 2.0), ("c", 3.0), ("a", 1.0)];
        assert_eq!(middle(runs, |run| run.1), Some(("b", 2.0)));
    }
}
