//! A whole server on a free port, and a client that signs its requests as the official ones do.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a module of several test programs, each of which uses its own part"
)]

mod client;

use std::io::{Cursor, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_access::{AccessKey, AccessKeys, NewKey, Role};
use kulkul_api::{Api, ApiOptions, ApiParts};
use kulkul_bus::{Hub, HubOptions, HubParts};
use kulkul_connection::{Connections, ConnectionsParts};
use kulkul_delivery::{Dispatcher, DispatcherOptions, Redrives, SystemClock};
use kulkul_function::{FunctionOptions, Functions, FunctionsParts, LogLimits, Logs};
use kulkul_instance::{Instances, InstancesConfig};
use kulkul_listener::{Limits, Listener};
use kulkul_model::{Identity, Timestamp};
use kulkul_outbound::{Outbound, OutboundOptions, Reach};
use kulkul_queue::{QueueOptions, Queues, QueuesParts};
use kulkul_source::{Sources, SourcesParts};
use kulkul_store_sqlite::{Options, SqliteStore};
use kulkul_trigger::{TriggerOptions, Triggers, TriggersParts};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub use client::{Call, Client, Signing, encoded, form, form_call, write_request};

/// A server with an admin key.
pub struct Server {
    pub address: SocketAddr,
    pub admin: Arc<AccessKey>,
    pub keys: Arc<AccessKeys>,
    pub functions: Arc<Functions>,
    // Closed when it is dropped, before its directory goes.
    store: SqliteStore,
    directory: TempDir,
    stop: CancellationToken,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(ApiOptions::default()).await
    }

    pub async fn with(options: ApiOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("data"), Options::default()).unwrap();
        let clock = Arc::new(SystemClock);
        let identity =
            Identity { account: "1234567890123456".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let dispatcher = Dispatcher::open(
            store.event_log(),
            store.metadata(),
            clock.clone(),
            DispatcherOptions::default(),
        )
        .await
        .unwrap();
        let hub = Hub::open(HubParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            // What tests do to set themselves up is none of the events that they look for.
            options: HubOptions { own_events: false, ..HubOptions::default() },
        })
        .await
        .unwrap();
        let logs = Arc::new(Logs::new(LogLimits::default(), clock.clone()));
        let run_dir = directory.path().join("run");
        let functions = Functions::open(FunctionsParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            blobs: store.blobs(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            hub: hub.clone(),
            instances: Instances::new(InstancesConfig::new(run_dir), logs.clone()).unwrap(),
            logs,
            objects: None,
            credentials: None,
            clock: clock.clone(),
            code_dir: directory.path().join("code"),
            options: FunctionOptions::default(),
        })
        .await
        .unwrap();
        let triggers = Triggers::open(TriggersParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            functions: functions.clone(),
            clock: clock.clone(),
            options: TriggerOptions::default(),
        })
        .await
        .unwrap();
        let queues = Queues::open(QueuesParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: store.event_log(),
            messages: store.messages(),
            clock: clock.clone(),
            options: QueueOptions::default(),
        })
        .await
        .unwrap();
        let sources = Sources::open(SourcesParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            clock: clock.clone(),
            directory: directory.path().join("catalog"),
        })
        .await
        .unwrap();
        dispatcher.start(kulkul_delivery::Outside::new(functions.clone()));
        let keys = Arc::new(AccessKeys::open(store.metadata()).await.unwrap());
        let admin = keys.create(NewKey::random(Role::Admin).unwrap(), Timestamp::now()).await.unwrap();
        let api = Api::new(ApiParts {
            redrives: Redrives::open(dispatcher.clone(), store.metadata()).await.unwrap(),
            hub,
            functions: functions.clone(),
            triggers,
            queues,
            sources,
            connections: Connections::open(ConnectionsParts {
                metadata: store.metadata(),
                outbound: Outbound::new(OutboundOptions {
                    reach: Reach::PUBLIC,
                    connect_timeout: Duration::from_secs(1),
                    authorities: Vec::new(),
                }),
                timeout: Duration::from_secs(1),
                client_errors: Default::default(),
                clock: clock.clone(),
            })
            .await
            .unwrap(),
            signer: Arc::new(
                kulkul_push::Signer::open(directory.path().to_owned(), "http://hub.test").unwrap(),
            ),
            keys: keys.clone(),
            identity,
            clock,
            options,
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
        let (address, stop) = (listener.address(), CancellationToken::new());
        let handler = move |request, peer| {
            let answer = api.clone().handle(request, peer);
            // It is moved several times for each request, so what is not on the hot path is boxed.
            assert!(std::mem::size_of_val(&answer) <= 4096, "{} bytes", std::mem::size_of_val(&answer));
            answer
        };
        tokio::spawn(listener.serve(handler, stop.clone()));
        Self { address, admin, keys, functions, store, directory, stop }
    }

    /// A client with the admin key.
    pub fn client(&self) -> Client {
        self.client_of(self.admin.clone())
    }

    pub fn client_of(&self, key: Arc<AccessKey>) -> Client {
        Client::new(self.address, key)
    }

    /// A client with a new key.
    pub async fn client_with(&self, role: Role) -> Client {
        let key = self.keys.create(NewKey::random(role).unwrap(), Timestamp::now()).await.unwrap();
        self.client_of(key)
    }

    /// Creates a Python function whose module `index` has this text.
    pub async fn create_python(&self, name: &str, code: &str) {
        let body = serde_json::json!({
            "functionName": name, "runtime": "python3.10", "handler": "index.handler", "timeout": 20,
            "code": {"zipFile": zip(code)},
        });
        let answer = self.client().fc("POST", "/functions", body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A zip with one file `index.py`, in base64.
pub fn zip(code: &str) -> String {
    STANDARD.encode(zip_bytes(code))
}

pub fn zip_bytes(code: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(code.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Waits until a condition holds; fails the test after twenty seconds.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The value at a path of an answer, such as `/Data/Rules/0`.
pub fn at<'a>(answer: &'a Value, path: &str) -> &'a Value {
    answer.pointer(path).unwrap_or_else(|| panic!("no {path} in {answer}"))
}
