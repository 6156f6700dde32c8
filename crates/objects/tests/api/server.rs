//! A whole object server on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use kulkul_access::{AccessKeys, NewKey, Role};
use kulkul_bus::{Hub, HubOptions, HubParts};
use kulkul_delivery::{Dispatcher, DispatcherOptions, SystemClock};
use kulkul_listener::{Limits, Listener};
use kulkul_model::{Identity, Timestamp};
use kulkul_objects::{ObjectApi, ObjectParts, ObjectSettings};
use kulkul_store::{TraceFilter, Traces};
use kulkul_store_sqlite::{Options, SqliteStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Credentials};

/// A server with three keys.
pub struct Server {
    pub address: SocketAddr,
    pub api: Arc<ObjectApi>,
    pub keys: Arc<AccessKeys>,
    pub store: SqliteStore,
    directory: TempDir,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(ObjectSettings::default(), Limits::default()).await
    }

    pub async fn with(settings: ObjectSettings, limits: Limits) -> Self {
        Self::in_directory(tempfile::tempdir().unwrap(), settings, limits).await
    }

    /// Stops, and starts anew on the same data.
    pub async fn restart(self) -> Self {
        self.stop.cancel();
        self.serving.await.unwrap();
        drop(self.api);
        drop(self.store);
        Self::in_directory(self.directory, ObjectSettings::default(), Limits::default()).await
    }

    async fn in_directory(directory: TempDir, settings: ObjectSettings, limits: Limits) -> Self {
        let store = SqliteStore::open(directory.path(), Options::default()).unwrap();
        let clock = Arc::new(SystemClock);
        let identity =
            Identity { account: "1840000000000017".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let options = DispatcherOptions::default();
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        let hub = Hub::open(HubParts {
            identity,
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher,
            clock: clock.clone(),
            options: HubOptions::default(),
        })
        .await
        .unwrap();
        let keys = Arc::new(AccessKeys::open(store.metadata()).await.unwrap());
        for (id, role) in [("admin", Role::Admin), ("publish", Role::Publish), ("read", Role::Read)] {
            // They are there already after a restart.
            let new = NewKey::given(id, &format!("secret-of-{id}"), role).unwrap();
            let _exists = keys.create(new, Timestamp::now()).await;
        }
        let parts = ObjectParts { store: store.objects(), hub, keys: keys.clone(), clock, settings };
        let api = Arc::new(ObjectApi::new(parts));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
        let (address, stop) = (listener.address(), CancellationToken::new());
        let (handler, stopped) = (api.clone(), stop.clone());
        let serving = tokio::spawn(async move {
            let handle = move |request, peer| {
                let api = handler.clone();
                async move { api.handle(request, peer).await }
            };
            listener.serve(handle, stopped).await;
        });
        Self { address, api, keys, store, directory, stop, serving }
    }

    /// A client with the admin key.
    pub fn client(&self) -> Client {
        self.client_of("admin")
    }

    pub fn client_of(&self, key: &str) -> Client {
        Client::new(self.address, Credentials::new(key, &format!("secret-of-{key}")))
    }

    /// A client with a bucket `bkt`.
    pub async fn client_with_bucket(&self) -> Client {
        let client = self.client();
        client.put("/bkt").send().await.expect(200);
        client
    }

    /// The events on the bus, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let traces: Arc<dyn Traces> = self.store.traces();
        let mut records = traces.search(&TraceFilter::default(), None, 10_000).await.unwrap();
        records.reverse();
        records.iter().map(|record| serde_json::from_slice(&record.body).unwrap()).collect()
    }

    /// The types of the events on the bus, oldest first, without those of buckets.
    pub async fn object_event_types(&self) -> Vec<String> {
        let events = self.events().await;
        let types = events.iter().map(|event| event["type"].as_str().unwrap().to_owned());
        types.filter(|kind| !kind.starts_with("oss:Bucket")).collect()
    }

    /// How many files hold bytes of objects.
    pub fn file_count(&self) -> usize {
        let shelves = std::fs::read_dir(self.directory.path().join("objects")).unwrap();
        let files = shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap());
        files.filter(|file| file.as_ref().unwrap().metadata().is_ok_and(|file| file.len() > 0)).count()
    }
}

/// Waits until something holds, for a while.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
