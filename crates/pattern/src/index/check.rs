//! What is needed to check a pattern in full.

use std::sync::Arc;

use crate::code::Code;
use crate::event::Fields;
use crate::pattern::Pattern;
use crate::trie::NodeId;

/// How many paths, parents included, a pattern can have without needing memory of its own for them.
const INLINE: usize = 7;

/// A pattern in an index, with the nodes of its paths.
///
/// It fills one cache line, so that a candidate costs this one and those of its code.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Check {
    code: Arc<[u8]>,
    pattern: Arc<Pattern>,
    nodes: Nodes,
    has_several_anchors: bool,
}

#[derive(Clone, Debug)]
enum Nodes {
    Few([NodeId; INLINE]),
    Many(Box<[NodeId]>),
}

impl Check {
    /// A check for `pattern`, whose paths are at `nodes`.
    pub(super) fn new(pattern: Arc<Pattern>, nodes: &[NodeId], has_several_anchors: bool) -> Self {
        let mut few = [0; INLINE];
        let nodes = match few.get_mut(..nodes.len()) {
            Some(part) => {
                part.copy_from_slice(nodes);
                Nodes::Few(few)
            }
            None => Nodes::Many(nodes.into()),
        };
        Self { code: Arc::clone(pattern.code_bytes()), pattern, nodes, has_several_anchors }
    }

    /// Says whether the pattern holds for these fields.
    #[inline]
    pub(super) fn holds(&self, fields: &Fields<'_>) -> bool {
        let nodes = match &self.nodes {
            Nodes::Few(nodes) => &nodes[..],
            Nodes::Many(nodes) => nodes,
        };
        Code::new(&self.code, self.pattern.aside()).holds(fields, nodes)
    }

    /// Whether the pattern may be found by more than one of its anchors.
    #[inline]
    pub(super) fn has_several_anchors(&self) -> bool {
        self.has_several_anchors
    }

    pub(super) fn set_several_anchors(&mut self, has_several_anchors: bool) {
        self.has_several_anchors = has_several_anchors;
    }

    pub(super) fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The nodes of the pattern's paths.
    pub(super) fn nodes(&self) -> &[NodeId] {
        match &self.nodes {
            Nodes::Few(nodes) => &nodes[..self.pattern.paths().len()],
            Nodes::Many(nodes) => nodes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fills_one_cache_line() {
        assert_eq!(size_of::<Option<Check>>(), 64);
    }
}
