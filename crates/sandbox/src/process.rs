//! A process that was started here or by a helper, held by a pidfd.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::sys;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself with this code, 0 to 255.
    Code(i32),
    /// A signal with this number ended it.
    Signal(i32),
}

/// One process and the group it leads.
///
/// Dropping it neither ends nor reaps the process: the owner decides when.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    pidfd: OwnedFd,
    parent: Parent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    /// We are, and have to reap it.
    Ourselves,
    /// Somebody else is, and reaps it.
    Other,
}

impl Process {
    pub(crate) fn child(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, parent: Parent::Ourselves }
    }

    /// Takes over a process that a helper has started, by the pidfd that it sent. It may have ended already; when the
    /// helper has reaped it too, it has no number any more.
    ///
    /// # Errors
    /// When the descriptor is not a pidfd.
    pub fn from_pidfd(pidfd: OwnedFd) -> io::Result<Self> {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|n| n.trim().parse().ok());
        let pid: i32 = pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a pidfd"))?;
        Ok(Self { pid: pid.max(0), pidfd, parent: Parent::Other })
    }

    /// A second handle, for whoever may have to kill the process but does not have to reap it.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn observer(&self) -> io::Result<Self> {
        Ok(Self { pid: self.pid, pidfd: self.pidfd.try_clone()?, parent: Parent::Other })
    }

    /// The process number, as this process sees it; 0 for one that had been reaped before it was taken over.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Ends the process and its process group at once (`SIGKILL`).
    ///
    /// The group is only signalled while the process exists, running or not yet reaped: afterwards its number may
    /// belong to somebody else. A process that was started in a pid namespace takes all its descendants with it.
    pub fn kill(&self) {
        // An error means that it has ended and was reaped: nothing is left to end.
        if sys::pidfd_send_signal(self.pidfd.as_raw_fd(), libc::SIGKILL).is_ok() && self.pid > 0 {
            // SAFETY: takes two integers.
            unsafe { libc::kill(-self.pid, libc::SIGKILL) };
        }
    }

    /// Sends `signal` to the process alone.
    ///
    /// # Errors
    /// When the process has ended and was reaped.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        sys::pidfd_send_signal(self.pidfd.as_raw_fd(), signal)
    }

    /// Whether the process has ended. One cheap system call.
    pub fn has_ended(&self) -> bool {
        self.poll(0)
    }

    /// Waits until the process has ended, at most `limit`; returns whether it has. Blocks the thread.
    pub fn wait_ended(&self, limit: Duration) -> bool {
        self.poll(i32::try_from(limit.as_millis()).unwrap_or(i32::MAX))
    }

    /// How the process ended; `None` while it runs, and for processes that are not our children.
    pub fn exit(&self) -> Option<Exit> {
        self.wait_id(libc::WNOWAIT)
    }

    /// Ends what is left of the process group, then removes the ended process from the process table.
    ///
    /// Returns how it ended; `None` while it runs, and for processes that are not our children.
    pub fn reap(&self) -> Option<Exit> {
        if self.parent == Parent::Ourselves && self.has_ended() {
            self.kill();
        }
        self.wait_id(0)
    }

    fn poll(&self, timeout_ms: i32) -> bool {
        let mut entry = libc::pollfd { fd: self.pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `entry` is one valid `pollfd`.
        unsafe { libc::poll(&mut entry, 1, timeout_ms) > 0 }
    }

    fn wait_id(&self, extra: i32) -> Option<Exit> {
        if self.parent == Parent::Other {
            return None;
        }
        // SAFETY: all zeroes is a valid `siginfo_t`, which the kernel fills in.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let fd = self.pidfd.as_raw_fd() as libc::id_t;
        // SAFETY: `info` is valid for writing.
        let result =
            unsafe { libc::waitid(libc::P_PIDFD, fd, &mut info, libc::WEXITED | libc::WNOHANG | extra) };
        // SAFETY: after a successful `waitid` the child fields are set; with no child ready the number is 0.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        match (result, pid) {
            (0, 1..) if info.si_code == libc::CLD_EXITED => Some(Exit::Code(status)),
            (0, 1..) => Some(Exit::Signal(status)),
            _ => None,
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl AsRawFd for Process {
    fn as_raw_fd(&self) -> i32 {
        self.pidfd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_reaped_before_it_was_taken_over_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = sys::pidfd_open(child.id() as i32).unwrap();
        child.wait().unwrap();
        let process = Process::from_pidfd(pidfd).unwrap();
        assert_eq!((process.pid(), process.has_ended(), process.reap()), (0, true, None));
        process.kill();
    }
}
