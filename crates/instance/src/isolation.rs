//! How functions are kept away from the machine, from the server and from each other: in layers, each tried out once.
//!
//! Always there: a session and process group of its own, no inherited descriptors, an environment made from nothing,
//! no way to gain privileges, limits of open files and core dumps, and memory that is watched. Tried out: *namespaces*, in
//! which a function sees its code, its layers, a directory for temporary files and the machine's programs, and nothing
//! else, no other process included; where there are none, *file rules* of the kernel (Landlock), which leave it the same
//! files; the *system call filter*; and *port redirection*, without which programs that insist on a port run one at a
//! time. Who runs a server as root has functions run as another user, who owns nothing.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kulkul_sandbox::{Access, Bind, Enclosure, FileRules, Filter, Identity, Launch, Limits, Process};

use crate::config::{IsolationConfig, Wish};

/// Where the shims are seen within an enclosure.
pub(crate) const SHIMS_INSIDE: &str = "/var/fc/runtime";
/// Where a zygote sees the machine's own tree.
pub(crate) const HOST_INSIDE: &str = "/.host";
/// Directories with programs and their data; those that a machine does not have are left out.
const SYSTEM: [&str; 12] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/nix/store",
    "/gnu/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
];
/// How long a trial may take.
const TRIAL_WAIT: Duration = Duration::from_secs(10);

/// A layer that a machine may or may not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Mount, pid and IPC namespaces.
    Namespaces,
    /// Another user than the server's.
    UnprivilegedUser,
    /// A list of forbidden system calls.
    SystemCallFilter,
    /// Rules about the files that functions may reach; only where there are no namespaces.
    FileRules,
    /// Ports of their own for programs that insist on one.
    PortRedirection,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Namespaces => "namespaces",
            Layer::UnprivilegedUser => "unprivileged user",
            Layer::SystemCallFilter => "system call filter",
            Layer::FileRules => "file rules",
            Layer::PortRedirection => "port redirection",
        })
    }
}

/// Whether a layer is in force, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerState {
    /// The layer.
    pub layer: Layer,
    /// The reason why it is not in force; `None` when it is.
    pub missing: Option<String>,
    /// Whether functions must not run without it.
    pub required: bool,
}

/// The layers that are in force on this machine.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// As whom functions run in namespaces; `None` without namespaces.
    identity: Option<Identity>,
    filter: Option<Filter>,
    redirects_ports: bool,
    restricts_files: bool,
    visible: Vec<PathBuf>,
    states: Vec<LayerState>,
}

impl Isolation {
    /// Tries out what the machine offers. Blocks for some milliseconds; `mount_point` is an empty directory.
    pub fn probe(config: &IsolationConfig, mount_point: &Path) -> Self {
        let is_root = nix::unistd::geteuid().is_root();
        let identity = match is_root {
            true => Identity::User { uid: config.function_user, gid: config.function_group },
            false => Identity::UserNamespace,
        };
        let mut visible: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        visible.extend(config.visible_paths.iter().cloned());
        let enclosure = enclosure(mount_point, visible.clone(), Vec::new(), identity);
        let redirection = attempt(config.port_redirection, trial_of_binds);
        let namespaces = attempt(config.namespaces, || match identity {
            // Neither is a user without privileges: the first is root, the second stands for "whoever I am".
            Identity::User { uid: 0 | u32::MAX, .. } | Identity::User { gid: 0 | u32::MAX, .. } => {
                Err("the user of functions must be another than root".to_owned())
            }
            _ => trial(Some(enclosure), None),
        });
        let filter = Filter::for_functions();
        let filtered = attempt(config.system_call_filter, || trial(None, Some(filter.clone())));
        let user = match (&namespaces, is_root) {
            (None, true) => None,
            (Some(_), true) => Some("it needs namespaces".to_owned()),
            (_, false) => Some("the server is not root, and functions run as its own user".to_owned()),
        };
        let rules = attempt(config.file_rules, || trial_of_rules(&visible));
        let state = |layer, missing: &Option<String>, wish| {
            let (missing, required) = (missing.clone(), wish == Wish::Require);
            LayerState { layer, missing, required }
        };
        let mut states = vec![
            state(Layer::Namespaces, &namespaces, config.namespaces),
            state(Layer::UnprivilegedUser, &user, Wish::Prefer),
            state(Layer::SystemCallFilter, &filtered, config.system_call_filter),
            state(Layer::PortRedirection, &redirection, config.port_redirection),
        ];
        if namespaces.is_some() {
            states.push(state(Layer::FileRules, &rules, config.file_rules));
        }
        Self {
            identity: namespaces.is_none().then_some(identity),
            filter: filtered.is_none().then_some(filter),
            redirects_ports: redirection.is_none(),
            restricts_files: namespaces.is_some() && rules.is_none(),
            visible,
            states,
        }
    }

