//! Puts events and waits until everything that they are owed to has them.

use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use crate::events::ALL_ACCEPTED;
use crate::load::{self, Run};
use crate::receiver::Receiver;
use crate::requests::Requests;
use crate::server::Server;

/// Connections that events are put over.
const CONNECTIONS: usize = 8;
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often the deliveries are counted.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What came of putting events. None is lost.
pub(crate) struct Delivered {
    /// How many deliveries there were, each counted once.
    pub(crate) count: usize,
    /// From the first request to the last delivery.
    pub(crate) elapsed: Duration,
    /// From the first request to the last answer.
    pub(crate) put: Duration,
    /// Deliveries beyond one of each.
    pub(crate) repeated: usize,
}

impl Delivered {
    /// Deliveries in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }

    /// `9100/s, none lost, 0 more than once`.
    pub(crate) fn text(&self) -> String {
        format!("{:.0}/s, none lost, {} more than once", self.per_second(), self.repeated)
    }
}

/// Puts events until `count` different deliveries of them have come to a receiver.
pub(crate) fn deliver_to(
    receiver: &Receiver,
    server: &Server,
    requests: &Requests,
    count: usize,
) -> anyhow::Result<Delivered> {
    receiver.reset();
    deliver(server, requests, count, || receiver.seen())
}

/// Puts events until `count` different deliveries are `seen`: how many there are, and how many beyond one of each.
pub(crate) fn deliver(
    server: &Server,
    requests: &Requests,
    count: usize,
    mut seen: impl FnMut() -> anyhow::Result<(usize, usize)>,
) -> anyhow::Result<Delivered> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| load::run(server.api, CONNECTIONS, requests, ALL_ACCEPTED));
        let (elapsed, repeated) = loop {
            let (different, repeated) = seen()?;
            let elapsed = began.elapsed();
            if different == count {
                break (elapsed, repeated);
            }
            if elapsed > WAIT_MAX {
                // Why requests failed, if they did, says more than what is missing.
                end_of(put)?;
                bail!("only {different} of {count} deliveries within {WAIT_MAX:?}\n{}", server.log());
            }
            std::thread::sleep(LOOK_EVERY);
        };
        Ok(Delivered { count, elapsed, put: end_of(put)?.elapsed, repeated })
    })
}

fn end_of(put: ScopedJoinHandle<'_, anyhow::Result<Run>>) -> anyhow::Result<Run> {
    put.join().map_err(|_| anyhow!("the load generator panicked"))?
}
