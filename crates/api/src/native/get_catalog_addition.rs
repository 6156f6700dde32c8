//! Gives additions to the catalog back as they were sent.

use http::StatusCode;
use kulkul_source::AdditionForm;

use crate::answer::{Answer, with_body};
use crate::api::Call;
use crate::fc::FcError;

pub(super) fn run(call: Call<'_>, name: &str) -> Result<Answer, FcError> {
    let addition = call.api.sources.addition(&name.parse()?)?;
    let content_type = match addition.form {
        AdditionForm::Json => "application/json",
        AdditionForm::Toml => "application/toml",
    };
    Ok(with_body(StatusCode::OK, content_type, addition.text.clone()))
}
