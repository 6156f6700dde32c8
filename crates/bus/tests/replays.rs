//! How replays get on, and replays whose store fails them.

mod support;

use std::num::NonZeroU32;

use kulkul_bus::{
    EventQuery, FoundEvent, NewReplay, REPLAY_ATTRIBUTE, Replay, ReplayId, ReplayState, ReplayTo,
};
use kulkul_model::Draft;
use kulkul_store::{Order, QueueId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{Server, bus, until};

async fn create(server: &Server) -> Replay {
    create_at_pace(server, 1).await
}

async fn create_at_pace(server: &Server, events_per_second: u32) -> Replay {
    let new = NewReplay {
        bus: bus("default"),
        query: EventQuery::default(),
        to: ReplayTo::Bus,
        events_per_second: NonZeroU32::new(events_per_second).unwrap(),
    };
    server.hub.create_replay(new).await.unwrap()
}

/// Runs replays until it is stopped.
fn run(server: &Server) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(server.hub.clone().run_replays(stop)))
}

fn state(server: &Server, id: &ReplayId) -> ReplayState {
    server.hub.get_replay(&bus("default"), id).unwrap().state
}

async fn end(server: &Server, id: &ReplayId) -> ReplayState {
    let ended = || Some(state(server, id)).filter(|state| *state != ReplayState::Running);
    until("the end of a replay", ended).await
}

/// Puts many events of a source in one commit.
async fn put_many(server: &Server, source: &str, count: usize) {
    let event = |n: usize| format!(r#"{{"id":"{source}-{n}","source":"{source}","type":"t"}}"#);
    let texts: Vec<String> = (0..count).map(event).collect();
    let drafts = texts.iter().map(|text| Draft::parse(text)).collect();
    let answers = server.hub.accept(&bus("default"), drafts, "127.0.0.1").await.unwrap();
    answers.into_iter().for_each(|answer| drop(answer.unwrap()));
}

/// The copies that were made of events of a source, oldest first.
async fn copies(server: &Server, source: &str) -> Vec<FoundEvent> {
    let query = EventQuery { source: Some(source.to_owned()), ..EventQuery::default() };
    let page = server.hub.find_events(&bus("default"), &query, Order::OldestFirst, None, 99).await.unwrap();
    let is_copy = |found: &FoundEvent| String::from_utf8_lossy(&found.record.body).contains(REPLAY_ATTRIBUTE);
    page.events.into_iter().filter(is_copy).collect()
}

/// As many replays that have ended as are kept, and one more.
async fn with_old_replays() -> Server {
    let server = Server::new().await;
    let first = create(&server).await;
    server.hub.cancel_replay(&bus("default"), &first.id).await.unwrap();
    let metadata = server.store.metadata();
    let written = metadata.get(&format!("replay/{}", first.id).into()).await.unwrap().unwrap().value;
    let written = String::from_utf8(written.to_vec()).unwrap();
    for n in 0..500 {
        let id = format!("{n:020x}");
        let text = written.replace(first.id.as_str(), &id);
        metadata.create(&format!("replay/{id}").into(), text.into()).await.unwrap();
    }
    drop(metadata);
    server.reopened().await
}

#[tokio::test]
async fn a_new_replay_runs_although_old_ones_cannot_be_forgotten() {
    let server = with_old_replays().await;
    let count = || server.hub.list_replays(&bus("default")).unwrap().len();
    assert_eq!(count(), 501);
    let (stop, running) = run(&server);
    server.faults.delete.begin();
    let created = create(&server).await;
    assert!(matches!(end(&server, &created.id).await, ReplayState::Done { .. }));
    assert_eq!(count(), 502);
    server.faults.delete.end();
    create(&server).await;
    assert_eq!(count(), 501, "the oldest are forgotten the next time");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_nobody_wants_is_passed_over_in_few_steps_however_slow_the_replay() {
    let server = Server::new().await;
    put_many(&server, "shop", 300).await;
    let created = create_at_pace(&server, 1).await;
    let before = server.faults.replace.tried_count();
    let (stop, running) = run(&server);
    assert!(matches!(end(&server, &created.id).await, ReplayState::Done { .. }));
    let progress = server.hub.get_replay(&bus("default"), &created.id).unwrap().progress;
    assert_eq!((progress.seen_count, progress.unmatched_count), (300, 300));
    let stored_count = server.faults.replace.tried_count() - before;
    assert!(stored_count <= 30, "its progress was stored {stored_count} times");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn the_pace_is_kept_where_many_were_passed_over_before() {
    const COUNT: usize = 20;
    let server = Server::new().await;
    put_many(&server, "unwanted", 100).await;
    put_many(&server, "wanted", COUNT).await;
    let queue = QueueId("rule/default/r/t".into());
    server.hub.subscribe(&bus("default"), queue, r#"{"source":["wanted"]}"#).unwrap();
    let created = create_at_pace(&server, 20).await;
    let (stop, running) = run(&server);
    assert!(matches!(end(&server, &created.id).await, ReplayState::Done { .. }));
    let copies = copies(&server, "wanted").await;
    let ids: Vec<&str> = copies.iter().map(|found| found.record.key.id.as_str()).collect();
    assert_eq!(ids, (0..COUNT).map(|n| format!("wanted-{n}")).collect::<Vec<_>>());
    // Two at a time, each 50 ms, and none at once with the two before.
    let times: Vec<i64> = copies.iter().map(|found| found.record.accepted_at.as_millis()).collect();
    assert!(times.windows(3).all(|three| three[2] - three[0] >= 80), "{times:?}");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_replay_that_the_store_fails_ends_and_says_why() {
    let server = Server::new().await;
    server.put("default", "e1", "").await;
    let created = create(&server).await;
    server.faults.page.begin();
    let (stop, running) = run(&server);
    let ended = end(&server, &created.id).await;
    let ReplayState::Failed { reason, .. } = &ended else { panic!("{ended:?}") };
    assert_eq!(reason, "the store failed: cannot do what the test forbids: it is broken");
    stop.cancel();
    running.await.unwrap();
    let server = server.reopened().await;
    assert_eq!(state(&server, &created.id), ended, "also after a restart");
}

#[tokio::test]
async fn a_replay_whose_end_cannot_be_stored_is_shown_as_failed_and_goes_on_after_a_restart() {
    let server = Server::new().await;
    server.put("default", "e1", "").await;
    let created = create(&server).await;
    server.faults.replace.begin();
    let (stop, running) = run(&server);
    assert!(matches!(end(&server, &created.id).await, ReplayState::Failed { .. }));
    stop.cancel();
    running.await.unwrap();
    let server = server.reopened().await;
    assert_eq!(state(&server, &created.id), ReplayState::Running);
    let (stop, running) = run(&server);
    assert!(matches!(end(&server, &created.id).await, ReplayState::Done { .. }));
    stop.cancel();
    running.await.unwrap();
}
