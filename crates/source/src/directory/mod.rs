//! Watched directories: a file that appears becomes an event.
//!
//! A file counts once it was the same in two looks, so that one that is still being written is left alone. What was
//! reported is stored after the commit of its event, so that a file is reported at least once; its event has an id that
//! follows from name, size and time of the file, and is not made again when the bus has it.
//!
//! Only files directly in the directory are seen, no links, and none whose name begins with a dot. Nothing is moved,
//! changed or opened.

mod event;
mod look;
mod seen;
mod watch;

pub use watch::{WatchedDirectories, WatchedDirectoriesParts, WatchedDirectory};
