//! Writing replies.

/// A reply in the making.
pub struct Xml(String);

impl Xml {
    /// Starts with the declaration.
    pub fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    /// Opens an element whose names, and those within it, are of a name space.
    pub fn open_in(&mut self, name: &str, name_space: &str) {
        self.0.extend(["<", name, " xmlns=\"", name_space, "\">"]);
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }

    /// Writes an element that holds text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.0.reserve(text.len());
        for char in text.chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                '\t' | '\n' => self.0.push(char),
                // A reader would give up on the whole reply.
                _ => self.0.push(if can_hold(char) { char } else { '\u{fffd}' }),
            }
        }
        self.close(name);
    }

    /// Writes an element that holds a number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.text(name, &number.to_string());
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.0
    }
}

impl Default for Xml {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether XML 1.0 has a way to write a character.
pub fn can_hold(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
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
