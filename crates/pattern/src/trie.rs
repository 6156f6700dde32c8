//! All paths that somebody looks at, merged, so that one walk over an event serves all.

use crate::chunks::Chunks;
use crate::paths::Paths;
use crate::table::{Table, hash_of};

/// The number of a path in one trie.
pub(crate) type NodeId = u32;

/// The event itself.
pub(crate) const ROOT: NodeId = 0;

/// Up to this many children are compared one after the other; more are found by hash.
const NARROW: usize = 8;

/// A tree of object keys. Paths are counted, and leave when nobody uses them any more.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Chunks<Node>,
    free: Vec<NodeId>,
    /// The children of nodes with many, by hash of parent and key.
    wide: Table<NodeId>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    key: Box<[u8]>,
    parent: NodeId,
    /// How many patterns have this path or one below it.
    users: u32,
    /// How many conditions are set on the value of this path.
    watchers: u32,
    /// A bit for each key among the children, many keys to a bit: most keys of an event are ruled out by it. Bits
    /// of children that left stay, which costs time and nothing else.
    filter: u64,
    children: Children,
}

#[derive(Clone, Debug)]
enum Children {
    Few(Vec<Child>),
    /// They are in the table; this is their number.
    Many(u32),
}

impl Default for Children {
    fn default() -> Self {
        Children::Few(Vec::new())
    }
}

#[derive(Clone, Copy, Debug)]
struct Child {
    length: u32,
    node: NodeId,
    head: u64,
}

impl Default for Trie {
    fn default() -> Self {
        let mut nodes = Chunks::default();
        nodes.push(Node::default());
        Self { nodes, free: Vec::new(), wide: Table::default() }
    }
}

impl Trie {
    /// How many nodes there are or were: all numbers of nodes are less.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds all `paths` and returns their nodes, in the order of the paths.
    pub(crate) fn add(&mut self, paths: &Paths) -> Box<[NodeId]> {
        let mut nodes: Vec<NodeId> = Vec::with_capacity(paths.len());
        for step in paths.iter() {
            let parent = step.parent.map_or(ROOT, |path| nodes[path as usize]);
            let key = step.key.as_bytes();
            let node = self.child(parent, key).unwrap_or_else(|| self.add_child(parent, key));
            self.nodes.get_mut(node).users += 1;
            nodes.push(node);
        }
        nodes.into()
    }

    /// Takes back what [`add`](Self::add) did when it returned `nodes`. Nobody may watch them any more.
    pub(crate) fn remove(&mut self, nodes: &[NodeId]) {
        // Children come after their parents, so from the end nobody loses a parent.
        for &id in nodes.iter().rev() {
            let node = self.nodes.get_mut(id);
            node.users -= 1;
            if node.users == 0 {
                self.remove_leaf(id);
            }
        }
    }

    /// Has the value of `node` kept by the walk; every call counts.
    pub(crate) fn watch(&mut self, node: NodeId) {
        self.nodes.get_mut(node).watchers += 1;
    }

