//! When things happen again and again: cron expressions with a time zone, and a timetable of many of them.
//!
//! Pure: the time is an argument, and nothing here waits. A *tick* is a point in time at which a schedule fires; it is
//! the planned time, whenever somebody gets round to it.

mod cron;
mod error;
mod field;
mod schedule;
mod timetable;
mod zone;

pub use error::ScheduleError;
pub use schedule::Schedule;
pub use timetable::{LATE_MAX, Timetable};
pub use zone::Zone;
