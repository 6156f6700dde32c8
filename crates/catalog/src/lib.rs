//! What event sources there are, which types of events each of them sends, and what such an event looks like.
//!
//! A [`Catalog`] is an immutable value, cheap to clone. [`Catalog::builtin`] knows the services of Alibaba Cloud;
//! [`Catalog::merge`] makes a new one with what users add: their own sources and types, corrections of ours, and the
//! event sources registered on buses. Whoever holds the registry swaps the old value for the new one, and everything
//! that reads it (lists of sources, triggers, samples) sees the change at once.
//!
//! The catalog describes; it never decides. An event whose source or type stands in no catalog is as good as any
//! other, since the lists of the cloud are open too: lookups answer `None`, and nobody refuses anything for it.
//!
//! No clock, no randomness, no network. Only [`CatalogAdditions::from_directory`] reads files, those of the directory
//! that the caller names.

mod additions;
mod builtin;
mod canonical;
mod catalog;
mod category;
mod markdown;
mod sample;
mod search;
mod service_code;
mod source;

pub use additions::{AdditionFault, AdditionsError, CatalogAdditions, LoadLimits, UserDefinedSource};
pub use canonical::canonical_source;
pub use catalog::Catalog;
pub use category::Category;
pub use markdown::document;
pub use sample::{SAMPLE_ATTRIBUTE, SampleError, SampleOptions, UNKNOWN_PAYLOAD, parse_override};
pub use search::Hit;
pub use service_code::service_code;
pub use source::{Basis, EventSource, EventType, Origin, Payload};