    /// Takes back one [`watch`](Self::watch).
    pub(crate) fn unwatch(&mut self, node: NodeId) {
        self.nodes.get_mut(node).watchers -= 1;
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id)
    }

    /// The child of `parent` with this key.
    fn child(&self, parent: NodeId, key: &[u8]) -> Option<NodeId> {
        self.child_of(parent, self.node(parent), key, head(key))
    }

    /// The child of `parent`, which is `node`, with this key, whose [`head`] is at hand.
    #[inline]
    pub(crate) fn child_of(&self, parent: NodeId, node: &Node, key: &[u8], head: u64) -> Option<NodeId> {
        if node.filter & filter_bit(key.len(), head) == 0 {
            return None;
        }
        match &node.children {
            Children::Few(children) => {
                let same = |child: &&Child| {
                    child.head == head
                        && child.length as usize == key.len()
                        && (key.len() <= 8 || self.node(child.node).key[8..] == key[8..])
                };
                children.iter().find(same).map(|child| child.node)
            }
            Children::Many(_) => {
                let is_same = |&id: &NodeId| {
                    let node = self.node(id);
                    node.parent == parent && *node.key == *key
                };
                self.wide.find(hash_of(u64::from(parent), key), is_same).copied()
            }
        }
    }

    fn add_child(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let node = Node { key: key.into(), parent, ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                *self.nodes.get_mut(id) = node;
                id
            }
            None => self.nodes.push(node),
        };
        let head = head(key);
        let parent_node = self.nodes.get_mut(parent);
        parent_node.filter |= filter_bit(key.len(), head);
        match &mut parent_node.children {
            Children::Few(children) if children.len() < NARROW => {
                let length = u32::try_from(key.len()).expect("keys of patterns are shorter than 4 GiB");
                children.push(Child { length, node: id, head });
            }
            Children::Few(children) => {
                let moved: Vec<NodeId> = children.iter().map(|child| child.node).chain([id]).collect();
                parent_node.children = Children::Many(NARROW as u32 + 1);
                for child in moved {
                    self.wide.insert(hash_of(u64::from(parent), &self.nodes.get(child).key), child);
                }
            }
            Children::Many(count) => {
                *count += 1;
                self.wide.insert(hash_of(u64::from(parent), key), id);
            }
        }
        id
    }

    /// Removes a node that has no children.
    fn remove_leaf(&mut self, id: NodeId) {
        let Node { key, parent, .. } = std::mem::take(self.nodes.get_mut(id));
        self.free.push(id);
        let parent_node = self.nodes.get_mut(parent);
        match &mut parent_node.children {
            Children::Few(children) => {
                children.retain(|child| child.node != id);
                if children.is_empty() {
                    parent_node.filter = 0;
                }
            }
            Children::Many(count) => {
                *count -= 1;
                if *count == 0 {
                    parent_node.children = Children::default();
                    parent_node.filter = 0;
                }
                self.wide.remove(hash_of(u64::from(parent), &key), |&other| other == id);
            }
        }
    }
}

impl Node {
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers > 0
    }

    #[inline]
    pub(crate) fn has_children(&self) -> bool {
        match &self.children {
            Children::Few(children) => !children.is_empty(),
            Children::Many(_) => true,
        }
    }
}

/// The first eight bytes of `key`, as a number; shorter keys are filled up with zeros.
#[inline]
pub(crate) fn head(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => {
            let mut padded = [0; 8];
            padded[..key.len()].copy_from_slice(key);
            u64::from_le_bytes(padded)
        }
    }
}

#[inline]
fn filter_bit(length: usize, head: u64) -> u64 {
    1 << ((head ^ (head >> 13) ^ (length as u64).wrapping_mul(7)) & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::PathsBuilder;

    fn paths(keys: &[String]) -> Paths {
        let mut builder = PathsBuilder::default();
        let data = builder.id(None, "data");
        for key in keys {
            builder.id(Some(data), key);
        }
        builder.finish()
    }

    #[test]
    fn paths_stay_while_somebody_uses_them() {
        let mut trie = Trie::default();
        let many: Vec<String> = (0..100).map(|i| format!("a key of some length {i}")).collect();
        let first = trie.add(&paths(&many));
        let second = trie.add(&paths(&many[..1]));
        assert_eq!(second[..], first[..2], "equal paths share their nodes");
        trie.remove(&first);
        let data = trie.child(ROOT, b"data").unwrap();
        assert_eq!(trie.child(data, many[0].as_bytes()), Some(second[1]));
        assert_eq!(trie.child(data, many[1].as_bytes()), None);
        trie.remove(&second);
        assert!(!trie.node(ROOT).has_children());
        let nodes = trie.len();
        trie.add(&paths(&many));
        assert_eq!(trie.len(), nodes, "numbers are used again");
    }
}
