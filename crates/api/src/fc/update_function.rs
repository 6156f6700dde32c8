//! UpdateFunction.

use bytes::Bytes;
use kulkul_function::FunctionUpdate;

use super::error::FcError;
use super::{Rest, function_input, function_output, off_thread, reply};
use crate::answer::Answer;
use crate::fields::Fields;

/// Changes what the body has. Objects and lists are replaced whole.
pub(super) async fn run(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    let name = rest.function()?;
    let update = off_thread(move || parse(&body)).await??;
    let function = rest.call.api.functions.update(&name, update).await?;
    Ok(reply::json(&function_output::function(&rest.call.api.functions, &function, None).await))
}

fn parse(body: &[u8]) -> Result<FunctionUpdate, FcError> {
    let mut fields = Fields::parse(body)?;
    Ok(FunctionUpdate {
        code: function_input::code(&mut fields)?,
        settings: function_input::settings(&mut fields)?,
    })
}
