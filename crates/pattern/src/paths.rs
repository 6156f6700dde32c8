//! The paths that a pattern looks at.

use std::collections::HashMap;

use crate::path::{Step, render};

/// The number of a path within one pattern: its position in [`Paths`].
pub(crate) type PathId = u32;

/// All paths of a pattern and of their parents, each once, parents first.
#[derive(Debug)]
pub(crate) struct Paths(Box<[PathStep]>);

/// A path: its parent and one more key.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
pub(crate) struct PathStep {
    /// `None` for top-level attributes.
    pub(crate) parent: Option<PathId>,
    pub(crate) key: Box<str>,
}

impl Paths {
    /// The paths in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PathStep> {
        self.0.iter()
    }

    /// How many paths there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path as text, from `$`.
    pub(crate) fn text(&self, path: PathId) -> String {
        let mut keys = Vec::new();
        let mut next = Some(path);
        while let Some(step) = next.and_then(|id| self.0.get(id as usize)) {
            keys.push(Step::Key(&step.key));
            next = step.parent;
        }
        render(keys.into_iter().rev())
    }

    /// The parent of `path`, unless that is the event itself.
    pub(crate) fn parent(&self, path: PathId) -> Option<PathId> {
        self.0.get(path as usize).and_then(|step| step.parent)
    }
}

/// Collects paths while a pattern is read.
#[derive(Default)]
pub(crate) struct PathsBuilder {
    ids: HashMap<PathStep, PathId>,
}

impl PathsBuilder {
    /// The number of the path `key` below `parent`.
    pub(crate) fn id(&mut self, parent: Option<PathId>, key: &str) -> PathId {
        let next = PathId::try_from(self.ids.len()).expect("a pattern has fewer keys than 2^32 bytes");
        *self.ids.entry(PathStep { parent, key: key.into() }).or_insert(next)
    }

    pub(crate) fn finish(self) -> Paths {
        let mut steps: Vec<_> = self.ids.into_iter().collect();
        steps.sort_unstable_by_key(|&(_, id)| id);
        Paths(steps.into_iter().map(|(step, _)| step).collect())
    }
}
