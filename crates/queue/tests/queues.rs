//! What queues promise, on a real store.

mod support;

use std::sync::Arc;
use std::time::Duration;

use kulkul_delivery::Clock;
use kulkul_model::TraceId;
use kulkul_queue::{
    AttributeChanges, Created, DeadLetterPolicy, NewMessage, Priority, QueueError, SizeLimit,
};
use kulkul_store::{DeliveryId, Exchange, Exchanged, Footing, LogName, NewRecord, QueueId, RecordKey, Route};
use support::{Bench, START, name, text};

fn defaults() -> AttributeChanges {
    AttributeChanges::default()
}

#[tokio::test]
async fn a_queue_is_created_once_and_again_only_with_the_same_attributes() {
    let bench = Bench::new().await;
    let queue = name("q1");
    let with = |delay| AttributeChanges { delay_secs: Some(delay), ..defaults() };
    assert_eq!(bench.queues.create(&queue, with(0)).await.unwrap(), Created::New);
    assert_eq!(bench.queues.create(&queue, defaults()).await.unwrap(), Created::Already);
    let logging = AttributeChanges { logging: Some(true), ..defaults() };
    assert_eq!(bench.queues.create(&queue, logging).await.unwrap(), Created::Already);
    let refused = bench.queues.create(&queue, with(1)).await.unwrap_err();
    assert!(matches!(refused, QueueError::QueueExists { .. }), "{refused}");
}

#[tokio::test]
async fn attributes_change_as_asked_and_survive_a_restart() {
    let mut bench = Bench::new().await;
    let queue = bench.create("q1", AttributeChanges { visibility_secs: Some(60), ..defaults() }).await;
    bench.clock.forward(5000);
    let changes = AttributeChanges { delay_secs: Some(9), logging: Some(true), ..defaults() };
    bench.queues.set_attributes(&queue, changes).await.unwrap();
    let refused = AttributeChanges { delay_secs: Some(1), retention_secs: Some(59), ..defaults() };
    assert!(bench.queues.set_attributes(&queue, refused).await.is_err());
    for _ in 0..2 {
        let (info, _) = bench.queues.get(&queue).await.unwrap();
        let attributes = &info.attributes;
        assert_eq!((attributes.visibility.as_secs(), attributes.delay.as_secs()), (60, 9));
        assert!(attributes.logging);
        assert_eq!([info.created_at, info.modified_at].map(|t| t.as_millis()), [START, START + 5000]);
        bench = bench.reopened().await;
    }
}

#[tokio::test]
async fn queues_are_listed_by_name_in_pages() {
    let bench = Bench::new().await;
    for queue in ["b2", "a1", "b1", "b3", "c"] {
        bench.create(queue, defaults()).await;
    }
    let list = |prefix: &str, after: Option<&str>, max| {
        let page = bench.queues.list(prefix, after.map(name).as_ref(), max);
        (page.queues.iter().map(|info| info.name.to_string()).collect::<Vec<_>>().join(" "), page.more)
    };
    assert_eq!(list("", None, 9), ("a1 b1 b2 b3 c".to_owned(), false));
    assert_eq!(list("b", None, 2), ("b1 b2".to_owned(), true));
    assert_eq!(list("b", Some("b2"), 2), ("b3".to_owned(), false));
    assert_eq!(list("b", Some("b25"), 2), ("b3".to_owned(), false));
    assert_eq!(list("d", None, 2), (String::new(), false));
}

#[tokio::test]
async fn a_message_is_received_counted_and_deleted() {
    let bench = Bench::new().await;
    bench.create("q1", defaults()).await;
    let sent = bench.send("q1", text("hello")).await;
    assert_eq!((sent.text_md5.as_str(), &sent.receipt), ("5D41402ABC4B2A76B9719D911017C592", &None));
    assert_eq!(bench.counts("q1").await, [1, 0, 0]);
    bench.clock.forward(1000);
    let first = bench.receive("q1", 16).await.remove(0);
    assert_eq!((&first.message.id, first.message.received_count), (&sent.id, 1));
    assert_eq!(first.message.sent_at.as_millis(), START);
    assert_eq!(first.visible_at.as_millis(), START + 31_000);
    assert_eq!(bench.counts("q1").await, [0, 1, 0]);
    assert_eq!(bench.texts("q1").await, [""; 0]);

    bench.clock.forward(30_000);
    assert!(
        matches!(bench.delete("q1", &first.receipt).await, Err(QueueError::StaleReceipt)),
        "it is visible"
    );
    let second = bench.receive("q1", 16).await.remove(0);
    assert_eq!((&second.message.id, second.message.received_count), (&sent.id, 2));
    assert_eq!(second.message.first_received_at.map(|t| t.as_millis()), Some(START + 1000));
    assert_ne!(second.receipt, first.receipt);
    assert!(matches!(bench.delete("q1", &first.receipt).await, Err(QueueError::StaleReceipt)));
    assert!(bench.delete("q1", &second.receipt).await.is_ok());
    assert!(matches!(bench.delete("q1", &second.receipt).await, Err(QueueError::StaleReceipt)));
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
}

