//! The importer: takes files off its queue, and puts their records on a bus.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kulkul_bus::{AcceptError, BusError, Hub};
use kulkul_delivery::Clock;
use kulkul_model::BusName;
use kulkul_store::{Delivery, EventLog, NextState, QueueId, Settlement, StoreError};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::file::{FILE_BYTES_MAX, records_of, text_of};
use super::record::{Become, event_of};

/// The queue that the events of delivered files are owed to.
const QUEUE: &str = "import/action-trail";
/// How long to wait when there is nothing to do.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait before a file is tried again that could not be read or stored.
const RETRY: Duration = Duration::from_secs(5);
/// How long a lease lasts; longer than a file takes. There is one importer, so it only ends with the server.
const LEASE: Duration = Duration::from_secs(3600);
/// Records that go on the bus in one commit.
const BATCH: usize = 64;
/// What the events' sender is said to be.
const SENDER: &str = "127.0.0.1";

/// Which files are imported, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionTrailSettings {
    /// The bucket that they are delivered to.
    pub bucket: String,
    /// What their keys start with; empty for all.
    pub prefix: String,
    /// The bus that gets the events.
    pub bus: BusName,
}

impl ActionTrailSettings {
    /// What the event of such a file matches.
    fn pattern(&self) -> String {
        let kinds = ["PutObject", "PostObject", "CopyObject", "AppendObject", "CompleteMultipartUpload"];
        // An empty prefix is none that a pattern could have.
        let key = match self.prefix.as_str() {
            "" => json!({"exists": true}),
            prefix => json!({"prefix": prefix}),
        };
        let pattern = json!({
            "source": ["acs.oss"],
            "type": kinds.map(|kind| format!("oss:ObjectCreated:{kind}")),
            "data": {"oss": {"bucket": {"name": [self.bucket]}, "object": {"key": [key]}}},
        });
        pattern.to_string()
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFileError {
    /// It is not there any more.
    #[error("the object is gone")]
    Gone,
    /// It is larger than the limit.
    #[error("the object has {bytes} bytes, more than the limit")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The store failed; it may do better later.
    #[error("cannot read the object")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the files are.
pub trait TrailFiles: Send + Sync + 'static {
    /// Reads a whole object of at most `bytes_max` bytes.
    fn read<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        bytes_max: u64,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Bytes, ReadFileError>> + Send + 'a>>;
}

/// What the importer works with.
pub struct ActionTrailParts {
    /// Whose buses get the events.
    pub hub: Arc<Hub>,
    /// Where its queue is.
    pub log: Arc<dyn EventLog>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the files are.
    pub files: Arc<dyn TrailFiles>,
    /// What to import.
    pub settings: ActionTrailSettings,
}

/// Imports files of ActionTrail.
pub struct ActionTrail(ActionTrailParts);

/// Why a file is left for later.
enum Later {
    Unreadable(ReadFileError),
    Accept(AcceptError),
    Search(BusError),
}

impl ActionTrail {
    /// Subscribes to the files. Those that appear from now on are imported by [`ActionTrail::run`].
    pub fn subscribe(parts: ActionTrailParts) -> Result<Self, BusError> {
        parts.hub.subscribe(&BusName::default_bus(), queue(), &parts.settings.pattern())?;
        Ok(Self(parts))
    }

    /// Forgets what is owed to an importer that there is not any more.
    pub async fn forget(log: &dyn EventLog) -> Result<(), StoreError> {
        log.purge(&queue()).await.map(drop)
    }

    /// Imports files until it is told to stop. A file that is being imported then is imported again later.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let work = async {
                match self.step().await {
                    Ok(0) => tokio::time::sleep(PAUSE).await,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(error = %error, "cannot take files of ActionTrail off their queue, will try again");
                        tokio::time::sleep(RETRY).await;
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = work => {}
            }
        }
    }

    /// Imports one file, if one is due. How many it were.
    async fn step(&self) -> Result<usize, StoreError> {
        let now = self.0.clock.now();
        let leased = self.0.log.lease(&queue(), now, now.plus(LEASE), 1).await?;
        for delivery in &leased {
            let next = match self.import(delivery).await {
                Ok(()) => NextState::Done,
                Err(later) => {
                    let (error, failed) = (later.chain(), delivery.failed.saturating_add(1));
                    tracing::warn!(error, "cannot import a file of ActionTrail yet, will try again");
                    let not_before = self.0.clock.now().plus(RETRY);
                    NextState::Waiting { not_before, failed, note: None }
                }
            };
            let settlement = Settlement { delivery: delivery.id(), next, attempt: None };
            self.0.log.settle(vec![settlement]).await?;
        }
        Ok(leased.len())
    }

    /// Puts the records of a file on the bus. A file that never will be right is told of in the log and left.
    async fn import(&self, delivery: &Delivery) -> Result<(), Later> {
        let ActionTrailSettings { bucket, bus, .. } = &self.0.settings;
        let Some(key) = key_of(&delivery.record.body) else {
            tracing::error!("an event of a file of ActionTrail names no object; it is left");
            return Ok(());
        };
        let bytes = match self.0.files.read(bucket, &key, FILE_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error @ ReadFileError::Failed(_)) => return Err(Later::Unreadable(error)),
            Err(error) => {
                tracing::warn!(bucket, key, %error, "a file of ActionTrail is left");
                return Ok(());
            }
        };
        // Unpacking takes a while, and belongs on a thread that may block.
        let text = tokio::task::spawn_blocking(move || text_of(&bytes)).await;
        let text = text.unwrap_or_else(|error| Err(error.to_string()));
        let records = text.as_ref().map_err(Clone::clone).and_then(|text| records_of(text));
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(bucket, key, error, "a file of ActionTrail is left, it cannot be read");
                return Ok(());
            }
        };
        let (mut taken, mut left) = (0, 0);
        for batch in records.chunks(BATCH) {
            let mut drafts = Vec::with_capacity(batch.len());
            for record in batch {
                match event_of(record) {
                    Become::Event { draft, id, source } => {
                        // The file was imported in part before a crash, or the cloud delivered its record twice.
                        if !self.0.hub.has_event(bus, &source, &id).await.map_err(Later::Search)? {
                            drafts.push(Ok(draft));
                        }
                    }
                    Become::Read => {}
                    Become::Unreadable(error) => {
                        left += 1;
                        tracing::warn!(bucket, key, error, "a record of ActionTrail is left");
                    }
                }
            }
            if !drafts.is_empty() {
                for answer in self.0.hub.accept(bus, drafts, SENDER).await.map_err(Later::Accept)? {
                    match answer {
                        Ok(_) => taken += 1,
                        Err(error) => {
                            left += 1;
                            tracing::warn!(bucket, key, %error, "a record of ActionTrail is left");
                        }
                    }
                }
            }
        }
        tracing::info!(bucket, key, records = records.len(), taken, left, "imported a file of ActionTrail");
        Ok(())
    }
}

impl Later {
    fn chain(&self) -> String {
        let error: &dyn std::error::Error = match self {
            Self::Unreadable(error) => error,
            Self::Accept(error) => error,
            Self::Search(error) => error,
        };
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }
}

fn queue() -> QueueId {
    QueueId(QUEUE.into())
}

/// The key of the object that an event tells of.
fn key_of(event: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        oss: Oss,
    }
    #[derive(Deserialize)]
    struct Oss {
        object: Object,
    }
    #[derive(Deserialize)]
    struct Object {
        key: String,
    }
    serde_json::from_slice::<Event>(event).ok().map(|event| event.data.oss.object.key)
}
