//! XML of this API: how much of it is read, and what is answered when it is not well-formed.

use kulkul_xml::ReadLimits;
pub(crate) use kulkul_xml::{Element, Xml};

use crate::error::{Code, OssError};

/// The deepest request has 4 levels, and the largest one lists 10,000 parts of 3 elements each.
const LIMITS: ReadLimits = ReadLimits { depth_max: 16, element_count_max: 40_000 };

/// Reads a document whose root has the name `root`. The caller bounds the size of `body`.
pub(crate) fn parse(body: &[u8], root: &str) -> Result<Element, OssError> {
    let document = kulkul_xml::read(body, LIMITS);
    document.filter(|element| element.name == root).ok_or_else(|| Code::MalformedXML.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_root_is_as_bad_as_no_xml() {
        assert_eq!(parse(b"<Delete/>", "Delete").unwrap().name, "Delete");
        for body in ["<Other/>", "text", ""] {
            assert_eq!(parse(body.as_bytes(), "Delete").unwrap_err().code, Code::MalformedXML, "{body}");
        }
    }
}
