//! Dead letters, by target and then by the time at which they were given up.

use kulkul_delivery::DeadLetterCursor;
use serde_json::{Value, json as value};

use super::dead_letter_json::dead_letter_json;
use super::json;
use super::target_query::{dead_letter_filter, limit};
use crate::answer::{Answer, chain};
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// Dead letters of one page: unless asked otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;

pub(super) async fn run(call: Call<'_>) -> Result<Answer, FcError> {
    let query = Query::parse(call.query());
    let filter = dead_letter_filter(|word| query.get(word))?;
    let limit = limit(query.get("limit"), LIMIT, LIMIT_MAX)?;
    let after = query.get("after").filter(|text| !text.is_empty());
    let after: Option<DeadLetterCursor> = after
        .map(|text| text.parse().map_err(|_| FcError::invalid("after: must be the `next` of another page")))
        .transpose()?;
    let page = call.api.hub.dispatcher().dead_letters(&filter, after.as_ref(), limit).await;
    let page = page.map_err(|error| FcError::store(&error, chain(&error)))?;
    let letters: Vec<Value> = page.letters.iter().map(|letter| dead_letter_json(letter).into()).collect();
    let next = page.next.map(|next| next.to_string());
    let body = value!({"deadLetters": letters, "next": next}).to_string();
    Ok(json(body))
}
