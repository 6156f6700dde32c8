//! The memory that deliveries may take while they wait for a slot, over all queues.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that is handed out and given back.
#[derive(Debug)]
pub(crate) struct Budget {
    left_bytes: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left_bytes: AtomicUsize::new(bytes) }
    }

    /// Takes `bytes` when there are as many left.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.left_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .is_ok()
    }

    /// Takes `bytes` even when there are fewer left, for what has been read already. Later takers wait longer.
    pub(crate) fn take_anyway(&self, bytes: usize) -> usize {
        let before = self
            .left_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)))
            .unwrap_or(0);
        before.min(bytes)
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.left_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn left_bytes(&self) -> usize {
        self.left_bytes.load(Ordering::Relaxed)
    }
}
