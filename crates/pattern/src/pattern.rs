//! A pattern, and whether an event matches it.

use std::ops::Range;
use std::sync::OnceLock;

use crate::condition::Entry;
use crate::error::PatternError;
use crate::event::{Fields, Value, with_walker};
use crate::explain::{Explanation, explain};
use crate::options::PatternOptions;
use crate::parse::{Parsed, parse};
use crate::paths::{PathId, Paths};
use crate::trie::{NodeId, Trie};

/// What is demanded of an event.
///
/// A pattern is read once and then asked about many events. It holds for an event exactly as the rules of the
/// language say; how fast that is depends on the event's size more than on the pattern's.
///
/// An event is a JSON object in UTF-8, compact or not. Only what the pattern looks at is read closely. An event in
/// which the reader notices that it is not valid JSON matches no pattern; what nobody looks at is checked only for
/// strings that end and brackets that close. Of equal keys in one object the last counts.
#[derive(Debug)]
pub struct Pattern {
    text: Box<str>,
    root: Group,
    paths: Paths,
    /// Where the pattern looks, as the walk over an event needs it. Made for the first event: patterns in an
    /// [`Index`](crate::Index) share one for all.
    own_trie: OnceLock<OwnTrie>,
}

#[derive(Debug)]
struct OwnTrie {
    trie: Trie,
    nodes: Box<[NodeId]>,
}

/// Conditions and choices that must all hold.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) choices: Vec<Either>,
}

/// Alternatives of which one must hold: `$or`.
#[derive(Debug)]
pub(crate) struct Either {
    /// The object that has the key `$or`; `None` if that is the event.
    pub(crate) within: Option<PathId>,
    pub(crate) alternatives: Vec<Group>,
}

/// What is demanded of one field: that one of the entries holds.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) path: PathId,
    pub(crate) entries: Box<[Entry]>,
    /// Where the entries stand in the text of the pattern.
    pub(crate) span: Range<usize>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// If `text` is empty, too long, or breaks a rule of the language; the error names the place.
    pub fn parse(text: &str, options: &PatternOptions) -> Result<Self, PatternError> {
        let Parsed { root, paths } = parse(text, options)?;
        Ok(Self { text: text.into(), root, paths, own_trie: OnceLock::new() })
    }

    /// The text the pattern was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says whether `event` matches.
    pub fn matches(&self, event: &[u8]) -> bool {
        let OwnTrie { trie, nodes } = self.own_trie();
        with_walker(|walker| match walker.walk(trie, event) {
            Ok(fields) => self.holds(&fields, nodes),
            Err(_) => false,
        })
    }

    /// Says for each condition what was demanded, what `event` has there, and whether that is enough.
    pub fn explain(&self, event: &[u8]) -> Explanation {
        let OwnTrie { trie, nodes } = self.own_trie();
        with_walker(|walker| explain(self, walker.walk(trie, event), nodes))
    }

    fn own_trie(&self) -> &OwnTrie {
        self.own_trie.get_or_init(|| {
            let mut trie = Trie::default();
            let nodes = trie.add(&self.paths);
            for condition in self.root.all_conditions() {
                trie.watch(nodes[condition.path as usize]);
            }
            OwnTrie { trie, nodes }
        })
    }

    /// Says whether the pattern holds for these fields; `nodes` tells where the paths are among them.
    pub(crate) fn holds(&self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        self.root.holds(fields, nodes)
    }

    pub(crate) fn root(&self) -> &Group {
        &self.root
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }
}

impl Group {
    fn holds(&self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        let conditions = || self.conditions.iter().all(|condition| condition.holds(fields, nodes));
        let choices = || self.choices.iter().all(|either| either.holds(fields, nodes));
        conditions() && choices()
    }

    /// The conditions of the group and of all alternatives below it.
    pub(crate) fn all_conditions(&self) -> impl Iterator<Item = &Condition> {
        let mut groups = vec![self];
        let mut all = Vec::new();
        while let Some(group) = groups.pop() {
            all.extend(&group.conditions);
            groups.extend(group.choices.iter().flat_map(|either| &either.alternatives));
        }
        all.into_iter()
    }
}

impl Either {
    fn holds(&self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        self.alternatives.iter().any(|group| group.holds(fields, nodes))
    }
}

impl Condition {
    fn holds(&self, fields: &Fields<'_>, nodes: &[NodeId]) -> bool {
        self.holds_for(fields.get(nodes[self.path as usize]))
    }

    /// Says whether the condition holds for a field with this value.
    pub(crate) fn holds_for(&self, value: Value<'_>) -> bool {
        match value {
            Value::Missing => self.entries.iter().any(Entry::holds_when_missing),
            Value::Object => self.entries.iter().any(Entry::holds_when_present),
            Value::Scalar(scalar) => self.entries.iter().any(|entry| entry.holds_for(scalar)),
            Value::Array(elements) => self.entries.iter().any(|entry| {
                entry.holds_when_present() || elements.iter().any(|scalar| entry.holds_for(scalar))
            }),
        }
    }

    /// Says whether the condition can hold only for events that have the field.
    pub(crate) fn needs_presence(&self) -> bool {
        !self.entries.iter().any(Entry::holds_when_missing)
    }
}
