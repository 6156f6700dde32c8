//! What a target receives of an event.
//!
//! A [`Transform`] is checked when a target is created. Afterwards an event that lacks what it asks for gives empty
//! text, and an event can never make it substitute a second time. It is pure, and its result is bounded.

mod notification;
mod path;
mod template;

use bytes::Bytes;
use kulkul_model::Event;
use serde::de::IgnoredAny;

pub use path::Path;
pub use template::Template;

/// The greatest length of a constant, a path with its variables, or a template, in characters.
///
/// Source: EventBridge, "Limits".
pub const TEXT_CHARS_MAX: usize = 10_240;

/// The greatest size of what a target receives, in bytes: four times the largest event.
pub const RESULT_BYTES_MAX: usize = 1 << 20;

/// How the event becomes what the target receives (wire: `Form`).
///
/// Source: EventBridge 2020-04-01, "Event transformation".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// `ORIGINAL`: the complete event as compact JSON.
    Original,
    /// `CONSTANT`: a fixed text, without any substitution.
    Constant(Bytes),
    /// `JSONPATH`: the text of one value of the event; empty when it has none there.
    JsonPath(Path),
    /// `TEMPLATE`: a text with variables.
    Template(Template),
    /// The notification that an object trigger gives to a function, made from an `acs.oss` event.
    ///
    /// Source: Function Compute 2023-03-30, OSS triggers; it is no form of EventBridge.
    ObjectNotification,
    /// A JSON list whose only item is what another transform makes; a text that is no JSON becomes a string in it.
    ListOf(Box<Transform>),
}

/// Why a transform cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// A text is too long.
    #[error("the {what} is longer than {TEXT_CHARS_MAX} characters")]
    TooLong {
        /// Which text.
        what: &'static str,
    },
    /// A form lacks what it needs.
    #[error("the form {form} needs a {what}")]
    Missing {
        /// The form.
        form: &'static str,
        /// What it lacks.
        what: &'static str,
    },
    /// The path cannot be used.
    #[error("the path `{path}` {problem}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it, as a predicate.
        problem: &'static str,
    },
    /// The variables of a template cannot be used.
    #[error("the variables of a template must be a flat JSON object of paths and texts: {problem}")]
    Variables {
        /// What is wrong.
        problem: String,
    },
}

/// What a target should receive is larger than [`RESULT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transformed event is larger than {RESULT_BYTES_MAX} bytes")]
pub struct TooLarge;

impl Transform {
    /// A constant.
    pub fn constant(text: &str) -> Result<Self, TransformError> {
        check_length("constant", text)?;
        Ok(Self::Constant(Bytes::copy_from_slice(text.as_bytes())))
    }

    /// The value at one definite path, such as `$.data.name`.
    pub fn json_path(path: &str) -> Result<Self, TransformError> {
        check_length("path", path)?;
        Ok(Self::JsonPath(path.parse()?))
    }

    /// A template, with its variables as JSON text: a flat object of names to paths or fixed texts.
    pub fn template(variables: &str, template: &str) -> Result<Self, TransformError> {
        check_length("value", variables)?;
        check_length("template", template)?;
        Ok(Self::Template(Template::parse(variables, template)?))
    }

    /// A list of what this transform makes.
    pub fn in_a_list(self) -> Self {
        Self::ListOf(Box::new(self))
    }

    /// What the target receives of `event`.
    pub fn apply(&self, event: &Event) -> Result<Bytes, TooLarge> {
        match self {
            Self::Original => Ok(event.json().clone()),
            Self::Constant(text) => Ok(text.clone()),
            Self::JsonPath(path) => Ok(path.text_in(text_of(event)).unwrap_or_default().into_owned().into()),
            Self::Template(template) => template.render(text_of(event)),
            Self::ObjectNotification => Ok(notification::of(event)),
            Self::ListOf(item) => list_of(&item.apply(event)?),
        }
    }

    /// Whether the result is the event itself, so that nobody needs to keep it.
    pub fn is_original(&self) -> bool {
        matches!(self, Self::Original)
    }
}

fn list_of(item: &[u8]) -> Result<Bytes, TooLarge> {
    let mut list = Vec::with_capacity(item.len() + 2);
    list.push(b'[');
    match serde_json::from_slice::<IgnoredAny>(item) {
        Ok(_) => list.extend_from_slice(item),
        Err(_) => {
            let text = String::from_utf8_lossy(item);
            serde_json::to_writer(&mut list, &text).expect("writing to memory does not fail");
        }
    }
    list.push(b']');
    if list.len() > RESULT_BYTES_MAX { Err(TooLarge) } else { Ok(list.into()) }
}

fn text_of(event: &Event) -> &str {
    std::str::from_utf8(event.json()).expect("an accepted event is UTF-8")
}

