//! What runs in a new process before its program: only system calls, on what was prepared beforehand.

use std::ffi::{CString, OsStr, OsString, c_char};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::enclosure::{Identity, Steps};
use crate::filter::Filter;
use crate::identity;
use crate::landlock::FileRules;
use crate::launch::{Launch, Limits, Stage};
use crate::redirect;
use crate::socket::send_with_descriptors;
use crate::sys;

/// Everything the child needs, in the form in which system calls take it.
pub(crate) struct Plan {
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
    /// Where the descriptor goes with which the kernel's questions are answered.
    courier: Option<OwnedFd>,
    limits: Limits,
    enclosure: Option<(Steps, Identity)>,
    file_rules: Option<OwnedFd>,
    filter: Option<Filter>,
}

impl Plan {
    pub(crate) fn new(launch: &Launch, report: &OwnedFd, courier: Option<&OwnedFd>) -> io::Result<Self> {
        let arguments = std::iter::once(&launch.program).chain(&launch.arguments);
        let arguments = arguments.map(|text| sys::text(text)).collect::<io::Result<Vec<_>>>()?;
        let environment = launch.environment.iter().map(|(name, value)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            sys::text(&pair)
        });
        let environment = environment.collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            candidates: candidates(&launch.program, &launch.environment)?,
            argument_pointers: pointers(&arguments),
            environment_pointers: pointers(&environment),
            _texts: [arguments, environment],
            directory: sys::text(launch.directory.as_os_str())?,
            null: above_targets(&std::fs::File::open("/dev/null")?.into())?,
            output: above_targets(&launch.output)?,
            passed: launch.passed.iter().map(above_targets).collect::<io::Result<_>>()?,
            report: above_targets(report)?,
            courier: courier.map(above_targets).transpose()?,
            limits: launch.limits,
            enclosure: match &launch.enclosure {
                Some(enclosure) => Some((Steps::new(enclosure)?, enclosure.identity)),
                None => None,
            },
            file_rules: launch.file_rules.as_ref().map(above_targets).transpose()?,
            filter: launch.filter.clone(),
        })
    }

    /// The namespaces that the child is to be made in.
    pub(crate) fn namespaces(&self) -> u64 {
        let own = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC;
        match &self.enclosure {
            None => 0,
            Some((_, identity)) if identity.needs_user_namespace() => (own | libc::CLONE_NEWUSER) as u64,
            Some(_) => own as u64,
        }
    }

    /// Becomes the program; runs in the child.
    pub(crate) fn run(&self) -> ! {
        let (stage, errno) = match self.prepare() {
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

    fn prepare(&self) -> Result<(), (Stage, i32)> {
        self.stand_alone()?;
        if let Some((steps, identity)) = &self.enclosure {
            steps.take().map_err(|errno| (Stage::Enclose, errno))?;
            // SAFETY: the original becomes the namespace's first process and the copy goes on; both only make system
            // calls.
            match unsafe { clone_process(0) } {
                Err(_) => return Err((Stage::Clone, sys::errno())),
                Ok(0) => {}
                Ok(child) => reap_until_end_of(child),
            }
            // SAFETY: no arguments.
            unsafe { libc::setsid() };
            identity::assume(*identity).map_err(|errno| (Stage::Enclose, errno))?;
        }
        self.arrange()
    }

    /// Leaves the server's session, and dies with the thread that started this.
    fn stand_alone(&self) -> Result<(), (Stage, i32)> {
        let step = |result: i32| if result < 0 { Err((Stage::Arrange, sys::errno())) } else { Ok(()) };
        reset_signals();
        // SAFETY: system calls on integers and on one structure on this stack.
        unsafe {
            step(libc::setsid())?;
            step(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            // Had the server died before that line, nobody would read the report any more.
            let mut report = libc::pollfd { fd: self.report.as_raw_fd(), events: 0, revents: 0 };
            libc::poll(&mut report, 1, 0);
            if report.revents & libc::POLLERR != 0 {
                return Err((Stage::Arrange, libc::ESRCH));
            }
        }
        Ok(())
    }

    fn arrange(&self) -> Result<(), (Stage, i32)> {
        let step = |result: i32| if result < 0 { Err((Stage::Arrange, sys::errno())) } else { Ok(()) };
        // SAFETY: system calls on integers and on a zero-terminated string of `self`.
        unsafe {
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
                return Err((Stage::Directory, sys::errno()));
            }
        }
        if let Some(courier) = &self.courier {
            let listener = redirect::listen().map_err(|errno| (Stage::Filter, errno))?;
            // SAFETY: open until this process executes its program.
            let listener = unsafe { BorrowedFd::borrow_raw(listener) };
            let sent = send_with_descriptors(courier.as_fd(), &[0], &[listener]);
            sent.map_err(|error| (Stage::Filter, error.raw_os_error().unwrap_or(libc::EIO)))?;
        }
        if let Some(rules) = &self.file_rules {
            // Root may look into any process, by a capability that no rule takes away.
            identity::drop_capabilities().map_err(|errno| (Stage::Filter, errno))?;
            FileRules::apply(rules).map_err(|errno| (Stage::Filter, errno))?;
        }
        if let Some(filter) = &self.filter {
            filter.apply().map_err(|errno| (Stage::Filter, errno))?;
        }
        Ok(())
    }

    fn execute(&self) -> i32 {
        let mut failure = libc::ENOENT;
        for candidate in &self.candidates {
            let (arguments, environment) = (&self.argument_pointers, &self.environment_pointers);
            // SAFETY: zero-terminated texts and null-terminated tables that `self` owns.
            unsafe { libc::execve(candidate.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
            match sys::errno() {
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
        return Ok(vec![sys::text(program)?]);
    }
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    std::env::split_paths(path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin")))
        .map(|directory| sys::text(directory.join(Path::new(program)).as_os_str()))
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

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
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

/// Makes a copy of this process: returns 0 in the copy and its number in the original.
///
/// # Safety
/// The copy of a program with threads may only make system calls until it executes a program or ends.
pub(crate) unsafe fn clone_process(flags: u64) -> io::Result<i32> {
    // SAFETY: all zeroes is a valid `clone_args`: no stack, no descriptors to fill in.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: `args` is valid and without CLONE_VM the child returns on its own copy of this stack.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &mut args, size_of::<libc::clone_args>()) };
    sys::check(pid).map(|pid| pid as i32)
}

/// The life of the first process of a pid namespace: reaps, until `child` ends, and passes on how that ended.
fn reap_until_end_of(child: i32) -> ! {
    // SAFETY: system calls on integers and on one integer on this stack.
    unsafe {
        // Nothing of the server's may stay open here, least of all the report.
        libc::close_range(0, libc::c_uint::MAX, 0);
        loop {
            let mut status = 0;
            let ended = libc::waitpid(-1, &mut status, 0);
            if ended == child && libc::WIFEXITED(status) {
                libc::_exit(libc::WEXITSTATUS(status));
            }
            if ended == child {
                // As shells put it: a first process cannot end by a signal of its own.
                libc::_exit(128 + libc::WTERMSIG(status));
            }
            if ended < 0 && sys::errno() != libc::EINTR {
                libc::_exit(127);
            }
        }
    }
}
