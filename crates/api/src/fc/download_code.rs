//! The link that GetFunctionCode gives out: the zip, for whoever has the link.

use http::StatusCode;
use kulkul_access::equal;
use kulkul_model::Qualifier;

use super::Rest;
use super::error::FcError;
use super::get_function_code::{is_current, seal};
use crate::answer::{self, Answer};

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let refused = || FcError::denied("the link is not valid, or not any more");
    let (name, latest) = (rest.route.function.parse().map_err(|_| refused())?, Qualifier::latest());
    let function = rest.call.api.functions.get(&name, &latest).map_err(|_| refused())?;
    let expires: i64 = rest.query.get("expires").and_then(|text| text.parse().ok()).ok_or_else(refused)?;
    let given = hex::decode(rest.query.get("sig").unwrap_or_default()).map_err(|_| refused())?;
    if !equal(&given, &seal(rest, &function, expires)) || !is_current(expires, rest.call.now) {
        return Err(refused());
    }
    let code = rest.call.api.functions.code(&name, &latest).await?;
    Ok(answer::with_body(StatusCode::OK, "application/zip", code.zip))
}
