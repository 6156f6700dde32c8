//! Lists the additions to the catalog: those that came by API, and what is wrong with the files.

use serde_json::{Value, json as value};

use super::json;
use super::put_catalog_addition::addition_json;
use crate::answer::Answer;
use crate::api::Call;

pub(super) fn run(call: Call<'_>) -> Answer {
    let sources = &call.api.sources;
    let additions = sources.additions();
    let additions: Vec<Value> =
        additions.iter().map(|(name, addition)| addition_json(name, addition)).collect();
    let faults: Vec<String> = sources.file_faults().iter().map(ToString::to_string).collect();
    let files = value!({"directory": sources.directory().display().to_string(), "faults": faults});
    json(value!({"additions": additions, "files": files}).to_string())
}
