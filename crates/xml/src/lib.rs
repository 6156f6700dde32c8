//! XML as the cloud's older APIs use it: replies are written by hand, request bodies are read into a small tree.
//!
//! What is read has elements and text only: no attributes, no document type, nothing external, and bounds on how much
//! of it there is. Name spaces are not looked at, since the official clients do not agree on them.

mod read;
mod write;

pub use read::{Element, ReadLimits, read};
pub use write::{Xml, can_hold};
