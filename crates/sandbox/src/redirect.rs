//! Lets programs that insist on one port run beside each other, by giving each another one behind its back.
//!
//! The kernel asks the server about every `bind` of such a program. One of a port in question is done by the server
//! in its stead, on the loopback address and the port that was chosen for the program, which does not notice. All
//! other calls go their usual way. Works for any program, whatever it is written in, and without privileges.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::filter;
use crate::sys;

/// Longest address that is looked at: that of IPv6.
const ADDRESS_BYTES_MAX: usize = size_of::<libc::sockaddr_in6>();

/// Hears of every `bind` of a program and what it starts.
#[derive(Debug)]
pub struct BindListener {
    fd: OwnedFd,
}

#[derive(Debug)]
struct Owned(OwnedFd);

impl AsRawFd for Owned {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl BindListener {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Puts every stream socket that asks for one of the ports `from` on the loopback address and port `to`, until
    /// the program and all it started have ended. Must run for as long as the program does, which otherwise gets stuck.
    ///
    /// # Errors
    /// When the reactor does not take the descriptor.
    pub async fn redirect(self, from: &[u16], to: u16) -> io::Result<()> {
        // SAFETY: `Owned` is open for as long as it lives, always has the same number, and is handed out to nobody.
        let registered = unsafe { AsyncFd::register_with_interest(Owned(self.fd), Interest::READABLE) };
        let listener = registered.map_err(io::Error::from)?;
        loop {
            let mut ready = listener.readable().await?;
            match answer_one(listener.get_ref().as_raw_fd(), from, to) {
                Ok(()) => {}
                // The request was taken back, because its process ended; or nobody is left who could make one.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                    if nobody_left(listener.get_ref().as_raw_fd()) {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if !has_request(listener.get_ref().as_raw_fd()) {
                ready.clear_ready();
            }
        }
    }
}

/// Installs the filter that makes the kernel ask; returns the descriptor to answer with. Runs in a child that may only
/// make system calls.
pub(crate) fn listen() -> Result<RawFd, i32> {
    let mut instructions = filter::ask_about(libc::SYS_bind);
    let program =
        libc::sock_fprog { len: instructions.len() as libc::c_ushort, filter: instructions.as_mut_ptr() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: `program` and the instructions live until after the call, which only reads them.
    let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) };
    if fd < 0 { Err(sys::errno()) } else { Ok(fd as RawFd) }
}

fn poll(fd: RawFd) -> libc::c_short {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: `entry` is one valid `pollfd`.
    unsafe { libc::poll(&mut entry, 1, 0) };
    entry.revents
}

fn has_request(fd: RawFd) -> bool {
    poll(fd) & (libc::POLLIN | libc::POLLHUP) != 0
}

fn nobody_left(fd: RawFd) -> bool {
    poll(fd) & libc::POLLHUP != 0
}

/// Receives one request and answers it.
fn answer_one(listener: RawFd, from: &[u16], to: u16) -> io::Result<()> {
    // SAFETY: all zeroes is a valid request, and what the kernel wants to find there.
    let mut request: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills in the structure, which has the size that is part of the request's number.
    sys::check(i64::from(unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &mut request) }))?;
    let mut answer = libc::seccomp_notif_resp { id: request.id, val: 0, error: 0, flags: 0 };
    match bind_in_its_stead(&request, listener, from, to) {
        Some(Ok(())) => {}
        Some(Err(errno)) => answer.error = -errno,
        None => answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    }
    // SAFETY: as above. An error means that the process has ended meanwhile.
    sys::check(i64::from(unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &mut answer) }))
        .map(drop)
}

/// Binds the socket of the process that asks; `None` when that is not ours to do.
fn bind_in_its_stead(
    request: &libc::seccomp_notif,
    listener: RawFd,
    from: &[u16],
    to: u16,
) -> Option<Result<(), i32>> {
    let [fd, address, length, ..] = request.data.args;
    let thread = request.pid as i32;
    let mut bytes = [0; ADDRESS_BYTES_MAX];
    let length = usize::try_from(length).ok()?.min(ADDRESS_BYTES_MAX);
    let read = read_memory(thread, address, &mut bytes[..length])?;
    let family = u16::from_ne_bytes([*bytes[..read].first()?, *bytes[..read].get(1)?]);
    // Both kinds of internet addresses have the port next.
    let port = u16::from_be_bytes([*bytes[..read].get(2)?, *bytes[..read].get(3)?]);
    if !from.contains(&port) {
        return None;
    }
    let socket = take_copy(thread, fd as RawFd)?;
    // SAFETY: integers only; the structure has no pointer.
    let still_asks = unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) } == 0;
    if !still_asks || !is_stream(&socket) {
        return None;
    }
    match i32::from(family) {
        libc::AF_INET => Some(bind(&socket, SocketAddrV4::new(Ipv4Addr::LOCALHOST, to).into())),
        libc::AF_INET6 => {
            let mapped = SocketAddrV6::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), to, 0, 0);
            let alone = SocketAddrV6::new(Ipv6Addr::LOCALHOST, to, 0, 0);
            // A socket that speaks only IPv6 does not take the first.
            Some(bind(&socket, mapped.into()).or_else(|_| bind(&socket, alone.into())))
        }
        _ => None,
    }
}

fn read_memory(thread: i32, address: u64, into: &mut [u8]) -> Option<usize> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: into.len() };
    // SAFETY: writes at most as much as `into` holds; the remote side is checked by the kernel.
    let count = unsafe { libc::process_vm_readv(thread, &local, 1, &remote, 1, 0) };
    usize::try_from(count).ok()
}

/// A copy of a descriptor of the process that this thread belongs to.
fn take_copy(thread: i32, fd: RawFd) -> Option<OwnedFd> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()?;
    let pidfd = sys::pidfd_open(process).ok()?;
    // SAFETY: takes integers and returns a new descriptor that nobody else owns.
    let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) };
    // SAFETY: the kernel has just made this descriptor for us.
    (copy >= 0).then(|| unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

fn is_stream(socket: &OwnedFd) -> bool {
    let (mut kind, mut size) = (0, size_of::<i32>() as libc::socklen_t);
    let into = (&raw mut kind).cast();
    // SAFETY: `kind` has the size that is given.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TYPE, into, &mut size) };
    result == 0 && kind == libc::SOCK_STREAM
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> Result<(), i32> {
    let result = match address {
        SocketAddr::V4(address) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            };
            let size = size_of_val(&raw) as libc::socklen_t;
            // SAFETY: an address of the size that is given.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), size) }
        }
        SocketAddr::V6(address) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: 0,
            };
            let size = size_of_val(&raw) as libc::socklen_t;
            // SAFETY: an address of the size that is given.
            unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), size) }
        }
    };
    if result < 0 { Err(sys::errno()) } else { Ok(()) }
}
