//! Why a pattern matches an event, or does not.

use std::fmt;

use crate::code::{Choice, Code, Condition, Item};
use crate::event::{Fields, Malformed, Value};
use crate::json::compact;
use crate::paths::PathId;
use crate::pattern::Pattern;
use crate::trie::NodeId;

/// The greatest length of a condition or value shown, in characters.
const TEXT_MAX: usize = 256;

/// The answer to why a pattern matches an event, or does not. [`Display`](fmt::Display) writes it over several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the event matches: what [`Pattern::matches`] says.
    pub matched: bool,
    /// Where the event was noticed to be no valid JSON object, in bytes from its start. Then it matches nothing, and
    /// no condition was looked at.
    pub malformed_at: Option<usize>,
    /// All that must hold. A pattern without conditions matches every event.
    pub findings: Vec<Finding>,
}

/// What came of one part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Of a field.
    Field(FieldFinding),
    /// Of an `$or`.
    Choice(ChoiceFinding),
}

/// What was demanded of a field and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFinding {
    /// The JSON path of the field in the event, such as `$.data.state`.
    pub path: String,
    /// What the pattern demands, as compact JSON cut to 256 characters.
    pub condition: String,
    /// What the event has there.
    pub found: FoundValue,
    /// Whether that is enough.
    pub held: bool,
}

/// What an event has at some path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundValue {
    /// Nothing, and the object that should have it is there.
    Missing,
    /// Nothing, because something above is missing or not an object.
    NoParent,
    /// This value, as compact JSON cut to 256 characters.
    Value(String),
}

/// The alternatives of an `$or`, of which one must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceFinding {
    /// The JSON path of the `$or`.
    pub path: String,
    /// The alternatives in the order of the pattern.
    pub alternatives: Vec<AlternativeFinding>,
    /// Whether one of them held.
    pub held: bool,
}

/// One alternative of an `$or`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternativeFinding {
    /// All that must hold for the alternative.
    pub findings: Vec<Finding>,
    /// Whether all of it held.
    pub held: bool,
}

impl Finding {
    /// Whether this part of the pattern held.
    pub fn held(&self) -> bool {
        match self {
            Finding::Field(field) => field.held,
            Finding::Choice(choice) => choice.held,
        }
    }
}

/// Explains what `walk` came to. `nodes` tells where the pattern's paths are among the fields.
pub(crate) fn explain(
    pattern: &Pattern,
    walk: Result<Fields<'_>, Malformed>,
    nodes: &[NodeId],
) -> Explanation {
    match walk {
        Err(Malformed { at }) => Explanation { matched: false, malformed_at: Some(at), findings: Vec::new() },
        Ok(fields) => {
            let AlternativeFinding { findings, held } =
                Explainer { pattern, fields, nodes }.group(pattern.code());
            Explanation { matched: held, malformed_at: None, findings }
        }
    }
}

struct Explainer<'a> {
    pattern: &'a Pattern,
    fields: Fields<'a>,
    nodes: &'a [NodeId],
}

impl Explainer<'_> {
    fn group(&self, group: Code<'_>) -> AlternativeFinding {
        let finding = |item| match item {
            Item::Condition(condition) => Finding::Field(self.field(condition)),
            Item::Choice(choice) => Finding::Choice(self.choice(choice)),
        };
        let findings: Vec<_> = group.items().map(finding).collect();
        let held = findings.iter().all(Finding::held);
        AlternativeFinding { findings, held }
    }

    fn field(&self, condition: Condition<'_>) -> FieldFinding {
        let node = self.nodes[condition.path as usize];
        FieldFinding {
            path: self.pattern.paths().text(condition.path),
            condition: compact(self.pattern.condition_text(condition.number).as_bytes(), TEXT_MAX),
            found: match self.fields.raw(node) {
                Some(raw) => FoundValue::Value(compact(raw, TEXT_MAX)),
                None if self.has_parent(condition.path) => FoundValue::Missing,
                None => FoundValue::NoParent,
            },
            held: condition.holds_for(self.fields.get(node)),
        }
    }

    /// Says whether the event has the object in which `path` would be.
    fn has_parent(&self, path: PathId) -> bool {
        match self.pattern.paths().parent(path) {
            None => true,
            Some(parent) => matches!(self.fields.get(self.nodes[parent as usize]), Value::Object),
        }
    }

    fn choice(&self, choice: Choice<'_>) -> ChoiceFinding {
        let alternatives: Vec<_> = choice.alternatives().map(|group| self.group(group)).collect();
        let within = choice.within.map_or_else(|| "$".to_owned(), |path| self.pattern.paths().text(path));
        ChoiceFinding {
            path: format!("{within}.$or"),
            held: alternatives.iter().any(|alternative| alternative.held),
            alternatives,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", if self.matched { "the event matches" } else { "the event does not match" })?;
        if let Some(at) = self.malformed_at {
            writeln!(out, "  the event is not a valid JSON object (noticed at byte {at})")?;
        } else if self.findings.is_empty() {
            writeln!(out, "  the pattern has no conditions, so it matches every event")?;
        }
        write_findings(&self.findings, 1, out)
    }
}

