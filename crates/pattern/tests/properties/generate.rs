//! Random patterns and events that have to do with each other, as JSON text.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

/// A JSON value whose objects may have equal keys.
#[derive(Clone, Debug)]
enum Json {
    /// `null`, a boolean or a number, as written.
    Word(&'static str),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "1.0",
    "10e-1",
    "5",
    "5.00000001",
    "80",
    "300",
    "3.0e2",
    "-2.5",
    "1e300",
];
const STRINGS: &[&str] = &[
    "",
    "a",
    "ab",
    "abc",
    "abcabc",
    "b",
    "c",
    "bc",
    "A",
    "ABC",
    "a*c",
    "a\\c",
    "a\"b",
    "é",
    "É",
    "aé",
    "中国",
    "😀",
    "80",
    "true",
    "null",
    "300",
    "10.0.0.1",
    "10.0.1.7",
    "2001:db8::1",
    "\n",
];
const ATTRIBUTES: &[&str] = &["source", "type", "subject", "é", "$or", "longer attribute name"];
const MEMBERS: &[&str] =
    &["a", "b", "c.d", "data", "\"q\"", "an even longer member name", "an even longer member nama"];

fn word() -> impl Strategy<Value = Json> {
    select(WORDS).prop_map(Json::Word)
}

fn string() -> impl Strategy<Value = Json> {
    select(STRINGS).prop_map(|text| Json::String(text.to_owned()))
}

fn filled_string() -> impl Strategy<Value = Json> {
    select(&STRINGS[1..]).prop_map(|text| Json::String(text.to_owned()))
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![word(), string()]
}

fn object(name: &str, operand: Json) -> Json {
    Json::Object(vec![(name.to_owned(), operand)])
}

/// The text of a JSON object that could be an event.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            proptest::collection::vec((select(MEMBERS), inner), 0..5).prop_map(members),
        ]
    });
    let data = proptest::collection::vec((select(MEMBERS), value.clone()), 0..6).prop_map(members);
    let attributes = proptest::collection::vec((select(ATTRIBUTES), value.clone()), 0..6);
    let rest = prop_oneof![8 => data.prop_map(Some), 1 => value.prop_map(Some), 1 => Just(None)];
    (attributes, rest, any::<u64>()).prop_map(|(attributes, data, style)| {
        let data = data.map(|data| ("data", data));
        write(&members(attributes.into_iter().chain(data).collect()), style)
    })
}

