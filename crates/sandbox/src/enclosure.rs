//! A view of the machine in which a process sees only what it was given.
//!
//! The process gets mount, pid and IPC namespaces of its own, and a user namespace when the server is not root. Its
//! root is an empty file system in memory, into which directories of the machine are bound, read-only unless said
//! otherwise. The first process of the pid namespace is a copy of the server that only waits: it reaps what is left
//! without a parent, and with it everything in the namespace ends, wherever it may have forked itself to.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::sys;

/// What an enclosed process sees, and as whom it runs.
#[derive(Clone, Debug)]
pub struct Enclosure {
    /// An existing, empty directory, which becomes the root; outside it stays empty.
    pub mount_point: PathBuf,
    /// Files and directories that are seen under their own path, read-only. Those that do not exist are left out.
    pub visible: Vec<PathBuf>,
    /// Directories that are seen elsewhere.
    pub binds: Vec<Bind>,
    /// Empty directories.
    pub empty: Vec<PathBuf>,
    /// Where the machine's own tree can be seen, by a trusted helper that makes further enclosures.
    pub host_at: Option<PathBuf>,
    /// As whom the process runs.
    pub identity: Identity,
}

/// A directory that is seen elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Where it is.
    pub source: PathBuf,
    /// Where it is seen.
    pub target: PathBuf,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading and executing.
    ReadOnly,
    /// Writing too.
    ReadWrite,
}

/// As whom an enclosed process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// As this user and group, without any privilege. Only root can do that.
    User {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// As root, for a trusted helper that makes further enclosures. Only root can do that.
    Root,
    /// As the server's own user, in a user namespace where that is called root and has no privilege at all.
    UserNamespace,
    /// As [`Identity::UserNamespace`], but with all privileges within the namespace: for a trusted helper.
    PrivilegedUserNamespace,
}

impl Identity {
    /// Whether a user namespace has to be made.
    pub(crate) fn needs_user_namespace(self) -> bool {
        match self {
            Identity::User { .. } | Identity::Root => false,
            Identity::UserNamespace | Identity::PrivilegedUserNamespace => true,
        }
    }
}

/// One system call on the way to the enclosure.
#[derive(Debug)]
enum Step {
    Directory(CString),
    File(CString),
    Symlink {
        target: CString,
        at: CString,
    },
    Bind {
        source: CString,
        at: CString,
    },
    /// Takes away writing, set-user-id programs and devices, from everything below.
    Protect {
        at: CString,
        attributes: u64,
    },
    Memory {
        at: CString,
        options: &'static CStr,
    },
    Processes {
        at: CString,
    },
}

/// All of them, with every text ready: what follows runs in a child that may only make system calls.
#[derive(Debug)]
pub(crate) struct Steps {
    steps: Vec<Step>,
    mount_point: CString,
    /// Relative to the new root.
    host_at: Option<CString>,
    user_map: Option<[CString; 2]>,
}

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY | NO_PRIVILEGES;
const NO_PRIVILEGES: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

impl Steps {
    /// Plans the way. Looks at the machine's directories as they are now.
    pub(crate) fn new(enclosure: &Enclosure) -> io::Result<Self> {
        let mut planner = Planner { root: &enclosure.mount_point, steps: Vec::new() };
        for path in &enclosure.visible {
            planner.show(path)?;
        }
        for path in &enclosure.empty {
            planner.directories(path)?;
        }
        planner.devices()?;
        planner.directories(Path::new("/proc"))?;
        let at = planner.inside(Path::new("/proc"))?;
        planner.steps.push(Step::Processes { at });
        for bind in &enclosure.binds {
            planner.directories(&bind.target)?;
            let attributes = match bind.access {
                Access::ReadOnly => READ_ONLY,
                Access::ReadWrite => NO_PRIVILEGES,
            };
            planner.bind(&bind.source, &bind.target, attributes)?;
        }
        if let Some(host_at) = &enclosure.host_at {
            planner.directories(host_at)?;
        }
        let host_at = enclosure.host_at.as_ref().map(|path| {
            let relative = path.strip_prefix("/").unwrap_or(path);
            sys::text(relative.as_os_str())
        });
        let steps = planner.steps;
        // SAFETY: both only return a number.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        let map = |id| CString::new(format!("0 {id} 1\n")).map_err(io::Error::other);
        Ok(Self {
            steps,
            mount_point: sys::text(enclosure.mount_point.as_os_str())?,
            host_at: host_at.transpose()?,
            user_map: match enclosure.identity.needs_user_namespace() {
                true => Some([map(uid)?, map(gid)?]),
                false => None,
            },
        })
    }

    /// Goes all the way; runs in the child, which is the first process of its namespaces. Makes only system calls.
    pub(crate) fn take(&self) -> Result<(), i32> {
        let done = |result: i32| if result < 0 { Err(sys::errno()) } else { Ok(()) };
        if let Some([users, groups]) = &self.user_map {
            write_to(c"/proc/self/setgroups", c"deny")?;
            write_to(c"/proc/self/uid_map", users)?;
            write_to(c"/proc/self/gid_map", groups)?;
        }
        let (none, root) = (std::ptr::null(), self.mount_point.as_ptr());
        // SAFETY: system calls on zero-terminated texts that `self` owns, or literals.
        unsafe {
            done(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
            mount_memory(&self.mount_point, c"mode=755,size=4m")?;
            for step in &self.steps {
                step.take()?;
            }
            done(libc::chdir(root))?;
            let old = self.host_at.as_deref().unwrap_or(c".");
            done(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), old.as_ptr()) as i32)?;
            if self.host_at.is_none() {
                // Both lie upon each other now; the old one is on top.
                done(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
            }
            done(libc::chdir(c"/".as_ptr()))?;
            protect(c"/", READ_ONLY, 0)
        }
    }
}

