//! The last lines that a function printed, as far as they are kept.

use http::StatusCode;
use kulkul_function::LogEntry;
use kulkul_model::{FunctionName, Qualifier};
use serde_json::{Value, json};

use crate::answer::{Answer, with_body};
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
    let limit = number(&query, "limit")?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(FcError::invalid(format!("limit must be from 1 to {LIMIT_MAX}, not {limit}")));
    }
    let logs = functions.logs();
    // Before the lines: one that comes in between is then newer than `newest`, and seen twice rather than never.
    let newest = logs.newest();
    let lines = match (query.get("invocation"), number(&query, "after")?) {
        (Some(_), Some(_)) => return Err(FcError::invalid("invocation and after exclude each other")),
        (None, Some(after)) => logs.after(&function, after, limit),
        (invocation, None) => logs.recent(&function, invocation, limit),
    };
    let lines: Vec<Value> = lines.iter().map(line).collect();
    let body = json!({ "lines": lines, "newest": newest });
    Ok(with_body(StatusCode::OK, "application/json", body.to_string()))
}

fn line(entry: &LogEntry) -> Value {
    json!({
        "number": entry.number,
        "at": entry.at.to_string(),
        "invocation": entry.invocation,
        "instance": &*entry.instance,
        "text": entry.text,
    })
}

fn number<N: std::str::FromStr>(query: &Query<'_>, name: &str) -> Result<Option<N>, FcError> {
    let text = query.get(name).filter(|text| !text.is_empty());
    let number = text.map(|text| {
        text.parse().map_err(|_| FcError::invalid(format!("{name} must be a whole number, not '{text:.32}'")))
    });
    number.transpose()
}
