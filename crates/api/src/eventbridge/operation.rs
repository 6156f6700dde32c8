//! The operations that there are.

use kulkul_access::Action;

macro_rules! operations {
    ($($name:ident => $action:ident,)*) => {
        /// An operation of EventBridge.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($name,)*
        }

        impl Operation {
            /// The operation of a name on the wire.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name on the wire.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What it does, as far as roles are concerned.
            pub(crate) const fn action(self) -> Action {
                match self {
                    $(Self::$name => Action::$action,)*
                }
            }
        }
    };
}

operations! {
    PutEvents => Publish,
    CreateEventBus => Admin,
    GetEventBus => Read,
    UpdateEventBus => Admin,
    ListEventBuses => Read,
    DeleteEventBus => Admin,
    CreateEventSource => Admin,
    UpdateEventSource => Admin,
    DeleteEventSource => Admin,
    ListUserDefinedEventSources => Read,
    ListAliyunOfficialEventSources => Read,
    CreateRule => Admin,
    GetRule => Read,
    UpdateRule => Admin,
    ListRules => Read,
    DeleteRule => Admin,
    EnableRule => Admin,
    DisableRule => Admin,
    PutTargets => Admin,
    DeleteTargets => Admin,
    ListTargets => Read,
    TestEventPattern => Read,
    QueryEvent => Read,
    QueryEventTraces => Read,
    QueryTracedEvents => Read,
    QueryTracedEventByEventId => Read,
    CreateConnection => Admin,
    GetConnection => Read,
    UpdateConnection => Admin,
    ListConnections => Read,
    DeleteConnection => Admin,
    CreateApiDestination => Admin,
    GetApiDestination => Read,
    UpdateApiDestination => Admin,
    ListApiDestinations => Read,
    DeleteApiDestination => Admin,
    CheckRoleForProduct => Read,
    CheckServiceLinkedRoleForProduct => Read,
    CreateServiceLinkedRoleForProduct => Read,
    // Of the data plane only; on the control plane no client asks for them.
    QueryEvents => Read,
    ListPartnerEventSources => Read,
}
