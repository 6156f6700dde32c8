//! Webhook sources by their tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::{RegisteredSource, SourceKind, Sources};

/// Finds the source of a token. It follows the registry: a source that is deleted is not found any more.
pub struct Webhooks {
    sources: Arc<Sources>,
    state: Mutex<State>,
}

struct State {
    changes: watch::Receiver<u64>,
    by_token: HashMap<String, Arc<RegisteredSource>>,
}

impl Webhooks {
    /// The webhooks of a registry.
    pub fn new(sources: Arc<Sources>) -> Self {
        let mut changes = sources.changes();
        changes.mark_changed();
        Self { sources, state: Mutex::new(State { changes, by_token: HashMap::new() }) }
    }

    /// The source whose URL carries a token.
    pub fn find(&self, token: &str) -> Option<Arc<RegisteredSource>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.changes.has_changed().unwrap_or(true) {
            // Marked first: what changes while the list is read is read once more.
            state.changes.mark_unchanged();
            let all = self.sources.registered(None, "").into_iter();
            state.by_token = all.filter_map(|source| Some((token_of(&source)?, source))).collect();
        }
        state.by_token.get(token).cloned()
    }
}

fn token_of(source: &RegisteredSource) -> Option<String> {
    match &source.kind {
        SourceKind::Webhook(settings) => {
            Some(settings.token.expose().to_owned()).filter(|token| !token.is_empty())
        }
        SourceKind::Custom | SourceKind::Queue(_) | SourceKind::Schedule(_) => None,
    }
}
