//! Forbids system calls that no function needs and that have opened holes in kernels before.

use crate::sys;

/// A program for the kernel's system call filter (seccomp).
///
/// Forbidden calls fail with `EPERM`, new namespaces among them; `clone3`, whose arguments a filter cannot see, fails
/// with `ENOSYS`, upon which C libraries use `clone`. Everything else is allowed.
#[derive(Clone, Debug)]
pub struct Filter {
    instructions: Vec<libc::sock_filter>,
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Offsets into `struct seccomp_data`; the arguments are little-endian on both architectures.
const NUMBER: u32 = 0;
const ARCHITECTURE_FIELD: u32 = 4;
const ARGUMENTS: [u32; 2] = [16, 24];

const NEW_NAMESPACES: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u32;

const FORBIDDEN: &[libc::c_long] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_open_by_handle_at,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    // Keys, which are not separated by namespaces.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Large and rich in faults.
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

impl Filter {
    /// The filter of functions.
    pub fn for_functions() -> Self {
        let denied = errno(libc::EPERM);
        let unknown = errno(libc::ENOSYS);
        let mut all = vec![load(ARCHITECTURE_FIELD), skip_next_if_equal(ARCHITECTURE), unknown, load(NUMBER)];
        if cfg!(target_arch = "x86_64") {
            // The x32 interface has numbers of its own.
            all.extend([jump(libc::BPF_JGE, 0x4000_0000, 0, 1), unknown]);
        }
        all.extend(when_number(libc::SYS_clone3, &[unknown]));
        let clone = [load(ARGUMENTS[0]), jump(libc::BPF_JSET, NEW_NAMESPACES, 0, 1), denied, allow()];
        all.extend(when_number(libc::SYS_clone, &clone));
        // Typing into the terminal of whoever started the server.
        let ioctl = [load(ARGUMENTS[1]), jump(libc::BPF_JEQ, libc::TIOCSTI as u32, 0, 1), denied, allow()];
        all.extend(when_number(libc::SYS_ioctl, &ioctl));
        all.extend(FORBIDDEN.iter().flat_map(|number| when_number(*number, &[denied])));
        all.push(allow());
        Self { instructions: all }
    }

    /// The program as the kernel takes it: for helpers that apply it themselves.
    pub fn bytes(&self) -> Vec<u8> {
        let each = |i: &libc::sock_filter| {
            let [code, k] = [i.code.to_ne_bytes().to_vec(), i.k.to_ne_bytes().to_vec()];
            [code, vec![i.jt, i.jf], k].concat()
        };
        self.instructions.iter().flat_map(each).collect()
    }

    /// Applies it to this thread and what it starts, for ever; runs in a child that may only make system calls.
    pub(crate) fn apply(&self) -> Result<(), i32> {
        let program = libc::sock_fprog {
            len: self.instructions.len() as libc::c_ushort,
            filter: self.instructions.as_ptr().cast_mut(),
        };
        // SAFETY: `program` and the instructions live until after the call, which only reads them.
        let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program, 0, 0) };
        if result < 0 { Err(sys::errno()) } else { Ok(()) }
    }
}

/// A program that has the kernel ask about one system call and allows all others; a table, since nothing may be
/// allocated where it is needed.
pub(crate) fn ask_about(number: libc::c_long) -> [libc::sock_filter; 7] {
    let ask = instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0, 0);
    [
        load(ARCHITECTURE_FIELD),
        skip_next_if_equal(ARCHITECTURE),
        allow(),
        load(NUMBER),
        jump(libc::BPF_JEQ, number as u32, 0, 1),
        ask,
        allow(),
    ]
}

/// Runs `then` for one system call, and goes on behind it for all others.
fn when_number(number: libc::c_long, then: &[libc::sock_filter]) -> Vec<libc::sock_filter> {
    let mut all = vec![jump(libc::BPF_JEQ, number as u32, 0, then.len() as u8)];
    all.extend_from_slice(then);
    all
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn skip_next_if_equal(value: u32) -> libc::sock_filter {
    jump(libc::BPF_JEQ, value, 1, 0)
}

fn jump(condition: u32, value: u32, if_true: u8, if_false: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | condition | libc::BPF_K, value, if_true, if_false)
}

fn errno(number: i32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | number as u32, 0, 0)
}

fn allow() -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