#[tokio::test]
async fn visibility_receipts_and_counts_survive_a_restart() {
    let bench = Bench::new().await;
    bench.create("q1", defaults()).await;
    for body in ["invisible", "deleted", "visible"] {
        bench.send("q1", text(body)).await;
    }
    bench.send("q1", NewMessage { delay_secs: Some(60), ..text("delayed") }).await;
    let received = bench.receive("q1", 2).await;
    bench.delete("q1", &received[1].receipt).await.unwrap();

    let bench = bench.reopened().await;
    assert_eq!(bench.counts("q1").await, [1, 1, 1]);
    assert_eq!(bench.texts("q1").await, ["visible"]);
    let receipt = &received[0].receipt;
    let (receipt, _) =
        bench.queues.change_visibility(&name("q1"), receipt, Duration::from_secs(1)).await.unwrap();
    let bench = bench.reopened().await;
    bench.clock.forward(1000);
    let again = bench.receive("q1", 16).await;
    assert_eq!((again[0].message.text.as_str(), again[0].message.received_count), ("invisible", 2));
    assert_eq!(again[0].message.first_received_at.map(|t| t.as_millis()), Some(START));
    assert!(matches!(bench.delete("q1", &receipt).await, Err(QueueError::StaleReceipt)));
    bench.clock.forward(59_000);
    assert_eq!(bench.texts("q1").await, ["visible", "invisible", "delayed"]);
}

#[tokio::test]
async fn a_changed_visibility_counts_from_the_change_and_replaces_the_receipt() {
    let bench = Bench::new().await;
    let queue = bench.create("q1", defaults()).await;
    bench.send("q1", text("a")).await;
    let received = bench.receive("q1", 1).await.remove(0);
    bench.clock.forward(10_000);
    let change = async |receipt: &str, secs| {
        bench.queues.change_visibility(&queue, receipt, Duration::from_secs(secs)).await
    };
    let (second, visible_at) = change(&received.receipt, 60).await.unwrap();
    assert_eq!(visible_at.as_millis(), START + 70_000);
    assert!(matches!(change(&received.receipt, 60).await, Err(QueueError::StaleReceipt)));
    let (third, _) = change(&second, 60).await.unwrap();
    assert_ne!(third, second, "although nothing else is different");
    assert!(matches!(change(&second, 60).await, Err(QueueError::StaleReceipt)));
    for secs in [0, 43_201] {
        assert!(matches!(change(&third, secs).await, Err(QueueError::OutOfRange { .. })), "{secs}");
    }
    assert!(matches!(change("1-8-1-1-1-0123456789ABCDEF", 1).await, Err(QueueError::BadReceipt)));
    let (_, visible_at) = change(&third, 1).await.unwrap();
    bench.clock.forward(visible_at.as_millis() - START - 10_000);
    assert_eq!(bench.texts("q1").await, ["a"]);
}

