//! Which nonces were used already.
//!
//! A signed request is good as long as its date is, so its nonce must be remembered that long. Memory is bounded:
//! when more come than there is room for, the oldest half is forgotten. Then an attacker who recorded a request on the
//! wire can send it once more, if he is late enough; an unbounded memory would let anybody with a key fill it.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use foldhash::quality::{FixedState, RandomState};
use kulkul_model::Timestamp;

const SHARD_COUNT: usize = 16;

/// The nonces of the recent past, of all keys.
pub(crate) struct NonceCache {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARD_COUNT],
    count_max: usize,
    age_max: Duration,
}

/// Hashes in two generations: the younger one takes new ones, the older one goes when the younger one is full or old.
#[derive(Default)]
struct Shard {
    younger: HashSet<u64, FixedState>,
    older: HashSet<u64, FixedState>,
    since: Timestamp,
}

impl NonceCache {
    /// Remembers each nonce for at least `age_max`, unless more than `count_max` come within it.
    pub(crate) fn new(count_max: usize, age_max: Duration) -> Self {
        let shards = std::array::from_fn(|_| Mutex::new(Shard::default()));
        Self { hasher: RandomState::default(), shards, count_max, age_max }
    }

    /// Notes a nonce of a key. `false` when it was noted before.
    pub(crate) fn note(&self, access_key_id: &str, nonce: &str, now: Timestamp) -> bool {
        let hash = self.hasher.hash_one((access_key_id, nonce));
        let shard = &self.shards[hash as usize % SHARD_COUNT];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.younger.len() >= self.count_max / SHARD_COUNT / 2 || now.since(shard.since) > self.age_max {
            shard.older = std::mem::take(&mut shard.younger);
            shard.since = now;
        }
        !shard.older.contains(&hash) && shard.younger.insert(hash)
    }

    /// Forgets a nonce that was noted, since what it came with had no effect.
    pub(crate) fn forget(&self, access_key_id: &str, nonce: &str) {
        let hash = self.hasher.hash_one((access_key_id, nonce));
        let mut shard =
            self.shards[hash as usize % SHARD_COUNT].lock().unwrap_or_else(PoisonError::into_inner);
        shard.older.remove(&hash);
        shard.younger.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_nonce_is_used_once_by_each_key() {
        let cache = NonceCache::new(1000, MINUTE);
        let now = Timestamp::from_millis(1_800_000_000_000);
        assert!(cache.note("a", "1", now) && cache.note("a", "2", now) && cache.note("b", "1", now));
        assert!(!cache.note("a", "1", now) && !cache.note("b", "1", now.plus(MINUTE)));
        assert!(cache.note("ab", "", now) && cache.note("a", "b", now));
        cache.forget("a", "1");
        assert!(cache.note("a", "1", now), "as if it had never come");
    }

    #[test]
    fn a_nonce_is_remembered_for_its_age_and_forgotten_later() {
        let cache = NonceCache::new(1000, MINUTE);
        let start = Timestamp::from_millis(1_800_000_000_000);
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        assert!(cache.note("a", "1", at(0)));
        for seconds in [30, 59, 60, 61, 90, 120] {
            assert!(!cache.note("a", "1", at(seconds)), "{seconds}");
        }
        assert!(cache.note("a", "1", at(200)), "the refusals have kept nothing alive");
    }

    #[test]
    fn memory_is_bounded() {
        let cache = NonceCache::new(1600, MINUTE);
        let now = Timestamp::from_millis(1_800_000_000_000);
        for number in 0..100_000 {
            assert!(cache.note("a", &number.to_string(), now));
        }
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.younger.len() + shard.older.len()
        };
        assert!(cache.shards.iter().map(held).sum::<usize>() <= 1600);
        assert!(!cache.note("a", "99999", now), "the youngest are still known");
    }
}
