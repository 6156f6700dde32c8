//! Everything there is to know about a function in order to run it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kulkul_model::{AccountId, FunctionName, Region, Runtime};

/// Names one state of one function: it changes whenever code or configuration change, so that instances with equal
/// revisions are interchangeable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevisionId(Arc<str>);

impl RevisionId {
    /// Takes over an id; any text that the owner of functions keeps unique.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One revision of a function, ready to run. Immutable: a change makes another one.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// What makes instances interchangeable.
    pub revision: RevisionId,
    /// The function's name.
    pub function: FunctionName,
    /// The account that owns it.
    pub account: AccountId,
    /// The region it is in.
    pub region: Region,
    /// What it is written for.
    pub runtime: Runtime,
    /// `module.function` for built-in runtimes; passed on as it is for custom ones.
    pub handler: String,
    /// The unpacked code. It is never written to.
    pub code_dir: PathBuf,
    /// The unpacked and merged layers, if there are any; seen as `/opt`.
    pub layers_dir: Option<PathBuf>,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// Memory that one instance may use.
    pub memory_mib: u32,
    /// Time that one invocation may take.
    pub timeout: Duration,
    /// Requests that one instance serves at once; only custom runtimes take more than 1.
    pub instance_concurrency: u16,
    /// How long an instance without requests is kept; `None` for the server's default.
    pub idle_timeout: Option<Duration>,
    /// Runs once per instance, before its first invocation.
    pub initializer: Option<Hook>,
    /// Runs before an instance is stopped.
    pub pre_stop: Option<Hook>,
    /// How a custom runtime is started; ignored by built-in ones.
    pub custom: CustomSettings,
    /// The published version, or `LATEST`.
    pub version_id: String,
    /// The project of the log configuration; empty when there is none.
    pub log_project: String,
    /// The store of the log configuration; empty when there is none.
    pub log_store: String,
    /// Temporary credentials for the function, if it has a role.
    pub credentials: Option<Credentials>,
}

/// A life-cycle hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `module.function` for built-in runtimes; ignored by custom ones, whose hooks are paths.
    pub handler: String,
    /// Time that the hook may take.
    pub timeout: Duration,
}

/// How a custom runtime is started.
///
/// Source: Function Compute 2023-03-30, `CustomRuntimeConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSettings {
    /// The program and its first arguments; empty for `bootstrap` in the code.
    pub command: Vec<String>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// The port that the program listens on unless it reads the one it is given.
    pub port: u16,
    /// How to find out that it is ready, beyond its accepting connections.
    pub health_check: Option<HealthCheck>,
}

impl Default for CustomSettings {
    /// `bootstrap` on port 9000 without a health check.
    fn default() -> Self {
        Self { command: Vec::new(), arguments: Vec::new(), port: 9000, health_check: None }
    }
}

/// A request that has to succeed before an instance counts as started.
///
/// Source: Function Compute 2023-03-30, `CustomHealthCheckConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path that is fetched.
    pub path: String,
    /// Wait before the first check.
    pub initial_delay: Duration,
    /// Wait between two checks.
    pub period: Duration,
    /// Time that one check may take.
    pub timeout: Duration,
    /// Failed checks in a row after which the start has failed.
    pub failure_threshold: u32,
    /// Successful checks in a row after which the instance is ready.
    pub success_threshold: u32,
}

/// Temporary credentials and where the function may see them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key.
    pub access_key_id: String,
    /// The secret of the key.
    pub access_key_secret: String,
    /// Goes with every request signed by the key.
    pub security_token: String,
    /// Whether they are put into the environment.
    pub in_environment: bool,
    /// Whether they are put into the context or the headers of each request.
    pub in_requests: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl InstanceSpec {
    /// Requests that one instance serves at once, at least 1.
    pub(crate) fn slots(&self) -> usize {
        if self.runtime.serves_concurrently() { usize::from(self.instance_concurrency.max(1)) } else { 1 }
    }
}
