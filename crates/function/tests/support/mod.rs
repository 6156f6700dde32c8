//! Functions over everything that they stand on: a store on disk, a dispatcher, buses, real processes.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, each of which uses its own part"
)]

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_bus::{Hub, HubOptions, HubParts};
use kulkul_delivery::{Dispatcher, DispatcherOptions, SystemClock};
use kulkul_function::{
    CodeSource, FunctionOptions, Functions, FunctionsParts, LogLimits, Logs, NewFunction, SettingsPatch,
};
use kulkul_instance::{Instances, InstancesConfig};
use kulkul_model::{FunctionName, Identity, InvocationId, Timestamp};
use kulkul_store::{Blobs, EventLog, Metadata, Traces};
use kulkul_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// A server without its API.
pub struct Server {
    pub functions: Arc<Functions>,
    pub hub: Arc<Hub>,
    pub dispatcher: Dispatcher,
    store: SqliteStore,
    directory: Arc<TempDir>,
}

impl Server {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose functions have other parts.
    pub async fn with(change: impl FnOnce(&mut FunctionsParts)) -> Self {
        Self::open(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// The same data directory, opened anew.
    pub async fn reopened(self) -> Self {
        let directory = self.directory.clone();
        self.close().await;
        Self::open(directory, |_| {}).await
    }

    async fn open(directory: Arc<TempDir>, change: impl FnOnce(&mut FunctionsParts)) -> Self {
        let store = SqliteStore::open(&directory.path().join("data"), Options::default()).unwrap();
        let clock = Arc::new(SystemClock);
        let identity =
            Identity { account: "1234567890123456".parse().unwrap(), region: "cn-hangzhou".parse().unwrap() };
        let options = DispatcherOptions::default();
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        let hub = Hub::open(HubParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            options: HubOptions::default(),
        })
        .await
        .unwrap();
        let logs = Arc::new(Logs::new(LogLimits::default(), clock.clone()));
        let instances =
            Instances::new(InstancesConfig::new(directory.path().join("run")), logs.clone()).unwrap();
        let mut parts = FunctionsParts {
            identity,
            metadata: store.metadata(),
            blobs: store.blobs(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            hub: hub.clone(),
            instances,
            logs,
            objects: None,
            credentials: None,
            clock,
            code_dir: directory.path().join("code"),
            options: FunctionOptions::default(),
        };
        change(&mut parts);
        let functions = Functions::open(parts).await.unwrap();
        dispatcher.start(kulkul_delivery::Outside::new(functions.clone()));
        Self { functions, hub, dispatcher, store, directory }
    }

    pub async fn close(self) {
        self.dispatcher.shut_down(Duration::from_secs(10)).await;
        self.functions.instances().shutdown(Duration::from_secs(10)).await;
        drop((self.functions, self.hub, self.dispatcher));
        self.store.close();
    }

    pub fn metadata(&self) -> Arc<dyn Metadata> {
        self.store.metadata()
    }

    pub fn blobs(&self) -> Arc<dyn Blobs> {
        self.store.blobs()
    }

    pub fn log(&self) -> Arc<dyn EventLog> {
        self.store.event_log()
    }

    pub fn traces(&self) -> Arc<dyn Traces> {
        self.store.traces()
    }

    /// The names of the unpacked trees.
    pub fn unpacked(&self) -> Vec<String> {
        let listing = std::fs::read_dir(self.code_dir()).unwrap();
        let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    pub fn code_dir(&self) -> PathBuf {
        self.directory.path().join("code")
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a Python function whose module `index` has this text.
    pub async fn create_python(&self, function: &str, code: &str) {
        self.functions.create(python(function, code)).await.unwrap();
    }
}

pub fn name(text: &str) -> FunctionName {
    text.parse().unwrap()
}

/// A zip with one file `index.py`.
pub fn zip(code: &str) -> Bytes {
    zip_of(&[("index.py", code, 0o644)])
}

pub fn zip_of(files: &[(&str, &str, u32)]) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, mode) in files {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

pub fn python(function: &str, code: &str) -> NewFunction {
    NewFunction {
        name: name(function),
        settings: SettingsPatch {
            runtime: Some("python3.10".into()),
            handler: Some("index.handler".into()),
            timeout_secs: Some(20),
            ..SettingsPatch::default()
        },
        code: CodeSource { zip: Some(zip(code)), ..CodeSource::default() },
        tags: Vec::new(),
    }
}

pub fn invocation_id() -> InvocationId {
    InvocationId::new(Timestamp::now())
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
