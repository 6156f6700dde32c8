//! GetFunctionCode.

use std::time::Duration;

use kulkul_function::Function;
use kulkul_model::Timestamp;
use serde::Serialize;

use super::error::FcError;
use super::{Rest, reply};
use crate::answer::Answer;

/// How long a link to code is good.
const LINK_LIFETIME: Duration = Duration::from_secs(30 * 60);

#[derive(Serialize)]
struct Code {
    url: String,
    checksum: String,
}

/// A link to the code on this server, good for 30 minutes, for whoever has it.
pub(super) fn run(rest: &Rest<'_>) -> Result<Answer, FcError> {
    let function = rest.call.api.functions.get(&rest.function()?, &rest.qualifier()?)?;
    let host = rest.call.header("host").ok_or_else(|| FcError::invalid("the header host is missing"))?;
    let expires = rest.call.now.plus(LINK_LIFETIME);
    let url = format!(
        "http://{host}/_code/{}?expires={}&sig={}",
        function.name,
        expires.as_secs(),
        hex::encode(seal(rest, &function, expires.as_secs()))
    );
    Ok(reply::json(&Code { url, checksum: function.code.crc64.to_string() }))
}

/// What makes a link to the code of `function` valid until `expires_secs`: new code makes it invalid.
pub(super) fn seal(rest: &Rest<'_>, function: &Function, expires_secs: i64) -> [u8; 32] {
    let (expires, crc64) = (expires_secs.to_be_bytes(), function.code.crc64.to_be_bytes());
    rest.call.api.gate.keys().seal("function code", &[function.id.as_bytes(), &crc64, &expires])
}

/// Whether a link that says it is good until `expires_secs` is so at `now`.
pub(super) fn is_current(expires_secs: i64, now: Timestamp) -> bool {
    now.as_secs() < expires_secs && expires_secs <= now.plus(LINK_LIFETIME * 2).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_end() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        for (expires_secs, expected) in [
            (1_800_001_800, true),
            (1_800_000_001, true),
            (1_800_000_000, false),
            (i64::MAX, false),
            (0, false),
        ] {
            assert_eq!(is_current(expires_secs, now), expected, "{expires_secs}");
        }
    }
}