impl Step {
    fn take(&self) -> Result<(), i32> {
        let done = |result: i32| if result < 0 { Err(sys::errno()) } else { Ok(()) };
        let made = |result: i32| match sys::errno() {
            libc::EEXIST => Ok(()),
            _ => done(result),
        };
        let none = std::ptr::null();
        // SAFETY: system calls on zero-terminated texts that `self` owns, or literals.
        unsafe {
            match self {
                Step::Directory(at) => match libc::mkdir(at.as_ptr(), 0o755) {
                    0 => Ok(()),
                    failed => made(failed),
                },
                Step::File(at) => {
                    let fd = libc::open(at.as_ptr(), libc::O_CREAT | libc::O_CLOEXEC | libc::O_RDONLY, 0o644);
                    done(fd)?;
                    done(libc::close(fd))
                }
                Step::Symlink { target, at } => match libc::symlink(target.as_ptr(), at.as_ptr()) {
                    0 => Ok(()),
                    failed => made(failed),
                },
                Step::Bind { source, at } => {
                    let flags = libc::MS_BIND | libc::MS_REC;
                    done(libc::mount(source.as_ptr(), at.as_ptr(), none, flags, none.cast()))
                }
                Step::Protect { at, attributes } => protect(at, *attributes, libc::AT_RECURSIVE),
                Step::Memory { at, options } => mount_memory(at, options),
                Step::Processes { at } => {
                    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
                    done(libc::mount(c"proc".as_ptr(), at.as_ptr(), c"proc".as_ptr(), flags, none.cast()))
                }
            }
        }
    }
}

fn mount_memory(at: &CStr, options: &CStr) -> Result<(), i32> {
    let (kind, flags) = (c"tmpfs".as_ptr(), libc::MS_NOSUID | libc::MS_NODEV);
    // SAFETY: zero-terminated texts.
    match unsafe { libc::mount(kind, at.as_ptr(), kind, flags, options.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(sys::errno()),
    }
}

fn protect(at: &CStr, attributes: u64, flags: i32) -> Result<(), i32> {
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = size_of::<libc::mount_attr>();
    // SAFETY: a zero-terminated text and a structure of the size that is given.
    let result =
        unsafe { libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, at.as_ptr(), flags, &change, size) };
    if result < 0 { Err(sys::errno()) } else { Ok(()) }
}

fn write_to(path: &CStr, text: &CStr) -> Result<(), i32> {
    // SAFETY: zero-terminated texts; the length is that of the text.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return Err(sys::errno());
        }
        let written = libc::write(fd, text.as_ptr().cast(), text.count_bytes());
        let failure = if written < 0 { Err(sys::errno()) } else { Ok(()) };
        libc::close(fd);
        failure
    }
}

struct Planner<'a> {
    root: &'a Path,
    steps: Vec<Step>,
}

impl Planner<'_> {
    /// Shows a path of the machine under its own name. Links are shown as links.
    fn show(&mut self, path: &Path) -> io::Result<()> {
        let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
        if let Some(parent) = path.parent() {
            self.directories(parent)?;
        }
        if metadata.is_symlink() {
            let target = sys::text(std::fs::read_link(path)?.as_os_str())?;
            let at = self.inside(path)?;
            self.steps.push(Step::Symlink { target, at });
            return Ok(());
        }
        match metadata.is_dir() {
            true => self.directories(path)?,
            false => {
                let at = self.inside(path)?;
                self.steps.push(Step::File(at));
            }
        }
        self.bind(path, path, READ_ONLY)
    }

    fn devices(&mut self) -> io::Result<()> {
        self.directories(Path::new("/dev/shm"))?;
        for name in DEVICES {
            let path = Path::new("/dev").join(name);
            if path.exists() {
                let (source, at) = (sys::text(path.as_os_str())?, self.inside(&path)?);
                self.steps.push(Step::File(at.clone()));
                self.steps.push(Step::Bind { source, at });
            }
        }
        for (name, target) in
            [("fd", c"/proc/self/fd"), ("stdin", c"fd/0"), ("stdout", c"fd/1"), ("stderr", c"fd/2")]
        {
            let at = self.inside(&Path::new("/dev").join(name))?;
            self.steps.push(Step::Symlink { target: target.into(), at });
        }
        let at = self.inside(Path::new("/dev/shm"))?;
        self.steps.push(Step::Memory { at, options: c"mode=1777,size=64m" });
        Ok(())
    }

    fn bind(&mut self, source: &Path, target: &Path, attributes: u64) -> io::Result<()> {
        let (source, at) = (sys::text(source.as_os_str())?, self.inside(target)?);
        self.steps.push(Step::Bind { source, at: at.clone() });
        self.steps.push(Step::Protect { at, attributes });
        Ok(())
    }

    /// Makes a directory and those above it, as far as they are not there.
    fn directories(&mut self, path: &Path) -> io::Result<()> {
        let mut above: Vec<&Path> =
            path.ancestors().filter(|p| p.as_os_str() != "/" && !p.as_os_str().is_empty()).collect();
        above.reverse();
        for directory in above {
            let at = self.inside(directory)?;
            self.steps.push(Step::Directory(at));
        }
        Ok(())
    }

    /// Where a path of the enclosure lies while it is being built.
    fn inside(&self, path: &Path) -> io::Result<CString> {
        let absolute = path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
        if !absolute {
            let text = format!("`{}` is not an absolute path", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut joined = self.root.as_os_str().to_owned();
        joined.push(path);
        debug_assert!(joined.as_bytes().starts_with(self.root.as_os_str().as_bytes()));
        sys::text(&joined)
    }
}
