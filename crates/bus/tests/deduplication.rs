//! What a bus knows again, before and after a restart, and when its window cannot be changed.

mod support;

use kulkul_bus::{BusSettings, DeduplicationWindow};
use kulkul_delivery::BusSink;
use kulkul_model::Draft;

use support::{Server, bus};

const COPY: &str = r#","kulkulreplay":"0123456789abcdef0123""#;

fn window(secs: u64) -> BusSettings {
    BusSettings { deduplication: Some(DeduplicationWindow::of_secs(secs).unwrap()) }
}

/// Whether an event that a producer sends is dropped.
async fn is_known(server: &Server, to: &str, id: &str) -> bool {
    let before = server.events(to, id).await.len();
    server.put(to, id, "").await;
    server.events(to, id).await.len() == before
}

/// An event of this server itself, which is stored in a commit of its own.
async fn put_own(server: &Server, to: &str, id: &str) {
    let text = format!(r#"{{"id":"{id}","source":"shop","type":"t"}}"#);
    let prepared = server.hub.prepare(&bus(to), Draft::parse(&text).unwrap(), "127.0.0.1").unwrap().unwrap();
    let seqs = server.store.event_log().append(vec![prepared.record().clone()]).await.unwrap();
    prepared.committed(seqs[0]);
}

#[tokio::test]
async fn what_is_known_again_is_the_same_before_and_after_a_restart() {
    for restarts in [false, true] {
        let mut server = Server::new().await;
        for name in ["one", "other"] {
            server.hub.create_bus(bus(name), String::new()).await.unwrap();
        }
        server.hub.set_bus_settings(&bus("one"), window(3600)).await.unwrap();
        server.put("one", "sent", "").await;
        server.put("one", "copied", COPY).await;
        put_own(&server, "one", "own").await;
        server.put("other", "forwarded", "").await;
        let forwarded = server.events("other", "forwarded").await;
        server.hub.put(&bus("one"), &forwarded[0].record).await.unwrap();
        if restarts {
            server = server.reopened().await;
        }
        for (id, expected) in [("sent", true), ("copied", false), ("own", true), ("forwarded", false)] {
            let stored = server.events("one", id).await.len();
            assert_eq!(stored, 1, "{id}");
            assert_eq!(is_known(&server, "one", id).await, expected, "{id}, after a restart: {restarts}");
        }
        server.put("one", "sent", COPY).await;
        assert_eq!(server.events("one", "sent").await.len(), 2, "a copy is never dropped");
    }
}

#[tokio::test]
async fn a_longer_window_is_filled_from_the_log() {
    let server = Server::new().await;
    server.put("default", "e1", "").await;
    assert!(!is_known(&server, "default", "e1").await);
    for secs in [60, 3600, 10] {
        server.hub.set_bus_settings(&bus("default"), window(secs)).await.unwrap();
        assert!(is_known(&server, "default", "e1").await, "{secs}");
    }
    server.hub.set_bus_settings(&bus("default"), BusSettings::default()).await.unwrap();
    assert!(!is_known(&server, "default", "e1").await);
}

#[tokio::test]
async fn a_window_that_cannot_be_set_changes_nothing() {
    let server = Server::new().await;
    let name = bus("default");
    let settings = || server.hub.get_bus(&name).unwrap().settings;
    server.put("default", "e1", "").await;

    server.faults.accepted_since.begin();
    server.hub.set_bus_settings(&name, window(60)).await.unwrap_err();
    assert_eq!(settings(), BusSettings::default());
    assert!(!is_known(&server, "default", "e1").await, "nothing is known while it is off");

    server.faults.accepted_since.end();
    server.hub.set_bus_settings(&name, window(60)).await.unwrap();
    server.faults.accepted_since.begin();
    server.hub.set_bus_settings(&name, window(3600)).await.unwrap_err();
    server.faults.accepted_since.end();
    server.faults.replace.begin();
    for refused in [window(3600), window(1), BusSettings::default()] {
        server.hub.set_bus_settings(&name, refused).await.unwrap_err();
        assert_eq!(settings(), window(60), "{refused:?}");
        assert!(is_known(&server, "default", "e1").await, "{refused:?}");
    }
    server.faults.replace.end();
    let server = server.reopened().await;
    assert_eq!(server.hub.get_bus(&name).unwrap().settings, window(60));
}
