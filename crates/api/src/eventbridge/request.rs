//! Requests in the RPC style: their parameters, and who signed them.

use std::sync::Arc;

use bytes::Bytes;
use kulkul_access::AccessKey;
use kulkul_listener::RequestBody;

use super::error::RpcError;
use super::params::Params;
use crate::api::Call;
use crate::gate::{Admitted, Replay};
use crate::signature::{Acs3, Classic};

const FORM: &str = "application/x-www-form-urlencoded";

/// A request that was read to its end. A signature in its head was checked before the body was read.
pub(crate) struct RpcRequest<'a> {
    call: Call<'a>,
    admitted: Option<Admitted<'a>>,
    /// The body when it is a form, else nothing.
    form: Bytes,
}

impl<'a> RpcRequest<'a> {
    /// Reads a request whose body is not larger than `bytes_max`.
    pub(crate) async fn read(
        call: Call<'a>,
        body: &mut RequestBody,
        bytes_max: usize,
    ) -> Result<Self, RpcError> {
        let authorization = call.header("authorization").filter(|text| Acs3::is(text));
        let admitted = authorization
            .map(|text| call.api.gate.admit_acs3(text, &call.signed(), call.now, Replay::Refused))
            .transpose()?;
        let body = match &admitted {
            Some(_) => body.read_all(bytes_max).await?,
            // The classic signature may come in the body.
            None => call.api.unsigned_bodies.read(call, body, bytes_max).await?,
        };
        if let Some(hash) = admitted.as_ref().and_then(|admitted| admitted.content_sha256) {
            Acs3::check_body(&body, hash)?;
        }
        let form = if is_form(call.header("content-type")) { body } else { Bytes::new() };
        Ok(Self { call, admitted, form })
    }

    /// The parameters, and the key that they were signed with.
    pub(crate) fn admitted_params(&self) -> Result<(Params<'_>, Arc<AccessKey>), RpcError> {
        let call = self.call;
        let params = Params::parse(call.query(), &self.form)?;
        let key = match &self.admitted {
            Some(admitted) => admitted.key.clone(),
            None => {
                let signed = Classic::find(|name| params.get(name))?;
                call.api.gate.admit_classic(&signed, call.head.method.as_str(), params.iter(), call.now)?
            }
        };
        Ok((params, key))
    }
}

/// Whether a body of this media type is a form. One without a type is.
fn is_form(content_type: Option<&str>) -> bool {
    content_type
        .is_none_or(|kind| kind.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_hold_parameters() {
        let table = [
            (None, true),
            (Some("application/x-www-form-urlencoded"), true),
            (Some("Application/X-WWW-Form-Urlencoded; charset=utf-8"), true),
            (Some("application/json"), false),
            (Some("application/octet-stream"), false),
            (Some(""), false),
        ];
        for (kind, expected) in table {
            assert_eq!(is_form(kind), expected, "{kind:?}");
        }
    }
}
