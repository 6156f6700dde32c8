//! `SourceScheduledEventParameters`: schedule sources.

use kulkul_source::SourceKind;
use kulkul_source::schedule::ScheduleSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::error::RpcError;
use crate::fields::misshapen;

const USER_DATA_BYTES_MAX: usize = 64 * 1024; // Ours: it is part of every event.

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Block {
    schedule: String,
    time_zone: Option<String>,
    user_data: Option<String>,
}

pub(super) fn read(parameter: &'static str, block: Value) -> Result<SourceKind, RpcError> {
    let invalid =
        |problem: String| RpcError::business("InvalidArgument", format!("`{parameter}`: {problem}"));
    let block: Block = serde_json::from_value(block).map_err(|error| invalid(misshapen(&error)))?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let user_data = given(block.user_data);
    if user_data.as_ref().is_some_and(|text| text.len() > USER_DATA_BYTES_MAX) {
        return Err(invalid(format!("`UserData` has more than {USER_DATA_BYTES_MAX} bytes")));
    }
    let zone = given(block.time_zone);
    let settings = ScheduleSettings::parse(&block.schedule, zone.as_deref(), user_data);
    settings.map(SourceKind::Schedule).map_err(|error| invalid(error.to_string()))
}

/// The block as it is listed.
pub(super) fn shown(settings: &ScheduleSettings) -> Map<String, Value> {
    let mut block = json!({"Schedule": settings.expression, "TimeZone": settings.zone()});
    if let Some(user_data) = &settings.user_data {
        block["UserData"] = user_data.as_str().into();
    }
    Map::from_iter([("SourceScheduledEventParameters".to_owned(), block)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_shown_as_it_was_given() {
        let table = [
            (
                json!({"Schedule": "0 0 9 * * 1-5", "TimeZone": "GMT+8:00", "UserData": "{}"}),
                json!({"Schedule": "0 0 9 * * 1-5", "TimeZone": "GMT+8:00", "UserData": "{}"}),
            ),
            (json!({"Schedule": "* * * * * *"}), json!({"Schedule": "* * * * * *", "TimeZone": "GMT+0:00"})),
        ];
        for (given, expected) in table {
            let SourceKind::Schedule(settings) = read("P", given).unwrap() else { panic!("{expected}") };
            assert_eq!(shown(&settings)["SourceScheduledEventParameters"], expected);
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let long = "x".repeat(USER_DATA_BYTES_MAX + 1);
        for given in [
            json!({}),
            json!([]),
            json!({"Schedule": "* * * * *"}),
            json!({"Schedule": "* * * * * *", "TimeZone": "Mars"}),
            json!({"Schedule": "* * * * * *", "UserData": long}),
        ] {
            assert_eq!(read("P", given).unwrap_err().code, "InvalidArgument");
        }
    }
}
