//! How many messages a queue has.

use kulkul_store::Tally;

use crate::QueueError;
use crate::queue::Queue;
use crate::queues::Inner;

/// The messages of a queue by state; exact at the moment of counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They are visible.
    pub active: u64,
    /// They were received and are not visible yet.
    pub inactive: u64,
    /// They were sent with a delay that has not passed.
    pub delayed: u64,
}

impl Inner {
    pub(crate) async fn count(&self, queue: &Queue) -> Result<Counts, QueueError> {
        self.expire(queue).await?;
        let now = self.parts.clock.now();
        let Tally { due, untried, tried } = self.parts.messages.tally(queue.used_queues(), now).await?;
        Ok(Counts { active: due, inactive: tried, delayed: untried })
    }
}
