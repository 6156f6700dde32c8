//! Starting one process with exactly what it was given.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use crate::child::{Plan, clone_process};
use crate::enclosure::Enclosure;
use crate::filter::Filter;
use crate::process::Process;
use crate::redirect::BindListener;
use crate::socket::receive_with_descriptors;
use crate::sys;

/// Limits of the process and what it starts, beside memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors that one process may have open.
    pub open_files_max: u64,
}

/// A process to be started. It gets nothing that is not named here.
#[derive(Debug)]
pub struct Launch {
    /// The program: a path, or a name that is looked up in `PATH` of `environment`.
    pub program: OsString,
    /// Arguments after the program's own name.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory.
    pub directory: PathBuf,
    /// Becomes standard output and standard error; standard input is empty.
    pub output: OwnedFd,
    /// Become descriptors 3, 4, ... of the process.
    pub passed: Vec<OwnedFd>,
    /// Limits of the process.
    pub limits: Limits,
    /// What the process sees of the machine; everything the server sees when there is none. The working directory and
    /// the program are looked up inside.
    pub enclosure: Option<Enclosure>,
    /// Rules about the files that the process may reach, as [`FileRules`](crate::FileRules) makes them. With them it
    /// has no capabilities, even as root.
    pub file_rules: Option<OwnedFd>,
    /// What system calls the process may make; all when there is none.
    pub filter: Option<Filter>,
}

/// How long a child may take until it has loaded its program.
const REPORT_WAIT_MS: i32 = 20_000;

/// What was being done when a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the process.
    Clone,
    /// Arranging descriptors, session and limits.
    Arrange,
    /// Making the enclosure, or becoming who runs in it.
    Enclose,
    /// Restricting the files and system calls.
    Filter,
    /// Entering the working directory.
    Directory,
    /// Starting the program.
    Execute,
}

impl Stage {
    const ALL: [Stage; 6] =
        [Stage::Clone, Stage::Arrange, Stage::Enclose, Stage::Filter, Stage::Directory, Stage::Execute];
}

/// A process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start `{program}` ({stage:?})")]
pub struct LaunchError {
    /// The program that was to be started.
    pub program: String,
    /// What was being done.
    pub stage: Stage,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

impl Launch {
    /// Starts the process, as leader of a session and process group of its own.
    ///
    /// It dies with the **thread** that called this, so that nothing outlives the server, however that ends: call it
    /// from a thread that lives as long as the process should. Blocks until the program has been loaded.
    ///
    /// # Errors
    /// When the process cannot be made or the program cannot be loaded; then no process is left.
    pub fn start(self) -> Result<Process, LaunchError> {
        self.start_and_listen(None).map(|(process, _)| process)
    }

    /// Starts the process like [`start`](Self::start), and has the kernel ask about each `bind` that it makes.
    ///
    /// # Errors
    /// As [`start`](Self::start); also when the kernel does not offer that.
    pub fn start_with_binds(self) -> Result<(Process, BindListener), LaunchError> {
        let program = self.program.to_string_lossy().into_owned();
        let fail = |source| LaunchError { program: program.clone(), stage: Stage::Filter, source };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(fail)?;
        let (process, listener) = self.start_and_listen(Some((ours.into(), theirs.into())))?;
        let missing = || io::Error::other("the child sent no descriptor");
        Ok((process, BindListener::new(listener.ok_or_else(|| fail(missing()))?)))
    }

