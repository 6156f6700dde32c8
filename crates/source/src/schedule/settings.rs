//! What a schedule source fires, and when.

use kulkul_schedule::{Schedule, ScheduleError, Zone};

/// When events are made, and what they carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// The cron expression as it was written.
    pub expression: String,
    /// A text of the owner that every event carries.
    pub user_data: Option<String>,
    /// What the expression means, and in which time zone.
    pub schedule: Schedule,
}

impl ScheduleSettings {
    /// Parses an expression and a time zone; without one it is `GMT+0:00`.
    pub fn parse(
        expression: &str,
        zone: Option<&str>,
        user_data: Option<String>,
    ) -> Result<Self, ScheduleError> {
        let zone = zone.map_or_else(|| Ok(Zone::default()), str::parse)?;
        let schedule = Schedule::parse(expression, zone)?;
        Ok(Self { expression: expression.to_owned(), user_data, schedule })
    }

    /// The time zone as it was written.
    pub fn zone(&self) -> &str {
        self.schedule.zone().as_str()
    }
}
