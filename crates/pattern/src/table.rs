//! A hash table that never grows in one big step.

use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::LazyLock;

use hashbrown::HashTable;

/// How many parts a table has, as a power of two.
const BITS: u32 = 6;

/// A multimap from hashes to values, in parts that grow one by one: when a table with 100,000 values has to move
/// them, each insert moves at most one part in 64 of them.
///
/// The hash is kept beside the value, so that growing and most comparisons touch nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Table<V> {
    /// Empty until the first insert.
    parts: Vec<HashTable<(u64, V)>>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

/// Drawn at start, so that nobody outside can know which texts have equal hashes.
static SEED: LazyLock<foldhash::fast::RandomState> = LazyLock::new(foldhash::fast::RandomState::default);

/// The hash of a key of the index.
pub(crate) fn hash_of_key(key: &impl Hash) -> u64 {
    SEED.hash_one(key)
}

/// The hash of `bytes` in a context.
#[inline]
pub(crate) fn hash_of(context: u64, bytes: &[u8]) -> u64 {
    let mut hasher = SEED.build_hasher();
    hasher.write_u64(context);
    hasher.write(bytes);
    hasher.finish()
}

/// The part for `hash`: by bits that the part itself uses for neither position nor tag.
#[inline]
fn part_of(hash: u64) -> usize {
    (hash >> 48) as usize % (1 << BITS)
}

impl<V> Table<V> {
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_same: impl Fn(&V) -> bool) -> Option<&V> {
        let part = self.parts.get(part_of(hash))?;
        part.find(hash, |(other, value)| *other == hash && is_same(value)).map(|(_, value)| value)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, is_same: impl Fn(&V) -> bool) -> Option<&mut V> {
        let part = self.parts.get_mut(part_of(hash))?;
        part.find_mut(hash, |(other, value)| *other == hash && is_same(value)).map(|(_, value)| value)
    }

    /// Adds a value, whether or not an equal one is there.
    pub(crate) fn insert(&mut self, hash: u64, value: V) {
        if self.parts.is_empty() {
            self.parts.resize_with(1 << BITS, HashTable::new);
        }
        self.parts[part_of(hash)].insert_unique(hash, (hash, value), |(hash, _)| *hash);
    }

    pub(crate) fn remove(&mut self, hash: u64, is_same: impl Fn(&V) -> bool) -> Option<V> {
        let part = self.parts.get_mut(part_of(hash))?;
        let entry = part.find_entry(hash, |(other, value)| *other == hash && is_same(value)).ok()?;
        Some(entry.remove().0.1)
    }
}
