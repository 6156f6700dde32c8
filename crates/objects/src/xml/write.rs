//! Writing replies. Without a name space: the clients either fail on one or read nothing.

/// A reply in the making.
pub(crate) struct Xml(String);

impl Xml {
    /// Starts with the declaration.
    pub(crate) fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    /// Closes an element.
    pub(crate) fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }

    /// Writes an element that holds text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.0.reserve(text.len());
        for char in text.chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                '\t' | '\n' => self.0.push(char),
                // XML 1.0 has no way to write these; a reader would give up on the whole reply.
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                _ => self.0.push(char),
            }
        }
        self.close(name);
    }

    /// Writes an element that holds a number.
    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.text(name, &number.to_string());
    }

    /// The finished text.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let mut xml = Xml::new();
        xml.text("K", "a<b>&\"\u{1}\r\n\tü😀");
        let expected =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<K>a&lt;b&gt;&amp;\"\u{fffd}&#13;\n\tü😀</K>";
        assert_eq!(xml.finish(), expected);
    }
}