fn check_length(what: &'static str, text: &str) -> Result<(), TransformError> {
    match text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX {
        true => Err(TransformError::TooLong { what }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENT: &str = r#"{"id":"i1","source":"s","specversion":"1.0","type":"t","data":{"null":null,"text":"100","number":100,"boolean":false,"cn":"中国","q":"say \"hi\"","obj":{"b":1,"a":[1,2]},"list":["x",1],"url":"<b>'x'</b>","t":"${id}"}}"#;
    const DATA: &str = r#"{"null":null,"text":"100","number":100,"boolean":false,"cn":"中国","q":"say \"hi\"","obj":{"b":1,"a":[1,2]},"list":["x",1],"url":"<b>'x'</b>","t":"${id}"}"#;

    fn event(json: &str) -> Event {
        Event::from_stored(json.to_owned().into(), "i1".into(), "s".into(), "t".into(), None)
    }

    fn check(transform: Result<Transform, TransformError>, expected: &str) {
        let transform = transform.unwrap();
        let result = transform.apply(&event(EVENT)).unwrap();
        assert_eq!(std::str::from_utf8(&result).unwrap(), expected, "{transform:?}");
    }

    #[test]
    fn the_documented_examples_come_out_as_documented() {
        use Transform as T;
        check(Ok(T::Original), EVENT);
        check(T::constant("${text}"), "${text}");
        check(T::json_path("$.data.text"), "100");
        check(T::json_path("$.data.obj"), r#"{"b":1,"a":[1,2]}"#);
        check(T::json_path("$.data.obj.a[1]"), "2");
        check(T::json_path("$.data.nope"), "");
        check(T::json_path("$.data.null"), "null");
        check(
            T::template(r#"{"text":"$.data.text","number":"$.data.number"}"#, "The ${text} = ${number}!"),
            "The 100 = 100!",
        );
        check(
            T::template(r#"{"text":"$.data.null","number":"$.data.null"}"#, "The ${text} = ${number}!"),
            "The null = null!",
        );
        check(
            T::template(r#"{"name":"$.data.cn","constant":"Please handle it."}"#, "${name}: ${constant}"),
            "中国: Please handle it.",
        );
        check(T::template(r#"{"f":"$.data.list"}"#, r#"{"Files": ${f}}"#), r#"{"Files": ["x",1]}"#);
        check(T::template(r#"{"q":"$.data.q"}"#, r#"{"t":"${q}"}"#), r#"{"t":"say "hi""}"#);
        check(T::template(r#"{"q":"$.data.q"}"#, r#"{"t":"${jsonEscape(q)}"}"#), r#"{"t":"say \"hi\""}"#);
        check(T::template(r#"{"u":"$.data.url"}"#, "${htmlEscape(u)}"), "&lt;b&gt;'x'&lt;/b&gt;");
        check(T::template(r#"{"x":"$.data.nope"}"#, "[${x}]"), "[]");
        check(T::template("{}", "[${y}]"), "[${y}]");
        check(T::template(r#"{"v":"$.data.boolean"}"#, r#"[9,"${v}",true]"#), r#"[9,"false",true]"#);
        check(T::template(r#"{"x":"$.data.t","id":"$.id"}"#, "[${x}]"), "[${id}]");
        check(T::template(r#"{"d":"$.data"}"#, "${d}"), DATA);
    }

    #[test]
    fn a_list_has_what_was_made_as_its_only_item() {
        use Transform as T;
        check(Ok(T::Original.in_a_list()), &format!("[{EVENT}]"));
        check(T::json_path("$.data.obj").map(T::in_a_list), r#"[{"b":1,"a":[1,2]}]"#);
        check(T::json_path("$.data.q").map(T::in_a_list), r#"["say \"hi\""]"#);
        check(T::json_path("$.data.nope").map(T::in_a_list), r#"[""]"#);
        let json = format!(r#"{{"data":"{}"}}"#, "x".repeat(209_715));
        let template = Transform::template(r#"{"d":"$.data"}"#, &"${d}".repeat(5)).unwrap();
        assert!(template.apply(&event(&json)).is_ok());
        assert_eq!(template.in_a_list().apply(&event(&json)), Err(TooLarge));
    }

    #[test]
    fn what_cannot_be_used_is_refused_when_it_is_created() {
        let long = "x".repeat(TEXT_CHARS_MAX + 1);
        let table = [
            (Transform::json_path("$.data..a"), "must name one value"),
            (Transform::json_path("$.data.*"), "must name one value"),
            (Transform::json_path("$.data.list[*]"), "must name one value"),
            (Transform::json_path("$.data.list[0:2]"), "must name one value"),
            (Transform::json_path("data.x"), "must start with `$`"),
            (Transform::json_path("$.data['x"), "is not closed"),
            (Transform::template("[]", "x"), "flat JSON object"),
            (Transform::template(r#"{"a":{"b":1}}"#, "x"), "`a` is neither a text nor a path"),
            (Transform::template("{}", ""), "needs a template"),
            (Transform::constant(&long), "longer than 10240"),
        ];
        for (transform, reason) in table {
            let error = transform.expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_result_beyond_the_limit_is_refused_instead_of_cut() {
        let json = format!(r#"{{"data":"{}"}}"#, "x".repeat(200_000));
        let transform = Transform::template(r#"{"d":"$.data"}"#, &"${d}".repeat(6)).unwrap();
        assert_eq!(transform.apply(&event(&json)), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_substitutes_twice(
            text in "[a-z${}()\\\\\" ]{0,40}",
            template in "[a-z${}()\" ]{0,40}",
        ) {
            let json = serde_json::json!({"data": text}).to_string();
            if let Ok(transform) = Transform::template(r#"{"a":"$.data","b":"SECRET"}"#, &template) {
                let result = transform.apply(&event(&json)).unwrap();
                let asked = template.contains("${b}") || template.contains("(b)}");
                prop_assert!(asked || !String::from_utf8_lossy(&result).contains("SECRET"));
            }
            let _ = text.parse::<Path>();
        }
    }
}
