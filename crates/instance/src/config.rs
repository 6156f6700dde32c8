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
    /// How functions are kept away from everything else.
    pub isolation: IsolationConfig,
}

/// How functions are kept away from the machine, from the server and from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationConfig {
    /// Mount, pid and IPC namespaces.
    pub namespaces: Wish,
    /// The list of forbidden system calls.
    pub system_call_filter: Wish,
    /// Rules about the files that functions may reach (Landlock), where there are no namespaces.
    pub file_rules: Wish,
    /// Ports of their own for custom runtimes that insist on the configured one; without, all custom runtimes get the
    /// configured port, and one instance at a time runs on each.
    pub port_redirection: Wish,
    /// The user that functions run as when the server is root and there are namespaces; 65534, `nobody`, by default.
    pub function_user: u32,
    /// The group that goes with it.
    pub function_group: u32,
    /// Directories and files, beside the system's own, that functions in namespaces may read.
    pub visible_paths: Vec<PathBuf>,
}

impl Default for IsolationConfig {
    /// Everything that the machine offers, nothing required.
    fn default() -> Self {
        Self {
            namespaces: Wish::Prefer,
            system_call_filter: Wish::Prefer,
            file_rules: Wish::Prefer,
            port_redirection: Wish::Prefer,
            function_user: 65_534,
            function_group: 65_534,
            visible_paths: Vec::new(),
        }
    }
}

/// How much a layer of isolation is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// It is not used.
    Off,
    /// It is used where the machine offers it.
    #[default]
    Prefer,
    /// Without it no function runs.
    Require,
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
            isolation: IsolationConfig::default(),
        }
    }
}
