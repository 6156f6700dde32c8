//! Listing triggers.

use kulkul_function::{Page, PageRequest};
use kulkul_model::FunctionName;

use super::Triggers;
use crate::document::function_prefix;
use crate::{Trigger, TriggerError};

impl Triggers {
    /// The triggers of a function whose names start with `prefix`, by name.
    pub async fn list(
        &self,
        function: &FunctionName,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<Trigger>, TriggerError> {
        self.check_function(function)?;
        let after = page.after()?;
        // A function has few triggers, so that reading all of them costs no more than being clever.
        let all = self.all(&function_prefix(function)).await?;
        let wanted = all.into_iter().filter(|trigger| {
            let name = trigger.name.as_str();
            name.starts_with(prefix) && after.as_deref().is_none_or(|after| name > after)
        });
        Ok(page.cut(wanted, |trigger| trigger.name.as_str())?)
    }
}