    /// Each layer and whether it is in force.
    pub fn layers(&self) -> &[LayerState] {
        &self.states
    }

    /// A required layer that is not in force.
    pub(crate) fn violated(&self) -> Option<&LayerState> {
        self.states.iter().find(|state| state.required && state.missing.is_some())
    }

    /// Whether instances have namespaces of their own.
    pub(crate) fn encloses(&self) -> bool {
        self.identity.is_some()
    }

    /// The user and group whom a function's own files have to belong to, if that is not the server's.
    pub(crate) fn owner(&self) -> Option<(u32, u32)> {
        match self.identity {
            Some(Identity::User { uid, gid }) => Some((uid, gid)),
            Some(Identity::Root | Identity::UserNamespace | Identity::PrivilegedUserNamespace) | None => None,
        }
    }

    /// Whether programs can be put on ports of their own.
    pub(crate) fn redirects_ports(&self) -> bool {
        self.redirects_ports
    }

    /// The filter for functions.
    pub(crate) fn filter(&self) -> Option<Filter> {
        self.filter.clone()
    }

    /// The rules for an instance without namespaces: it may read what it would see with them, and write to `own`.
    ///
    /// # Errors
    /// When the kernel refuses a rule.
    pub(crate) fn file_rules(
        &self,
        interpreter: Option<&Path>,
        readable: &[&Path],
        own: &Path,
    ) -> std::io::Result<Option<OwnedFd>> {
        if !self.restricts_files {
            return Ok(None);
        }
        let rules = rules_for(&self.visible_with(interpreter))?;
        for path in readable {
            rules.allow(path, Access::ReadOnly)?;
        }
        rules.allow(own, Access::ReadWrite)?;
        // Much code writes to /tmp whatever its environment says. All functions share it then; but the server's own
        // directories must not be among what they share.
        if !own.starts_with("/tmp") {
            rules.allow(Path::new("/tmp"), Access::ReadWrite)?;
        }
        Ok(Some(rules.into_descriptor()))
    }

    /// What an instance sees whose interpreter, if any, is this.
    pub(crate) fn enclosure(
        &self,
        mount_point: &Path,
        interpreter: Option<&Path>,
        binds: Vec<Bind>,
    ) -> Option<Enclosure> {
        Some(enclosure(mount_point, self.visible_with(interpreter), binds, self.identity?))
    }

    /// What a zygote sees: the same, and the machine's tree, from which its forks take their directories.
    pub(crate) fn zygote_enclosure(
        &self,
        mount_point: &Path,
        interpreter: &Path,
        binds: Vec<Bind>,
    ) -> Option<Enclosure> {
        let identity = match self.identity? {
            Identity::User { .. } | Identity::Root => Identity::Root,
            Identity::UserNamespace | Identity::PrivilegedUserNamespace => Identity::PrivilegedUserNamespace,
        };
        let enclosure = enclosure(mount_point, self.visible_with(Some(interpreter)), binds, identity);
        // The dynamic linker remembers for ever that a directory of its path is missing.
        let empty = ["/code/lib", "/opt/lib", "/tmp"].map(PathBuf::from).to_vec();
        Some(Enclosure { host_at: Some(HOST_INSIDE.into()), empty, ..enclosure })
    }

    fn visible_with(&self, interpreter: Option<&Path>) -> Vec<PathBuf> {
        let mut visible = self.visible.clone();
        let real = interpreter.and_then(|path| path.canonicalize().ok());
        for path in interpreter.into_iter().chain(real.as_deref()) {
            let home = installation(path);
            if !visible.iter().any(|shown| home.starts_with(shown)) {
                visible.push(home.to_owned());
            }
        }
        visible
    }
}

