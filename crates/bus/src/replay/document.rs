//! How replays are stored.

use bytes::Bytes;
use kulkul_model::{BusName, Timestamp};
use kulkul_store::{Key, LogName, Seq, StoreError};
use serde::{Deserialize, Serialize};

use super::{Progress, Replay, ReplayState, ReplayTo};
use crate::document::{self, FORMAT, Unreadable};
use crate::log_name;
use crate::search::EventQuery;

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    id: String,
    bus: String,
    /// Absent in what was written before each bus had a log of its own.
    #[serde(default)]
    log: Option<String>,
    query: StoredQuery,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    events_per_second: std::num::NonZeroU32,
    created_ms: i64,
    until: u64,
    progress: StoredProgress,
    state: StoredState,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredProgress {
    first: Option<u64>,
    after: Option<u64>,
    seen: u64,
    sent: u64,
    unmatched: u64,
    copies: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredState {
    Running,
    Done { at_ms: i64 },
    Cancelled { at_ms: i64 },
    Failed { at_ms: i64, reason: String },
}

pub(super) fn write(replay: &Replay) -> Bytes {
    let (rule, target) = match &replay.to {
        ReplayTo::Bus => (None, None),
        ReplayTo::Rule(rule) => (Some(rule), None),
        ReplayTo::Target(rule, target) => (Some(rule), Some(target)),
    };
    let Progress { first, after, seen_count, sent_count, unmatched_count, copy_count } = replay.progress;
    let stored = Stored {
        format: FORMAT,
        id: replay.id.as_str().to_owned(),
        bus: replay.bus.as_str().to_owned(),
        log: Some(replay.log.to_string()),
        query: store_query(&replay.query),
        rule: rule.map(|rule| rule.as_str().to_owned()),
        target: target.map(|target| target.as_str().to_owned()),
        events_per_second: replay.events_per_second,
        created_ms: replay.created_at.as_millis(),
        until: replay.until.0,
        progress: StoredProgress {
            first: first.map(|seq| seq.0),
            after: after.map(|seq| seq.0),
            seen: seen_count,
            sent: sent_count,
            unmatched: unmatched_count,
            copies: copy_count,
        },
        state: match &replay.state {
            ReplayState::Running => StoredState::Running,
            ReplayState::Done { at } => StoredState::Done { at_ms: at.as_millis() },
            ReplayState::Cancelled { at } => StoredState::Cancelled { at_ms: at.as_millis() },
            ReplayState::Failed { at, reason } => {
                StoredState::Failed { at_ms: at.as_millis(), reason: reason.clone() }
            }
        },
    };
    document::to_bytes(&stored)
}

pub(super) fn read(key: &Key, value: &[u8]) -> Result<Replay, StoreError> {
    document::read(key, value, |stored: &Stored| stored.format, restore)
}

fn restore(stored: Stored) -> Result<Replay, Unreadable> {
    let to = match (stored.rule, stored.target) {
        (None, _) => ReplayTo::Bus,
        (Some(rule), None) => ReplayTo::Rule(rule.parse()?),
        (Some(rule), Some(target)) => ReplayTo::Target(rule.parse()?, target.parse()?),
    };
    let at = Timestamp::from_millis;
    let StoredProgress { first, after, seen, sent, unmatched, copies } = stored.progress;
    let bus: BusName = stored.bus.parse()?;
    Ok(Replay {
        id: stored.id.parse()?,
        log: stored.log.map_or_else(|| log_name::of_old(&bus), |log| LogName(log.into())),
        bus,
        query: restore_query(stored.query)?,
        to,
        events_per_second: stored.events_per_second,
        created_at: at(stored.created_ms),
        until: Seq(stored.until),
        progress: Progress {
            first: first.map(Seq),
            after: after.map(Seq),
            seen_count: seen,
            sent_count: sent,
            unmatched_count: unmatched,
            copy_count: copies,
        },
        state: match stored.state {
            StoredState::Running => ReplayState::Running,
            StoredState::Done { at_ms } => ReplayState::Done { at: at(at_ms) },
            StoredState::Cancelled { at_ms } => ReplayState::Cancelled { at: at(at_ms) },
            StoredState::Failed { at_ms, reason } => ReplayState::Failed { at: at(at_ms), reason },
        },
    })
}

fn store_query(query: &EventQuery) -> StoredQuery {
    StoredQuery {
        id: query.id.clone(),
        source: query.source.clone(),
        kind: query.kind.clone(),
        subject: query.subject.clone(),
        rule: query.rule.as_ref().map(|rule| rule.as_str().to_owned()),
        status: query.status.map(|status| status.as_str().to_owned()),
        from_ms: query.from.map(Timestamp::as_millis),
        to_ms: query.to.map(Timestamp::as_millis),
    }
}

fn restore_query(stored: StoredQuery) -> Result<EventQuery, Unreadable> {
    Ok(EventQuery {
        id: stored.id,
        source: stored.source,
        kind: stored.kind,
        subject: stored.subject,
        rule: stored.rule.map(|rule| rule.parse()).transpose()?,
        status: stored.status.map(|status| status.parse()).transpose()?,
        from: stored.from_ms.map(Timestamp::from_millis),
        to: stored.to_ms.map(Timestamp::from_millis),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{ReplayId, key_of};
    use crate::search::EventStatus;

    fn replay(to: ReplayTo, state: ReplayState) -> Replay {
        Replay {
            id: ReplayId::new(Timestamp::from_millis(7)),
            bus: BusName::default_bus(),
            log: LogName("bus/default/1".into()),
            query: EventQuery {
                id: Some("i".to_owned()),
                source: Some("s".to_owned()),
                kind: Some("t".to_owned()),
                subject: Some("u".to_owned()),
                rule: Some("r".parse().unwrap()),
                status: Some(EventStatus::DeadLettered),
                from: Some(Timestamp::from_millis(1)),
                to: Some(Timestamp::from_millis(2)),
            },
            to,
            events_per_second: std::num::NonZeroU32::MIN,
            created_at: Timestamp::from_millis(7),
            until: Seq(99),
            progress: Progress {
                first: Some(Seq(1)),
                after: Some(Seq(2)),
                seen_count: 3,
                sent_count: 4,
                unmatched_count: 5,
                copy_count: 6,
            },
            state,
        }
    }

    #[test]
    fn a_replay_comes_back_as_it_was_stored() {
        let at = Timestamp::from_millis(8);
        let rule = "r".parse().unwrap();
        let table = [
            replay(ReplayTo::Bus, ReplayState::Running),
            replay(ReplayTo::Rule("r".parse().unwrap()), ReplayState::Done { at }),
            replay(ReplayTo::Target(rule, "t".parse().unwrap()), ReplayState::Cancelled { at }),
            replay(ReplayTo::Bus, ReplayState::Failed { at, reason: "no".to_owned() }),
        ];
        for expected in table {
            assert_eq!(read(&key_of(&expected.id), &write(&expected)).unwrap(), expected);
        }
    }

    #[test]
    fn a_replay_that_names_no_log_is_of_the_log_of_its_bus_name() {
        let written = write(&replay(ReplayTo::Bus, ReplayState::Running)).to_vec();
        let text = String::from_utf8(written).unwrap().replace("\"log\":\"bus/default/1\",", "");
        assert!(!text.contains("log"), "{text}");
        let read = read(&"replay/x".into(), text.as_bytes()).unwrap();
        assert_eq!(read.log, LogName("bus/default".into()));
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let written = write(&replay(ReplayTo::Bus, ReplayState::Running)).to_vec();
        let text = String::from_utf8(written).unwrap().replace("\"format\":1", "\"format\":2");
        let error = read(&"replay/x".into(), text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the document `replay/x` has format 2, this version reads 1");
    }
}
