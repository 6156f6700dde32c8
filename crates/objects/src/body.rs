//! Receiving the body of a request: into memory for documents, into the store for objects.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use kulkul_listener::{BodyError, RequestBody};
use kulkul_model::crc64::Crc64;
use kulkul_store::objects::{DataSink, NewData};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::error::{Code, OssError};

/// The largest object that is written at once. Source: OSS, "Limits"; that the unit is binary is inferred.
pub(crate) const OBJECT_BYTES_MAX: u64 = 5 << 30;

/// The largest document. Source: OSS, `DeleteMultipleObjects`; for the others it is ours.
const DOCUMENT_BYTES_MAX: usize = 2 << 20;

/// How much of a body that nobody wants is read, so that its client gets to see the answer.
const DISCARD_BYTES_MAX: u64 = 64 << 20;

/// How long it may take to read it.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long its client may pause meanwhile.
const DISCARD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// The body of a request.
pub(crate) struct Body {
    incoming: RequestBody,
    is_awaited: bool,
    has_begun: bool,
    has_ended: bool,
}

impl Body {
    /// The body of a request with these headers.
    pub(crate) fn new(incoming: RequestBody, headers: &HeaderMap) -> Self {
        let has_ended = incoming.length() == Some(0);
        let is_awaited = headers.contains_key(http::header::EXPECT);
        Self { incoming, is_awaited, has_begun: false, has_ended }
    }

    /// Whether its client waits for permission to send it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// The next piece, `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, OssError> {
        self.has_begun = true;
        match self.incoming.chunk().await {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            None => {
                self.has_ended = true;
                Ok(None)
            }
            Some(Err(BodyError::TimedOut)) => Err(Code::RequestTimeout.into()),
            Some(Err(BodyError::Broken(_) | BodyError::TooLarge { .. })) => Err(Code::IncompleteBody.into()),
        }
    }

    /// Reads a document. Its `Content-MD5` is checked when there is one.
    pub(crate) async fn document(&mut self, headers: &HeaderMap) -> Result<Bytes, OssError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.chunk().await? {
            if all.len() + bytes.len() > DOCUMENT_BYTES_MAX {
                return Err(Code::MalformedXML.into());
            }
            all.extend_from_slice(&bytes);
        }
        if let Some(expected) = expected_md5(headers)? {
            check_md5(expected, Md5::digest(&all).into())?;
        }
        Ok(all.freeze())
    }

    /// Reads and drops what is left, up to a limit. Returns whether the connection can be used again.
    pub(crate) async fn discard(&mut self) -> bool {
        // A client that waits for permission to send has sent nothing yet, and may or may not send later.
        if self.has_ended {
            return true;
        }
        if self.is_awaited && !self.has_begun {
            return false;
        }
        let reading = async {
            let mut left = DISCARD_BYTES_MAX;
            while !self.has_ended {
                let Ok(Ok(piece)) = tokio::time::timeout(DISCARD_PAUSE_MAX, self.chunk()).await else {
                    return false;
                };
                match left.checked_sub(piece.map_or(0, |bytes| bytes.len() as u64)) {
                    Some(less) => left = less,
                    None => return false,
                }
            }
            true
        };
        tokio::time::timeout(DISCARD_TIME_MAX, reading).await.unwrap_or(false)
    }
}

/// What a request says of the bytes that it sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    md5: Option<[u8; 16]>,
    crc64: Option<u64>,
    sha256: Option<[u8; 32]>,
}

/// Bytes that were received and checked.
#[derive(Debug)]
pub(crate) struct Received {
    /// Where they are.
    pub(crate) data: NewData,
    /// Their MD5.
    pub(crate) md5: [u8; 16],
    /// Their CRC-64.
    pub(crate) crc64: u64,
}

