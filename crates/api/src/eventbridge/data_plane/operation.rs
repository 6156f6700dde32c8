//! The operations of the data plane, as other words for those of the control plane.
//!
//! Source: `alibabacloud_eventbridge` 1.3.8, paths and models.

use super::super::operation::Operation;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its path below `/openapi/`.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) operation: Operation,
    /// Parameters whose names differ: here, there.
    pub(super) renamed: &'static [(&'static str, &'static str)],
    /// What clients may send and this server does not keep: refused when it says something, as it would be lost.
    pub(super) not_kept: &'static [&'static str],
    /// What becomes of the control plane's `Data`.
    pub(super) answer: Answer,
}

/// How `Data` of the control plane stands in an answer without an envelope.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Not at all.
    Nothing,
    /// Its members do, some with other names: there, here.
    Members(&'static [(&'static str, &'static str)]),
    /// The members of its first item do.
    MembersOfFirst(&'static [(&'static str, &'static str)]),
    /// As a whole, under a name.
    Under(&'static str),
}

impl Row {
    /// The operation at a path below `/openapi/`.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.path == path)
    }
}

const fn row(path: &'static str, operation: Operation, answer: Answer) -> Row {
    Row { path, operation, renamed: &[], not_kept: &[], answer }
}

const SAME: Answer = Answer::Members(&[]);
const TAGS: &[&str] = &["Tags"];
const TRACED: &[(&str, &str)] = &[("Events", "TracedEvents")];
const SOURCES: &[(&str, &str)] = &[("EventSourceList", "EventSources")];

const TABLE: &[Row] = &[
    Row { not_kept: TAGS, ..row("createEventBus", Operation::CreateEventBus, SAME) },
    row("deleteEventBus", Operation::DeleteEventBus, Answer::Nothing),
    row("getEventBus", Operation::GetEventBus, SAME),
    row("listEventBuses", Operation::ListEventBuses, SAME),
    Row {
        renamed: &[("Targets", "EventTargets")],
        not_kept: TAGS,
        ..row("createRule", Operation::CreateRule, SAME)
    },
    Row { not_kept: TAGS, ..row("updateRule", Operation::UpdateRule, Answer::Nothing) },
    row("deleteRule", Operation::DeleteRule, Answer::Nothing),
    row("disableRule", Operation::DisableRule, Answer::Nothing),
    row("enableRule", Operation::EnableRule, Answer::Nothing),
    row("getRule", Operation::GetRule, SAME),
    row("listRules", Operation::ListRules, SAME),
    row("createTargets", Operation::PutTargets, SAME),
    row("deleteTargets", Operation::DeleteTargets, SAME),
    row("listTargets", Operation::ListTargets, SAME),
    row("testEventPattern", Operation::TestEventPattern, SAME),
    row("queryEventTraces", Operation::QueryEventTraces, Answer::Under("EventTraceList")),
    row("queryEventByEventId", Operation::QueryTracedEventByEventId, Answer::MembersOfFirst(TRACED)),
    row("queryEventsByEventIds", Operation::QueryEvents, SAME),
    row("queryEventsByPeriod", Operation::QueryTracedEvents, Answer::Members(TRACED)),
    row("v2/createEventSource", Operation::CreateEventSource, SAME),
    row("v2/updateEventSource", Operation::UpdateEventSource, Answer::Nothing),
    row("v2/deleteEventSource", Operation::DeleteEventSource, Answer::Nothing),
    row("v2/listUserDefinedEventSources", Operation::ListUserDefinedEventSources, Answer::Members(SOURCES)),
    row("v2/listAliyunOfficialEventSources", Operation::ListAliyunOfficialEventSources, SAME),
    row("listPartnerEventSources", Operation::ListPartnerEventSources, SAME),
];
