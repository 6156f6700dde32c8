//! Reading `multipart/form-data`. What is kept in memory is one piece of the body and the boundary.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use crate::body::Body;
use crate::error::{Code, OssError};

/// The longest head of a part. A field's name may have 8 KB. Source: OSS, `PostObject`.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How much of a body is read apart from the content of its file.
const OVERHEAD_BYTES_MAX: usize = 6 << 20;

/// What stands before the content of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The name of the field.
    pub(crate) name: String,
    /// The name of the file, when it is one.
    pub(crate) file_name: Option<String>,
    /// The type of the file, when one is given.
    pub(crate) content_type: Option<String>,
}

/// Reads the parts of a form one after another.
pub(crate) struct FormReader<'b> {
    body: &'b mut Body,
    /// A line end, two dashes and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    /// Whether the content of a part is under way. What precedes the first part is read like one.
    in_part: bool,
    /// How much has been read that is not the content of the file.
    overhead_bytes: usize,
    /// Whether the present part is the file.
    in_file: bool,
}

impl<'b> FormReader<'b> {
    /// Reads a body whose parts are separated by `boundary`.
    pub(crate) fn new(body: &'b mut Body, boundary: &str) -> Self {
        let delimiter = ["\r\n--", boundary].concat().into_bytes();
        // The first boundary may be at the very beginning, without a line end before it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { body, delimiter, buffer, in_part: true, overhead_bytes: 0, in_file: false }
    }

    /// Goes to the next part, over what is left of the present one. `None` at the end of the form.
    pub(crate) async fn next_part(&mut self) -> Result<Option<PartHead>, OssError> {
        while self.content().await?.is_some() {}
        self.need(2).await?;
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let head = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end);
                self.buffer.advance(4);
                break head;
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(Code::FieldItemTooLong.into());
            }
            self.fill().await?;
        };
        self.in_part = true;
        parse_head(&head).map(Some)
    }

    /// The present part is the file: its content counts by its own limit.
    pub(crate) fn enter_file(&mut self) {
        self.in_file = true;
    }

    /// The next piece of the present part's content, `None` at its end.
    pub(crate) async fn content(&mut self) -> Result<Option<Bytes>, OssError> {
        while self.in_part {
            match memmem::find(&self.buffer, &self.delimiter) {
                Some(0) => {
                    self.buffer.advance(self.delimiter.len());
                    self.in_part = false;
                    self.in_file = false;
                }
                Some(at) => return Ok(Some(self.buffer.split_to(at).freeze())),
                None => {
                    // The end of what is there may be the beginning of a boundary.
                    let certain = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
                    if certain > 0 {
                        return Ok(Some(self.buffer.split_to(certain).freeze()));
                    }
                    self.fill().await?;
                }
            }
        }
        Ok(None)
    }

    async fn need(&mut self, count: usize) -> Result<(), OssError> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), OssError> {
        match self.body.chunk().await? {
            Some(bytes) => {
                if !self.in_file {
                    self.overhead_bytes += bytes.len();
                }
                if self.overhead_bytes > OVERHEAD_BYTES_MAX {
                    return Err(Code::MaxPOSTPreDataLengthExceededError.into());
                }
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            None => Err(malformed()),
        }
    }
}

/// The boundary that a `Content-Type` names: 1 to 70 characters.
pub(crate) fn boundary_of(content_type: &str) -> Result<String, OssError> {
    let (_, parameters) = content_type.split_once(';').ok_or_else(malformed)?;
    let boundary = parameter(parameters, "boundary").filter(|text| (1..=70).contains(&text.len()));
    boundary.ok_or_else(malformed)
}

fn malformed() -> OssError {
    Code::MalformedPOSTRequest.into()
}

fn parse_head(head: &[u8]) -> Result<PartHead, OssError> {
    let text = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut part = PartHead::default();
    let mut named = false;
    // What follows the boundary on its line is white space.
    let (padding, lines) = text.split_once("\r\n").ok_or_else(malformed)?;
    if !padding.trim().is_empty() {
        return Err(malformed());
    }
    for line in lines.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            let (kind, parameters) = value.split_once(';').ok_or_else(malformed)?;
            if !kind.trim().eq_ignore_ascii_case("form-data") {
                return Err(malformed());
            }
            part.name = parameter(parameters, "name").ok_or_else(malformed)?;
            part.file_name = parameter(parameters, "filename");
            named = true;
        } else if name.trim().eq_ignore_ascii_case("content-type") {
            part.content_type = Some(value.trim().to_owned());
        }
    }
    if named { Ok(part) } else { Err(malformed()) }
}

/// The value of a parameter in `a=b; c="d"`.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, after) = rest.split_once('=')?;
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = left;
    }
}

/// The text up to the closing quote, and what follows it. Only a quote can be escaped: what browsers send for a file
/// name may have backslashes in it that mean themselves.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' if matches!(chars.peek(), Some((_, '"'))) => {
                chars.next();
                value.push('"');
            }
            _ => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_quoted_or_not() {
        let table = [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data; charset=utf-8; boundary=\"a b;c\"", Some("a b;c")),
            ("multipart/form-data; Boundary=abc; x=y", Some("abc")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"abc", None),
        ];
        for (text, expected) in table {
            assert_eq!(boundary_of(text).ok().as_deref(), expected, "{text}");
        }
        assert!(boundary_of(&format!("a/b; boundary={}", "b".repeat(71))).is_err());
    }

    #[test]
    fn heads_of_parts_are_read() {
        let head = parse_head(
            b" \r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\a \\\"b\\\".txt\"\r\nContent-Type: text/plain",
        );
        let expected = PartHead {
            name: "file".to_owned(),
            file_name: Some("C:\\dir\\a \"b\".txt".to_owned()),
            content_type: Some("text/plain".to_owned()),
        };
        assert_eq!(head.unwrap(), expected);
        for bad in
            ["", "\r\nx", "\r\nContent-Disposition: form-data", "x\r\nContent-Disposition: form-data; name=a"]
        {
            assert!(parse_head(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
