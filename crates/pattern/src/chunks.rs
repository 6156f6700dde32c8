//! A growing list that never moves what it holds.

/// How many elements a chunk holds, as a power of two.
const BITS: u32 = 8;
const LENGTH: usize = 1 << BITS;

/// A list in chunks. Growing a vector of many elements would copy them all, which one unlucky insert would have to
/// pay for; growing this one costs at most one chunk.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Appends `value` and returns its position.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let position = self.len;
        if self.len().is_multiple_of(LENGTH) {
            // The first chunk grows with its elements: most lists stay small.
            let capacity = if position == 0 { 4 } else { LENGTH };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        self.chunks.last_mut().expect("a chunk was just added if there was none").push(value);
        self.len = position.checked_add(1).expect("there are fewer than 2^32 elements");
        position
    }

    /// The element at a position that [`push`](Self::push) returned.
    #[inline]
    pub(crate) fn get(&self, position: u32) -> &T {
        &self.chunks[(position >> BITS) as usize][position as usize % LENGTH]
    }

    pub(crate) fn get_mut(&mut self, position: u32) -> &mut T {
        &mut self.chunks[(position >> BITS) as usize][position as usize % LENGTH]
    }
}
