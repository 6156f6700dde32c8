//! Source documents: their members, and how faults in them get a line.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use kulkul_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AdditionFault, SourceAddition, TypeAddition, fields};
use crate::Category;
use crate::source::{Basis, Payload, Setting, Text};

const SOURCE_COUNT_MAX: usize = 1000; // In one file. Ours.
const TYPE_COUNT_MAX: usize = 2000; // In one source. Ours.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceDocument {
    #[serde(deserialize_with = "fields::source")]
    source: String,
    #[serde(default, deserialize_with = "fields::text")]
    service: Option<Text>,
    #[serde(default, deserialize_with = "fields::category")]
    category: Option<Category>,
    #[serde(default)]
    name: NameDocument,
    #[serde(default, deserialize_with = "fields::text")]
    description: Option<Text>,
    #[serde(default, deserialize_with = "fields::text")]
    notes: Option<Text>,
    sample_setting: Option<SettingDocument>,
    #[serde(default)]
    types: Vec<TypeDocument>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameDocument {
    #[serde(default, deserialize_with = "fields::text")]
    en: Option<Text>,
    #[serde(default, deserialize_with = "fields::text")]
    zh: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingDocument {
    #[serde(default, deserialize_with = "fields::account")]
    account: Option<Text>,
    #[serde(default, deserialize_with = "fields::region")]
    region: Option<Text>,
    #[serde(default, deserialize_with = "fields::time")]
    time: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeDocument {
    #[serde(rename = "type", deserialize_with = "fields::type_name")]
    full_name: String,
    #[serde(default, deserialize_with = "fields::text")]
    name: Option<Text>,
    #[serde(default, deserialize_with = "fields::text")]
    description: Option<Text>,
    #[serde(default, deserialize_with = "fields::basis")]
    basis: Option<Basis>,
    #[serde(default, rename = "ref", deserialize_with = "fields::text")]
    reference: Option<Text>,
    #[serde(default, deserialize_with = "fields::payload")]
    payload: Option<Payload>,
    #[serde(default, deserialize_with = "fields::subject_form")]
    subject: Option<Text>,
    #[serde(default, deserialize_with = "fields::text")]
    datacontenttype: Option<Text>,
    #[serde(default, deserialize_with = "fields::time")]
    sample_time: Option<Timestamp>,
    sample_data: Option<Map<String, Value>>,
}

/// A fault in a text whose name is not known yet.
struct Fault {
    line: Option<usize>,
    column: Option<usize>,
    reason: String,
}

pub(super) fn parse_json(file: &str, text: &str) -> Result<Vec<SourceAddition>, AdditionFault> {
    let documents = match text.trim_start().starts_with('[') {
        true => serde_json::from_str::<Vec<SourceDocument>>(text),
        false => serde_json::from_str::<SourceDocument>(text).map(|document| vec![document]),
    };
    documents
        .map_err(|error| Fault::json(&error))
        .and_then(|it| check(it, text))
        .map_err(|it| it.in_file(file))
}

pub(super) fn parse_toml(file: &str, text: &str) -> Result<SourceAddition, AdditionFault> {
    let mut sources = toml::from_str::<SourceDocument>(text)
        .map_err(|error| Fault::at(text, error.span(), error.message().to_owned()))
        .and_then(|document| check(vec![document], text))
        .map_err(|fault| fault.in_file(file))?;
    Ok(sources.pop().expect("one document gives one source"))
}

/// Checks what no single member can see.
fn check(documents: Vec<SourceDocument>, text: &str) -> Result<Vec<SourceAddition>, Fault> {
    if documents.len() > SOURCE_COUNT_MAX {
        let count = documents.len();
        return Err(Fault::at(
            text,
            None,
            format!("{count} sources, more than the limit of {SOURCE_COUNT_MAX}"),
        ));
    }
    let mut sources = HashSet::new();
    for document in &documents {
        if !sources.insert(document.source.clone()) {
            return Err(Fault::double(text, "source", &document.source));
        }
        if document.types.len() > TYPE_COUNT_MAX {
            let (source, count) = (&document.source, document.types.len());
            let reason =
                format!("source `{source}` has {count} types, more than the limit of {TYPE_COUNT_MAX}");
            return Err(Fault::at(text, None, reason));
        }
        let mut types = HashSet::new();
        for kind in &document.types {
            if !types.insert(&kind.full_name) {
                return Err(Fault::double(text, "type", &kind.full_name));
            }
            if let Some(data) = &kind.sample_data {
                check_data(data, &kind.full_name, text)?;
            }
        }
    }
    Ok(documents.into_iter().map(SourceAddition::from).collect())
}

/// TOML has dates of its own, which JSON cannot say: the reader hands them over as an object with a private name.
fn check_data(data: &Map<String, Value>, full_name: &str, text: &str) -> Result<(), Fault> {
    fn has_toml_date(value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                members.contains_key("$__toml_private_datetime") || members.values().any(has_toml_date)
            }
            Value::Array(items) => items.iter().any(has_toml_date),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    if data.values().any(has_toml_date) {
        let reason = format!("the sample data of type `{full_name}` hold a date: write times in quotes");
        return Err(Fault::at(text, quoted(text, full_name, 0), reason));
    }
    Ok(())
}

/// A type that names its moment says that its data stand for the caller's time, even where its source says nothing.
fn type_setting(source: Option<&Arc<Setting>>, time: Option<Timestamp>) -> Option<Arc<Setting>> {
    match (source, time) {
        (None, None) => None,
        (None, Some(_)) => Some(Arc::new(Setting { account: None, region: None, time })),
        (Some(setting), time) => Some(Setting::at(setting, time)),
    }
}

impl From<SourceDocument> for SourceAddition {
    fn from(document: SourceDocument) -> Self {
        let setting = document
            .sample_setting
            .map(|it| Arc::new(Setting { account: it.account, region: it.region, time: it.time }));
        let types = document.types.into_iter().map(|kind| TypeAddition {
            full_name: kind.full_name,
            name: kind.name,
            description: kind.description,
            basis: kind.basis,
            reference: kind.reference,
            payload: kind.payload,
            subject: kind.subject,
            datacontenttype: kind.datacontenttype,
            sample: kind.sample_data.map(|data| Value::Object(data).to_string().into_bytes().into()),
            setting: type_setting(setting.as_ref(), kind.sample_time),
        });
        Self {
            types: types.collect(),
            name: document.source,
            bus: None,
            service: document.service,
            category: document.category,
            name_en: document.name.en,
            name_zh: document.name.zh,
            description: document.description,
            notes: document.notes,
        }
    }
}

impl Fault {
    fn json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let reason =
            said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said).to_owned();
        Self { line: (line > 0).then_some(line), column: (line > 0).then_some(column.max(1)), reason }
    }

    fn double(text: &str, what: &str, name: &str) -> Self {
        Self::at(text, quoted(text, name, 1), format!("{what} `{name}` is stated twice"))
    }

    fn at(text: &str, span: Option<Range<usize>>, reason: String) -> Self {
        let before = span.and_then(|span| text.get(..span.start));
        Self {
            line: before.map(|before| before.matches('\n').count() + 1),
            column: before.map(|before| before.chars().rev().take_while(|c| *c != '\n').count() + 1),
            reason,
        }
    }

    fn in_file(self, file: &str) -> AdditionFault {
        AdditionFault { file: file.to_owned(), line: self.line, column: self.column, reason: self.reason }
    }
}

/// Where `name` stands in quotes for the time numbered `index`, from 0. A name that is spelled with escapes is not found,
/// and its fault is then reported without a line.
fn quoted(text: &str, name: &str, index: usize) -> Option<Range<usize>> {
    let in_quotes = |(at, found): &(usize, &str)| {
        let quote = |c: Option<char>| matches!(c, Some('"' | '\''));
        quote(text[..*at].chars().next_back()) && quote(text[at + found.len()..].chars().next())
    };
    text.match_indices(name).filter(in_quotes).nth(index).map(|(at, found)| at..at + found.len())
}
