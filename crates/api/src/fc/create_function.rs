//! CreateFunction.

use bytes::Bytes;
use kulkul_function::NewFunction;

use super::error::FcError;
use super::{Rest, function_input, function_output, off_thread, reply};
use crate::answer::Answer;
use crate::fields::Fields;

pub(super) async fn run(rest: &Rest<'_>, body: Bytes) -> Result<Answer, FcError> {
    // Up to 100 MB of base64 take a while.
    let new = off_thread(move || parse(&body)).await??;
    let function = rest.call.api.functions.create(new).await?;
    Ok(reply::json(&function_output::function(&rest.call.api.functions, &function, None).await))
}

fn parse(body: &[u8]) -> Result<NewFunction, FcError> {
    let mut fields = Fields::parse(body)?;
    let name: String = fields.require("functionName")?;
    Ok(NewFunction {
        name: name.parse()?,
        code: function_input::code(&mut fields)?.unwrap_or_default(),
        tags: function_input::tags(&mut fields)?,
        settings: function_input::settings(&mut fields)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_a_name() {
        for (body, expected) in [
            ("{}", "functionName is required"),
            (r#"{"functionName":"9"}"#, "not a valid function name"),
            ("[]", "the body is not a JSON object"),
        ] {
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.code, "InvalidArgument");
            assert!(error.message.starts_with(expected), "{}", error.message);
        }
    }
}
