//! What is odd about a trigger, said in a header beside the success.

use kulkul_catalog::Catalog;
use kulkul_source::warnings;
use kulkul_trigger::{Trigger, TriggerKind};
use serde_json::Value;

use crate::answer::{self, Answer};

/// The header; several warnings are joined by `; `. Ours.
const HEADER: &str = "x-kulkul-warning";

/// Says which sources and types of a trigger the catalog does not know. Such a trigger is as good as any other: the
/// lists of the cloud are open. But a typing error looks just like it.
pub(super) fn mark(answer: &mut Answer, trigger: &Trigger, catalog: &Catalog) {
    let warnings = match trigger.kind {
        TriggerKind::EventBridge => of_config(&trigger.config, catalog),
        TriggerKind::Objects => Vec::new(),
    };
    if !warnings.is_empty() {
        answer::set(answer, HEADER, warnings.join("; "));
    }
}

fn of_config(config: &str, catalog: &Catalog) -> Vec<String> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    config["eventRuleFilterPattern"].as_str().map_or_else(Vec::new, |pattern| warnings(catalog, pattern))
}
