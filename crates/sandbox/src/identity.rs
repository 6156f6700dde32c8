//! Giving up rights, in a child that may only make system calls.

use crate::enclosure::Identity;
use crate::sys;

/// Highest number of a capability that a kernel may know.
const CAPABILITY_MAX: i32 = 63;
/// The version of the structures below. Source: capget(2).
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Becomes who the process is to run as.
pub(crate) fn assume(identity: Identity) -> Result<(), i32> {
    let done = |result: i64| if result < 0 { Err(sys::errno()) } else { Ok(()) };
    match identity {
        Identity::Root | Identity::PrivilegedUserNamespace => Ok(()),
        Identity::UserNamespace => drop_capabilities(),
        // The C library's own functions would ask the server's other threads, which do not exist here, to follow suit,
        // and wait for ever for a lock that one of them held.
        //
        // SAFETY: system calls on integers and an empty list.
        Identity::User { uid, gid } => unsafe {
            drop_bounding_set();
            done(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()))?;
            done(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
            // Without a user id of 0 all capabilities are gone.
            done(libc::syscall(libc::SYS_setresuid, uid, uid, uid))
        },
    }
}

/// Gives up every capability, and the ability to get one back by executing a program as root.
pub(crate) fn drop_capabilities() -> Result<(), i32> {
    drop_bounding_set();
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let none = [CapabilitySet { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: the structures have the layout that the version above stands for.
    let result = unsafe { libc::syscall(libc::SYS_capset, &header, none.as_ptr()) };
    if result < 0 { Err(sys::errno()) } else { Ok(()) }
}

fn drop_bounding_set() {
    for capability in 0..=CAPABILITY_MAX {
        // SAFETY: integers only. Numbers that the kernel does not know are refused, which changes nothing.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}
