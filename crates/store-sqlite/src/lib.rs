//! The embedded storage engine: SQLite.
//!
//! A data directory holds `events.db` (the event log, its queues and traces) and `meta.db` (metadata), so that the
//! control plane and the data plane never wait for each other, `blobs/` with one file for each blob, and `objects/` with the bytes of
//! objects, whose index is in `events.db`. Both
//! databases are in write-ahead mode, and every commit is synced before anybody is told of it.
//!
//! One thread writes each file and shares its commits among all who wait (`writer`); readers use connections of
//! their own (`readers`). Nothing outside of this crate knows that there is a disk.

mod blobs;
mod checkpoint;
mod database;
mod directory;
mod events;
mod failure;
mod health;
mod metadata;
mod objects;
mod readers;
mod store;
mod writer;

pub use blobs::Damaged;
pub use directory::InUse;
pub use health::{FileHealth, Health};
pub use store::{Options, SqliteStore};
