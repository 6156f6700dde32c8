//! The catalog that is part of the program.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use kulkul_model::Timestamp;

use crate::source::{Basis, EventSource, EventType, Origin, Payload, Setting, Text};
use crate::{Catalog, Category};

struct SourceRow {
    name: &'static str,
    service: &'static str,
    category: &'static str,
    en: &'static str,
    zh: Option<&'static str>,
    notes: Option<&'static str>,
    account: &'static str,
    region: &'static str,
    time: &'static str,
    types: &'static [TypeRow],
}

struct TypeRow {
    full_name: &'static str,
    name: &'static str,
    description: &'static str,
    basis: &'static str,
    reference: &'static str,
    payload: &'static str,
    subject: Option<&'static str>,
    datacontenttype: Option<&'static str>,
    time: Option<&'static str>,
    /// Where the JSON text starts and ends in [`SAMPLES`].
    sample: Option<(usize, usize)>,
}

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Bytes and not text: cutting text looks at where it is cut, and would bring the whole block into memory.
static SAMPLES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/samples.txt"));

static BUILTIN: LazyLock<Catalog> = LazyLock::new(load);

/// The shared catalog of the program, made at the first call.
pub(crate) fn builtin() -> Catalog {
    BUILTIN.clone()
}

fn load() -> Catalog {
    Catalog::from_sources(SOURCES.iter().map(|row| Arc::new(source(row))).collect())
}

fn source(row: &'static SourceRow) -> EventSource {
    let setting = Arc::new(Setting {
        account: Some(row.account.into()),
        region: Some(row.region.into()),
        time: Timestamp::parse_rfc3339(row.time),
    });
    EventSource {
        name: row.name.into(),
        origin: Origin::Builtin,
        service: Some(row.service.into()),
        category: Category::from_id(row.category).expect("the tests read every data file"),
        name_en: Some(row.en.into()),
        name_zh: row.zh.map(Text::from),
        description: None,
        notes: row.notes.map(Text::from),
        types: row.types.iter().map(|kind| event_type(kind, &setting)).collect(),
    }
}

fn event_type(row: &'static TypeRow, setting: &Arc<Setting>) -> EventType {
    let time = row.time.and_then(Timestamp::parse_rfc3339);
    EventType {
        full_name: row.full_name.into(),
        name: Some(row.name.into()),
        description: Some(row.description.into()),
        basis: Basis::from_word(row.basis).expect("the tests read every data file"),
        reference: Some(row.reference.into()),
        payload: Payload::from_word(row.payload).expect("the tests read every data file"),
        subject: row.subject.map(Text::from),
        datacontenttype: row.datacontenttype.map(Text::from),
        sample: row.sample.map(|(start, end)| Cow::Borrowed(&SAMPLES[start..end])),
        setting: Some(Setting::at(setting, time)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn making_the_catalog_takes_under_ten_milliseconds() {
        let fastest = (0..20)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(load());
                start.elapsed()
            })
            .min();
        assert!(fastest < Some(Duration::from_millis(10)), "{fastest:?}");
    }
}
