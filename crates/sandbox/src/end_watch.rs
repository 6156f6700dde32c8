//! Waiting for the end of a process without blocking a thread.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::process::Process;

/// Tells when a process has ended.
#[derive(Debug)]
pub struct EndWatch {
    pidfd: AsyncFd<Owned>,
}

/// A descriptor that nobody can take out, replace or close.
#[derive(Debug)]
struct Owned(OwnedFd);

impl AsRawFd for Owned {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl EndWatch {
    /// Watches `process`; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the machine has no descriptor left, or the reactor takes none.
    pub fn new(process: &Process) -> io::Result<Self> {
        let owned = Owned(process.as_fd().try_clone_to_owned()?);
        // SAFETY: `Owned` is open for as long as it lives, always has the same number, and is handed out to nobody.
        let pidfd = unsafe { AsyncFd::register_with_interest(owned, Interest::READABLE) };
        Ok(Self { pidfd: pidfd.map_err(io::Error::from)? })
    }

    /// Waits until the process has ended. Cancel-safe.
    pub async fn ended(&self) {
        // An error means that the reactor is gone, together with everything else.
        let _ = self.pidfd.readable().await;
    }
}
