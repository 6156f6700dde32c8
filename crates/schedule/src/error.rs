//! Why a text is no schedule.

/// What is wrong with a cron expression or a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not six fields.
    #[error(
        "a cron expression has six fields (seconds minutes hours day-of-month month day-of-week), not {count}"
    )]
    FieldCount {
        /// How many there are.
        count: usize,
    },
    /// A field cannot be understood.
    #[error("`{text}` is no {field}: {problem}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No day ever matches, such as 30 February.
    #[error("the schedule never fires")]
    Never,
    /// There is no such time zone.
    #[error(
        "`{text}` is no time zone: neither an offset such as `GMT+8:00` nor a name such as `Asia/Jakarta`"
    )]
    Zone {
        /// What was given.
        text: String,
    },
}
