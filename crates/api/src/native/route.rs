//! Which operation a method and path mean.

use std::borrow::Cow;

use http::Method;
use kulkul_access::Action;

use super::PREFIX;
use crate::percent::{Plus, decode_text};

/// An operation of Kulkul's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The targets with what they are owed.
    ListTargets,
    /// One target.
    GetTarget,
    /// Holds a target back.
    PauseTarget,
    /// Lets a target go on.
    ResumeTarget,
    /// The dead letters.
    ListDeadLetters,
    /// One dead letter with its event and attempts.
    GetDeadLetter,
    /// Forgets a dead letter.
    DiscardDeadLetter,
    /// Sends one dead letter again.
    RedriveDeadLetter,
    /// Sends dead letters again in bulk.
    CreateRedrive,
    /// The redrives.
    ListRedrives,
    /// One redrive.
    GetRedrive,
    /// Ends a redrive before its time.
    CancelRedrive,
    /// Puts one CloudEvent in the structured form.
    PutEvent,
    /// Finds events, page by page.
    FindEvents,
    /// Everything known of the events with an id.
    TraceEvent,
    /// What came from outside, taken and refused.
    ListReceivers,
    /// What each rule says of an event, and what happened to it.
    ExplainEvent,
    /// Sends past events again.
    CreateReplay,
    /// The replays of a bus.
    ListReplays,
    /// One replay.
    GetReplay,
    /// Stops a replay.
    CancelReplay,
    /// Tries a rule on past events.
    DryRun,
    /// What the owner of a bus has chosen.
    GetBusSettings,
    /// Changes what the owner of a bus has chosen.
    PutBusSettings,
    /// The last lines that a function printed.
    ListFunctionLogs,
    /// The registry of event sources, narrowed by `category` and `search`.
    ListEventSources,
    /// Makes a sample event.
    MakeSample,
    /// What users added to the catalog.
    ListCatalogAdditions,
    /// One of the additions, as it was sent.
    GetCatalogAddition,
    /// Adds source documents, or replaces those of the name.
    PutCatalogAddition,
    /// Takes additions away.
    DeleteCatalogAddition,
}

/// Every operation with its method and its path below the prefix, where `*` stands for a name.
const TABLE: &[(&str, &str, Operation)] = &[
    ("GET", "targets", Operation::ListTargets),
    ("GET", "targets/*", Operation::GetTarget),
    ("POST", "targets/*/pause", Operation::PauseTarget),
    ("POST", "targets/*/resume", Operation::ResumeTarget),
    ("GET", "dead-letters", Operation::ListDeadLetters),
    ("GET", "dead-letters/*", Operation::GetDeadLetter),
    ("DELETE", "dead-letters/*", Operation::DiscardDeadLetter),
    ("POST", "dead-letters/*/redrive", Operation::RedriveDeadLetter),
    ("POST", "redrives", Operation::CreateRedrive),
    ("GET", "redrives", Operation::ListRedrives),
    ("GET", "redrives/*", Operation::GetRedrive),
    ("POST", "redrives/*/cancel", Operation::CancelRedrive),
    ("POST", "buses/*/events", Operation::PutEvent),
    ("GET", "buses/*/events", Operation::FindEvents),
    ("GET", "buses/*/events/*/trace", Operation::TraceEvent),
    ("GET", "receivers", Operation::ListReceivers),
    ("GET", "buses/*/events/*/explanation", Operation::ExplainEvent),
    ("POST", "buses/*/replays", Operation::CreateReplay),
    ("GET", "buses/*/replays", Operation::ListReplays),
    ("GET", "buses/*/replays/*", Operation::GetReplay),
    ("POST", "buses/*/replays/*/cancel", Operation::CancelReplay),
    ("POST", "buses/*/dry-run", Operation::DryRun),
    ("GET", "buses/*/settings", Operation::GetBusSettings),
    ("PUT", "buses/*/settings", Operation::PutBusSettings),
    ("GET", "functions/*/logs", Operation::ListFunctionLogs),
    ("GET", "event-sources", Operation::ListEventSources),
    ("POST", "samples", Operation::MakeSample),
    ("GET", "catalog/additions", Operation::ListCatalogAdditions),
    ("GET", "catalog/additions/*", Operation::GetCatalogAddition),
    ("PUT", "catalog/additions/*", Operation::PutCatalogAddition),
    ("DELETE", "catalog/additions/*", Operation::DeleteCatalogAddition),
];

/// An operation with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) operation: Operation,
    /// The names in the path, decoded, in order.
    names: Vec<Cow<'a, str>>,
}

impl Operation {
    /// What it does, as far as roles are concerned.
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::ListTargets
            | Self::GetTarget
            | Self::ListDeadLetters
            | Self::GetDeadLetter
            | Self::ListRedrives
            | Self::GetRedrive => Action::Read,
            Self::PauseTarget
            | Self::ResumeTarget
            | Self::DiscardDeadLetter
            | Self::RedriveDeadLetter
            | Self::CreateRedrive
            | Self::CancelRedrive => Action::Admin,
            Self::PutEvent => Action::Publish,
            Self::FindEvents
            | Self::TraceEvent
            | Self::ListReceivers
            | Self::ExplainEvent
            | Self::ListReplays
            | Self::GetReplay
            | Self::DryRun
            | Self::GetBusSettings
            | Self::ListFunctionLogs
            | Self::ListEventSources
            | Self::MakeSample
            | Self::ListCatalogAdditions
            | Self::GetCatalogAddition => Action::Read,
            Self::CreateReplay
            | Self::CancelReplay
            | Self::PutBusSettings
            | Self::PutCatalogAddition
            | Self::DeleteCatalogAddition => Action::Admin,
        }
    }
}

impl<'a> Route<'a> {
    /// The operation that a method and a raw path mean; `None` when there is no such operation.
    pub(crate) fn of(method: &Method, path: &'a str) -> Option<Self> {
        let path = path.strip_prefix(PREFIX)?;
        TABLE.iter().filter(|(wanted, ..)| *wanted == method.as_str()).find_map(|(_, template, operation)| {
            names(template, path).map(|names| Self { operation: *operation, names })
        })
    }

    /// A name in the path, counted from 0; the table says how many there are.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", |name| name)
    }
}

/// What stands at the places of the names when a path has the form of a template. Segments are split first and decoded
/// then, so that a name may hold any character.
fn names<'a>(template: &str, path: &'a str) -> Option<Vec<Cow<'a, str>>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut names = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(names),
            (Some("*"), Some(segment)) => names.push(decode_text(segment, Plus::Plus)?),
            (Some(word), Some(segment)) if word == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        let route = Route::of(&Method::GET, "/kulkul/v1/buses/default/events/a%2Fb/trace").unwrap();
        assert_eq!(
            (route.operation, route.name(0), route.name(1)),
            (Operation::TraceEvent, "default", "a/b")
        );
        assert_eq!(Route::of(&Method::PUT, "/kulkul/v1/buses/default/events"), None);
        assert_eq!(
            Route::of(&Method::POST, "/kulkul/v1/buses/b/events").unwrap().operation,
            Operation::PutEvent
        );
    }

    #[test]
    fn no_two_rows_mean_the_same_request() {
        for (index, (method, template, _)) in TABLE.iter().enumerate() {
            let path = template.replace('*', "x");
            let first = TABLE.iter().position(|(m, t, _)| m == method && names(t, &path).is_some());
            assert_eq!(first, Some(index), "{method} {template}");
        }
    }
}
