//! Which operation a method and path mean.

use std::borrow::Cow;

use http::Method;
use kulkul_access::Action;

use super::VERSION;
use crate::percent::{Plus, decode_text};

/// An operation of Function Compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateFunction,
    GetFunction,
    ListFunctions,
    UpdateFunction,
    DeleteFunction,
    GetFunctionCode,
    InvokeFunction,
    CreateTrigger,
    GetTrigger,
    ListTriggers,
    UpdateTrigger,
    DeleteTrigger,
    PutAsyncInvokeConfig,
    GetAsyncInvokeConfig,
    DeleteAsyncInvokeConfig,
    ListAsyncInvokeConfigs,
    /// Ours: the link that `GetFunctionCode` gives out.
    DownloadCode,
}

/// Source: Function Compute 2023-03-30, limits: 100 MB of code in the body, 32 MB of payload.
const CODE_BODY_BYTES_MAX: usize = 100 * 1024 * 1024;
const PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Ours, for all other bodies.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl Operation {
    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CreateFunction => "CreateFunction",
            Self::GetFunction => "GetFunction",
            Self::ListFunctions => "ListFunctions",
            Self::UpdateFunction => "UpdateFunction",
            Self::DeleteFunction => "DeleteFunction",
            Self::GetFunctionCode => "GetFunctionCode",
            Self::InvokeFunction => "InvokeFunction",
            Self::CreateTrigger => "CreateTrigger",
            Self::GetTrigger => "GetTrigger",
            Self::ListTriggers => "ListTriggers",
            Self::UpdateTrigger => "UpdateTrigger",
            Self::DeleteTrigger => "DeleteTrigger",
            Self::PutAsyncInvokeConfig => "PutAsyncInvokeConfig",
            Self::GetAsyncInvokeConfig => "GetAsyncInvokeConfig",
            Self::DeleteAsyncInvokeConfig => "DeleteAsyncInvokeConfig",
            Self::ListAsyncInvokeConfigs => "ListAsyncInvokeConfigs",
            Self::DownloadCode => "DownloadCode",
        }
    }

    /// What it does, as far as roles are concerned.
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::InvokeFunction => Action::Publish,
            Self::GetFunction
            | Self::ListFunctions
            | Self::GetFunctionCode
            | Self::GetTrigger
            | Self::ListTriggers
            | Self::GetAsyncInvokeConfig
            | Self::ListAsyncInvokeConfigs
            | Self::DownloadCode => Action::Read,
            Self::CreateFunction
            | Self::UpdateFunction
            | Self::DeleteFunction
            | Self::CreateTrigger
            | Self::UpdateTrigger
            | Self::DeleteTrigger
            | Self::PutAsyncInvokeConfig
            | Self::DeleteAsyncInvokeConfig => Action::Admin,
        }
    }

    /// The largest body that it takes.
    pub(crate) const fn body_bytes_max(self) -> usize {
        match self {
            Self::CreateFunction | Self::UpdateFunction => CODE_BODY_BYTES_MAX,
            Self::InvokeFunction => PAYLOAD_BYTES_MAX,
            Self::GetFunction
            | Self::ListFunctions
            | Self::DeleteFunction
            | Self::GetFunctionCode
            | Self::CreateTrigger
            | Self::GetTrigger
            | Self::ListTriggers
            | Self::UpdateTrigger
            | Self::DeleteTrigger
            | Self::PutAsyncInvokeConfig
            | Self::GetAsyncInvokeConfig
            | Self::DeleteAsyncInvokeConfig
            | Self::ListAsyncInvokeConfigs
            | Self::DownloadCode => BODY_BYTES_MAX,
        }
    }
}

/// An operation with what its path names; a name that the path does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) operation: Operation,
    pub(crate) function: Cow<'a, str>,
    pub(crate) trigger: Cow<'a, str>,
}

