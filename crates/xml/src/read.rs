//! Reading documents.

use quick_xml::Reader;
use quick_xml::events::Event;

/// How much of a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// How deep elements may lie within each other.
    pub depth_max: usize,
    /// How many elements there may be.
    pub element_count_max: usize,
}

/// An element: its name without a prefix, its children, and its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The local name.
    pub name: String,
    /// The elements in it.
    pub children: Vec<Element>,
    /// The text in it, without that of its children.
    pub text: String,
}

impl Element {
    /// The text of the first child with a name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    /// The children with a name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// Reads a document and returns its root; `None` when it is not well-formed, or has what we do not accept. The caller
/// bounds the size of `document`.
pub fn read(document: &[u8], limits: ReadLimits) -> Option<Element> {
    read_text(std::str::from_utf8(document).ok()?, limits)
}

fn read_text(text: &str, limits: ReadLimits) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        let event = reader.read_event().ok()?;
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            count += 1;
            (count <= limits.element_count_max).then_some(())?;
        }
        match event {
            Event::Start(tag) => {
                (root.is_none() && open.len() < limits.depth_max).then_some(())?;
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

    const LIMITS: ReadLimits = ReadLimits { depth_max: 16, element_count_max: 1000 };

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "[<>/a!?&;#\\[\\]CDAT\"' -]{0,60}") {
            let _refused = read(&bytes, LIMITS);
            let _refused = read(text.as_bytes(), LIMITS);
        }
    }

    #[test]
    fn elements_text_and_references_are_read() {
        let body = "<?xml version=\"1.0\"?>\n<o:Delete xmlns:o='x'><Quiet>true</Quiet>\
                    <Object><Key>a&amp;b &#x31;\r<![CDATA[<c>]]></Key></Object><Object/></o:Delete>\n";
        let root = read(body.as_bytes(), LIMITS).unwrap();
        assert_eq!((root.name.as_str(), root.child_text("Quiet")), ("Delete", Some("true")));
        let keys: Vec<_> = root.children_named("Object").map(|object| object.child_text("Key")).collect();
        assert_eq!(keys, [Some("a&b 1\r<c>"), None]);
    }

    #[test]
    fn documents_that_could_do_harm_are_refused() {
        let bomb = "<!DOCTYPE d [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><Delete>&b;</Delete>";
        let deep = |levels: usize| ["<a>".repeat(levels), "</a>".repeat(levels)].concat();
        let many = |count: usize| ["<Delete>", &"<a/>".repeat(count - 1), "</Delete>"].concat();
        assert!(read(deep(16).as_bytes(), LIMITS).is_some() && read(many(1000).as_bytes(), LIMITS).is_some());
        let table = [
            bomb,
            &many(1001),
            "<!DOCTYPE d SYSTEM 'file:///etc/passwd'><Delete/>",
            "<Delete>&unknown;</Delete>",
            "<Delete>&#0;</Delete>",
            "<Delete><a></Delete>",
            "<Delete/><Delete/>",
            "<Delete/>text",
            "<Delete",
            "text",
            "",
            &deep(17),
            &deep(100_000),
        ];
        for body in table {
            assert_eq!(read(body.as_bytes(), LIMITS), None, "{}", &body[..body.len().min(40)]);
        }
        assert_eq!(read(b"<Delete>\xff</Delete>", LIMITS), None);
    }
}