    fn start_and_listen(
        self,
        courier: Option<(OwnedFd, OwnedFd)>,
    ) -> Result<(Process, Option<OwnedFd>), LaunchError> {
        let program = self.program.to_string_lossy().into_owned();
        let fail = |stage, source| LaunchError { program: program.clone(), stage, source };
        let (mut report, report_end) = sys::pipe().map_err(|error| fail(Stage::Clone, error))?;
        let (ours, theirs) = courier.unzip();
        let plan = Plan::new(&self, &report_end, theirs.as_ref());
        let plan = plan.map_err(|error| fail(Stage::Arrange, error))?;
        // SAFETY: without CLONE_VM the child has its own copy of memory; it runs `Plan::run`, which only makes system
        // calls on memory prepared above and never returns.
        let pid = unsafe { clone_process(plan.namespaces()) }.map_err(|error| fail(Stage::Clone, error))?;
        if pid == 0 {
            plan.run();
        }
        drop((plan, report_end, theirs));
        let process = sys::pidfd_open(pid).map(|pidfd| Process::child(pid, pidfd));
        let process = process.map_err(|error| fail(Stage::Clone, error))?;
        if let Some((stage, errno)) = read_report(&mut report) {
            process.kill();
            process.wait_ended(std::time::Duration::from_secs(5));
            process.reap();
            return Err(fail(stage, io::Error::from_raw_os_error(errno)));
        }
        let listener = ours.and_then(|ours| {
            let received = receive_with_descriptors(ours.as_fd(), &mut [0; 1]);
            received.ok().and_then(|(_, descriptors)| descriptors.into_iter().next())
        });
        Ok((process, listener))
    }
}

/// Reads what the child reported; `None` when the program was loaded, which closes the pipe.
///
/// A child that gets stuck, for instance on a network file system that does not answer, is given up.
fn read_report(end: &mut OwnedFd) -> Option<(Stage, i32)> {
    let mut entry = libc::pollfd { fd: end.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `entry` is one valid `pollfd`.
    if unsafe { libc::poll(&mut entry, 1, REPORT_WAIT_MS) } == 0 {
        return Some((Stage::Arrange, libc::ETIMEDOUT));
    }
    let mut file = std::fs::File::from(end.try_clone().ok()?);
    let mut report = [0; 8];
    file.read_exact(&mut report).ok()?;
    let [stage, errno] =
        [&report[..4], &report[4..]].map(|b| i32::from_ne_bytes(b.try_into().unwrap_or([0; 4])));
    Some((*Stage::ALL.get(stage as usize).unwrap_or(&Stage::Arrange), errno))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Exit;

    fn launch(program: &str, arguments: &[&str]) -> (Launch, std::fs::File) {
        let (read, write) = sys::pipe().unwrap();
        let launch = Launch {
            program: program.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hello".into())],
            directory: "/".into(),
            output: write,
            passed: Vec::new(),
            limits: Limits { open_files_max: 123 },
            enclosure: None,
            file_rules: None,
            filter: None,
        };
        (launch, read.into())
    }

    fn output_of(program: &str, arguments: &[&str]) -> String {
        let (launch, mut output) = launch(program, arguments);
        let process = launch.start().unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert!(process.wait_ended(Duration::from_secs(10)));
        assert_eq!(process.reap(), Some(Exit::Code(0)));
        text
    }

    #[test]
    fn a_process_gets_only_the_environment_and_descriptors_it_was_given() {
        let listed = output_of(
            "sh",
            &["-c", "env | sort | grep -v '^PWD\\|^SHLVL\\|^_=' ; ls /proc/self/fd | tr '\n' ' '"],
        );
        let mut lines = listed.lines();
        assert_eq!(lines.next(), Some("GREETING=hello"));
        assert_eq!(lines.next(), Some("PATH=/usr/bin:/bin"));
        assert_eq!(lines.next(), Some("0 1 2 3 "), "3 is the directory that `ls` reads");
    }

    #[test]
    fn a_process_leads_its_own_group_and_cannot_gain_privileges() {
        let text = output_of(
            "sh",
            &["-c", "cut -d' ' -f1,5,6 /proc/$$/stat; grep NoNewPrivs /proc/self/status; ulimit -n"],
        );
        let (ids, rest) = text.split_once('\n').unwrap();
        let ids: Vec<&str> = ids.split(' ').collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "pid, group and session of {ids:?}");
        assert_eq!(rest, "NoNewPrivs:\t1\n123\n");
    }

    #[test]
    fn a_program_that_is_missing_or_not_executable_is_reported_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let plain = directory.path().join("plain");
        std::fs::write(&plain, "#!/bin/sh\n").unwrap();
        let table = [
            ("/nowhere/at/all", libc::ENOENT),
            ("nowhere", libc::ENOENT),
            (plain.to_str().unwrap(), libc::EACCES),
        ];
        for (program, errno) in table {
            let error = launch(program, &[]).0.start().unwrap_err();
            assert_eq!(
                (error.stage, error.source.raw_os_error()),
                (Stage::Execute, Some(errno)),
                "{program}"
            );
        }
    }

    #[test]
    fn a_kill_ends_the_children_in_the_group_too() {
        let (launch, mut output) = launch("sh", &["-c", "sleep 1000 & echo $!; wait"]);
        let process = launch.start().unwrap();
        let mut first = [0; 1];
        output.read_exact(&mut first).unwrap();
        process.kill();
        assert!(process.wait_ended(Duration::from_secs(10)));
        assert_eq!(process.exit(), Some(Exit::Signal(libc::SIGKILL)));
        assert_eq!(process.reap(), Some(Exit::Signal(libc::SIGKILL)));
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap(); // Ends only when nobody holds the writing end any more.
    }
}
