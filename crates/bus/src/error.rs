//! Why the hub refused.

use kulkul_delivery::TargetError;
use kulkul_model::{BusName, RuleName, TargetId};
use kulkul_pattern::{InsertError, PatternError};
use kulkul_store::StoreError;

use crate::replay::ReplayId;

/// Why an operation on buses, rules or targets was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no such bus.
    #[error("the event bus [{bus}] not existed!")]
    UnknownBus {
        /// The name asked for.
        bus: BusName,
    },
    /// There is a bus of this name.
    #[error("the event bus [{bus}] already exists")]
    BusExists {
        /// The name.
        bus: BusName,
    },
    /// The bus `default` is always there.
    #[error("the bus `default` can be neither created nor deleted")]
    DefaultBus,
    /// Names that start with `eventbridge-reserved-` are the service's own.
    #[error("the name `{bus}` is reserved")]
    ReservedBusName {
        /// The name.
        bus: BusName,
    },
    /// The bus still has rules.
    #[error("the event bus [{bus}] still has {rule_count} rules")]
    BusHasRules {
        /// The bus.
        bus: BusName,
        /// How many.
        rule_count: usize,
    },
    /// There is no such rule on the bus.
    #[error("the event rule not existed!")]
    UnknownRule {
        /// The name asked for.
        rule: RuleName,
    },
    /// There is a rule of this name on the bus.
    #[error("the event rule [{rule}] already exists on the bus [{bus}]")]
    RuleExists {
        /// The bus.
        bus: BusName,
        /// The rule.
        rule: RuleName,
    },
    /// The rule belongs to a trigger and is changed through it.
    #[error(
        "the rule [{rule}] belongs to the trigger `{trigger}` of the function `{function}`; change that instead"
    )]
    OwnedRule {
        /// The rule.
        rule: RuleName,
        /// The function.
        function: String,
        /// The trigger.
        trigger: String,
    },
    /// The pattern cannot be understood.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The bus has too many patterns that every event has to be held against.
    #[error(transparent)]
    TooBroad(#[from] InsertError),
    /// A target cannot work.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A target would put events back on the bus that they come from.
    #[error("target `{id}` would put the events of the bus [{bus}] on that bus again, for ever")]
    CircularTarget {
        /// The target.
        id: TargetId,
        /// The bus.
        bus: BusName,
    },
    /// Two targets of one request have the same id.
    #[error("the id of event target is duplicate: `{id}`")]
    DuplicateTarget {
        /// The id.
        id: TargetId,
    },
    /// There is no such target.
    #[error("the rule [{rule}] has no target `{id}`")]
    UnknownTarget {
        /// The rule.
        rule: RuleName,
        /// The id.
        id: TargetId,
    },
    /// The rule would have too many targets.
    #[error("a rule has at most {target_count_max} targets")]
    TooManyTargets {
        /// The limit.
        target_count_max: usize,
    },
    /// A text is longer than its limit.
    #[error("{what} is longer than {char_count_max} characters")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The limit.
        char_count_max: usize,
    },
    /// The store failed.
    #[error("the change cannot be stored")]
    Store(#[from] StoreError),
}

/// Why events were not accepted. Nothing of the request was stored.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// There is no such bus.
    #[error("the event bus [{bus}] not existed!")]
    UnknownBus {
        /// The name asked for.
        bus: BusName,
    },
    /// The store failed.
    #[error("the events cannot be stored")]
    Store(#[from] StoreError),
}

/// Why a replay cannot be created, shown or run.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Something is wrong with the bus, rule or target.
    #[error(transparent)]
    Bus(BusError),
    /// There is no such replay of the bus.
    #[error("there is no replay `{id}`")]
    Unknown {
        /// The id asked for.
        id: ReplayId,
    },
    /// Too many are under way.
    #[error("{running_max} replays are under way; cancel one or wait until one has ended")]
    TooMany {
        /// The limit.
        running_max: usize,
    },
    /// A disabled rule gets nothing.
    #[error("the event rule [{rule}] is disabled")]
    DisabledRule {
        /// The rule.
        rule: RuleName,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<BusError> for ReplayError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Store(error) => Self::Store(error),
            error => Self::Bus(error),
        }
    }
}
