//! ActionTrail files that are delivered to a bucket of ours: each record becomes an event.
//!
//! The event of an object that appears under the configured prefix is owed to a queue of the importer, in the commit
//! that makes the object visible. The importer reads the file, puts the records on a bus, and only then settles, so
//! that a crash on any line repeats work and loses none. A record whose event is on the bus already is passed over.
//!
//! Source: ActionTrail, "Management event structure" and "Storage path of events in OSS".

mod file;
mod import;
mod record;

pub use import::{ActionTrail, ActionTrailParts, ActionTrailSettings, ReadFileError, TrailFiles};
