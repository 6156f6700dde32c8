//! Buses on a real store that can be made to fail.
#![allow(dead_code, reason = "a module of several test programs, each of which uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_bus::{EventQuery, FoundEvent, Hub, HubOptions, HubParts};
use kulkul_delivery::{Dispatcher, DispatcherOptions, SystemClock};
use kulkul_model::{BusName, Draft, Identity, Timestamp};
use kulkul_store::{
    AcceptedKey, Document, Key, LogName, Metadata, Order, Record, Retention, Revision, Seq, StoreError,
    StoreFuture, TraceFilter, TracePage, TracedRecord, Traces, Watch,
};
use kulkul_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

/// What fails from now on.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) replace: Fault,
    pub(crate) delete: Fault,
    pub(crate) page: Fault,
    pub(crate) accepted_since: Fault,
}

/// Whether one operation fails, in a way that no further try mends, and how often it was tried.
#[derive(Default)]
pub(crate) struct Fault {
    fails: AtomicBool,
    tried: AtomicUsize,
}

impl Fault {
    pub(crate) fn begin(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.fails.store(false, Ordering::SeqCst);
    }

    pub(crate) fn tried_count(&self) -> usize {
        self.tried.load(Ordering::SeqCst)
    }

    fn or<'a, T: Send + 'a>(&self, future: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let broken = || StoreError::engine("do what the test forbids", std::io::Error::other("it is broken"));
        self.tried.fetch_add(1, Ordering::SeqCst);
        match self.fails.load(Ordering::SeqCst) {
            true => Box::pin(std::future::ready(Err(broken()))),
            false => future,
        }
    }
}

struct Fickle<T: ?Sized> {
    inner: Arc<T>,
    faults: Arc<Faults>,
}

impl Metadata for Fickle<dyn Metadata> {
    fn get(&self, key: &Key) -> StoreFuture<'_, Option<Document>> {
        self.inner.get(key)
    }

    fn create(&self, key: &Key, value: Bytes) -> StoreFuture<'_, Revision> {
        self.inner.create(key, value)
    }

    fn replace(&self, key: &Key, at: Revision, value: Bytes) -> StoreFuture<'_, Revision> {
        self.faults.replace.or(self.inner.replace(key, at, value))
    }

    fn delete(&self, key: &Key, at: Option<Revision>) -> StoreFuture<'_, bool> {
        self.faults.delete.or(self.inner.delete(key, at))
    }

    fn list(&self, prefix: &str, after: Option<&Key>, max: usize) -> StoreFuture<'_, Vec<Document>> {
        self.inner.list(prefix, after, max)
    }

    fn watch(&self, prefix: &str) -> StoreFuture<'_, Watch> {
        self.inner.watch(prefix)
    }
}

impl Traces for Fickle<dyn Traces> {
    fn by_id(&self, log: &LogName, id: &str, max: usize) -> StoreFuture<'_, Vec<TracedRecord>> {
        self.inner.by_id(log, id, max)
    }

    fn by_place(&self, seq: Seq) -> StoreFuture<'_, Option<TracedRecord>> {
        self.inner.by_place(seq)
    }

    fn search(&self, filter: &TraceFilter, after: Option<Seq>, max: usize) -> StoreFuture<'_, Vec<Record>> {
        self.inner.search(filter, after, max)
    }

    fn page(
        &self,
        filter: &TraceFilter,
        order: Order,
        after: Option<Seq>,
        max: usize,
    ) -> StoreFuture<'_, TracePage> {
        self.faults.page.or(self.inner.page(filter, order, after, max))
    }

    fn accepted_since(
        &self,
        log: &LogName,
        from: Timestamp,
        max: usize,
        counts: fn(&[u8]) -> bool,
    ) -> StoreFuture<'_, Vec<AcceptedKey>> {
        self.faults.accepted_since.or(self.inner.accepted_since(log, from, max, counts))
    }

    fn count(&self, filter: &TraceFilter, max: u64) -> StoreFuture<'_, u64> {
        self.inner.count(filter, max)
    }

    fn trim(&self, keep: Retention, now: Timestamp, max: usize) -> StoreFuture<'_, u64> {
        self.inner.trim(keep, now, max)
    }
}

/// Buses, and all that they stand on. Nothing is delivered.
pub(crate) struct Server {
    pub(crate) hub: Arc<Hub>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) store: SqliteStore,
    dispatcher: Dispatcher,
    directory: Arc<TempDir>,
}

impl Server {
    pub(crate) async fn new() -> Self {
        Self::open(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// The same data directory, opened anew.
    pub(crate) async fn reopened(self) -> Self {
        let Self { hub, faults, store, dispatcher, directory } = self;
        dispatcher.shut_down(Duration::from_secs(10)).await;
        drop((hub, faults, dispatcher));
        store.close();
        drop(store);
        Self::open(directory).await
    }

    async fn open(directory: Arc<TempDir>) -> Self {
        let store = SqliteStore::open(&directory.path().join("data"), Options::default()).unwrap();
        let (clock, faults) = (Arc::new(SystemClock), Arc::new(Faults::default()));
        let options = DispatcherOptions::default();
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        let hub = Hub::open(HubParts {
            identity: Identity {
                account: "1234567890123456".parse().unwrap(),
                region: "cn-hangzhou".parse().unwrap(),
            },
            metadata: Arc::new(Fickle { inner: store.metadata(), faults: faults.clone() }),
            log: store.event_log(),
            traces: Arc::new(Fickle { inner: store.traces(), faults: faults.clone() }),
            dispatcher: dispatcher.clone(),
            clock,
            options: HubOptions::default(),
        })
        .await
        .unwrap();
        Self { hub, faults, store, dispatcher, directory }
    }

    /// Puts an event of the source `shop` on a bus; `more` is further attributes as JSON text.
    pub(crate) async fn put(&self, to: &str, id: &str, more: &str) {
        let text = format!(r#"{{"id":"{id}","source":"shop","type":"t"{more}}}"#);
        let answers = self.hub.accept(&bus(to), vec![Draft::parse(&text)], "127.0.0.1").await.unwrap();
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
    }

    /// The events of a bus with an id.
    pub(crate) async fn events(&self, of: &str, id: &str) -> Vec<FoundEvent> {
        let query = EventQuery { id: Some(id.to_owned()), ..EventQuery::default() };
        self.hub.find_events(&bus(of), &query, Order::OldestFirst, None, 99).await.unwrap().events
    }
}

pub(crate) fn bus(name: &str) -> BusName {
    name.parse().unwrap()
}

/// Waits until something is there; fails the test after twenty seconds.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
