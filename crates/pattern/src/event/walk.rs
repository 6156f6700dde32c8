//! The walk over the bytes of an event.

use std::cell::Cell;

use super::fields::{Fields, Found, Kind, Slot, Span};
use super::outline::Outline;
use crate::json::{is_number, unescape};
use crate::trie::{Node, NodeId, ROOT, Trie, head};

/// The event is not valid JSON, or is 4 GiB or longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Where the walk noticed, in bytes from the start of the event.
    pub(crate) at: usize,
}

/// Room beyond this, in elements of each list, is given back after use: one huge event shall not cost for ever.
const ROOM_MAX: usize = 1 << 16;

/// Walks over events, one after the other, and keeps the memory that this takes.
#[derive(Default)]
pub(crate) struct Walker {
    /// The number of the walk.
    walk: u32,
    outline: Outline,
    slots: Vec<Slot>,
    elements: Vec<Found>,
    decoded: Vec<u8>,
    visits: Vec<NodeId>,
}

/// Lends the thread's walker to `work`.
pub(crate) fn with_walker<T>(work: impl FnOnce(&mut Walker) -> T) -> T {
    thread_local! {
        static WALKER: Cell<Option<Box<Walker>>> = const { Cell::new(None) };
    }
    // Taken out rather than borrowed: should `work` come back here, it gets a walker of its own.
    let mut walker = WALKER.take().unwrap_or_default();
    let result = work(&mut walker);
    walker.outline.shrink_to(ROOM_MAX);
    walker.elements.shrink_to(ROOM_MAX);
    walker.decoded.shrink_to(ROOM_MAX);
    walker.visits.shrink_to(ROOM_MAX);
    WALKER.set(Some(walker));
    result
}

impl Walker {
    /// Reads from `event` the values at the watched nodes of `trie`.
    pub(crate) fn walk<'a>(&'a mut self, trie: &Trie, event: &'a [u8]) -> Result<Fields<'a>, Malformed> {
        if u32::try_from(event.len()).is_err() {
            return Err(Malformed { at: 0 });
        }
        if self.slots.len() < trie.len() {
            self.slots.resize(trie.len().next_power_of_two(), Slot::UNSEEN);
        }
        if !self.outline.read(event) {
            return Err(Malformed { at: event.len() });
        }
        self.walk = self.walk.wrapping_add(1);
        if self.walk == 0 {
            self.slots.fill(Slot::UNSEEN);
            self.walk = 1;
        }
        self.elements.clear();
        self.decoded.clear();
        self.visits.clear();
        let mut walk = Walk { trie, event, walker: self, has_repeated_keys: false };
        walk.event()?;
        if walk.has_repeated_keys {
            self.forget_repeated_visits();
        }
        let Self { walk, outline: _, slots, elements, decoded, visits } = self;
        Ok(Fields { event, walk: *walk, slots, elements, decoded, visits })
    }

    /// Makes the visits name each node once, and only those that still have a value.
    fn forget_repeated_visits(&mut self) {
        self.visits.sort_unstable();
        self.visits.dedup();
        let slots = &self.slots;
        self.visits.retain(|&node| slots[node as usize].is_set);
    }
}

/// One walk under way. Recursion is as deep as the trie at most, never as the event.
struct Walk<'a> {
    trie: &'a Trie,
    event: &'a [u8],
    walker: &'a mut Walker,
    has_repeated_keys: bool,
}

