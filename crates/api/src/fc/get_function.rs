//! GetFunction.

use super::error::FcError;
use super::{Rest, function_output, reply};
use crate::answer::Answer;

pub(super) async fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let given = rest.given_qualifier()?;
    let function = rest.call.api.functions.get(&rest.function()?, &rest.qualifier()?)?;
    Ok(reply::json(&function_output::function(&rest.call.api.functions, &function, given.as_ref()).await))
}