impl<'a> Route<'a> {
    /// The operation that a method and a raw path mean; `None` when there is no such operation.
    pub(crate) fn of(method: &Method, path: &'a str) -> Option<Self> {
        use Operation as Op;
        let segments: Vec<Cow<'a, str>> = path
            .strip_prefix('/')?
            .split('/')
            .map(|segment| decode_text(segment, Plus::Plus))
            .collect::<Option<_>>()?;
        let names: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        let operation = match (method.as_str(), &names[..]) {
            ("GET", ["_code", _]) => Op::DownloadCode,
            (method, [version, rest @ ..]) if *version == VERSION => match (method, rest) {
                ("POST", ["functions"]) => Op::CreateFunction,
                ("GET", ["functions"]) => Op::ListFunctions,
                ("GET", ["functions", _]) => Op::GetFunction,
                ("PUT", ["functions", _]) => Op::UpdateFunction,
                ("DELETE", ["functions", _]) => Op::DeleteFunction,
                ("GET", ["functions", _, "code"]) => Op::GetFunctionCode,
                ("POST", ["functions", _, "invocations"]) => Op::InvokeFunction,
                ("POST", ["functions", _, "triggers"]) => Op::CreateTrigger,
                ("GET", ["functions", _, "triggers"]) => Op::ListTriggers,
                ("GET", ["functions", _, "triggers", _]) => Op::GetTrigger,
                ("PUT", ["functions", _, "triggers", _]) => Op::UpdateTrigger,
                ("DELETE", ["functions", _, "triggers", _]) => Op::DeleteTrigger,
                ("PUT", ["functions", _, "async-invoke-config"]) => Op::PutAsyncInvokeConfig,
                ("GET", ["functions", _, "async-invoke-config"]) => Op::GetAsyncInvokeConfig,
                ("DELETE", ["functions", _, "async-invoke-config"]) => Op::DeleteAsyncInvokeConfig,
                ("GET", ["async-invoke-configs"]) => Op::ListAsyncInvokeConfigs,
                _ => return None,
            },
            _ => return None,
        };
        let at = if operation == Op::DownloadCode { 1 } else { 2 };
        let mut names = segments.into_iter().skip(at);
        let function = names.next().unwrap_or_default();
        let trigger = names.nth(1).unwrap_or_default();
        Some(Self { operation, function, trigger })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_apart_by_method_and_path() {
        let table = [
            ("POST", "/2023-03-30/functions", Some((Operation::CreateFunction, ""))),
            ("GET", "/2023-03-30/functions/a%24b%2Fc%20d", Some((Operation::GetFunction, "a$b/c d"))),
            ("GET", "/2023-03-30/functions/a+b", Some((Operation::GetFunction, "a+b"))),
            ("POST", "/2023-03-30/functions/f/invocations", Some((Operation::InvokeFunction, "f"))),
            ("POST", "/2023-03-30/functions/f/triggers", Some((Operation::CreateTrigger, "f"))),
            ("PUT", "/2023-03-30/functions/f/triggers/t", Some((Operation::UpdateTrigger, "f"))),
            ("GET", "/2023-03-30/async-invoke-configs", Some((Operation::ListAsyncInvokeConfigs, ""))),
            ("GET", "/_code/f", Some((Operation::DownloadCode, "f"))),
            ("PATCH", "/2023-03-30/functions/f", None),
            ("GET", "/2023-03-30/functions/f/versions", None),
            ("GET", "/2023-03-30/functions/f/", None),
            ("GET", "/2023-03-30/functions/%ff", None),
            ("GET", "/2021-04-06/functions", None),
            ("GET", "/", None),
            ("OPTIONS", "*", None),
        ];
        for (method, path, expected) in table {
            let route = Route::of(&Method::from_bytes(method.as_bytes()).unwrap(), path);
            let seen = route.as_ref().map(|route| (route.operation, &*route.function));
            assert_eq!(seen, expected, "{method} {path}");
        }
        let route = Route::of(&Method::GET, "/2023-03-30/functions/f/triggers/t%2D1").unwrap();
        assert_eq!((&*route.function, &*route.trigger), ("f", "t-1"));
    }
}
