//! Function code: a zip that is checked, unpacked, and kept unpacked for as long as a function refers to it.

mod archive;
mod cache;
mod links;
mod source;
mod unpack;

pub use archive::{ArchiveError, ArchiveLimits, check_archive};
pub use cache::{CodeCache, CodeCacheError};
pub use source::{CodeObjects, CodeSource, ObjectReadError};
