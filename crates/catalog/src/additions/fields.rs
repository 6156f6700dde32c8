//! The members of a source document that have rules.
//!
//! Each is checked while it is read, inside the visitor of the reader, since only there a reader knows the line.

use std::fmt;
use std::marker::PhantomData;

use kulkul_model::{AccountId, Region, Timestamp};
use serde::de::{Deserializer, Error, Visitor};

use crate::sample::subject;
use crate::source::{Basis, Payload, Text};
use crate::{Category, canonical_source};

const SOURCE_CHAR_COUNT_MAX: usize = 128; // CloudEvents attribute `source`, EventBridge, "Event overview".
const TYPE_CHAR_COUNT_MAX: usize = 256; // Ours: documented types reach 78 characters.
const TEXT_BYTES_MAX: usize = 4096; // Ours.

pub(super) fn source<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, "the name of an event source", |text| {
        attribute(text, SOURCE_CHAR_COUNT_MAX).map(|()| canonical_source(text).into_owned())
    })
}

pub(super) fn type_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, "an event type", |text| attribute(text, TYPE_CHAR_COUNT_MAX).map(|()| text.to_owned()))
}

pub(super) fn category<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Category>, D::Error> {
    checked(from, "a category", |text| match Category::from_id(text) {
        Some(category) => Ok(Some(category)),
        None => Err(format!(
            "unknown category `{text}`; known are {}",
            Category::ALL.map(Category::id).join(", ")
        )),
    })
}

pub(super) fn basis<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Basis>, D::Error> {
    checked(from, "a basis", |text| match Basis::from_word(text) {
        Some(basis) => Ok(Some(basis)),
        None => Err(format!("unknown basis `{text}`; known are documented, convention, inferred, added")),
    })
}

pub(super) fn payload<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Payload>, D::Error> {
    checked(from, "a payload basis", |text| match Payload::from_word(text) {
        Some(payload) => Ok(Some(payload)),
        None => Err(format!(
            "unknown payload basis `{text}`; known are documented, partial, adapted, inferred, added, unknown"
        )),
    })
}

pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    checked(from, "a text", |text| match text.len() {
        1..=TEXT_BYTES_MAX => Ok(Some(text.to_owned().into())),
        0 => Err("must not be empty; leave it out instead".to_owned()),
        length => Err(format!("has {length} bytes, more than the limit of {TEXT_BYTES_MAX}")),
    })
}

pub(super) fn subject_form<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    checked(from, "the form of a subject", |text| {
        subject::check(text)?;
        Ok(Some(text.to_owned().into()))
    })
}

pub(super) fn account<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    checked(from, "an account id", |text| match text.parse::<AccountId>() {
        Ok(_) => Ok(Some(text.to_owned().into())),
        Err(error) => Err(error.to_string()),
    })
}

pub(super) fn region<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    checked(from, "a region id", |text| match text.parse::<Region>() {
        Ok(_) => Ok(Some(text.to_owned().into())),
        Err(error) => Err(error.to_string()),
    })
}

pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    checked(from, "a time such as 2026-02-11T03:04:05Z", |text| match Timestamp::parse_rfc3339(text) {
        Some(time) => Ok(Some(time)),
        None => Err(format!("`{text}` is not a time such as 2026-02-11T03:04:05Z")),
    })
}

/// The rule of a required CloudEvents attribute.
fn attribute(text: &str, char_count_max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if count == 0 {
        return Err("must not be empty".to_owned());
    }
    if count > char_count_max {
        return Err(format!("`{text}` has {count} characters, more than the limit of {char_count_max}"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("`{}` contains white space or a control character", text.escape_debug()));
    }
    Ok(())
}

fn checked<'de, D, T, C>(from: D, expecting: &'static str, check: C) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    C: FnOnce(&str) -> Result<T, String>,
{
    from.deserialize_str(Checked { expecting, check, result: PhantomData })
}

struct Checked<C, T> {
    expecting: &'static str,
    check: C,
    result: PhantomData<T>,
}

impl<C: FnOnce(&str) -> Result<T, String>, T> Visitor<'_> for Checked<C, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.check)(text).map_err(E::custom)
    }
}