impl Expected {
    /// Reads the headers. An announced length over the limit is refused before anything is read.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, OssError> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if text("content-length").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) > OBJECT_BYTES_MAX {
            return Err(Code::EntityTooLarge.into());
        }
        let crc64 = text("x-oss-hash-crc64ecma").map(|text| {
            text.parse().map_err(|_| {
                Code::InvalidArgument
                    .detail("ArgumentName", "x-oss-hash-crc64ecma")
                    .detail("ArgumentValue", text)
            })
        });
        let sha256 = match text("x-oss-content-sha256") {
            None | Some("UNSIGNED-PAYLOAD") => None,
            Some(text) => {
                let mut sha256 = [0; 32];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                let valid = lower && hex::decode_to_slice(text, &mut sha256).is_ok();
                Some(valid.then_some(sha256).ok_or_else(|| {
                    Code::InvalidArgument
                        .detail("ArgumentName", "x-oss-content-sha256")
                        .detail("ArgumentValue", text)
                })?)
            }
        };
        Ok(Self { md5: expected_md5(headers)?, crc64: crc64.transpose()?, sha256 })
    }
}

/// Receives bytes piece by piece, and takes their digests on the way.
pub(crate) struct Receiver {
    sink: Box<dyn DataSink>,
    expected: Expected,
    length: u64,
    length_max: u64,
    md5: Md5,
    crc64: Crc64,
    sha256: Option<Sha256>,
}

impl Receiver {
    /// Begins to receive at most `length_max` bytes.
    pub(crate) fn new(sink: Box<dyn DataSink>, expected: Expected, length_max: u64) -> Self {
        Self {
            sink,
            length: 0,
            length_max,
            md5: Md5::new(),
            crc64: Crc64::new(),
            sha256: expected.sha256.map(|_| Sha256::new()),
            expected,
        }
    }

    /// Takes a piece.
    pub(crate) async fn take(&mut self, bytes: Bytes) -> Result<(), OssError> {
        self.length += bytes.len() as u64;
        if self.length > self.length_max {
            return Err(Code::EntityTooLarge.into());
        }
        self.md5.update(&bytes);
        self.crc64.update(&bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(&bytes);
        }
        Ok(self.sink.write(bytes).await?)
    }

    /// Checks the digests, and syncs what was received.
    pub(crate) async fn finish(self) -> Result<Received, OssError> {
        let (md5, crc64) = (<[u8; 16]>::from(self.md5.finalize()), self.crc64.finish());
        if let Some(expected) = self.expected.md5 {
            check_md5(expected, md5)?;
        }
        if self.expected.crc64.is_some_and(|expected| expected != crc64) {
            return Err(Code::InvalidCRC64.into());
        }
        if let (Some(expected), Some(sha256)) = (self.expected.sha256, self.sha256)
            && expected != <[u8; 32]>::from(sha256.finalize())
        {
            return Err(Code::InvalidDigest.with("The x-oss-content-sha256 you specified was invalid."));
        }
        Ok(Received { data: self.sink.seal().await?, md5, crc64 })
    }
}

/// Receives the whole body as the bytes of an object.
pub(crate) async fn receive(
    body: &mut Body,
    headers: &HeaderMap,
    sink: Box<dyn DataSink>,
) -> Result<Received, OssError> {
    let mut receiver = Receiver::new(sink, Expected::read(headers)?, OBJECT_BYTES_MAX);
    while let Some(bytes) = body.chunk().await? {
        receiver.take(bytes).await?;
    }
    receiver.finish().await
}

/// The header `Content-MD5`.
fn expected_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, OssError> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let md5 = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    md5.map(Some).ok_or_else(|| Code::InvalidDigest.into())
}

fn check_md5(expected: [u8; 16], calculated: [u8; 16]) -> Result<(), OssError> {
    if expected == calculated {
        return Ok(());
    }
    Err(Code::InvalidDigest
        .detail("ExpectedDigest", STANDARD.encode(expected))
        .detail("CalculatedDigest", STANDARD.encode(calculated)))
}
