//! Restricts which files a process may reach, for machines that offer no namespaces.
//!
//! A set of rules is a descriptor: it is made here, and whoever holds it puts it on itself, for ever. What no rule
//! names cannot be opened, whoever it belongs to. Processes outside cannot be signalled or looked into either, as far as
//! the kernel knows how to forbid that.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use crate::enclosure::Access;
use crate::sys;

// Numbers of the kernel's interface. Source: landlock(7), include/uapi/linux/landlock.h.
const VERSION_FLAG: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
const SCOPE_ABSTRACT_SOCKETS: u64 = 1;
const SCOPE_SIGNALS: u64 = 2;

/// What can be said of a file; other rights are of directories.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const READING: u64 = EXECUTE | READ_FILE | READ_DIR;

#[repr(C)]
struct RulesetAttributes {
    handled_files: u64,
    handled_network: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

/// Rules about files, not yet in force.
#[derive(Debug)]
pub struct FileRules {
    rules: OwnedFd,
    handled: u64,
}

impl FileRules {
    /// Rules that allow nothing.
    ///
    /// # Errors
    /// When the kernel does not offer Landlock.
    pub fn new() -> io::Result<Self> {
        let none = std::ptr::null::<RulesetAttributes>();
        // SAFETY: asks for the version, which takes no structure.
        let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0, VERSION_FLAG) };
        let version = sys::check(version)?;
        // The thirteen rights of version 1, and what came later.
        let mut handled = (1 << 13) - 1;
        handled |= if version >= 2 { REFER } else { 0 };
        handled |= if version >= 3 { TRUNCATE } else { 0 };
        handled |= if version >= 5 { IOCTL_DEV } else { 0 };
        let scoped = if version >= 6 { SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS } else { 0 };
        let attributes = RulesetAttributes { handled_files: handled, handled_network: 0, scoped };
        // Older kernels know a shorter structure and refuse a longer one.
        let size = match version {
            ..=3 => 8,
            4..=5 => 16,
            _ => size_of::<RulesetAttributes>(),
        };
        // SAFETY: a structure of at least the size that is given.
        let fd = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &attributes, size, 0) };
        let fd = sys::check(fd)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(Self { rules: unsafe { OwnedFd::from_raw_fd(fd as RawFd) }, handled })
    }

    /// Allows a file, or a directory with all below it. One that does not exist is left out.
    ///
    /// # Errors
    /// When it cannot be opened or the kernel refuses the rule.
    pub fn allow(&self, path: &Path, access: Access) -> io::Result<()> {
        let text: CString = sys::text(path.as_os_str())?;
        // SAFETY: a zero-terminated text.
        let fd = unsafe { libc::open(text.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
        let fd = match sys::check(fd.into()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        // SAFETY: the kernel has just made this descriptor for us.
        let parent = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
        let wanted = match access {
            Access::ReadOnly => READING,
            Access::ReadWrite => u64::MAX,
        };
        let of_kind = if path.is_dir() { u64::MAX } else { OF_FILES };
        let rule = PathBeneath { allowed: wanted & of_kind & self.handled, parent: parent.as_raw_fd() };
        let rules = self.rules.as_raw_fd();
        // SAFETY: a structure of the kind that is given.
        let result =
            unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0) };
        sys::check(result).map(drop)
    }

    /// The descriptor, for helpers that put the rules on themselves.
    pub fn into_descriptor(self) -> OwnedFd {
        self.rules
    }

    /// Puts the rules on this thread and what it starts, for ever; runs in a child that may only make system calls.
    pub(crate) fn apply(rules: &OwnedFd) -> Result<(), i32> {
        // SAFETY: integers only.
        let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) };
        if result < 0 { Err(sys::errno()) } else { Ok(()) }
    }
}
