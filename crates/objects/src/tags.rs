//! The tags of an object.

use http::HeaderValue;

use crate::encode::{Plus, decode_text};
use crate::error::{Code, OssError};
use crate::xml::{Element, Xml};

/// How many tags an object has at most. Source: OSS, `PutObjectTagging`, as are the limits below.
const COUNT_MAX: usize = 10;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Up to 10 pairs with distinct keys, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(Vec<(String, String)>);

impl Tags {
    /// Reads the header `x-oss-tagging`: `k1=v1&k2=v%202`.
    pub(crate) fn from_header(value: &HeaderValue) -> Result<Self, OssError> {
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| OssError::from(Code::InvalidTag))?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            decode_text(key, Plus::Space).zip(decode_text(value, Plus::Space))
        });
        let pairs = pairs.collect::<Option<_>>().ok_or_else(|| OssError::from(Code::InvalidTag))?;
        Self::checked(pairs)
    }

    /// Reads the body of a request: `<Tagging><TagSet><Tag><Key/><Value/></Tag></TagSet></Tagging>`.
    pub(crate) fn from_xml(root: &Element) -> Result<Self, OssError> {
        let set = root.children_named("TagSet").next().ok_or_else(|| OssError::from(Code::MalformedXML))?;
        let pair = |tag: &Element| {
            let key = tag.child_text("Key")?;
            Some((key.to_owned(), tag.child_text("Value").unwrap_or_default().to_owned()))
        };
        let pairs = set.children_named("Tag").map(pair).collect::<Option<_>>();
        Self::checked(pairs.ok_or_else(|| OssError::from(Code::MalformedXML))?)
    }

    /// Takes over tags that were checked before they were stored.
    pub(crate) fn stored(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The pairs.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// As the body of a reply.
    pub(crate) fn xml(&self) -> String {
        let mut xml = Xml::new();
        xml.open("Tagging");
        xml.open("TagSet");
        for (key, value) in &self.0 {
            xml.open("Tag");
            xml.text("Key", key);
            xml.text("Value", value);
            xml.close("Tag");
        }
        xml.close("TagSet");
        xml.close("Tagging");
        xml.finish()
    }

    fn checked(pairs: Vec<(String, String)>) -> Result<Self, OssError> {
        if pairs.len() > COUNT_MAX {
            return Err(Code::InvalidTag.with("Object tags cannot be greater than 10."));
        }
        for (at, (key, value)) in pairs.iter().enumerate() {
            if !(1..=KEY_CHARS_MAX).contains(&key.chars().count()) || !key.chars().all(is_legal) {
                return Err(Code::InvalidTag.into());
            }
            if value.chars().count() > VALUE_CHARS_MAX || !value.chars().all(is_legal) {
                return Err(Code::InvalidTag.with("The TagValue you have provided is invalid."));
            }
            if pairs[..at].iter().any(|(other, _)| other == key) {
                return Err(Code::InvalidArgument.with("Cannot provide multiple Tags with the same key."));
            }
        }
        Ok(Self(pairs))
    }
}

fn is_legal(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, ' ' | '+' | '-' | '=' | '.' | '_' | ':' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn both_forms_say_the_same() {
        let header = Tags::from_header(&HeaderValue::from_static("k1=v1&k%202=v/2+x&k3")).unwrap();
        let root = parse(header.xml().as_bytes(), "Tagging").unwrap();
        assert_eq!(Tags::from_xml(&root).unwrap(), header);
        assert_eq!(header.pairs()[1], ("k 2".to_owned(), "v/2 x".to_owned()));
    }

    #[test]
    fn tags_have_limits() {
        let many = (0..11).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join("&");
        let table = [
            (many.as_str(), Code::InvalidTag),
            ("=v", Code::InvalidTag),
            ("k=%21", Code::InvalidTag),
            ("%FF=v", Code::InvalidTag),
            ("a=1&a=2", Code::InvalidArgument),
            (&format!("{}=v", "k".repeat(129)), Code::InvalidTag),
            (&format!("k={}", "v".repeat(257)), Code::InvalidTag),
        ];
        for (text, code) in table {
            let header = HeaderValue::from_str(text).unwrap();
            assert_eq!(Tags::from_header(&header).unwrap_err().code, code, "{text}");
        }
        let longest = format!("{}={}", "k".repeat(128), "v".repeat(256));
        assert!(Tags::from_header(&HeaderValue::from_str(&longest).unwrap()).is_ok());
    }
}
