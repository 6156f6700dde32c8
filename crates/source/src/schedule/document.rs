//! Settings of a schedule as they are stored: the texts, which are parsed again.

use kulkul_schedule::ScheduleError;
use serde::{Deserialize, Serialize};

use super::ScheduleSettings;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredSchedule {
    expression: String,
    zone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
}

impl StoredSchedule {
    pub(crate) fn of(settings: &ScheduleSettings) -> Self {
        Self {
            expression: settings.expression.clone(),
            zone: settings.zone().to_owned(),
            user_data: settings.user_data.clone(),
        }
    }

    pub(crate) fn settings(self) -> Result<ScheduleSettings, ScheduleError> {
        ScheduleSettings::parse(&self.expression, Some(&self.zone), self.user_data)
    }
}
