//! QueryEventTraces.

use kulkul_bus::rule_and_target;
use kulkul_model::BusName;
use kulkul_store::{QueueId, TracedRecord};
use serde::Serialize;

use super::Rpc;
use super::error::RpcError;
use super::query_event::traced;
use super::reply::Success;

/// One line of a trace. Source: EventBridge 2020-04-01, `QueryEventTraces`; some of its numbers are texts.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    action: &'static str,
    action_time: i64,
    event_bus_name: &'a str,
    event_id: &'a str,
    event_source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_matching_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_latency: Option<String>,
}

pub(super) async fn run(rpc: Rpc<'_>) -> Result<Success, RpcError> {
    let bus = rpc.params.bus()?;
    let found = traced(rpc).await?;
    let endpoint = |queue: &QueueId| endpoint(rpc, &bus, queue);
    let lines: Vec<Line<'_>> =
        found.iter().flat_map(|traced| lines(traced, bus.as_str(), &endpoint)).collect();
    Ok(Success::of_200(&lines))
}

/// The story of one event: put, each rule that it matched, each attempt.
fn lines<'a>(
    traced: &'a TracedRecord,
    bus: &'a str,
    endpoint: &dyn Fn(&QueueId) -> Option<String>,
) -> Vec<Line<'a>> {
    let record = &traced.record;
    let at = record.accepted_at.as_millis();
    let line = |action, action_time| Line {
        action,
        action_time,
        event_bus_name: bus,
        event_id: &record.key.id,
        event_source: &record.key.source,
        ..Line::default()
    };
    let mut lines = vec![Line { received_time: Some(at), ..line("PutEvent", at) }];
    let mut rules: Vec<&str> =
        traced.routes.iter().filter_map(|queue| rule_and_target(queue).map(|(rule, _)| rule)).collect();
    rules.dedup();
    lines.extend(rules.into_iter().map(|rule| Line {
        rule_name: Some(rule),
        // Matching is part of acceptance.
        rule_matching_time: Some(at.to_string()),
        ..line("FilterEvent", at)
    }));
    lines.extend(traced.attempts.iter().map(|(queue, attempt)| {
        let started_at = attempt.started_at.as_millis();
        Line {
            rule_name: rule_and_target(queue).map(|(rule, _)| rule),
            endpoint: endpoint(queue),
            notify_status: Some(&attempt.answer),
            notify_time: Some(started_at),
            notify_latency: Some((attempt.elapsed_micros / 1000).to_string()),
            ..line("PushEvent", started_at)
        }
    }));
    lines
}

/// The endpoint of a target, when it is still there.
fn endpoint(rpc: Rpc<'_>, bus: &BusName, queue: &QueueId) -> Option<String> {
    let (rule, target) = rule_and_target(queue)?;
    let rule = rpc.call.api.hub.get_rule(bus, &rule.parse().ok()?).ok()?;
    rule.targets.iter().find(|known| known.id.as_str() == target).map(|target| target.endpoint.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kulkul_model::{Timestamp, TraceId};
    use kulkul_store::{AttemptRecord, LogName, Record, RecordKey, Seq};

    #[test]
    fn a_trace_tells_put_matched_rules_and_attempts() {
        let queue = |name: &str| QueueId(name.into());
        let traced = TracedRecord {
            record: Record {
                seq: Seq(1),
                key: RecordKey {
                    log: LogName("bus/b".into()),
                    id: "i1".to_owned(),
                    source: "s".to_owned(),
                    kind: "t".to_owned(),
                    subject: String::new(),
                },
                trace_id: TraceId::from_u128(1),
                accepted_at: Timestamp::from_millis(1000),
                body: "{}".into(),
            },
            routes: vec![queue("rule/b/r1/t1"), queue("rule/b/r1/t2"), queue("rule/b/r2/t1")],
            attempts: vec![(
                queue("rule/b/r1/t1"),
                AttemptRecord {
                    number: 1,
                    started_at: Timestamp::from_millis(1010),
                    elapsed_micros: 80_900,
                    succeeded: true,
                    answer: "[200]Ok".to_owned(),
                    invocation: None,
                    log: None,
                },
            )],
            pending: Vec::new(),
        };
        let lines = lines(&traced, "b", &|_| Some("acs:fc".to_owned()));
        let told: Vec<_> = lines.iter().map(|line| (line.action, line.rule_name)).collect();
        let expected = [
            ("PutEvent", None),
            ("FilterEvent", Some("r1")),
            ("FilterEvent", Some("r2")),
            ("PushEvent", Some("r1")),
        ];
        assert_eq!(told, expected);
        let push = serde_json::to_string(&lines[3]).unwrap();
        let expected = concat!(
            r#"{"Action":"PushEvent","ActionTime":1010,"EventBusName":"b","EventId":"i1","EventSource":"s","RuleName":"r1","#,
            r#""Endpoint":"acs:fc","NotifyStatus":"[200]Ok","NotifyTime":1010,"NotifyLatency":"80"}"#
        );
        assert_eq!(push, expected);
        let filter = serde_json::to_string(&lines[1]).unwrap();
        assert!(filter.contains(r#""RuleMatchingTime":"1000""#), "{filter}");
    }
}