impl Walk<'_> {
    fn event(&mut self) -> Result<(), Malformed> {
        let start = skip_space(self.event, 0);
        let at = self.expect(b'{', start)?;
        let end = self.object(ROOT, self.trie.node(ROOT), at)?;
        let end = skip_space(self.event, end);
        if end < self.event.len() { Err(Malformed { at: end }) } else { Ok(()) }
    }

    /// The position after `byte`, which must stand at `at`.
    #[inline]
    fn expect(&self, byte: u8, at: usize) -> Result<usize, Malformed> {
        if self.event.get(at) == Some(&byte) { Ok(at + 1) } else { Err(Malformed { at }) }
    }

    /// Reads the object at `id`, whose inside starts at `at`; returns the position after it.
    fn object(&mut self, id: NodeId, node: &Node, at: usize) -> Result<usize, Malformed> {
        let mut at = skip_space(self.event, at);
        if self.event.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        loop {
            let start = self.expect(b'"', at)?;
            let key_end = self.walker.outline.string_end(start).ok_or(Malformed { at })?;
            let colon = skip_space(self.event, key_end + 1);
            let value = skip_space(self.event, self.expect(b':', colon)?);
            let child = if self.walker.outline.has_escapes(start, key_end) {
                self.escaped_child(id, node, start..key_end).ok_or(Malformed { at })?
            } else {
                self.trie.child_of(id, node, &self.event[start..key_end], head_at(self.event, start, key_end))
            };
            let end = match child {
                Some(child) => self.visit(child, value)?,
                None => self.skip(value)?,
            };
            at = skip_space(self.event, end);
            match self.event.get(at) {
                Some(b',') => at = skip_space(self.event, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(Malformed { at }),
            }
        }
    }

    /// The child with the key that has escapes; the outer `None` if they are not valid.
    #[cold]
    fn escaped_child(
        &mut self,
        id: NodeId,
        node: &Node,
        key: std::ops::Range<usize>,
    ) -> Option<Option<NodeId>> {
        let decoded = &mut self.walker.decoded;
        let start = decoded.len();
        unescape(&self.event[key], decoded)?;
        let key = &decoded[start..];
        let child = self.trie.child_of(id, node, key, head(key));
        decoded.truncate(start);
        Some(child)
    }

    /// Reads the value at `at`, which belongs to the node `id`; returns the position after it.
    fn visit(&mut self, id: NodeId, at: usize) -> Result<usize, Malformed> {
        let node = self.trie.node(id);
        if self.walker.slots[id as usize].walk == self.walker.walk {
            self.forget(id);
        }
        let first_below = self.walker.visits.len() + usize::from(node.is_watched());
        if node.is_watched() {
            self.walker.visits.push(id);
        }
        let (found, end) = match self.event.get(at) {
            Some(b'{') if node.has_children() => {
                let end = self.object(id, node, at + 1)?;
                (Found { kind: Kind::Object, raw: Span::new(at, end), extra: Span::default() }, end)
            }
            Some(b'[') if node.is_watched() => self.array(at)?,
            _ => self.value(at)?,
        };
        self.walker.slots[id as usize] = Slot {
            walk: self.walker.walk,
            is_set: true,
            found,
            below: Span::new(first_below, self.walker.visits.len()),
        };
        Ok(end)
    }

    /// A key came again in the same object, or a parent did: what was found at the node and below counts no more.
    #[cold]
    fn forget(&mut self, id: NodeId) {
        self.has_repeated_keys = true;
        let below = self.walker.slots[id as usize].below;
        for &node in below.of(&self.walker.visits) {
            self.walker.slots[node as usize].is_set = false;
        }
    }

    /// Reads the scalars of the array at `at`.
    fn array(&mut self, at: usize) -> Result<(Found, usize), Malformed> {
        let first = self.walker.elements.len();
        let mut next = skip_space(self.event, at + 1);
        if self.event.get(next) == Some(&b']') {
            next += 1;
        } else {
            loop {
                let (found, end) = self.value(next)?;
                if !matches!(found.kind, Kind::Array | Kind::Object) {
                    self.walker.elements.push(found);
                }
                next = skip_space(self.event, end);
                match self.event.get(next) {
                    Some(b',') => next = skip_space(self.event, next + 1),
                    Some(b']') => break,
                    _ => return Err(Malformed { at: next }),
                }
            }
            next += 1;
        }
        let elements = Span::new(first, self.walker.elements.len());
        Ok((Found { kind: Kind::Array, raw: Span::new(at, next), extra: elements }, next))
    }

    /// Reads the value at `at`, without looking into arrays and objects.
    fn value(&mut self, at: usize) -> Result<(Found, usize), Malformed> {
        let found = |kind, start, end| Found { kind, raw: Span::new(start, end), extra: Span::default() };
        match self.event.get(at) {
            Some(b'"') => {
                let end = self.walker.outline.string_end(at + 1).ok_or(Malformed { at })?;
                let mut string = found(Kind::Plain, at + 1, end);
                if self.walker.outline.has_escapes(at + 1, end) {
                    string.kind = Kind::Escaped;
                    string.extra = self.decode(string.raw).ok_or(Malformed { at })?;
                }
                Ok((string, end + 1))
            }
            Some(b'{') => {
                let end = self.walker.outline.container_end(at + 1).ok_or(Malformed { at })?;
                Ok((found(Kind::Object, at, end), end))
            }
            Some(b'[') => {
                let end = self.walker.outline.container_end(at + 1).ok_or(Malformed { at })?;
                Ok((found(Kind::Array, at, end), end))
            }
            _ => {
                let end = word_end(self.event, at);
                let kind = match self.event.get(at..end) {
                    Some(b"null") => Kind::Null,
                    Some(b"true") => Kind::True,
                    Some(b"false") => Kind::False,
                    Some(word) if is_number(word) => Kind::Number,
                    _ => return Err(Malformed { at }),
                };
                Ok((found(kind, at, end), end))
            }
        }
    }

    fn decode(&mut self, raw: Span) -> Option<Span> {
        let decoded = &mut self.walker.decoded;
        let start = decoded.len();
        unescape(raw.of(self.event), decoded)?;
        Some(Span::new(start, decoded.len()))
    }

    /// The position after the value at `at`, which nobody looks at.
    #[inline]
    fn skip(&self, at: usize) -> Result<usize, Malformed> {
        let end = match self.event.get(at) {
            Some(b'"') => self.walker.outline.string_end(at + 1).map(|end| end + 1),
            Some(b'{' | b'[') => self.walker.outline.container_end(at + 1),
            _ => Some(word_end(self.event, at)).filter(|&end| end > at),
        };
        end.ok_or(Malformed { at })
    }
}

