//! Reading request bodies: elements and text, no attributes, no document type, nothing external.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::{Code, OssError};

/// How deep elements may lie within each other; the deepest request has 4 levels.
const DEPTH_MAX: usize = 16;

/// How many elements a document may have; the largest request lists 10,000 parts of 3 elements each.
const ELEMENT_COUNT_MAX: usize = 40_000;

/// An element: its name without a prefix, its children, and its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// The local name.
    pub(crate) name: String,
    /// The elements in it.
    pub(crate) children: Vec<Element>,
    /// The text in it, without that of its children.
    pub(crate) text: String,
}

impl Element {
    /// The text of the first child with a name.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    /// The children with a name.
    pub(crate) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Reads a document whose root has the name `root`. The caller bounds the size of `body`.
pub(crate) fn parse(body: &[u8], root: &str) -> Result<Element, OssError> {
    let document = std::str::from_utf8(body).ok().and_then(read);
    document.filter(|element| element.name == root).ok_or_else(|| Code::MalformedXML.into())
}

/// The root element, `None` when the document is not one that we accept.
fn read(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        let event = reader.read_event().ok()?;
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            count += 1;
            (count <= ELEMENT_COUNT_MAX).then_some(())?;
        }
        match event {
            Event::Start(tag) => {
                (root.is_none() && open.len() < DEPTH_MAX).then_some(())?;
                open.push(Element { name: tag.local_name().into_inner().to_owned(), ..Element::default() });
            }
            Event::Empty(tag) => {
                let element =
                    Element { name: tag.local_name().into_inner().to_owned(), ..Element::default() };
                put(element, &mut open, &mut root)?;
            }
            Event::End(_) => put(open.pop()?, &mut open, &mut root)?,
            // Line ends are not normalised: a carriage return in a key is part of the key.
            Event::Text(content) => push_text(&content.into_inner(), &mut open)?,
            Event::CData(content) => push_text(&content.into_inner(), &mut open)?,
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(char) => push_text(char.encode_utf8(&mut [0; 4]), &mut open)?,
                None => push_text(quick_xml::escape::resolve_xml_entity(&reference)?, &mut open)?,
            },
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::DocType(_) => return None,
            Event::Eof => return root.filter(|_| open.is_empty()),
        }
    }
}

fn put(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Option<()> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return None,
    }
    Some(())
}

fn push_text(text: &str, open: &mut [Element]) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None => text.trim().is_empty().then_some(())?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "[<>/a!?&;#\\[\\]CDAT\"' -]{0,60}") {
            let _refused = parse(&bytes, "Delete");
            let _refused = parse(text.as_bytes(), "a");
        }
    }

    #[test]
    fn elements_text_and_references_are_read() {
        let body = "<?xml version=\"1.0\"?>\n<o:Delete xmlns:o='x'><Quiet>true</Quiet>\
                    <Object><Key>a&amp;b &#x31;\r<![CDATA[<c>]]></Key></Object><Object/></o:Delete>\n";
        let root = parse(body.as_bytes(), "Delete").unwrap();
        assert_eq!(root.child_text("Quiet"), Some("true"));
        let keys: Vec<_> = root.children_named("Object").map(|object| object.child_text("Key")).collect();
        assert_eq!(keys, [Some("a&b 1\r<c>"), None]);
    }

    #[test]
    fn documents_that_could_do_harm_are_refused() {
        let bomb = "<!DOCTYPE d [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><Delete>&b;</Delete>";
        let deep = ["<a>".repeat(100_000), "</a>".repeat(100_000)].concat();
        let many = ["<Delete>", &"<a/>".repeat(ELEMENT_COUNT_MAX), "</Delete>"].concat();
        let table = [
            bomb,
            many.as_str(),
            "<!DOCTYPE d SYSTEM 'file:///etc/passwd'><Delete/>",
            "<Delete>&unknown;</Delete>",
            "<Delete>&#0;</Delete>",
            "<Delete><a></Delete>",
            "<Delete/><Delete/>",
            "<Delete/>text",
            "<Delete",
            "<Other/>",
            "text",
            "",
            deep.as_str(),
        ];
        for body in table {
            let error = parse(body.as_bytes(), "Delete").unwrap_err();
            assert_eq!(error.code, Code::MalformedXML, "{}", &body[..body.len().min(40)]);
        }
        assert!(parse(b"<Delete>\xff</Delete>", "Delete").is_err());
    }
}
