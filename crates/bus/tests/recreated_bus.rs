//! A bus that gets the name of a deleted one has nothing of that one's past.

mod support;

use std::num::NonZeroU32;

use bytes::Bytes;
use kulkul_bus::{BusSettings, DeduplicationWindow, EventQuery, NewReplay, Replay, ReplayState, ReplayTo};
use kulkul_delivery::DeadLetterFilter;
use kulkul_store::{LogName, QueueId};
use tokio_util::sync::CancellationToken;

use support::{Server, bus, until};

async fn create(server: &Server, name: &str) {
    server.hub.create_bus(bus(name), String::new()).await.unwrap();
}

async fn delete(server: &Server, name: &str) {
    assert!(server.hub.delete_bus(&bus(name)).await.unwrap());
}

async fn replay(server: &Server, of: &str) -> Replay {
    let new = NewReplay {
        bus: bus(of),
        query: EventQuery::default(),
        to: ReplayTo::Bus,
        events_per_second: NonZeroU32::MIN,
    };
    server.hub.create_replay(new).await.unwrap()
}

/// The targets of all dead letters.
async fn dead_letters(server: &Server) -> Vec<String> {
    let page = server.hub.dispatcher().dead_letters(&DeadLetterFilter::default(), None, 99).await.unwrap();
    page.letters.iter().map(|letter| letter.id.target.to_string()).collect()
}

#[tokio::test]
async fn what_a_deleted_bus_accepted_is_neither_found_nor_known_again() {
    for restarts in [false, true] {
        let mut server = Server::new().await;
        create(&server, "b").await;
        server.put("b", "same", "").await;
        delete(&server, "b").await;
        create(&server, "b").await;
        if restarts {
            server = server.reopened().await;
        }
        assert_eq!(server.events("b", "same").await.len(), 0, "after a restart: {restarts}");
        assert_eq!(server.hub.trace(&bus("b"), "same").await.unwrap().len(), 0);
        let window = DeduplicationWindow::of_secs(3600).unwrap();
        let settings = BusSettings { deduplication: Some(window) };
        server.hub.set_bus_settings(&bus("b"), settings).await.unwrap();
        server.put("b", "same", "").await;
        server.put("b", "same", "").await;
        server = server.reopened().await;
        server.put("b", "same", "").await;
        assert_eq!(server.events("b", "same").await.len(), 1, "after a restart: {restarts}");
    }
}

#[tokio::test]
async fn replays_of_a_deleted_bus_are_no_replays_of_the_next() {
    let server = Server::new().await;
    create(&server, "b").await;
    server.put("b", "old", "").await;
    let old = replay(&server, "b").await;
    delete(&server, "b").await;
    create(&server, "b").await;
    assert_eq!(server.hub.list_replays(&bus("b")).unwrap().len(), 0);
    let unknown = server.hub.get_replay(&bus("b"), &old.id).unwrap_err().to_string();
    assert_eq!(unknown, format!("there is no replay `{}`", old.id));

    server.put("b", "new", "").await;
    let new = replay(&server, "b").await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.hub.clone().run_replays(stop.clone()));
    let shown = || server.hub.get_replay(&bus("b"), &new.id).unwrap();
    let ended = || Some(shown()).filter(|replay| replay.state != ReplayState::Running);
    assert_eq!(until("the end of the replay", ended).await.progress.seen_count, 1);
    stop.cancel();
    running.await.unwrap();
    let server = server.reopened().await;
    assert_eq!(server.hub.list_replays(&bus("b")).unwrap().len(), 1, "also after a restart");
}

#[tokio::test]
async fn dead_letters_outlive_their_bus_until_another_has_its_name() {
    let server = Server::new().await;
    for name in ["b", "b2"] {
        create(&server, name).await;
        let dead = QueueId(format!("dead/rule/{name}/r/t").into());
        server.hub.subscribe(&bus(name), dead, r#"{"source":["shop"]}"#).unwrap();
        server.put(name, "e1", "").await;
        delete(&server, name).await;
    }
    assert_eq!(dead_letters(&server).await, ["rule/b/r/t", "rule/b2/r/t"]);
    create(&server, "b").await;
    assert_eq!(dead_letters(&server).await, ["rule/b2/r/t"]);
}

#[tokio::test]
async fn a_bus_of_an_earlier_version_keeps_its_past_and_the_next_of_its_name_has_none() {
    let server = Server::new().await;
    let written = Bytes::from_static(br#"{"format":1,"name":"old","description":"d","created_ms":5}"#);
    server.store.metadata().create(&"bus/old".into(), written).await.unwrap();
    let server = server.reopened().await;
    server.put("old", "e1", "").await;
    let log = LogName("bus/old".into());
    assert_eq!(server.store.traces().by_id(&log, "e1", 9).await.unwrap().len(), 1);
    server.hub.update_bus(&bus("old"), "changed".to_owned()).await.unwrap();
    let server = server.reopened().await;
    assert_eq!(server.events("old", "e1").await.len(), 1);
    delete(&server, "old").await;
    create(&server, "old").await;
    assert_eq!(server.events("old", "e1").await.len(), 0);
}
