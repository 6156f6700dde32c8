//! `acs.mns.queue`: a message queue of this server.
//!
//! Source: EventBridge 2020-04-01, target parameters of `acs.mns.queue`.

use kulkul_model::MessageQueueArn;

use super::{BodyEncoding, Call, TargetConfig, TargetError};

pub(super) const KEYS: &[&str] = &["queue", "Body", "IsBase64Encode"];

pub(super) fn call(target: &TargetConfig) -> Result<Call, TargetError> {
    let arn: MessageQueueArn = target
        .endpoint
        .parse()
        .map_err(|source| TargetError::BadEndpoint { id: target.id.clone(), source })?;
    let queue = match target.constant("queue")?.filter(|name| !name.is_empty()) {
        Some(name) => target.parsed("queue", &name)?,
        None => arn.queue,
    };
    let encoding = match target.constant("IsBase64Encode")?.as_deref() {
        Some(text) if text.eq_ignore_ascii_case("true") => BodyEncoding::Base64,
        Some(text) if text.eq_ignore_ascii_case("false") || text.is_empty() => BodyEncoding::Plain,
        None => BodyEncoding::Plain,
        Some(_) => return Err(target.bad("IsBase64Encode", "must be `true` or `false`")),
    };
    Ok(Call::Queue { queue, body: target.required("Body")?, encoding })
}
