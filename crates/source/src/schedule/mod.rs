//! Schedule sources: events at planned times.
//!
//! A tick is fired once, also across restarts: the event's id follows from source and tick, and how far a source has
//! fired is stored after the commit of its event. After a start, ticks that are less than a minute late and not on the
//! bus yet are made up; older ones are not.
//!
//! Source: EventBridge 2020-04-01, `SourceScheduledEventParameters`.

mod document;
mod event;
mod mark;
mod run;
mod settings;

pub(crate) use document::StoredSchedule;
pub(crate) use event::EVENT_TYPE;
pub use run::{ScheduledSources, ScheduledSourcesParts};
pub use settings::ScheduleSettings;
