//! The attribute `subject`: a form with places to fill in.

use serde_json::Value;

use super::SampleOptions;

const SUBJECT_CHAR_COUNT_MAX: usize = 512; // EventBridge, "Event overview".

/// Whether every place in a form can be filled in.
pub(crate) fn check(form: &str) -> Result<(), String> {
    if form.is_empty() || form.chars().count() > SUBJECT_CHAR_COUNT_MAX {
        return Err(format!("a subject has 1 to {SUBJECT_CHAR_COUNT_MAX} characters"));
    }
    let parts = parts(form).ok_or_else(|| format!("`{form}` has an unclosed brace"))?;
    match parts.into_iter().find(|part| matches!(part, Part::Place(place) if !is_known(place))) {
        Some(Part::Place(place)) => {
            Err(format!("unknown place `{{{place}}}`; known are account, bus, region, source and data.…"))
        }
        _ => Ok(()),
    }
}

/// The subject; `None` when the data lack what the form asks for, or the result is too long.
pub(super) fn fill(form: &str, source: &str, data: &Value, options: &SampleOptions) -> Option<String> {
    let mut subject = String::with_capacity(form.len());
    for part in parts(form)? {
        match part {
            Part::Text(text) => subject.push_str(text),
            Part::Place("account") => subject.push_str(options.identity.account.as_str()),
            Part::Place("region") => subject.push_str(options.identity.region.as_str()),
            Part::Place("bus") => subject.push_str(options.bus.as_str()),
            Part::Place("source") => subject.push_str(source),
            Part::Place(place) => match member(data, place.strip_prefix("data.")?)? {
                Value::String(text) => subject.push_str(text),
                Value::Number(number) => subject.push_str(&number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            },
        }
    }
    let legal = !subject.is_empty() && subject.chars().count() <= SUBJECT_CHAR_COUNT_MAX;
    legal.then_some(subject)
}

enum Part<'a> {
    Text(&'a str),
    Place(&'a str),
}

/// `None` when a brace is not closed.
fn parts(form: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = form;
    while let Some((text, behind)) = rest.split_once('{') {
        let (place, after) = behind.split_once('}')?;
        parts.extend([Part::Text(text), Part::Place(place)]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Some(parts)
}

fn is_known(place: &str) -> bool {
    let path = place.strip_prefix("data.");
    matches!(place, "account" | "bus" | "region" | "source")
        || path.is_some_and(|path| path.split('.').all(|name| !name.is_empty()))
}

fn member<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(data, |value, name| value.get(name))
}
