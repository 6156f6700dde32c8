//! Starts processes that run somebody else's code, and ends them for certain.
//!
//! Everything that needs the operating system's raw interface lives here and nowhere else: starting a process with
//! exactly the descriptors, environment and limits it was given, taking rights away from it, and ending it with all
//! its descendants. The crate knows nothing of functions, runtimes or requests.
//!
//! Between `clone` and `exec` a child of a program with threads may only make system calls: it must not allocate,
//! lock or panic. [`Launch::start`] therefore prepares every string and table beforehand.
#![allow(
    unsafe_code,
    reason = "raw system calls between clone and exec, and pidfds; each block states why it is sound"
)]

mod child;
mod enclosure;
mod end_watch;
mod filter;
mod identity;
mod landlock;
mod launch;
mod process;
mod redirect;
mod socket;
mod sys;

pub use enclosure::{Access, Bind, Enclosure, Identity};
pub use end_watch::EndWatch;
pub use filter::Filter;
pub use landlock::FileRules;
pub use launch::{Launch, LaunchError, Limits, Stage};
pub use process::{Exit, Process};
pub use redirect::BindListener;
pub use socket::{receive_with_descriptors, send_with_descriptors};
