//! The last lines that a function printed, as far as they are kept.

use kulkul_function::LogEntry;
use kulkul_model::{FunctionName, Qualifier};
use serde_json::{Value, json as value};

use super::json;
use super::target_query::limit;
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::query::Query;

/// Lines of one answer.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// Parameters: `limit` (1 to 10 000), and at most one of `invocation` (only what it printed) and `after` (only lines
/// after the one with this number, the oldest of them first when there are more than `limit`).
///
/// `newest` in the answer is the number of the newest line of all functions. Numbers begin anew when the server
/// starts: a reader whose last number is greater than `newest` has to begin anew, too.
pub(super) fn run(call: Call<'_>, function: &str) -> Result<Answer, FcError> {
    let function: FunctionName = function.parse()?;
    let functions = &call.api.functions;
    functions.get(&function, &Qualifier::latest())?;
    let query = Query::parse(call.query());
    let limit = limit(query.get("limit"), LIMIT_DEFAULT, LIMIT_MAX)?;
    let logs = functions.logs();
    // Before the lines: one that comes in between is then newer than `newest`, and seen twice rather than never.
    let newest = logs.newest();
    let lines = match (query.get("invocation"), after(&query)?) {
        (Some(_), Some(_)) => return Err(FcError::invalid("invocation and after exclude each other")),
        (None, Some(after)) => logs.after(&function, after, limit),
        (invocation, None) => logs.recent(&function, invocation, limit),
    };
    let lines: Vec<Value> = lines.iter().map(line).collect();
    let body = value!({ "lines": lines, "newest": newest });
    Ok(json(body.to_string()))
}

fn line(entry: &LogEntry) -> Value {
    value!({
        "number": entry.number,
        "at": entry.at.to_string(),
        "invocation": entry.invocation,
        "instance": &*entry.instance,
        "text": entry.text,
    })
}

fn after(query: &Query<'_>) -> Result<Option<u64>, FcError> {
    let text = query.get("after").filter(|text| !text.is_empty());
    let number = text.map(|text| {
        text.parse().map_err(|_| FcError::invalid(format!("after must be a whole number, not '{text:.32}'")))
    });
    number.transpose()
}
