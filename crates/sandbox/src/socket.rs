//! Passing descriptors along a Unix socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::sys;

/// Descriptors that may come along with one read.
const DESCRIPTORS_MAX: usize = 8;
/// Room for them and their header, aligned like a header.
type Control = [u64; 16];

/// Sends some of `bytes`, and all `descriptors` along with them; returns how many bytes. Does not block.
///
/// # Errors
/// What `sendmsg` says, among it that it would block; then nothing was sent.
pub fn send_with_descriptors(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    assert!(descriptors.len() <= DESCRIPTORS_MAX, "more descriptors than a message holds");
    let mut control: Control = [0; 16];
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all zeroes is a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    if !descriptors.is_empty() {
        let size = (descriptors.len() * size_of::<RawFd>()) as libc::c_uint;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: arithmetic only.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as _;
        // SAFETY: `control` has room for the header and `DESCRIPTORS_MAX` descriptors, and is aligned for the header.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size) as _;
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            for (index, descriptor) in descriptors.iter().enumerate() {
                data.add(index).write_unaligned(descriptor.as_raw_fd());
            }
        }
    }
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: `message` points to `part` and `control`, which live until after the call; nothing is written to `bytes`.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, flags) };
    sys::check(sent as i64).map(|sent| sent as usize)
}

/// Reads some bytes into `buffer`, and takes over the descriptors that came along; returns how many bytes.
/// Does not block. The descriptors are closed on `exec`.
///
/// # Errors
/// What `recvmsg` says, among it that it would block.
pub fn receive_with_descriptors(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control: Control = [0; 16];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zeroes is a valid `msghdr`.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `message` points to `part` and `control`, which are valid for writing and live until after the call.
    let count = sys::check(unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, flags) } as i64)?;
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has written well-formed headers into `control`, and the descriptors in them are new and ours.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&message);
        while !header.is_null() {
            if ((*header).cmsg_level, (*header).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    descriptors.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&message, header);
        }
    }
    Ok((count as usize, descriptors))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_travel_with_the_bytes_they_were_sent_with() {
        let (left, right) = UnixStream::pair().unwrap();
        let (mut kept, given) = UnixStream::pair().unwrap();
        let sent = send_with_descriptors(left.as_fd(), b"take this", &[given.as_fd(), left.as_fd()]).unwrap();
        drop(given);
        let mut buffer = [0; 64];
        let (count, mut descriptors) = receive_with_descriptors(right.as_fd(), &mut buffer).unwrap();
        assert_eq!((sent, count, descriptors.len()), (9, 9, 2));
        kept.write_all(b"hello").unwrap();
        drop(kept);
        let mut text = String::new();
        UnixStream::from(descriptors.remove(0)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        let error = receive_with_descriptors(right.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
