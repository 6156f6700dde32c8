//! Functions: their settings, their code, and how they are invoked.
//!
//! A function is one document; its code is one blob. Code is checked before it is unpacked, and unpacked before the
//! document that refers to it is stored. Everything in memory can be rebuilt from the store, and everything unpacked
//! from the blobs. There is no HTTP here: whoever serves an API converts its requests to what this crate takes.

mod asynchronous;
mod caller;
mod change;
mod code;
mod credentials;
mod document;
mod error;
mod function;
mod functions;
mod invoke;
mod logs;
mod page;
mod registry;
pub mod settings;
mod spec;
#[cfg(test)]
mod testing;

pub use asynchronous::{
    AcceptedInvocation, AsyncConfig, AsyncConfigPatch, AsyncOptions, Cause, Destinations,
};
pub use change::to_its_end;
pub use code::{
    ArchiveError, ArchiveLimits, CodeCache, CodeCacheError, CodeObjects, CodeSource, ObjectReadError,
    check_archive,
};
pub use credentials::{CredentialSource, TemporaryCredentials};
pub use error::FunctionError;
pub use function::{CodeInfo, Function, FunctionUpdate, NewFunction, Tag};
pub use functions::{FunctionCode, FunctionFilter, FunctionOptions, Functions, FunctionsParts};
pub use invoke::{Invocation, InvokeFunctionError, InvokeOptions, PayloadLimits};
pub use logs::{LogEntry, LogLimits, Logs};
pub use page::{Page, PageRequest};
pub use settings::{Settings, SettingsPatch};
