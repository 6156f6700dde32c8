//! Starts what makes events without being asked: importers, watchers and schedules.

use std::sync::Arc;

use kulkul_bus::Hub;
use kulkul_delivery::Clock;
use kulkul_objects::Buckets;
use kulkul_source::Sources;
use kulkul_source::action_trail::{ActionTrail, ActionTrailParts, ActionTrailSettings};
use kulkul_source::directory::{WatchedDirectories, WatchedDirectoriesParts, WatchedDirectory};
use kulkul_source::schedule::{ScheduledSources, ScheduledSourcesParts};
use kulkul_store_sqlite::SqliteStore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::adapters::BucketFiles;
use crate::config::Config;

/// What producers work with.
pub struct Producers<'a> {
    /// What is to be produced.
    pub config: &'a Config,
    /// Where everything is.
    pub store: &'a SqliteStore,
    /// Whose buses get the events.
    pub hub: &'a Arc<Hub>,
    /// Which sources are registered.
    pub sources: &'a Arc<Sources>,
    /// What time it is.
    pub clock: &'a Arc<dyn Clock>,
    /// When to end.
    pub stop: &'a CancellationToken,
}

impl Producers<'_> {
    /// Starts all of them. Called before anything is served, so that they miss nothing.
    pub async fn start(self, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        self.start_action_trail(tasks).await?;
        self.start_directories(tasks);
        self.start_schedules(tasks);
        Ok(())
    }

    async fn start_action_trail(&self, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        let Some(bucket) = self.config.action_trail_bucket.clone() else {
            ActionTrail::forget(&*self.store.event_log()).await?;
            return Ok(());
        };
        let importer = ActionTrail::subscribe(ActionTrailParts {
            hub: self.hub.clone(),
            log: self.store.event_log(),
            clock: self.clock.clone(),
            files: Arc::new(BucketFiles(Buckets::new(self.store.objects()))),
            settings: ActionTrailSettings {
                bucket,
                prefix: self.config.action_trail_prefix.clone(),
                bus: self.config.action_trail_bus.clone(),
            },
        })?;
        tasks.spawn(importer.run(self.stop.clone()));
        Ok(())
    }

    fn start_directories(&self, tasks: &mut JoinSet<()>) {
        let parts = WatchedDirectoriesParts { hub: self.hub.clone(), metadata: self.store.metadata() };
        let watch = Arc::new(WatchedDirectories::new(parts));
        for (name, path) in self.config.watched_directories.clone() {
            let directory = WatchedDirectory { name, path, bus: self.config.watched_directories_bus.clone() };
            let (watch, stop) = (watch.clone(), self.stop.clone());
            tasks.spawn(async move { watch.run(directory, stop).await });
        }
    }

    fn start_schedules(&self, tasks: &mut JoinSet<()>) {
        let schedules = ScheduledSources::new(ScheduledSourcesParts {
            sources: self.sources.clone(),
            hub: self.hub.clone(),
            metadata: self.store.metadata(),
            clock: self.clock.clone(),
        });
        tasks.spawn(schedules.run(self.stop.clone()));
    }
}