fn members(members: Vec<(&'static str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The text of a valid pattern.
pub(crate) fn pattern() -> impl Strategy<Value = String> {
    let sub_pattern = sub_pattern();
    let group = top_group(sub_pattern.clone(), 0..4);
    let alternatives = proptest::collection::vec(top_group(sub_pattern, 1..3), 2..4).prop_map(Json::Array);
    (group, proptest::option::weighted(0.2, alternatives), any::<u64>()).prop_map(|(group, choice, style)| {
        let Json::Object(mut members) = group else { unreachable!("groups are objects") };
        if let Some(choice) = choice {
            members.push(("$or".to_owned(), choice));
        }
        write(&Json::Object(members), style)
    })
}

fn top_group(sub_pattern: BoxedStrategy<Json>, count: std::ops::Range<usize>) -> impl Strategy<Value = Json> {
    let attribute = (select(&["source", "type", "subject", "é", "longer attribute name"][..]), field());
    let member = prop_oneof![attribute, sub_pattern.prop_map(|sub_pattern| ("data", sub_pattern))];
    proptest::collection::vec(member, count).prop_map(members)
}

fn sub_pattern() -> BoxedStrategy<Json> {
    let leaf = proptest::collection::vec((select(MEMBERS), field()), 1..4).prop_map(members);
    let nested = leaf.prop_recursive(3, 12, 3, |inner| {
        let below = proptest::collection::vec((select(MEMBERS), inner.clone()), 1..3).prop_map(members);
        let choice = proptest::collection::vec(inner, 2..4)
            .prop_map(|alternatives| object("$or", Json::Array(alternatives)));
        prop_oneof![3 => below, 1 => choice]
    });
    nested.boxed()
}

fn field() -> impl Strategy<Value = Json> {
    let entry = prop_oneof![3 => scalar(), 4 => operators()];
    proptest::collection::vec(entry, 1..5).prop_map(Json::Array)
}

fn operators() -> impl Strategy<Value = Json> {
    proptest::collection::vec(operator(), 1..3).prop_map(Json::Object)
}

fn operator() -> impl Strategy<Value = (String, Json)> {
    let ends = select(&["prefix", "suffix"][..]);
    let texts = select(&["prefix", "suffix", "contains", "wildcard", "equals-ignore-case"][..]);
    let wildcard = select(&["*", "a*", "*c", "a*c", "*b*", "a\\*c", "a\\\\*", "**é", "abc", "*a*b*"][..]);
    let operand = move |name: &'static str| match name {
        "wildcard" => wildcard.clone().prop_map(|text| Json::String(text.to_owned())).boxed(),
        _ => filled_string().boxed(),
    };
    let text = texts.clone().prop_flat_map({
        let operand = operand.clone();
        move |name| operand(name).prop_map(move |operand| (name, operand))
    });
    let folded = (ends, filled_string()).prop_map(|(name, text)| (name, object("equals-ignore-case", text)));
    let not_text = texts.prop_flat_map(move |name| {
        let one = operand(name);
        let many = proptest::collection::vec(operand(name), 1..3).prop_map(Json::Array);
        prop_oneof![one, many].prop_map(move |operand| ("anything-but", object(name, operand)))
    });
    let not_equal = prop_oneof![scalar(), proptest::collection::vec(scalar(), 1..4).prop_map(Json::Array)]
        .prop_map(|operand| ("anything-but", operand));
    let comparison =
        (select(&["=", "!=", ">", ">=", "<", "<="][..]), select(&["0", "1.0", "5", "-2.5", "3e2"][..]));
    let numeric = proptest::collection::vec(comparison, 1..3).prop_map(|comparisons| {
        let flat = comparisons
            .into_iter()
            .flat_map(|(operator, operand)| [Json::String(operator.to_owned()), Json::Word(operand)]);
        ("numeric", Json::Array(flat.collect()))
    });
    let cidr = select(&["10.0.0.9/24", "10.0.0.0/15", "10.0.1.7", "0.0.0.0/0", "2001:db8::/32", "::/0"][..])
        .prop_map(|block| ("cidr", Json::String(block.to_owned())));
    let exists = select(&["true", "false"][..]).prop_map(|word| ("exists", Json::Word(word)));
    prop_oneof![3 => text, 1 => folded, 1 => not_text, 2 => not_equal, 2 => numeric, 1 => cidr, 2 => exists]
        .prop_map(|(name, operand)| (name.to_owned(), operand))
}

/// Writes `json`, with white space and escapes as the bits of `style` have it.
fn write(json: &Json, style: u64) -> String {
    let mut writer = Writer { text: String::new(), style };
    writer.value(json);
    writer.text
}

struct Writer {
    text: String,
    style: u64,
}

impl Writer {
    /// One of two ways to write the next thing; the first one for half of all texts throughout.
    fn other_way(&mut self) -> bool {
        self.style = self.style.rotate_left(1);
        self.style & 3 == 3
    }

    fn space(&mut self) {
        if self.other_way() {
            self.text.push_str(" \n");
        }
    }

    fn value(&mut self, json: &Json) {
        self.space();
        match json {
            Json::Word(word) => self.text.push_str(word),
            Json::String(text) => self.string(text),
            Json::Array(elements) => self.list('[', ']', elements, |writer, element| writer.value(element)),
            Json::Object(members) => self.list('{', '}', members, |writer, (key, value)| {
                writer.space();
                writer.string(key);
                writer.space();
                writer.text.push(':');
                writer.value(value);
            }),
        }
        self.space();
    }

    fn list<T>(&mut self, open: char, close: char, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.text.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            each(self, item);
        }
        if items.is_empty() {
            self.space();
        }
        self.text.push(close);
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            let must_escape = matches!(c, '"' | '\\') || c < ' ';
            if self.other_way() || (must_escape && c < ' ') {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(self.text, "\\u{unit:04x}").unwrap();
                }
            } else {
                if must_escape {
                    self.text.push('\\');
                }
                self.text.push(c);
            }
        }
        self.text.push('"');
    }
}
