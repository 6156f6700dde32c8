//! Lists the registry of event sources: everything that can be chosen as the source of a trigger.

use kulkul_catalog::{Category, EventSource, EventType, Hit, Origin};
use serde_json::{Value, json as value};

use super::json;
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// `category` is the id of a category, `search` words; both narrow the list. A search that speaks of types shows only
/// those.
pub(super) fn run(call: Call<'_>) -> Result<Answer, FcError> {
    let query = Query::parse(call.query());
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let category = given("category").map(category).transpose()?;
    let catalog = call.api.sources.catalog();
    let found = match given("search") {
        Some(words) => catalog.search(words),
        None => catalog.sources().map(|source| Hit { source, types: Vec::new() }).collect(),
    };
    let wanted = found.iter().filter(|hit| category.is_none_or(|category| hit.source.category() == category));
    let sources: Vec<Value> = wanted.map(source_json).collect();
    Ok(json(value!({"sources": sources}).to_string()))
}

fn category(id: &str) -> Result<Category, FcError> {
    Category::from_id(id).ok_or_else(|| {
        let known = Category::ALL.map(Category::id).join(", ");
        let shown: String = id.chars().take(64).collect();
        FcError::invalid(format!("there is no category '{shown}'; known are {known}"))
    })
}

fn source_json(hit: &Hit<'_>) -> Value {
    let source = hit.source;
    let types: Vec<Value> = match &hit.types[..] {
        [] => source.types().iter().map(type_json).collect(),
        found => found.iter().map(|kind| type_json(kind)).collect(),
    };
    value!({
        "name": source.name(),
        "fullName": source.full_name(),
        "fullNameZh": source.full_name_zh(),
        "description": source.description(),
        "category": source.category().id(),
        "origin": origin(source),
        "eventBusName": source.bus(),
        "types": types,
    })
}

fn origin(source: &EventSource) -> &'static str {
    match source.origin() {
        Origin::Builtin => "builtin",
        Origin::Addition => "addition",
        Origin::UserDefined { .. } => "user-defined",
    }
}

fn type_json(kind: &EventType) -> Value {
    value!({
        "type": kind.full_name(),
        "name": kind.name(),
        "description": kind.description(),
        "basis": kind.basis().as_str(),
        "payload": kind.payload().as_str(),
    })
}
