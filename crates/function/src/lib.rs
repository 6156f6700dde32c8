//! Functions: their settings, their code, and how they are invoked.
//!
//! A function is one document; its code is one blob. Code is checked before it is unpacked, and unpacked before the
//! document that refers to it is stored. Everything in memory can be rebuilt from the store, and everything unpacked
//! from the blobs. There is no HTTP here: whoever serves an API converts its requests to what this crate takes.

mod code;
mod document;
mod error;
mod function;
mod functions;
mod page;
mod registry;
mod runtime;
pub mod settings;
#[cfg(test)]
mod testing;

pub use code::{
    ArchiveError, ArchiveLimits, CodeCache, CodeCacheError, CodeObjects, CodeSource, ObjectReadError,
    check_archive,
};
pub use error::FunctionError;
pub use function::{CodeInfo, Function, FunctionUpdate, NewFunction, Tag};
pub use functions::{FunctionCode, FunctionFilter, FunctionOptions, Functions, FunctionsParts};
pub use page::{Page, PageRequest};
pub use runtime::Runtime;
pub use settings::{Settings, SettingsPatch};
