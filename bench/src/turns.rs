//! Measuring in turns.
//!
//! Times on a machine that does other things are too long at random, and never too short. So what is compared is
//! measured in turns, many times over, and the fastest turn of each counts.

use std::time::{Duration, Instant};

/// Work to be measured. One call repeats it a number of times, and returns that number.
pub type Contestant<'a> = Box<dyn FnMut() -> u64 + 'a>;

/// The time that each contestant takes to do its work once, in nanoseconds: in the fastest of
/// `rounds` turns.
///
/// In each turn the work is repeated for at least `turn`.
pub fn nanoseconds_in_turns(contestants: &mut [Contestant<'_>], rounds: usize, turn: Duration) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let start = Instant::now();
            let mut repeats = 0;
            while start.elapsed() < turn {
                repeats += contestant();
            }
            times.push(start.elapsed().as_nanos() as f64 / repeats.max(1) as f64);
        }
    }
    times.into_iter().map(|times| times.into_iter().fold(f64::INFINITY, f64::min)).collect()
}
