//! Why an event went where it went: what each rule says of it, and what happened.

use kulkul_bus::{RuleStatus, RuleVerdict, RulesAsked};
use kulkul_model::{BusName, RuleName, TraceId};
use serde_json::{Value, json as value};

use super::explanation::explanation_json;
use super::target_query::limit;
use super::trace_event::event_json;
use super::{bus_error, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// Rules of one page: unless asked otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;

pub(super) async fn run(call: Call<'_>, bus: &BusName, event_id: &str) -> Result<Answer, FcError> {
    let query = Query::parse(call.query());
    let given = |name| query.get(name).filter(|text| !text.is_empty());
    let name = |name| given(name).map(str::parse::<RuleName>).transpose();
    let asked = match name("rule")? {
        Some(rule) => RulesAsked::One(rule),
        None => RulesAsked::Page { after: name("after")?, max: limit(given("limit"), LIMIT, LIMIT_MAX)? },
    };
    let trace_id = given("traceId").map(trace_id).transpose()?;
    let explained = call.api.hub.explain(bus, event_id, trace_id, asked).await.map_err(bus_error)?;
    let Some(explained) = explained else {
        let message = format!("there is no event `{event_id}` on the bus `{bus}`, or it is past retention");
        return Err(FcError::not_found("EventNotExist", message));
    };
    let rules: Vec<Value> = explained.rules.iter().map(rule_json).collect();
    Ok(json(format!(
        "{{\"event\":{},\"acceptanceCount\":{},\"rules\":{},\"next\":{}}}",
        event_json(&explained.traced),
        explained.acceptance_count,
        Value::from(rules),
        explained.next.map_or(Value::Null, |next| next.as_str().into()),
    )))
}

fn rule_json(verdict: &RuleVerdict) -> Value {
    let mut rule = match &verdict.explanation {
        Ok(explanation) => explanation_json(explanation),
        Err(error) => value!({"matched": false, "problem": error.to_string(), "findings": []}),
    };
    rule["rule"] = verdict.rule.name.as_str().into();
    rule["enabled"] = (verdict.rule.status == RuleStatus::Enabled).into();
    rule["targetCount"] = verdict.rule.targets.len().into();
    rule["routed"] = verdict.routed.into();
    rule
}

/// 32 hexadecimal digits, with or without hyphens.
fn trace_id(text: &str) -> Result<TraceId, FcError> {
    let digits = text.replace('-', "");
    let is_id = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bits = u128::from_str_radix(&digits, 16).ok().filter(|_| is_id);
    let bits = bits.ok_or_else(|| FcError::invalid("traceId: must be the id of an acceptance"))?;
    Ok(TraceId::from_u128(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_reads_back_as_it_was_printed() {
        let id = TraceId::random();
        assert_eq!(trace_id(&id.to_string()).unwrap(), id);
        assert!(trace_id("12").is_err());
        assert!(trace_id(&format!("+{}", "1".repeat(31))).is_err());
    }
}
