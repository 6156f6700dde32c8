//! Listing functions.

use std::sync::Arc;

use super::Functions;
use crate::error::invalid;
use crate::{Function, FunctionError, Page, PageRequest, Tag};

/// Which functions to list. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct FunctionFilter {
    /// What the name starts with.
    pub prefix: String,
    /// The tags that it has.
    pub tags: Vec<Tag>,
    /// The wire name of its runtime.
    pub runtime: Option<String>,
    /// What is part of its description.
    pub description: Option<String>,
}

/// Source: Function Compute 2023-03-30, limits of tags in a query.
const TAG_COUNT_MAX: usize = 20;

impl Functions {
    /// The functions that a filter finds, by name.
    pub fn list(
        &self,
        filter: &FunctionFilter,
        page: &PageRequest,
    ) -> Result<Page<Arc<Function>>, FunctionError> {
        if filter.tags.len() > TAG_COUNT_MAX {
            return invalid(format!("at most {TAG_COUNT_MAX} tags can be asked for"));
        }
        let wanted = |function: &Function| {
            let settings = &function.settings;
            let part = filter.description.as_deref().filter(|part| !part.is_empty());
            filter.tags.iter().all(|tag| function.tags.contains(tag))
                && filter.runtime.as_ref().is_none_or(|runtime| settings.runtime.to_string() == *runtime)
                && part.is_none_or(|part| settings.description.as_deref().unwrap_or_default().contains(part))
        };
        let after = page.after()?;
        let found = self.registry.list(&filter.prefix, after.as_deref(), page.limit()? + 1, wanted);
        page.cut(found.into_iter(), |function| function.name.as_str())
    }
}