#[tokio::test]
async fn a_delay_of_the_message_beats_that_of_the_queue() {
    let bench = Bench::new().await;
    bench.create("q1", AttributeChanges { delay_secs: Some(60), ..defaults() }).await;
    let at_once = bench.send("q1", NewMessage { delay_secs: Some(0), ..text("at once") }).await;
    let later = bench.send("q1", text("later")).await;
    let dropped = bench.send("q1", NewMessage { delay_secs: Some(5), ..text("dropped") }).await;
    let hurried = bench.send("q1", NewMessage { delay_secs: Some(500), ..text("hurried") }).await;
    assert!(at_once.receipt.is_none() && later.receipt.is_some());
    assert_eq!(bench.counts("q1").await, [1, 0, 3]);
    bench.delete("q1", &dropped.receipt.unwrap()).await.unwrap();
    let (_, visible_at) = bench
        .queues
        .change_visibility(&name("q1"), &hurried.receipt.unwrap(), Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(visible_at.as_millis(), START + 1000);
    assert_eq!(bench.counts("q1").await, [1, 0, 2], "it is still delayed");
    bench.clock.forward(1000);
    assert_eq!(bench.texts("q1").await, ["at once", "hurried"]);
    bench.clock.forward(59_000);
    assert_eq!(bench.texts("q1").await, ["at once", "hurried", "later"]);
}

#[tokio::test]
async fn priorities_come_before_order_of_sending() {
    let bench = Bench::new().await;
    bench.create("q1", defaults()).await;
    for (body, priority) in [("a", 8), ("b", 16), ("c", 1), ("d", 8), ("e", 1)] {
        let priority = Priority::new(priority).unwrap();
        bench.send("q1", NewMessage { priority, ..text(body) }).await;
        bench.clock.forward(1);
    }
    let peeked = bench.queues.peek(&name("q1"), 2).await.unwrap();
    assert_eq!(peeked.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["c", "e"]);
    assert_eq!(peeked[0].received_count, 0);
    let bench = bench.reopened().await;
    assert_eq!(bench.texts("q1").await, ["c", "e", "a", "d", "b"]);
}

#[tokio::test]
async fn what_has_expired_is_gone_in_whatever_state_it_was() {
    let bench = Bench::new().await;
    let queue = bench.create("q1", AttributeChanges { retention_secs: Some(60), ..defaults() }).await;
    bench.send("q1", text("received")).await;
    let received = bench.receive("q1", 1).await.remove(0);
    let kept = bench.queues.change_visibility(&queue, &received.receipt, Duration::from_secs(600)).await;
    bench.send("q1", text("visible")).await;
    bench.send("q1", NewMessage { delay_secs: Some(60), ..text("delayed") }).await;
    let longer = AttributeChanges { retention_secs: Some(120), ..defaults() };
    bench.queues.set_attributes(&queue, longer).await.unwrap();
    bench.send("q1", text("kept longer")).await;
    bench.clock.forward(59_999);
    assert_eq!(bench.counts("q1").await, [2, 1, 1]);
    bench.clock.forward(1);
    let peeked = bench.queues.peek(&queue, 16).await.unwrap();
    assert_eq!(peeked.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["kept longer"]);
    assert_eq!(bench.counts("q1").await, [1, 0, 0]);
    assert!(matches!(bench.delete("q1", &kept.unwrap().0).await, Err(QueueError::StaleReceipt)));
    let bench = bench.reopened().await;
    bench.clock.forward(60_000);
    assert_eq!(bench.texts("q1").await, [""; 0]);
    assert_eq!(bench.store.event_log().queues().await.unwrap(), [], "nothing of it is left");
}

#[tokio::test]
async fn a_deleted_queue_is_gone_with_its_messages_and_can_be_made_again() {
    let bench = Bench::new().await;
    let queue = bench.create("q1", defaults()).await;
    bench.send("q1", text("a")).await;
    bench.send("q1", text("b")).await;
    let receipt = bench.receive("q1", 1).await.remove(0).receipt;
    assert!(bench.queues.delete(&queue).await.unwrap());
    assert!(!bench.queues.delete(&queue).await.unwrap());
    let gone = bench.queues.send(&queue, vec![text("c")], SizeLimit::OfQueue).await.unwrap_err();
    assert!(matches!(gone, QueueError::UnknownQueue { .. }), "{gone}");
    bench.create("q1", defaults()).await;
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
    assert!(matches!(bench.delete("q1", &receipt).await, Err(QueueError::BadReceipt)));
    assert_eq!(bench.store.event_log().queues().await.unwrap(), []);
}

#[tokio::test]
async fn messages_of_a_queue_that_a_crash_half_deleted_are_dropped_at_the_next_start() {
    let bench = Bench::new().await;
    bench.create("q1", defaults()).await;
    bench.send("q1", text("a")).await;
    bench.store.metadata().delete(&"message-queue/q1".into(), None).await.unwrap();
    let bench = bench.reopened().await;
    assert_eq!(bench.store.event_log().queues().await.unwrap(), []);
    bench.create("q1", defaults()).await;
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
}

#[tokio::test]
async fn what_breaks_a_limit_is_refused_whole() {
    let bench = Bench::new().await;
    let queue = bench.create("q1", AttributeChanges { message_bytes_max: Some(1024), ..defaults() }).await;
    let send = async |messages, limit| bench.queues.send(&queue, messages, limit).await;
    let large = text(&"x".repeat(1025));
    let refused = send(vec![text("a"), large.clone()], SizeLimit::OfQueue).await.unwrap_err();
    assert!(matches!(refused, QueueError::TooLarge { bytes_max: 1024 }), "{refused}");
    for messages in [vec![], vec![text("a"); 17], vec![text("a"), text("")]] {
        assert!(send(messages, SizeLimit::OfQueue).await.is_err());
    }
    let delayed = NewMessage { delay_secs: Some(604_801), ..text("a") };
    assert!(send(vec![text("a"), delayed], SizeLimit::OfQueue).await.is_err());
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
    send(vec![text(&"x".repeat(1024)); 16], SizeLimit::OfQueue).await.unwrap();
    send(vec![large], SizeLimit::None).await.unwrap();
    assert_eq!(bench.counts("q1").await, [17, 0, 0]);
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    let bench = Bench::new().await;
    bench.create("dead", defaults()).await;
    let policy = DeadLetterPolicy {
        enabled: true,
        target: "acs:mns:cn-hangzhou:1234567890123456:/queues/dead".to_owned(),
        receive_count_max: 2,
    };
    let with_policy = AttributeChanges { dead_letter: Some(policy.clone()), ..defaults() };
    bench.create("q1", with_policy).await;
    let sent = bench.send("q1", NewMessage { group: Some("g".to_owned()), ..text("poison") }).await;
    for _ in 0..2 {
        assert_eq!(bench.texts("q1").await, ["poison"]);
        bench.clock.forward(30_000);
    }
    assert_eq!(bench.texts("q1").await, [""; 0]);
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
    let letter = bench.receive("dead", 1).await.remove(0).message;
    assert_ne!(letter.id, sent.id);
    assert_eq!((letter.text.as_str(), letter.group.as_deref()), ("poison", Some("g")));
    assert_eq!(letter.expires_at.as_millis(), START + 345_600_000, "its retention goes on");
    let told: Vec<_> = letter.system_properties.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
    let source = "acs:mns:cn-hangzhou:1234567890123456:/queues/q1";
    let expected = [
        ("DLQMessageType", "QueueMaxReceiveCount"),
        ("DLQSourceArn", source),
        ("DLQOriginMessageId", sent.id.as_str()),
    ];
    assert_eq!(told, expected);

    for target in ["q2", "not a queue"] {
        let policy = DeadLetterPolicy { target: target.to_owned(), ..policy.clone() };
        let given = AttributeChanges { dead_letter: Some(policy), ..defaults() };
        let refused = bench.queues.create(&name("q2"), given).await.unwrap_err();
        assert!(matches!(refused, QueueError::BadDeadLetterQueue { .. }), "{refused}");
    }
}

#[tokio::test]
async fn many_messages_become_dead_letters_in_few_commits() {
    let bench = Bench::new().await;
    bench.create("dead", defaults()).await;
    let policy = DeadLetterPolicy { enabled: true, target: "dead".to_owned(), receive_count_max: 1 };
    bench.create("q1", AttributeChanges { dead_letter: Some(policy), ..defaults() }).await;
    let messages = vec![text("poison"); 16];
    bench.queues.send(&name("q1"), messages, SizeLimit::OfQueue).await.unwrap();
    assert_eq!(bench.texts("q1").await.len(), 16);
    bench.clock.forward(30_000);
    bench.send("q1", text("fresh")).await;
    let before = bench.store.health().events.commits;
    assert_eq!(bench.texts("q1").await, ["fresh"]);
    let commits = bench.store.health().events.commits - before;
    assert!(commits <= 4, "{commits} commits");
    assert_eq!(bench.counts("dead").await, [16, 0, 0]);
}

#[tokio::test]
async fn a_dead_letter_without_a_queue_to_go_to_stays() {
    let bench = Bench::new().await;
    let policy = DeadLetterPolicy { enabled: true, target: "none".to_owned(), receive_count_max: 1 };
    bench.create("q1", AttributeChanges { dead_letter: Some(policy), ..defaults() }).await;
    bench.send("q1", text("poison")).await;
    for _ in 0..3 {
        assert_eq!(bench.texts("q1").await, ["poison"]);
        bench.clock.forward(30_000);
    }
}

/// Stores a message that nobody can read, as if it had been received `received_count` times.
async fn store_unreadable(bench: &Bench, queue: &str, received_count: u32) {
    let key = format!("message-queue/{queue}").into();
    let stored = bench.store.metadata().get(&key).await.unwrap().unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&stored.value).unwrap();
    let incarnation = stored["incarnation"].as_str().unwrap();
    let id = QueueId(format!("message/{queue}/{incarnation}/8").into());
    let now = bench.clock.now();
    let record = NewRecord {
        key: RecordKey {
            log: LogName(format!("message/{queue}").into()),
            id: "unreadable".to_owned(),
            source: String::new(),
            kind: String::new(),
            subject: String::new(),
        },
        trace_id: TraceId::random(),
        accepted_at: now,
        body: "no head".into(),
        routes: vec![Route { queue: id.clone(), not_before: now, leased_until: None }],
    };
    let seq = bench.store.event_log().append(vec![record]).await.unwrap().remove(0);
    let to = Exchanged::PutOff { at: Footing { due: now, failed: received_count }, note: None };
    let from = Footing { due: now, failed: 0 };
    let exchange = Exchange { delivery: DeliveryId { seq, queue: id }, from, to };
    assert_eq!(bench.store.messages().exchange(vec![exchange]).await.unwrap(), [true]);
}

