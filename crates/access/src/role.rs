//! What a key may do.

use std::fmt;
use std::str::FromStr;

/// The role of an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// What a producer or a function does: put events, invoke functions, read and write objects. It reads no
    /// definitions, events or traces.
    Publish,
    /// Only reading: definitions, events, traces and objects. What would let its holder do more, such as the token of
    /// a webhook, is masked.
    Read,
}

/// What an operation does, as far as roles are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It changes nothing.
    Read,
    /// It hands something in: an event, an invocation, an object.
    Publish,
    /// It changes definitions: buses, rules, functions, triggers, buckets, keys.
    Admin,
}

impl Role {
    /// Whether a key of this role may do `action`.
    pub const fn allows(self, action: Action) -> bool {
        match (self, action) {
            (Self::Admin, _) | (Self::Publish, Action::Publish) | (Self::Read, Action::Read) => true,
            (Self::Publish, Action::Read | Action::Admin) | (Self::Read, Action::Publish | Action::Admin) => {
                false
            }
        }
    }

    /// The role's name: `admin`, `publish` or `read`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Publish => "publish",
            Self::Read => "read",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: `admin`, `publish` or `read`")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        [Self::Admin, Self::Publish, Self::Read].into_iter().find(|r| r.as_str() == text).ok_or(NotARole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admin_may_do_what_is_not_its_own() {
        let table = [
            (Role::Admin, [true, true, true]),
            (Role::Publish, [false, true, false]),
            (Role::Read, [true, false, false]),
        ];
        for (role, expected) in table {
            let seen = [Action::Read, Action::Publish, Action::Admin].map(|action| role.allows(action));
            assert_eq!(seen, expected, "{role}");
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(NotARole));
    }
}
