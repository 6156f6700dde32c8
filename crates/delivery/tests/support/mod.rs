//! A dispatcher on a real store, with functions that answer as a test says.
#![allow(dead_code, reason = "a module of several test programs, each of which uses its own part")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_delivery::{
    Call, Clock, Dispatcher, DispatcherOptions, ErrorsTolerance, FunctionCall, FunctionCaller,
    InvocationMode, Outside, Plan, Policy, RetryStrategy, TargetAnswer, Verdict,
};
use kulkul_model::{Timestamp, TraceId};
use kulkul_store::{LogName, NewRecord, QueueId, RecordKey, Route, Traces};
use kulkul_store_sqlite::SqliteStore;
use tokio::sync::Notify;

/// One call that a function received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) function: String,
    pub(crate) payload: Bytes,
    pub(crate) failed: u32,
    pub(crate) at: Timestamp,
}

type Script = Box<dyn Fn(&FunctionCall) -> TargetAnswer + Send>;

/// Functions that note every call and answer by a script; without one they succeed.
pub(crate) struct Functions {
    clock: Arc<dyn Clock>,
    received: Mutex<Vec<Received>>,
    scripts: Mutex<HashMap<String, Script>>,
    hanging: Mutex<Vec<String>>,
    changed: Notify,
}

impl Functions {
    pub(crate) fn answer(&self, function: &str, script: impl Fn(&FunctionCall) -> Verdict + Send + 'static) {
        self.answer_in_full(function, move |call| plain(script(call)));
    }

    /// As [`Functions::answer`], for a script that says more than the verdict.
    pub(crate) fn answer_in_full(
        &self,
        function: &str,
        script: impl Fn(&FunctionCall) -> TargetAnswer + Send + 'static,
    ) {
        self.scripts.lock().unwrap().insert(function.to_owned(), Box::new(script));
    }

    /// Lets calls of a function never end.
    pub(crate) fn hang(&self, function: &str) {
        self.hanging.lock().unwrap().push(function.to_owned());
    }

    pub(crate) fn received(&self, function: &str) -> Vec<Received> {
        self.received.lock().unwrap().iter().filter(|call| call.function == function).cloned().collect()
    }

    /// Waits until a function has received so many calls.
    pub(crate) async fn wait_for(&self, function: &str, count: usize) -> Vec<Received> {
        loop {
            let changed = self.changed.notified();
            let received = self.received(function);
            if received.len() >= count {
                return received;
            }
            changed.await;
        }
    }
}

impl FunctionCaller for Functions {
    fn call(&self, call: FunctionCall) -> BoxFuture<'_, TargetAnswer> {
        Box::pin(async move {
            let function = call.function.as_str().to_owned();
            let answer = self
                .scripts
                .lock()
                .unwrap()
                .get(&function)
                .map_or_else(|| plain(Verdict::Succeeded), |script| script(&call));
            let received =
                Received { function, payload: call.payload, failed: call.failed, at: self.clock.now() };
            let hangs = self.hanging.lock().unwrap().contains(&received.function);
            self.received.lock().unwrap().push(received);
            self.changed.notify_waiters();
            if hangs {
                std::future::pending::<()>().await;
            }
            answer
        })
    }
}

fn plain(verdict: Verdict) -> TargetAnswer {
    TargetAnswer::new(verdict, format!("{verdict:?}"))
}

pub(crate) struct Bench {
    pub(crate) store: SqliteStore,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) functions: Arc<Functions>,
    clock: Arc<dyn Clock>,
}

impl Bench {
    /// Opens a store and starts a dispatcher with the given plans.
    pub(crate) async fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        options: DispatcherOptions,
        plans: Vec<Plan>,
    ) -> Self {
        let store = SqliteStore::open(dir, Default::default()).unwrap();
        let functions = Arc::new(Functions {
            clock: clock.clone(),
            received: Mutex::default(),
            scripts: Mutex::default(),
            hanging: Mutex::default(),
            changed: Notify::new(),
        });
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        plans.into_iter().for_each(|plan| dispatcher.register(plan));
        Self { store, dispatcher, functions, clock }
    }

    pub(crate) fn start(&self) {
        self.dispatcher.start(Outside::new(self.functions.clone()));
    }

    /// Appends one record that is owed to the given queues.
    pub(crate) async fn append(&self, id: &str, queues: &[&str]) {
        self.append_later(id, queues, Duration::ZERO).await;
    }

    pub(crate) async fn append_later(&self, id: &str, queues: &[&str], delay: Duration) {
        let now = self.clock.now();
        let route = |queue: &&str| Route {
            queue: QueueId((*queue).into()),
            not_before: now.plus(delay),
            leased_until: None,
        };
        let record = NewRecord {
            key: RecordKey {
                log: log(),
                id: id.into(),
                source: "s".into(),
                kind: "t".into(),
                subject: String::new(),
            },
            trace_id: TraceId::random(),
            accepted_at: now,
            body: Bytes::from(format!(r#"{{"id":"{id}"}}"#)),
            routes: queues.iter().map(route).collect(),
        };
        self.dispatcher.append(vec![record]).await.unwrap();
    }

    /// Waits until a queue holds so many deliveries in the store.
    pub(crate) async fn wait_for_pending(&self, queue: &str, count: u64) {
        let queue = QueueId(queue.into());
        while self.store.event_log().queue_stats(&queue, self.clock.now()).await.unwrap().pending != count {
            // A virtual clock stands still for whoever only yields.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn traces(&self) -> Arc<dyn Traces> {
        self.store.traces()
    }

    pub(crate) async fn close(self) {
        self.dispatcher.shut_down(Duration::from_secs(5)).await;
        drop(self.dispatcher);
        self.store.close();
    }
}

pub(crate) fn log() -> LogName {
    LogName("bus/default".into())
}

/// A plan that calls the function of the queue's name.
pub(crate) fn plan(queue: &str, retry: RetryStrategy) -> Plan {
    Plan {
        queue: QueueId(queue.into()),
        call: Call::Function {
            function: queue.parse().unwrap(),
            qualifier: kulkul_model::Qualifier::latest(),
            mode: InvocationMode::Sync,
            body: kulkul_transform::Transform::Original,
        },
        policy: Policy { retry, tolerance: ErrorsTolerance::All, age_max: None },
        concurrency: None,
        epilogue: None,
        dead_letters: None,
    }
}