#[tokio::test]
async fn a_message_that_nobody_can_read_keeps_no_other_from_being_received() {
    let bench = Bench::new().await;
    bench.create("dead", defaults()).await;
    let policy = DeadLetterPolicy { enabled: true, target: "dead".to_owned(), receive_count_max: 1 };
    // One that is only received, and one that would be a dead letter.
    for (queue, received_count) in [("q1", 0), ("q2", 1)] {
        bench.create(queue, AttributeChanges { dead_letter: Some(policy.clone()), ..defaults() }).await;
        store_unreadable(&bench, queue, received_count).await;
        for body in ["a", "b"] {
            bench.send(queue, text(body)).await;
        }
        let peeked = bench.queues.peek(&name(queue), 2).await.unwrap();
        assert_eq!(peeked.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(bench.receive(queue, 1).await.remove(0).message.text, "a");
        assert_eq!(bench.texts(queue).await, ["b"]);
    }
}

#[tokio::test]
async fn a_waiting_receive_gets_what_is_sent_meanwhile() {
    let bench = Arc::new(Bench::new().await);
    bench.create("q1", AttributeChanges { polling_wait_secs: Some(30), ..defaults() }).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.queues.receive(&name("q1"), 16, None).await.unwrap() })
        })
        .collect();
    for body in ["a", "b", "c"] {
        bench.send("q1", text(body)).await;
    }
    let mut texts = Vec::new();
    for waiter in waiting {
        let received = tokio::time::timeout(Duration::from_secs(20), waiter).await.expect("it is woken");
        texts.extend(received.unwrap().into_iter().map(|received| received.message.text));
        if texts.len() == 3 {
            break;
        }
    }
    texts.sort();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[tokio::test]
