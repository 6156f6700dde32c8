//! Starting one process with exactly what it was given.

use std::ffi::{CString, OsStr, OsString, c_char};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::process::Process;
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
}

/// What was being done when a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the process.
    Clone,
    /// Arranging descriptors, session and limits.
    Arrange,
    /// Entering the working directory.
    Directory,
    /// Starting the program.
    Execute,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Clone, Stage::Arrange, Stage::Directory, Stage::Execute];
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
        let program = self.program.to_string_lossy().into_owned();
        let fail = |stage, source| LaunchError { program: program.clone(), stage, source };
        let (mut report, report_end) = sys::pipe().map_err(|error| fail(Stage::Clone, error))?;
        let plan = Plan::new(&self, &report_end).map_err(|error| fail(Stage::Arrange, error))?;
        // SAFETY: without CLONE_VM the child has its own copy of memory; it runs `Plan::run`, which only makes system
        // calls on memory prepared above and never returns.
        let pid = unsafe { clone_process(0) }.map_err(|error| fail(Stage::Clone, error))?;
        if pid == 0 {
            plan.run();
        }
        drop((plan, report_end));
        let process = sys::pidfd_open(pid).map(|pidfd| Process::child(pid, pidfd));
        let process = process.map_err(|error| fail(Stage::Clone, error))?;
        match read_report(&mut report) {
            None => Ok(process),
            Some((stage, errno)) => {
                process.kill();
                process.wait_ended(std::time::Duration::from_secs(5));
                process.reap();
                Err(fail(stage, io::Error::from_raw_os_error(errno)))
            }
        }
    }
}

/// Reads what the child reported; `None` when the program was loaded, which closes the pipe.
fn read_report(end: &mut OwnedFd) -> Option<(Stage, i32)> {
    let mut file = std::fs::File::from(end.try_clone().ok()?);
    let mut report = [0; 8];
    file.read_exact(&mut report).ok()?;
    let [stage, errno] =
        [&report[..4], &report[4..]].map(|b| i32::from_ne_bytes(b.try_into().unwrap_or([0; 4])));
    Some((*Stage::ALL.get(stage as usize).unwrap_or(&Stage::Arrange), errno))
}

/// Makes a copy of this process: returns 0 in the copy and its number in the original.
///
/// # Safety
/// The copy of a program with threads may only make system calls until it executes a program or ends.
unsafe fn clone_process(flags: u64) -> io::Result<i32> {
    // SAFETY: all zeroes is a valid `clone_args`: no stack, no descriptors to fill in.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: `args` is valid and without CLONE_VM the child returns on its own copy of this stack.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &mut args, size_of::<libc::clone_args>()) };
    sys::check(pid).map(|pid| pid as i32)
}

/// Everything the child needs, in the form in which system calls take it.
struct Plan {
    candidates: Vec<CString>,
    argument_pointers: Vec<*const c_char>,
    environment_pointers: Vec<*const c_char>,
    /// What the two tables above point into.
    _texts: [Vec<CString>; 2],
    directory: CString,
    null: OwnedFd,
    output: OwnedFd,
    passed: Vec<OwnedFd>,
    report: OwnedFd,
    limits: Limits,
    parent: i32,
}

