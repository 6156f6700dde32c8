//! The commands, one file each.

pub mod bus;
mod bus_set;
pub mod catalog;
pub mod dead_letter;
pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod event_explain;
mod event_list;
pub mod event_put;
pub mod event_replay;
pub mod event_sample;
pub mod event_search;
pub mod event_tail;
pub mod event_trace;
mod explanation_text;
pub mod function;
pub mod invoke;
mod native;
pub mod pattern_explain;
pub mod rule;
mod rule_dry_run;
mod selection;
pub mod serve;
mod table;
pub mod target;
mod trace_text;
pub mod trigger;

use std::io::Read;
use std::path::Path;

use anyhow::Context;

/// The command failed.
pub const EXIT_FAILED: u8 = 1;
/// The arguments are wrong, which clap says with the same.
pub const EXIT_ARGUMENTS: u8 = 2;
/// The configuration is wrong.
pub const EXIT_CONFIGURATION: u8 = 3;
/// The command worked, and the answer is "no".
pub const EXIT_NO: u8 = 4;

/// Runs a command that talks to a server.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)
}

/// Reads a file, or standard input for `-`.
fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content).context("cannot read standard input")?;
        return Ok(content);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A text as given, or the content of a file for `@FILE`.
fn text_or_file(given: &str) -> anyhow::Result<String> {
    match given.strip_prefix('@') {
        Some(path) => Ok(String::from_utf8(read_file(Path::new(path))?)?),
        None => Ok(given.to_owned()),
    }
}
