//! Parameters that several lists have.

use kulkul_function::PageRequest;

use super::error::FcError;
use crate::query::Query;

/// `limit` and `nextToken`.
pub(super) fn page(query: &Query<'_>) -> Result<PageRequest, FcError> {
    let limit = match query.get("limit").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|_| FcError::invalid("limit must be a whole number"))?),
        None => None,
    };
    Ok(PageRequest { limit, token: query.get("nextToken").map(str::to_owned) })
}
