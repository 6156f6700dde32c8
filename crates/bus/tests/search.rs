//! Searching for where events stand.

mod support;

use kulkul_bus::{EventQuery, EventStatus};
use kulkul_model::Timestamp;
use kulkul_store::{DeliveryId, NextState, Order, QueueId, Settlement};

use support::{Server, bus};

#[tokio::test]
async fn a_search_finds_an_event_under_the_status_that_it_is_shown_with_and_under_no_other() {
    const TARGET: &str = "rule/b/r/t";
    let table = [
        (TARGET, EventStatus::Pending),
        ("dead/rule/b/r/t", EventStatus::DeadLettered),
        ("dlq/rule/b/r/t", EventStatus::Ended),
        ("rule/b2/r/t", EventStatus::Ended),
        ("dead/rule/b2/r/t", EventStatus::Ended),
    ];
    let server = Server::new().await;
    server.hub.create_bus(bus("b"), String::new()).await.unwrap();
    server.hub.subscribe(&bus("b"), QueueId(TARGET.into()), r#"{"source":["shop"]}"#).unwrap();
    for (owed_on, expected) in table {
        server.put("b", owed_on, "").await;
        let seq = server.events("b", owed_on).await[0].record.seq;
        if owed_on != TARGET {
            let queue = QueueId(owed_on.into());
            let next = NextState::Moved { queue, not_before: Timestamp::MAX, note: None };
            let delivery = DeliveryId { seq, queue: QueueId(TARGET.into()) };
            let moved = Settlement { delivery, next, attempt: None };
            server.store.event_log().settle(vec![moved]).await.unwrap();
        }
        assert_eq!(server.events("b", owed_on).await[0].status, expected, "{owed_on}");
        for status in EventStatus::ALL {
            let (id, status) = (Some(owed_on.to_owned()), Some(status));
            let query = EventQuery { id, status, ..EventQuery::default() };
            let found = server.hub.find_events(&bus("b"), &query, Order::NewestFirst, None, 9).await.unwrap();
            assert_eq!(found.events.len() == 1, status == Some(expected), "{owed_on}: {status:?}");
        }
    }
}
