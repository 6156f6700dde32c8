//! The registry of event sources: everything that can be chosen as the source of a trigger, in one place.
//!
//! It puts together the services of the cloud, the additions to the catalog that users keep as files or store through
//! the API, and the event sources registered on buses. Each change makes a new [`Catalog`](kulkul_catalog::Catalog)
//! and swaps it in: whoever asks next sees it, and nobody waits.
//!
//! The registry offers and describes. It never decides whether an event is accepted or a trigger may be.

pub mod action_trail;
pub mod directory;
pub mod message_queue;
pub mod schedule;
pub mod webhook;

mod additions;
mod document;
mod error;
mod files;
mod kind;
mod names;
mod registered;
mod sources;
mod warnings;

pub use additions::{Addition, AdditionForm};
pub use error::SourceError;
pub use kind::SourceKind;
pub use names::{AdditionName, SourceName};
pub use registered::{NewSource, RegisteredSource, SourceUpdate};
pub use sources::{Sources, SourcesParts};
pub use warnings::warnings;
