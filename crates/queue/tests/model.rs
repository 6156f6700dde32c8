//! A queue agrees with a naive model of itself, whatever is done to it and whenever the server restarts.

mod support;

use std::time::Duration;

use kulkul_queue::{AttributeChanges, NewMessage, Priority};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::{Bench, name, text};

/// What can be done to a queue. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Step {
    Send { priority: u64, delay_secs: Option<u64> },
    Receive { max: usize },
    Delete { which: usize },
    ChangeVisibility { which: usize, secs: u64 },
    Peek,
    Forward { millis: i64 },
    Restart,
}

const DELAY_SECS: u64 = 2;
const VISIBILITY_SECS: u64 = 5;
const RETENTION_SECS: u64 = 60;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u64..=3, prop::option::of(0u64..4))
            .prop_map(|(priority, delay_secs)| Step::Send { priority, delay_secs }),
        6 => (1usize..4).prop_map(|max| Step::Receive { max }),
        3 => any::<usize>().prop_map(|which| Step::Delete { which }),
        3 => (any::<usize>(), 1u64..8).prop_map(|(which, secs)| Step::ChangeVisibility { which, secs }),
        2 => Just(Step::Peek),
        4 => prop_oneof![0i64..3000, 3000i64..30_000].prop_map(|millis| Step::Forward { millis }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

struct Modelled {
    id: String,
    priority: u64,
    number: usize,
    visible_at: i64,
    expires_at: i64,
    received_count: u32,
    receipt: Option<String>,
}

/// All messages that were sent and neither deleted nor expired, and all receipts that ever were.
#[derive(Default)]
struct Model {
    now: i64,
    sent: usize,
    messages: Vec<Modelled>,
    receipts: Vec<String>,
}

impl Model {
    fn expire(&mut self) {
        let now = self.now;
        self.messages.retain(|message| message.expires_at > now);
    }

    /// The visible ones, in the order in which they are received.
    fn visible(&self) -> Vec<usize> {
        let mut visible: Vec<usize> =
            (0..self.messages.len()).filter(|&at| self.messages[at].visible_at <= self.now).collect();
        visible.sort_by_key(|&at| {
            let message = &self.messages[at];
            (message.priority, message.visible_at, message.number)
        });
        visible
    }

    fn counts(&self) -> [u64; 3] {
        let visible = self.visible().len();
        let hidden = self.messages.iter().filter(|message| message.visible_at > self.now);
        let received = hidden.filter(|message| message.received_count > 0).count();
        [visible, received, self.messages.len() - visible - received].map(|count| count as u64)
    }

    /// The message that a receipt is good for.
    fn by_receipt(&self, receipt: &str) -> Option<usize> {
        self.messages
            .iter()
            .position(|message| message.visible_at > self.now && message.receipt.as_deref() == Some(receipt))
    }

    fn any_receipt(&self, which: usize) -> Option<String> {
        let count = self.receipts.len();
        (count > 0).then(|| self.receipts[which % count].clone())
    }

    fn keep_receipt(&mut self, at: usize, receipt: &str) {
        self.messages[at].receipt = Some(receipt.to_owned());
        self.receipts.push(receipt.to_owned());
    }
}

async fn run(mut bench: Bench, queue: &str, steps: Vec<Step>) -> Bench {
    let given = AttributeChanges {
        delay_secs: Some(DELAY_SECS),
        visibility_secs: Some(VISIBILITY_SECS),
        retention_secs: Some(RETENTION_SECS),
        ..AttributeChanges::default()
    };
    bench.create(queue, given).await;
    let mut model = Model::default();
    for step in steps {
        model.expire();
        match step {
            Step::Send { priority, delay_secs } => {
                let body = model.sent.to_string();
                let message =
                    NewMessage { priority: Priority::new(priority).unwrap(), delay_secs, ..text(&body) };
                let sent = bench.send(queue, message).await;
                let delay_millis = 1000 * delay_secs.unwrap_or(DELAY_SECS) as i64;
                model.messages.push(Modelled {
                    id: sent.id,
                    priority,
                    number: model.sent,
                    visible_at: model.now + delay_millis,
                    expires_at: model.now + 1000 * RETENTION_SECS as i64,
                    received_count: 0,
                    receipt: None,
                });
                model.sent += 1;
                assert_eq!(sent.receipt.is_some(), delay_millis > 0);
                if let Some(receipt) = sent.receipt {
                    model.keep_receipt(model.messages.len() - 1, &receipt);
                }
            }
            Step::Receive { max } => {
                let received = bench.receive(queue, max).await;
                let expected: Vec<usize> = model.visible().into_iter().take(max).collect();
                assert_eq!(received.len(), expected.len());
                for (received, at) in received.into_iter().zip(expected) {
                    let message = &mut model.messages[at];
                    message.received_count += 1;
                    message.visible_at = model.now + 1000 * VISIBILITY_SECS as i64;
                    assert_eq!(received.message.id, message.id);
                    assert_eq!(received.message.received_count, message.received_count);
                    model.keep_receipt(at, &received.receipt);
                }
            }
            Step::Delete { which } => {
                let Some(receipt) = model.any_receipt(which) else { continue };
                let good = model.by_receipt(&receipt);
                assert_eq!(bench.delete(queue, &receipt).await.is_ok(), good.is_some());
                if let Some(at) = good {
                    model.messages.remove(at);
                }
            }
            Step::ChangeVisibility { which, secs } => {
                let Some(receipt) = model.any_receipt(which) else { continue };
                let good = model.by_receipt(&receipt);
                let timeout = Duration::from_secs(secs);
                let changed = bench.queues.change_visibility(&name(queue), &receipt, timeout).await;
                assert_eq!(changed.is_ok(), good.is_some());
                if let (Some(at), Ok((receipt, visible_at))) = (good, changed) {
                    let from_start = visible_at.as_millis() - support::START - bench_offset(&bench, &model);
                    let exact = model.now + 1000 * secs as i64;
                    // A millisecond more when the time would not change.
                    assert!((exact..=exact + 1).contains(&from_start), "{from_start} {exact}");
                    model.messages[at].visible_at = from_start;
                    model.keep_receipt(at, &receipt);
                }
            }
            Step::Peek => {
                let peeked = bench.queues.peek(&name(queue), 16).await.unwrap();
                let expected = model.visible().into_iter().take(16);
                let expected: Vec<_> = expected.map(|at| model.messages[at].id.as_str()).collect();
                assert_eq!(peeked.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), expected);
            }
            Step::Forward { millis } => {
                bench.clock.forward(millis);
                model.now += millis;
                model.expire();
            }
            Step::Restart => bench = bench.reopened().await,
        }
        assert_eq!(bench.counts(queue).await, model.counts());
    }
    bench
}

/// How far the clock was from its start when the model began.
fn bench_offset(bench: &Bench, model: &Model) -> i64 {
    use kulkul_delivery::Clock;
    bench.clock.now().as_millis() - support::START - model.now
}

#[test]
fn a_queue_agrees_with_its_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bench = std::cell::RefCell::new(Some(runtime.block_on(Bench::new())));
    let number = std::cell::Cell::new(0);
    // What fails is not made smaller: a bench that a failed run left behind is no good.
    let config = Config { cases: 24, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            number.set(number.get() + 1);
            let queue = format!("q{}", number.get());
            let open = bench.borrow_mut().take().expect("the former run gave it back");
            let open = runtime.block_on(run(open, &queue, steps));
            *bench.borrow_mut() = Some(open);
            Ok(())
        })
        .unwrap();
}
