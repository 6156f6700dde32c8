//! Measuring in turns.
//!
//! Times on a machine that does other things are too long at random, and never too short. So what is compared is
//! measured in turns, many times over, and the fastest turn of each counts. The clock is that of the thread, which
//! stands still while others have the processor.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Work to be measured: of one thread, that never waits. One call repeats it a number of times, and returns that number.
pub type Contestant<'a> = Box<dyn FnMut() -> u64 + 'a>;

/// The processor time that each contestant takes to do its work once, in nanoseconds: that of the fastest of `rounds`
/// turns. Who has used up `budget` gets no more turns.
pub fn nanoseconds_in_turns(contestants: &mut [Contestant<'_>], rounds: usize, budget: Duration) -> Vec<f64> {
    let mut fastest = vec![f64::INFINITY; contestants.len()];
    let mut used = vec![Duration::ZERO; contestants.len()];
    for _ in 0..rounds {
        for (number, contestant) in contestants.iter_mut().enumerate() {
            if used[number] >= budget {
                continue;
            }
            // What the others left in the caches is not this one's fault.
            contestant();
            let start = thread_time();
            let repeats = contestant();
            let elapsed = thread_time().saturating_sub(start);
            fastest[number] = fastest[number].min(elapsed.as_nanos() as f64 / repeats.max(1) as f64);
            used[number] += elapsed;
        }
    }
    fastest
}

/// How long this thread has had a processor so far.
pub fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a clock");
    now.into()
}
