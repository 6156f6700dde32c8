//! Replays whose store fails them.

mod support;

use std::num::NonZeroU32;

use kulkul_bus::{EventQuery, NewReplay, Replay, ReplayId, ReplayState, ReplayTo};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{Server, bus, until};

async fn create(server: &Server) -> Replay {
    let new = NewReplay {
        bus: bus("default"),
        query: EventQuery::default(),
        to: ReplayTo::Bus,
        events_per_second: NonZeroU32::MIN,
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
