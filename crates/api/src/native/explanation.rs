//! Explanations of patterns as JSON.

use kulkul_pattern::{Explanation, Finding, FoundValue};
use serde_json::{Value, json};

/// What came of each condition of a pattern.
pub fn explanation_json(explanation: &Explanation) -> Value {
    json!({
        "matched": explanation.matched,
        "malformedAt": explanation.malformed_at,
        "findings": explanation.findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &Finding) -> Value {
    match finding {
        Finding::Field(field) => json!({
            "path": field.path,
            "condition": field.condition,
            "found": match &field.found {
                FoundValue::Value(text) => Some(text),
                FoundValue::Missing | FoundValue::NoParent => None,
            },
            "held": field.held,
        }),
        Finding::Choice(choice) => json!({
            "path": choice.path,
            "held": choice.held,
            "alternatives": choice.alternatives.iter().map(|alternative| json!({
                "held": alternative.held,
                "findings": alternative.findings.iter().map(finding_json).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        }),
    }
}
