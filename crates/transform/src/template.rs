//! Templates: text with variables that are replaced once.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;

use crate::path::Path;
use crate::{RESULT_BYTES_MAX, TooLarge, TransformError};

/// A text with variables.
///
/// `${name}` is replaced by the text of the variable as it is, `${jsonEscape(name)}` by that text escaped for use
/// within a JSON string, `${htmlEscape(name)}` with `<`, `>`, `&` and `"` replaced. A name that is not declared stays
/// as it stands. What was put in is never looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    /// What the pieces stand for, each once however often it is used.
    sources: Vec<Source>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The text of the source with this index.
    Value {
        of: usize,
        escape: Escape,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Fixed(String),
    Path(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Json,
    Html,
}

impl Template {
    pub(crate) fn parse(variables: &str, template: &str) -> Result<Self, TransformError> {
        if template.is_empty() {
            return Err(TransformError::Missing { form: "TEMPLATE", what: "template" });
        }
        let (names, sources): (Vec<String>, Vec<Source>) = sources_of(variables)?.into_iter().unzip();
        let names: HashMap<&str, usize> =
            names.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let used = after.split_once('}').and_then(|(name, after)| Some((value_of(name, &names)?, after)));
            match used {
                Some((value, after)) => {
                    push_text(&mut pieces, before);
                    pieces.push(value);
                    rest = after;
                }
                None => {
                    push_text(&mut pieces, before);
                    push_text(&mut pieces, "${");
                    rest = after;
                }
            }
        }
        push_text(&mut pieces, rest);
        Ok(Self { pieces, sources })
    }

    pub(crate) fn render(&self, event: &str) -> Result<Bytes, TooLarge> {
        // Finding a value is a walk through the event; a template has room to ask for one thousands of times.
        let mut found: Vec<Option<Cow<'_, str>>> = vec![None; self.sources.len()];
        let mut result = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Value { of, escape } => {
                    let text = found[*of].get_or_insert_with(|| self.sources[*of].text_in(event));
                    escape.push(text, &mut result);
                }
            }
            if result.len() > RESULT_BYTES_MAX {
                return Err(TooLarge);
            }
        }
        Ok(result.into())
    }
}

impl Source {
    fn text_in<'a>(&'a self, event: &'a str) -> Cow<'a, str> {
        match self {
            Self::Fixed(text) => Cow::Borrowed(text),
            Self::Path(path) => path.text_in(event).unwrap_or_default(),
        }
    }
}

impl Escape {
    fn push(self, text: &str, result: &mut String) {
        match self {
            Self::None => result.push_str(text),
            Self::Json => {
                let quoted = Value::from(text).to_string();
                result.push_str(&quoted[1..quoted.len() - 1]);
            }
            Self::Html => {
                for character in text.chars() {
                    match character {
                        '<' => result.push_str("&lt;"),
                        '>' => result.push_str("&gt;"),
                        '&' => result.push_str("&amp;"),
                        '"' => result.push_str("&quot;"),
                        other => result.push(other),
                    }
                }
            }
        }
    }
}

/// Reads the declared variables: a text that is a definite path is one, any other scalar is a fixed text.
fn sources_of(variables: &str) -> Result<Vec<(String, Source)>, TransformError> {
    let wrong = |problem| TransformError::Variables { problem };
    let declared = match serde_json::from_str(variables) {
        Ok(Value::Object(declared)) => declared,
        Ok(_) => return Err(wrong("it is no object".to_owned())),
        Err(error) => return Err(wrong(error.to_string())),
    };
    declared
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => match text.parse() {
                Ok(path) => Ok((name, Source::Path(path))),
                Err(_) => Ok((name, Source::Fixed(text))),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok((name, Source::Fixed(value.to_string()))),
            Value::Array(_) | Value::Object(_) => {
                Err(wrong(format!("`{name}` is neither a text nor a path")))
            }
        })
        .collect()
}

/// What `${…}` with this inside stands for, when it is declared.
fn value_of(inside: &str, names: &HashMap<&str, usize>) -> Option<Piece> {
    let call = |function: &str| inside.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
    let (name, escape) = match (call("jsonEscape"), call("htmlEscape")) {
        (Some(name), _) => (name, Escape::Json),
        (None, Some(name)) => (name, Escape::Html),
        (None, None) => (inside, Escape::None),
    };
    let of = *names.get(name.trim())?;
    Some(Piece::Value { of, escape })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_used_often_is_one_source() {
        let variables = r#"{"a":"$.x","b":"y","unused":1}"#;
        let template = Template::parse(variables, "${a}${htmlEscape(a)}${ b }${a}${c}").unwrap();
        let of = |piece: &Piece| match piece {
            Piece::Value { of, .. } => Some(*of),
            Piece::Text(_) => None,
        };
        let used: Vec<usize> = template.pieces.iter().filter_map(of).collect();
        assert_eq!(used, [0, 0, 1, 0]);
        assert_eq!(template.render(r#"{"x":"<"}"#).unwrap(), "<&lt;y<${c}");
    }
}
