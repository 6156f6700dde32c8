//! XML: replies are written by hand, request bodies are read into a small tree.

mod read;
mod write;

pub(crate) use read::{Element, parse};
pub(crate) use write::Xml;