/// The directory that an interpreter was installed into: the one that holds its `bin`.
fn installation(executable: &Path) -> &Path {
    let directory = executable.parent().unwrap_or(executable);
    match directory.parent() {
        Some(prefix) if directory.ends_with("bin") && prefix.parent().is_some() => prefix,
        _ => directory,
    }
}

fn enclosure(mount_point: &Path, visible: Vec<PathBuf>, binds: Vec<Bind>, identity: Identity) -> Enclosure {
    let empty = ["/code", "/opt", "/tmp", "/var/tmp"].map(PathBuf::from).to_vec();
    Enclosure { mount_point: mount_point.to_owned(), visible, binds, empty, host_at: None, identity }
}

/// Why a layer is not in force.
fn attempt(wish: Wish, trial: impl FnOnce() -> Result<(), String>) -> Option<String> {
    match wish {
        Wish::Off => Some("switched off".to_owned()),
        Wish::Prefer | Wish::Require => trial().err(),
    }
}

/// Runs a program that does nothing, and says why it could not.
fn trial(enclosure: Option<Enclosure>, filter: Option<Filter>) -> Result<(), String> {
    let launch = nothing(enclosure, filter).map_err(|error| error.to_string())?;
    let process = launch.start().map_err(|error| chain(&error))?;
    outcome(&process)
}

/// Runs a program that does nothing under rules about files.
fn trial_of_rules(visible: &[PathBuf]) -> Result<(), String> {
    let rules = rules_for(visible).map_err(|error| error.to_string())?;
    let launch = nothing(None, None).map_err(|error| error.to_string())?;
    let launch = Launch { file_rules: Some(rules.into_descriptor()), ..launch };
    let process = launch.start().map_err(|error| chain(&error))?;
    outcome(&process)
}

/// Rules that allow to read these paths, and to use what every program needs.
fn rules_for(visible: &[PathBuf]) -> std::io::Result<FileRules> {
    let rules = FileRules::new()?;
    for path in visible.iter().map(PathBuf::as_path).chain([Path::new("/proc"), Path::new("/sys")]) {
        rules.allow(path, Access::ReadOnly)?;
    }
    for device in ["null", "zero", "full", "random", "urandom", "tty", "shm"] {
        rules.allow(&Path::new("/dev").join(device), Access::ReadWrite)?;
    }
    Ok(rules)
}

/// Runs a program that does nothing, and would be asked about its ports.
fn trial_of_binds() -> Result<(), String> {
    let launch = nothing(None, None).map_err(|error| error.to_string())?;
    let (process, _listener) = launch.start_with_binds().map_err(|error| chain(&error))?;
    outcome(&process)
}

fn nothing(enclosure: Option<Enclosure>, filter: Option<Filter>) -> std::io::Result<Launch> {
    let (_, output) = std::io::pipe()?;
    Ok(Launch {
        program: "true".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        directory: "/".into(),
        output: output.into(),
        passed: Vec::new(),
        // More than the server itself has open at its start: the process inherits that, until its program starts.
        limits: Limits { open_files_max: 1024 },
        enclosure,
        file_rules: None,
        filter,
    })
}

fn outcome(process: &Process) -> Result<(), String> {
    let ended = process.wait_ended(TRIAL_WAIT);
    process.kill();
    process.wait_ended(TRIAL_WAIT);
    match (ended, process.reap()) {
        (true, Some(kulkul_sandbox::Exit::Code(0))) => Ok(()),
        (_, exit) => Err(format!("a trial ended with {exit:?}")),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_what_holds_the_programs_directory() {
        let table = [
            ("/usr/bin/python3", "/usr"),
            ("/home/me/.pyenv/versions/3.10.13/bin/python3.10", "/home/me/.pyenv/versions/3.10.13"),
            ("/srv/node", "/srv"),
            ("/bin/python3", "/bin"),
        ];
        for (executable, expected) in table {
            assert_eq!(installation(Path::new(executable)), Path::new(expected), "{executable}");
        }
    }

    #[test]
    fn a_layer_that_was_switched_off_says_so_and_is_missed_when_required() {
        let directory = tempfile::tempdir().unwrap();
        let off = IsolationConfig { namespaces: Wish::Off, ..IsolationConfig::default() };
        let isolation = Isolation::probe(&off, directory.path());
        assert!(!isolation.encloses());
        assert_eq!(isolation.layers()[0].missing.as_deref(), Some("switched off"));
        assert_eq!(isolation.violated(), None);
    }
}
