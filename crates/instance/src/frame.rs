//! The frames that the server and the shims of built-in runtimes exchange, version 1.
//!
//! ```text
//! length  4 bytes, little-endian: of kind and body
//! kind    1 byte
//! body    length - 1 bytes
//! ```
//!
//! To a shim: `INVOKE`, `INITIALIZE` and `PRE_STOP` carry 2 bytes of length, that much text (request id, qualifier and
//! retry count, separated by line feeds), and the payload. `START` tells what function to become (JSON), `FORK` the same to
//! a zygote, with the descriptors of the connection and the output.
//!
//! From a shim: every reply starts with 4 bytes: the most memory used so far, in KiB. `READY` adds the protocol's version,
//! `RESULT` the result, `ERROR` one byte of flags and the JSON report, `TOO_LARGE` the size of a result that was over the
//! limit (8 bytes). A zygote answers `FORKED` (the request's sequence number, 8 bytes, and a pidfd) or `FORK_FAILED`
//! (sequence number, text); these two have no memory field.
//!
//! What comes from a shim may be written by the function itself: every size is checked before anything is allocated.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kulkul_model::{Qualifier, RequestId};

/// The version both sides must have.
pub const PROTOCOL: u32 = 1;
/// Length field and kind.
const HEAD_BYTES: usize = 5;
/// What a reply may hold beside the result: memory, flags, a size.
const REPLY_EXTRA_BYTES: usize = 16;

pub(crate) const INVOKE: u8 = 0x01;
pub(crate) const INITIALIZE: u8 = 0x02;
pub(crate) const PRE_STOP: u8 = 0x03;
pub(crate) const FORK: u8 = 0x10;
pub(crate) const START: u8 = 0x11;
const READY: u8 = 0x81;
const RESULT: u8 = 0x82;
const ERROR: u8 = 0x83;
const TOO_LARGE: u8 = 0x84;
const FORKED: u8 = 0x90;
const FORK_FAILED: u8 = 0x91;

const HANDLED: u8 = 1;
const UNHANDLED: u8 = 2;
const UNUSABLE: u8 = 0x80;

/// What a shim answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The most memory its process has used so far.
    pub memory_kib: u32,
    /// The answer itself.
    pub body: ReplyBody,
}

/// The answers of a shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// The function is loaded.
    Ready,
    /// What the handler returned.
    Result(Bytes),
    /// The handler failed.
    Error {
        /// Whether the function reported the failure itself.
        handled: bool,
        /// Whether the process must not be used again.
        unusable: bool,
        /// The JSON report.
        report: Bytes,
    },
    /// The handler returned this many bytes, more than allowed.
    TooLarge(u64),
}

/// What a zygote answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZygoteReply {
    /// It is there.
    Ready,
    /// It has forked for the request with this number; a pidfd comes along.
    Forked(u64),
    /// It could not fork for the request with this number.
    Failed(u64, String),
}

/// Bytes that are no frame of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame is longer than anything the other side may send.
    #[error("a frame of {length} bytes, more than {limit}")]
    TooLong {
        /// Its length.
        length: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// The frame is too short for its kind.
    #[error("a frame of kind {kind:#04x} that is too short")]
    TooShort {
        /// Its kind.
        kind: u8,
    },
    /// Nobody sends this kind.
    #[error("a frame of the unknown kind {kind:#04x}")]
    UnknownKind {
        /// Its kind.
        kind: u8,
    },
    /// The shim speaks another version.
    #[error("version {version} of the protocol instead of {PROTOCOL}")]
    OtherVersion {
        /// Its version.
        version: u32,
    },
}

/// Takes one whole frame, kind and body, off the front of `buffer`; `None` while it is not complete.
///
/// # Errors
/// When it is empty or longer than `body_bytes_max` allows. The buffer is then of no further use.
pub fn take_frame(buffer: &mut BytesMut, body_bytes_max: usize) -> Result<Option<(u8, Bytes)>, FrameError> {
    let Some(head) = buffer.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let (kind, limit) = (head[4], body_bytes_max.saturating_add(REPLY_EXTRA_BYTES));
    match length {
        0 => return Err(FrameError::TooShort { kind }),
        _ if length > limit => return Err(FrameError::TooLong { length, limit }),
        _ if buffer.len() < 4 + length => return Ok(None),
        _ => {}
    }
    buffer.advance(HEAD_BYTES);
    Ok(Some((kind, buffer.split_to(length - 1).freeze())))
}

/// How many more bytes the first frame in `buffer` needs, as far as can be told.
pub(crate) fn missing(buffer: &BytesMut) -> usize {
    match buffer.first_chunk::<4>() {
        Some(length) => (4 + u32::from_le_bytes(*length) as usize).saturating_sub(buffer.len()),
        None => HEAD_BYTES - buffer.len().min(HEAD_BYTES),
    }
}

/// Understands a shim's frame.
///
/// # Errors
/// When it is none of its kinds or too short.
pub fn parse_reply(kind: u8, mut body: Bytes) -> Result<Reply, FrameError> {
    let short = FrameError::TooShort { kind };
    if !matches!(kind, READY | RESULT | ERROR | TOO_LARGE) {
        return Err(FrameError::UnknownKind { kind });
    }
    let memory_kib = body.try_get_u32_le().map_err(|_| short)?;
    let body = match kind {
        READY => match body.try_get_u32_le().map_err(|_| short)? {
            PROTOCOL => ReplyBody::Ready,
            version => return Err(FrameError::OtherVersion { version }),
        },
        RESULT => ReplyBody::Result(body),
        ERROR => {
            let flags = body.try_get_u8().map_err(|_| short)?;
            let handled = flags & (HANDLED | UNHANDLED) == HANDLED;
            ReplyBody::Error { handled, unusable: flags & UNUSABLE != 0, report: body }
        }
        _ => ReplyBody::TooLarge(body.try_get_u64_le().map_err(|_| short)?),
    };
    Ok(Reply { memory_kib, body })
}

