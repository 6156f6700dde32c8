//! Sample events: complete CloudEvents in the envelope of the real event bus.
//!
//! A sample is made from the sample data of its type: the account, region and time that they were written for give
//! way to the caller's, ids of one event become new ones, and everything else stays. It is a pure function of its
//! arguments, so a seed names a sample for ever. Where nobody knows the payload of a type, `data` is an empty object
//! and the extension attribute [`SAMPLE_ATTRIBUTE`] says so.

mod adapt;
mod draw;
mod envelope;
mod moment;
mod path;
pub(crate) mod subject;

use kulkul_model::{BusName, Identity, Timestamp, nearest};
use serde_json::{Map, Value};

use crate::{Catalog, EventSource, EventType, canonical_source};
use draw::Draw;
pub use path::parse_override;

/// The extension attribute by which a sample speaks of itself.
pub const SAMPLE_ATTRIBUTE: &str = "kulkulsample";

/// The value of [`SAMPLE_ATTRIBUTE`] when the payload of the type is unknown.
pub const UNKNOWN_PAYLOAD: &str = "payload-unknown";

/// What a sample is to be like.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// Decides everything that would be random: ids, the sender's address, the delay of the bus.
    pub seed: u64,
    /// The account and the region of the event.
    pub identity: Identity,
    /// The bus that took it in.
    pub bus: BusName,
    /// When it happened.
    pub time: Timestamp,
    /// Paths such as `data.state`, `data.items[0].name` or `subject`, and the values to put there, in this order.
    pub overrides: Vec<(String, Value)>,
}

/// Why there is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The catalog has no such source.
    #[error("the catalog has no event source `{source_name}`{}", suggestion(nearest))]
    UnknownSource {
        /// The name that was asked for.
        source_name: String,
        /// Names that look like it.
        nearest: Vec<String>,
    },
    /// The source has no such type in the catalog.
    #[error("event source `{source_name}` has no type `{event_type}` in the catalog{}", suggestion(nearest))]
    UnknownType {
        /// The source.
        source_name: String,
        /// The type that was asked for.
        event_type: String,
        /// Types of the source that look like it.
        nearest: Vec<String>,
    },
    /// A text is not of the form `path=value`.
    #[error("`{text}` is not of the form path=value")]
    MalformedOverride {
        /// The text.
        text: String,
    },
    /// Nothing can stand at a path.
    #[error("cannot set `{path}`: {reason}")]
    ImpossiblePath {
        /// The whole path.
        path: String,
        /// Where it leads nowhere.
        reason: String,
    },
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!(
            "; did you mean {}?",
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
        ),
    }
}

pub(crate) fn sample(
    catalog: &Catalog,
    source_name: &str,
    event_type: &str,
    options: &SampleOptions,
) -> Result<String, SampleError> {
    let (source, kind) = find(catalog, source_name, event_type, options.bus.as_str())?;
    let draw = Draw::new(options.seed, source.name(), kind.full_name());
    let written = written_data(kind);
    let mut data = match &kind.setting {
        Some(setting) => adapt::adapt(written, setting, options, &draw),
        None => written,
    };
    let sections = path::split(&options.overrides)?;
    path::apply(&mut data, &sections)?;
    let mut envelope = envelope::envelope(source, kind, &data, options, &draw);
    path::apply_attributes(&mut envelope, &sections)?;
    envelope.insert("data".to_owned(), data);
    Ok(Value::Object(envelope).to_string())
}

fn written_data(kind: &EventType) -> Value {
    match &kind.sample {
        Some(json) => serde_json::from_slice(json).expect("sample data were JSON when they were taken in"),
        None => Value::Object(Map::new()),
    }
}

/// Several buses may have a source of this name: the one of the caller's bus first, then the others in order.
fn find<'a>(
    catalog: &'a Catalog,
    source_name: &str,
    event_type: &str,
    bus: &str,
) -> Result<(&'a EventSource, &'a EventType), SampleError> {
    let name = canonical_source(source_name);
    let mut sources: Vec<&EventSource> = catalog.sources().filter(|source| source.name() == name).collect();
    sources.sort_by_key(|source| source.bus() != Some(bus));
    if sources.is_empty() {
        return Err(SampleError::UnknownSource {
            source_name: source_name.to_owned(),
            nearest: nearest(&name, catalog.sources().map(EventSource::name)),
        });
    }
    let found = sources.iter().find_map(|source| Some((*source, source.event_type(event_type)?)));
    found.ok_or_else(|| SampleError::UnknownType {
        source_name: source_name.to_owned(),
        event_type: event_type.to_owned(),
        nearest: nearest(
            event_type,
            sources.iter().flat_map(|source| source.types()).map(EventType::full_name),
        ),
    })
}