fn write_findings(findings: &[Finding], depth: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let indent = 2 * depth;
    for finding in findings {
        let mark = if finding.held() { "ok  " } else { "FAIL" };
        match finding {
            Finding::Field(FieldFinding { path, condition, found, .. }) => {
                writeln!(out, "{:indent$}{mark} {path} must satisfy {condition}: {found}", "")?;
            }
            Finding::Choice(choice) => {
                let count = choice.alternatives.len();
                writeln!(
                    out,
                    "{:indent$}{mark} {} must have one of {count} alternatives hold",
                    "", choice.path
                )?;
                for (index, alternative) in choice.alternatives.iter().enumerate() {
                    let held = if alternative.held { "holds" } else { "does not hold" };
                    writeln!(out, "{:indent$}  alternative {} {held}", "", index + 1)?;
                    write_findings(&alternative.findings, depth + 2, out)?;
                }
            }
        }
    }
    Ok(())
}

impl fmt::Display for FoundValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FoundValue::Missing => write!(out, "the event has no such field"),
            FoundValue::NoParent => write!(out, "the event has no object that could hold this field"),
            FoundValue::Value(value) => write!(out, "found {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PatternOptions;

    fn explained(pattern: &str, event: &str) -> String {
        let pattern = Pattern::parse(pattern, &PatternOptions::default()).unwrap();
        let explanation = pattern.explain(event.as_bytes());
        assert_eq!(explanation.matched, pattern.matches(event.as_bytes()), "{event}");
        explanation.to_string()
    }

    #[test]
    fn each_condition_says_what_was_found_where() {
        let text = explained(
            r#"{"source": ["shop", "bank"], "data": {"state": [{"prefix": "ok"}], "n": {"m": [{"exists": false}]}, "x.y": [1]}}"#,
            r#"{"source":"shop","data":{"state":[ "failed", 7 ],"n":5}}"#,
        );
        let expected = "the event does not match
  ok   $.source must satisfy [\"shop\",\"bank\"]: found \"shop\"
  FAIL $.data.state must satisfy [{\"prefix\":\"ok\"}]: found [\"failed\",7]
  ok   $.data.n.m must satisfy [{\"exists\":false}]: the event has no object that could hold this field
  FAIL $.data['x.y'] must satisfy [1]: the event has no such field
";
        assert_eq!(text, expected);
    }

    #[test]
    fn each_alternative_is_explained() {
        let text =
            explained(r#"{"data":{"$or":[{"a":[1]},{"b":[2],"c":[3]}]}}"#, r#"{"data":{"a":1,"b":2}}"#);
        let expected = "the event matches
  ok   $.data.$or must have one of 2 alternatives hold
    alternative 1 holds
      ok   $.data.a must satisfy [1]: found 1
    alternative 2 does not hold
      ok   $.data.b must satisfy [2]: found 2
      FAIL $.data.c must satisfy [3]: the event has no such field
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_empty_pattern_and_broken_events_are_explained() {
        let text = explained("{}", "{}");
        assert_eq!(text, "the event matches\n  the pattern has no conditions, so it matches every event\n");
        let text = explained("{}", "{\"a\":}");
        let expected =
            "the event does not match\n  the event is not a valid JSON object (noticed at byte 5)\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn long_values_are_cut() {
        let event = format!(r#"{{"source":"{}"}}"#, "x".repeat(10_000));
        let pattern = Pattern::parse(r#"{"source":["y"]}"#, &PatternOptions::default()).unwrap();
        let explanation = pattern.explain(event.as_bytes());
        let Finding::Field(FieldFinding { found: FoundValue::Value(text), .. }) = &explanation.findings[0]
        else {
            panic!("{explanation}")
        };
        assert_eq!(text.chars().count(), TEXT_MAX + 1);
        assert!(text.ends_with('…'));
    }
}
