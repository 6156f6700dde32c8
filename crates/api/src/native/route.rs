//! Which operation a method and path mean.

use std::borrow::Cow;

use http::Method;
use kulkul_access::Action;

use super::PREFIX;
use crate::percent::{Plus, decode_text};

/// An operation of Kulkul's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /kulkul/v1/buses/{bus}/events`: puts one CloudEvent in the structured form.
    PutEvent,
    /// `GET /kulkul/v1/buses/{bus}/events/{id}/trace`: everything known of the events with an id.
    TraceEvent,
}

/// An operation with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) operation: Operation,
    pub(crate) bus: Cow<'a, str>,
    /// Empty when the path names none.
    pub(crate) event: Cow<'a, str>,
}

impl Operation {
    /// What it does, as far as roles are concerned.
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::PutEvent => Action::Publish,
            Self::TraceEvent => Action::Read,
        }
    }
}

impl<'a> Route<'a> {
    /// The operation that a method and a raw path mean; `None` when there is no such operation.
    pub(crate) fn of(method: &Method, path: &'a str) -> Option<Self> {
        let segments = path.strip_prefix(PREFIX)?.split('/').map(|segment| decode_text(segment, Plus::Plus));
        let mut segments: Vec<Cow<'a, str>> = segments.collect::<Option<_>>()?;
        let names: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        let operation = match (method.as_str(), &names[..]) {
            ("POST", ["buses", _, "events"]) => Operation::PutEvent,
            ("GET", ["buses", _, "events", _, "trace"]) => Operation::TraceEvent,
            _ => return None,
        };
        let event =
            if operation == Operation::TraceEvent { segments.swap_remove(3) } else { Cow::Borrowed("") };
        Some(Self { operation, bus: segments.swap_remove(1), event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        let route = Route::of(&Method::GET, "/kulkul/v1/buses/default/events/a%2Fb/trace").unwrap();
        assert_eq!((route.operation, &*route.bus, &*route.event), (Operation::TraceEvent, "default", "a/b"));
        assert_eq!(Route::of(&Method::GET, "/kulkul/v1/buses/default/events"), None);
        assert_eq!(
            Route::of(&Method::POST, "/kulkul/v1/buses/b/events").unwrap().operation,
            Operation::PutEvent
        );
    }
}