/// Understands a zygote's frame.
///
/// # Errors
/// When it is none of its kinds or too short.
pub fn parse_zygote_reply(kind: u8, mut body: Bytes) -> Result<ZygoteReply, FrameError> {
    let short = FrameError::TooShort { kind };
    match kind {
        READY => match body.try_get_u32_le().map_err(|_| short)? {
            PROTOCOL => Ok(ZygoteReply::Ready),
            version => Err(FrameError::OtherVersion { version }),
        },
        FORKED => Ok(ZygoteReply::Forked(body.try_get_u64_le().map_err(|_| short)?)),
        FORK_FAILED => {
            let sequence = body.try_get_u64_le().map_err(|_| short)?;
            Ok(ZygoteReply::Failed(sequence, String::from_utf8_lossy(&body).into_owned()))
        }
        _ => Err(FrameError::UnknownKind { kind }),
    }
}

/// Appends the frame of a request up to its payload of `payload_bytes`, which has to follow.
pub(crate) fn put_request_head(
    out: &mut BytesMut,
    kind: u8,
    request_id: &RequestId,
    qualifier: &Qualifier,
    retry_count: u32,
    payload_bytes: usize,
) {
    use std::fmt::Write;

    let start = out.len();
    out.put_slice(&[0; HEAD_BYTES + 2]);
    // Ids and qualifiers are short texts without line feeds; writing to a buffer in memory cannot fail.
    let _ = write!(out, "{request_id}\n{qualifier}\n{retry_count}");
    let meta_bytes = out.len() - start - HEAD_BYTES - 2;
    let length = (1 + 2 + meta_bytes + payload_bytes) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4] = kind;
    out[start + 5..start + 7].copy_from_slice(&(meta_bytes as u16).to_le_bytes());
}

/// Appends a whole frame.
pub(crate) fn put_frame(out: &mut BytesMut, kind: u8, body: &[u8]) {
    out.put_u32_le(body.len() as u32 + 1);
    out.put_u8(kind);
    out.put_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1000;

    fn framed(kind: u8, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        put_frame(&mut out, kind, body);
        out
    }

    #[test]
    fn a_frame_is_taken_only_when_it_is_whole() {
        let whole = framed(RESULT, b"\x07\0\0\0done");
        for cut in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..cut]);
            assert_eq!(take_frame(&mut part, LIMIT), Ok(None), "after {cut} bytes");
            assert!((1..=whole.len() - cut).contains(&missing(&part)), "after {cut} bytes");
        }
        let mut two = [&whole[..], &whole[..]].concat().as_slice().into();
        for _ in 0..2 {
            let (kind, body) = take_frame(&mut two, LIMIT).unwrap().unwrap();
            let expected = Reply { memory_kib: 7, body: ReplyBody::Result(Bytes::from_static(b"done")) };
            assert_eq!(parse_reply(kind, body), Ok(expected));
        }
    }

    #[test]
    fn frames_that_lie_about_their_size_are_refused_before_they_are_read() {
        let mut huge = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, RESULT][..]);
        let limit = LIMIT + REPLY_EXTRA_BYTES;
        assert_eq!(
            take_frame(&mut huge, LIMIT),
            Err(FrameError::TooLong { length: u32::MAX as usize, limit })
        );
        let mut empty = BytesMut::from(&[0, 0, 0, 0, RESULT][..]);
        assert_eq!(take_frame(&mut empty, LIMIT), Err(FrameError::TooShort { kind: RESULT }));
    }

    #[test]
    fn replies_that_are_short_unknown_or_of_another_version_are_refused() {
        let table: [(u8, &[u8], FrameError); 5] = [
            (0x00, b"", FrameError::UnknownKind { kind: 0 }),
            (RESULT, b"\0\0\0", FrameError::TooShort { kind: RESULT }),
            (ERROR, b"\0\0\0\0", FrameError::TooShort { kind: ERROR }),
            (TOO_LARGE, b"\0\0\0\0\x01", FrameError::TooShort { kind: TOO_LARGE }),
            (READY, b"\0\0\0\0\x09\0\0\0", FrameError::OtherVersion { version: 9 }),
        ];
        for (kind, body, error) in table {
            assert_eq!(parse_reply(kind, Bytes::copy_from_slice(body)), Err(error));
        }
    }

    #[test]
    fn the_flags_of_an_error_say_who_reported_it_and_whether_the_process_goes_on() {
        for (flags, handled, unusable) in [(1, true, false), (2, false, false), (0x82, false, true)] {
            let reply = parse_reply(ERROR, Bytes::copy_from_slice(&[0, 0, 0, 0, flags, b'{', b'}'])).unwrap();
            let report = Bytes::from_static(b"{}");
            assert_eq!(reply.body, ReplyBody::Error { handled, unusable, report });
        }
    }

    #[test]
    fn a_request_is_its_ids_and_then_the_payload() {
        let mut out = BytesMut::new();
        put_request_head(&mut out, INVOKE, &RequestId::from_text("1-a"), &Qualifier::latest(), 2, 3);
        assert_eq!(&out[..], b"\x12\0\0\0\x01\x0c\x001-a\nLATEST\n2".as_slice());
    }
}