/// The position of the first byte from `at` on that is not white space.
#[inline]
fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// The end of a number, `true`, `false` or `null` that starts at `at`.
#[inline]
fn word_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E') = text.get(at) {
        at += 1;
    }
    at
}

/// The [`head`] of the key between two positions.
#[inline]
fn head_at(text: &[u8], start: usize, end: usize) -> u64 {
    let Some(chunk) = text.get(start..).and_then(|rest| rest.first_chunk::<8>()) else {
        return head(&text[start..end]);
    };
    let chunk = u64::from_le_bytes(*chunk);
    match end - start {
        0 => 0,
        length @ 1..8 => chunk & (u64::MAX >> (64 - 8 * length)),
        _ => chunk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::paths::PathsBuilder;

    /// The JSON texts found at `a`, `data.a`, `data.b` and `data.b.c`.
    fn found(event: &str) -> Result<[Option<String>; 4], Malformed> {
        let mut paths = PathsBuilder::default();
        let a = paths.id(None, "a");
        let data = paths.id(None, "data");
        let data_a = paths.id(Some(data), "a");
        let data_b = paths.id(Some(data), "b");
        let data_b_c = paths.id(Some(data_b), "c");
        let mut trie = Trie::default();
        let nodes = trie.add(&paths.finish());
        let watched = [a, data_a, data_b, data_b_c].map(|path| nodes[path as usize]);
        watched.iter().for_each(|&node| trie.watch(node));
        with_walker(|walker| {
            let fields = walker.walk(&trie, event.as_bytes())?;
            let text = |node| fields.raw(node).map(|text| String::from_utf8(text.to_vec()).unwrap());
            for &node in &watched {
                assert_eq!(matches!(fields.get(node), Value::Missing), text(node).is_none(), "{event}");
                let visits = fields.visits().iter().filter(|&&visit| visit == node).count();
                assert_eq!(visits, usize::from(text(node).is_some()), "{event}");
            }
            Ok(watched.map(text))
        })
    }

    #[test]
    fn watched_values_are_found_at_their_paths_only() {
        let table: [(&str, [Option<&str>; 4]); 9] = [
            ("{}", [None; 4]),
            (r#"{"b":{"a":1},"a":[1, {}],"data":"x"}"#, [Some("[1, {}]"), None, None, None]),
            (
                " {\t\"data\" : { \"b\" : { \"x\":[], \"c\" : \"é\\n\" } , \"a\" : null } } ",
                [None, Some("null"), Some("{ \"x\":[], \"c\" : \"é\\n\" }"), Some("\"é\\n\"")],
            ),
            (
                r#"{"\u0061":-1.5e3,"d\u0061ta":{"b":[{"c":1}]}}"#,
                [Some("-1.5e3"), None, Some(r#"[{"c":1}]"#), None],
            ),
            // Of equal keys the last counts, with everything below it.
            (r#"{"a":1,"a":"2"}"#, [Some("\"2\""), None, None, None]),
            (r#"{"data":{"a":1,"b":{"c":2}},"data":{"a":3}}"#, [None, Some("3"), None, None]),
            (r#"{"data":{"b":{"c":2},"b":5}}"#, [None, None, Some("5"), None]),
            (r#"{"data":{"b":{"c":2}},"data":{"b":{"c":3},"b":{}}}"#, [None, None, Some("{}"), None]),
            (r#"{"data":{"b":{"c":1},"a":1},"data":[]}"#, [None; 4]),
        ];
        for (event, expected) in table {
            assert_eq!(found(event), Ok(expected.map(|text| text.map(str::to_owned))), "{event}");
        }
    }

    #[test]
    fn what_is_noticed_to_be_no_json_is_refused() {
        for event in [
            "",
            " ",
            "[]",
            "{",
            "{\"",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":tru}",
            "{\"a\":01}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"\\q\":1}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":[",
            "{\"x\":}",
            "{\"x\":{}",
            "{\"x\":[}",
            "{} {}",
            "{}x",
            "{\"data\":{\"a\":1}",
            "{\"a\":1\"b\":2}",
            "nul",
            "{\"x\":\"\\\"}",
        ] {
            assert!(found(event).is_err(), "{event}");
        }
    }
}