async fn who_waits_is_told_of_the_end_of_the_queue_and_of_the_server() {
    let bench = Arc::new(Bench::new().await);
    let wait = |queue: &'static str| {
        let bench = bench.clone();
        tokio::spawn(
            async move { bench.queues.receive(&name(queue), 1, Some(Duration::from_secs(30))).await },
        )
    };
    for queue in ["q1", "q2"] {
        bench.create(queue, defaults()).await;
    }
    let (deleted, stopped) = (wait("q1"), wait("q2"));
    // Both have joined their lines once the tasks have run until they wait.
    tokio::task::yield_now().await;
    bench.queues.delete(&name("q1")).await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(20), deleted).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(refused, QueueError::UnknownQueue { .. }), "{refused}");
    bench.stop_waiting().await;
    let empty = tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap().unwrap().unwrap();
    assert!(empty.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_receive_at_once_share_what_is_there() {
    let bench = Arc::new(Bench::new().await);
    bench.create("q1", defaults()).await;
    for _ in 0..10 {
        let batch = (0..10).map(|n| text(&n.to_string())).collect();
        bench.queues.send(&name("q1"), batch, SizeLimit::OfQueue).await.unwrap();
    }
    let receivers: Vec<_> = (0..20)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let some = bench.receive("q1", 3).await;
                    if some.is_empty() {
                        return ids;
                    }
                    for received in some {
                        bench.delete("q1", &received.receipt).await.unwrap();
                        ids.push(received.message.id);
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 100, "each message once");
    assert_eq!(bench.counts("q1").await, [0, 0, 0]);
}

#[tokio::test]
async fn requests_that_wait_at_the_same_time_share_their_commits() {
    const COUNT: usize = 500;
    let bench = Bench::new().await;
    bench.create("q1", defaults()).await;
    let commits = || bench.store.health().events.commits;
    let before = commits();
    let sends = (0..COUNT).map(|n| bench.send("q1", text(&n.to_string())));
    futures_util::future::join_all(sends).await;
    let sending = commits() - before;
    assert!(sending < COUNT as u64, "{sending} commits for {COUNT} senders");
    let before = commits();
    let receives = (0..COUNT).map(|_| bench.receive("q1", 1));
    let received: usize = futures_util::future::join_all(receives).await.iter().map(Vec::len).sum();
    let receiving = commits() - before;
    assert_eq!(received, COUNT);
    assert!(receiving < COUNT as u64, "{receiving} commits for {COUNT} receivers");
}