impl Plan {
    fn new(launch: &Launch, report: &OwnedFd) -> io::Result<Self> {
        let arguments = std::iter::once(&launch.program).chain(&launch.arguments);
        let arguments = arguments.map(|text| text_of(text)).collect::<io::Result<Vec<_>>>()?;
        let environment = launch.environment.iter().map(|(name, value)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            text_of(&pair)
        });
        let environment = environment.collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            candidates: candidates(&launch.program, &launch.environment)?,
            argument_pointers: pointers(&arguments),
            environment_pointers: pointers(&environment),
            _texts: [arguments, environment],
            directory: text_of(launch.directory.as_os_str())?,
            null: above_targets(&std::fs::File::open("/dev/null")?.into())?,
            output: above_targets(&launch.output)?,
            passed: launch.passed.iter().map(above_targets).collect::<io::Result<_>>()?,
            report: above_targets(report)?,
            limits: launch.limits,
            parent: std::process::id() as i32,
        })
    }

    /// Becomes the program; runs in the child.
    fn run(&self) -> ! {
        let (stage, errno) = match self.arrange() {
            Err(failure) => failure,
            Ok(()) => (Stage::Execute, self.execute()),
        };
        let report = [(stage as i32).to_ne_bytes(), errno.to_ne_bytes()];
        // SAFETY: writes eight bytes that live on this stack, then ends the process without running any handler.
        unsafe {
            libc::write(self.report.as_raw_fd(), report.as_ptr().cast(), 8);
            libc::_exit(127)
        }
    }

    fn arrange(&self) -> Result<(), (Stage, i32)> {
        let step = |result: i32| if result < 0 { Err((Stage::Arrange, errno())) } else { Ok(()) };
        reset_signals();
        // SAFETY: system calls on integers and on a zero-terminated string of `self`.
        unsafe {
            step(libc::setsid())?;
            step(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            if libc::getppid() != self.parent {
                return Err((Stage::Arrange, libc::ESRCH)); // The server died before the line above.
            }
            step(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            step(libc::dup2(self.null.as_raw_fd(), 0))?;
            step(libc::dup2(self.output.as_raw_fd(), 1))?;
            step(libc::dup2(self.output.as_raw_fd(), 2))?;
            for (target, fd) in (3..).zip(&self.passed) {
                step(libc::dup2(fd.as_raw_fd(), target))?;
            }
            let first = 3 + self.passed.len() as libc::c_uint;
            step(libc::close_range(first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as i32))?;
            limit(libc::RLIMIT_CORE, 0);
            limit(libc::RLIMIT_NOFILE, self.limits.open_files_max);
            libc::umask(0o022);
            if libc::chdir(self.directory.as_ptr()) < 0 {
                return Err((Stage::Directory, errno()));
            }
        }
        Ok(())
    }

    fn execute(&self) -> i32 {
        let mut failure = libc::ENOENT;
        for candidate in &self.candidates {
            let (arguments, environment) = (&self.argument_pointers, &self.environment_pointers);
            // SAFETY: zero-terminated texts and null-terminated tables that `self` owns.
            unsafe { libc::execve(candidate.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
            match errno() {
                libc::ENOENT | libc::ENOTDIR => {}
                other => failure = other,
            }
        }
        failure
    }
}

/// The paths under which `program` may lie: itself when it has a slash, else one per directory of `PATH`.
fn candidates(program: &OsStr, environment: &[(OsString, OsString)]) -> io::Result<Vec<CString>> {
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![text_of(program)?]);
    }
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    std::env::split_paths(path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin")))
        .map(|directory| text_of(directory.join(Path::new(program)).as_os_str()))
        .collect()
}

/// A copy of `fd` with a number above every target of the child, so that no `dup2` overwrites a source.
fn above_targets(fd: &OwnedFd) -> io::Result<OwnedFd> {
    const FIRST: i32 = 64;
    // SAFETY: integers only.
    let copy = sys::check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) }.into())?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

fn text_of(text: &OsStr) -> io::Result<CString> {
    let zero = |_| io::Error::new(io::ErrorKind::InvalidInput, "a text contains a zero byte");
    CString::new(text.as_bytes()).map_err(zero)
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

fn errno() -> i32 {
    // SAFETY: the C library's own thread-local, valid in every thread.
    unsafe { *libc::__errno_location() }
}

/// Undoes what the server does with signals: dispositions that are ignored and masks survive `exec`.
fn reset_signals() {
    // SAFETY: system calls on a mask on this stack; default dispositions run no code of ours.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL); // Refused for SIGKILL and SIGSTOP, which have no other.
        }
    }
}

/// Lowers a limit; one that is already lower stays.
fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    // SAFETY: `old` and `new` live on this stack.
    unsafe {
        let mut old: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(resource, &mut old) == 0 {
            let most = most.min(old.rlim_max);
            libc::setrlimit(resource, &libc::rlimit { rlim_cur: most, rlim_max: most });
        }
    }
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
