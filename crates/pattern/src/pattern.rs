//! A pattern, and whether an event matches it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::code::{AsideList, Code, Written};
use crate::error::PatternError;
use crate::event::with_walker;
use crate::explain::{Explanation, explain};
use crate::options::PatternOptions;
use crate::parse::{Parsed, parse};
use crate::paths::Paths;
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
    /// Shared with the indexes that hold the pattern, which keep it close at hand.
    code: Arc<[u8]>,
    aside: AsideList,
    /// Where the entries of each condition stand in the text.
    spans: Box<[Range<usize>]>,
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

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// If `text` is empty, too long, or breaks a rule of the language; the error names the place.
    pub fn parse(text: &str, options: &PatternOptions) -> Result<Self, PatternError> {
        let Parsed { written: Written { code, aside, spans }, paths } = parse(text, options)?;
        Ok(Self {
            text: text.into(),
            code: code.into(),
            aside: AsideList(aside.into()),
            spans: spans.into(),
            paths,
            own_trie: OnceLock::new(),
        })
    }

    /// The text the pattern was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says whether `event` matches.
    pub fn matches(&self, event: &[u8]) -> bool {
        let OwnTrie { trie, nodes } = self.own_trie();
        with_walker(|walker| match walker.walk(trie, event) {
            Ok(fields) => self.code().holds(&fields, nodes),
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
            self.code().all_conditions(&mut |condition| trie.watch(nodes[condition.path as usize]));
            OwnTrie { trie, nodes }
        })
    }

    pub(crate) fn code(&self) -> Code<'_> {
        Code::new(&self.code, &self.aside)
    }

    /// The bytes of [`code`](Self::code).
    pub(crate) fn code_bytes(&self) -> &Arc<[u8]> {
        &self.code
    }

    /// What stands aside of [`code`](Self::code).
    pub(crate) fn aside(&self) -> &AsideList {
        &self.aside
    }

    /// The text of the entries of the condition with this number.
    pub(crate) fn condition_text(&self, number: u32) -> &str {
        self.spans.get(number as usize).and_then(|span| self.text.get(span.clone())).unwrap_or_default()
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }
}
