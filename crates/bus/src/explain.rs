//! Why an event went where it went, and nowhere else.
//!
//! What happened is what is stored: the targets that the event was sent to when it was accepted, each attempt, what is
//! still owed. Beside it stands what each rule of the bus says of the event *now*, condition by condition. The two can
//! differ: a rule may have been changed, enabled or disabled meanwhile.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use kulkul_model::{BusName, RuleName, TraceId};
use kulkul_pattern::{Explanation, Pattern, PatternError};
use kulkul_store::TracedRecord;

use crate::error::BusError;
use crate::hub::Hub;
use crate::rule::{Rule, rule_and_target};

/// An event, with what happened to it and what each rule says of it.
#[derive(Debug)]
pub struct Explained {
    /// The event and what is known of it.
    pub traced: TracedRecord,
    /// How often an event with this id was accepted, counted up to 100. Another one is explained by its trace id.
    pub acceptance_count: usize,
    /// What the rules asked for say, by name.
    pub rules: Vec<RuleVerdict>,
    /// The last rule of this page when more follow.
    pub next: Option<RuleName>,
}

/// What one rule says of an event.
#[derive(Debug)]
pub struct RuleVerdict {
    /// The rule as it is now.
    pub rule: Arc<Rule>,
    /// Whether the event was sent to a target of this rule when it was accepted.
    pub routed: bool,
    /// What the rule's pattern says of the event now, or why it cannot be used.
    pub explanation: Result<Explanation, PatternError>,
}

/// Which rules to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesAsked {
    /// This one.
    One(RuleName),
    /// Those after a name, at most so many.
    Page {
        /// The last rule of the page before.
        after: Option<RuleName>,
        /// How many.
        max: usize,
    },
}

impl Hub {
    /// Explains the newest event with an id, or the one that was accepted under `trace_id`. `None` when there is none.
    pub async fn explain(
        &self,
        bus: &BusName,
        event_id: &str,
        trace_id: Option<TraceId>,
        asked: RulesAsked,
    ) -> Result<Option<Explained>, BusError> {
        let (rules, next) = self.rules_asked(bus, asked)?;
        let mut acceptances = self.trace(bus, event_id).await?;
        let acceptance_count = acceptances.len();
        let wanted = |traced: &TracedRecord| trace_id.is_none_or(|id| traced.record.trace_id == id);
        let Some(at) = acceptances.iter().position(wanted) else { return Ok(None) };
        let traced = acceptances.swap_remove(at);
        let routed: HashSet<&str> =
            traced.routes.iter().filter_map(rule_and_target).map(|(rule, _)| rule).collect();
        let verdict = |rule: Arc<Rule>| {
            let routed = routed.contains(rule.name.as_str());
            let pattern = Pattern::parse(&rule.pattern, &self.parts.options.pattern);
            let explanation = pattern.map(|pattern| pattern.explain(&traced.record.body));
            RuleVerdict { rule, routed, explanation }
        };
        let rules = rules.into_iter().map(verdict).collect();
        Ok(Some(Explained { rules, acceptance_count, next, traced }))
    }

    fn rules_asked(
        &self,
        bus: &BusName,
        asked: RulesAsked,
    ) -> Result<(Vec<Arc<Rule>>, Option<RuleName>), BusError> {
        let (after, max) = match asked {
            RulesAsked::One(name) => return Ok((vec![self.get_rule(bus, &name)?], None)),
            RulesAsked::Page { after, max } => (after, max),
        };
        let bus = self.existing_bus(bus)?;
        let rules = bus.rules();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut following = rules.range((start, Bound::Unbounded)).map(|(_, active)| active.rule.clone());
        let page: Vec<_> = following.by_ref().take(max).collect();
        let more = following.next().is_some();
        let next = page.last().filter(|_| more).map(|rule| rule.name.clone());
        Ok((page, next))
    }
}
