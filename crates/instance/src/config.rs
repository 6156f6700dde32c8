//! What the operator decides about instances.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of [`Instances`](crate::Instances).
#[derive(Clone, Debug)]
pub struct InstancesConfig {
    /// Holds the private directory of each instance and the shims; made with mode 0711 and emptied at start.
    pub run_dir: PathBuf,
    /// Instances that may exist at once. Source: Function Compute 2023-03-30, limits: 300 per region.
    pub instances_max: usize,
    /// How long an invocation waits for a slot when no instance may be started.
    pub slot_wait: Duration,
    /// How long an instance without requests is kept, unless its function says otherwise.
    pub idle_timeout: Duration,
    /// Time from the start of a process until it takes requests, initializer not included.
    /// Source: Function Compute, custom runtimes: 120 s.
    pub start_timeout: Duration,
    /// Bytes that a result may have.
    pub response_bytes_max: usize,
    /// Whether a runtime whose exact interpreter is missing is refused.
    pub runtime_choice: RuntimeChoice,
    /// Interpreters to use before those found on the machine: executables of any Python or Node.js version.
    pub interpreters: Vec<PathBuf>,
    /// Descriptors that one process of a function may have open.
    pub open_files_max: u64,
}

/// What to do when the machine lacks the exact version of an interpreter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// Take the nearest newer version, else the nearest older one.
    #[default]
    Nearest,
    /// Refuse to run the function.
    Strict,
}

impl InstancesConfig {
    /// The defaults, with instances living under `run_dir`.
    pub fn new(run_dir: impl Into<PathBuf>) -> Self {
        Self {
            run_dir: run_dir.into(),
            instances_max: 300,
            slot_wait: Duration::ZERO,
            idle_timeout: Duration::from_secs(300),
            start_timeout: Duration::from_secs(120),
            response_bytes_max: 32 << 20,
            runtime_choice: RuntimeChoice::Nearest,
            interpreters: Vec::new(),
            open_files_max: 65_536,
        }
    }
}
