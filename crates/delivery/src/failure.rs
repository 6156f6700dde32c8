//! What is kept with a dead letter: why it was given up.

use bytes::Bytes;
use kulkul_model::Timestamp;
use kulkul_store::QueueId;
use serde::{Deserialize, Serialize};

/// The last failure of a delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The queue that it was on.
    pub queue: QueueId,
    /// How many attempts were made.
    pub attempt_count: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// What the target answered last.
    pub answer: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    queue: String,
    attempts: u32,
    at_ms: i64,
    answer: String,
}

impl Failure {
    /// The form in which the store keeps it.
    pub fn to_note(&self) -> Bytes {
        let stored = Stored {
            format: 1,
            queue: self.queue.0.to_string(),
            attempts: self.attempt_count,
            at_ms: self.at.as_millis(),
            answer: self.answer.clone(),
        };
        serde_json::to_vec(&stored).expect("a struct of texts and numbers is JSON").into()
    }

    /// Reads what the store kept; `None` when it is something else.
    pub fn from_note(note: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(note).ok()?;
        (stored.format == 1).then(|| Self {
            queue: QueueId(stored.queue.into()),
            attempt_count: stored.attempts,
            at: Timestamp::from_millis(stored.at_ms),
            answer: stored.answer,
        })
    }
}
