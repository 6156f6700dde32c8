//! What the owner of a bus has chosen, beyond what the cloud's API has words for.

use bytes::Bytes;
use kulkul_bus::{BusInfo, BusSettings, DeduplicationWindow};
use kulkul_model::BusName;
use serde_json::json as value;

use super::{bus_error, json};
use crate::answer::Answer;
use crate::api::Call;
use crate::fc::FcError;
use crate::fields::Fields;

const DEDUPLICATION: &str = "deduplicationWindowSeconds";

pub(super) fn get(call: Call<'_>, bus: &BusName) -> Result<Answer, FcError> {
    Ok(answer(&call.api.hub.get_bus(bus).map_err(bus_error)?))
}

/// Replaces all settings: what is absent or null is off.
pub(super) async fn put(call: Call<'_>, bus: &BusName, body: &Bytes) -> Result<Answer, FcError> {
    let settings = read(body)?;
    let info = call.api.hub.set_bus_settings(bus, settings).await.map_err(bus_error)?;
    Ok(answer(&info))
}

fn read(body: &[u8]) -> Result<BusSettings, FcError> {
    let mut fields = Fields::parse(body)?;
    let deduplication = fields.take::<u64>(DEDUPLICATION)?.map(DeduplicationWindow::of_secs).transpose();
    let deduplication =
        deduplication.map_err(|error| FcError::invalid(format!("{DEDUPLICATION}: {error}")))?;
    fields.none_left()?;
    Ok(BusSettings { deduplication })
}

fn answer(info: &BusInfo) -> Answer {
    let window = info.settings.deduplication.map(DeduplicationWindow::as_secs);
    json(value!({"bus": info.name.as_str(), DEDUPLICATION: window}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_whole() {
        let secs = |body: &str| read(body.as_bytes()).map(|s| s.deduplication.map(|w| w.as_secs()));
        assert_eq!(secs("{}"), Ok(None));
        assert_eq!(secs(r#"{"deduplicationWindowSeconds":null}"#), Ok(None));
        assert_eq!(secs(r#"{"deduplicationWindowSeconds":300}"#), Ok(Some(300)));
        for body in [
            r#"{"deduplicationWindowSeconds":0}"#,
            r#"{"deduplicationWindowSeconds":86401}"#,
            r#"{"deduplicationWindowSeconds":"5m"}"#,
            r#"{"window":300}"#,
        ] {
            assert!(secs(body).is_err(), "{body}");
        }
    }
}
