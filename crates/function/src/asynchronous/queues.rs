//! The queues of asynchronous invocations.

use std::sync::Arc;

use kulkul_delivery::{Call, Epilogue, Plan};
use kulkul_model::{FunctionName, Qualifier};
use kulkul_store::QueueId;

use super::config::AsyncConfig;
use super::destination::Reporter;
use crate::{FunctionError, Functions};

/// What the names of all queues of asynchronous invocations start with.
const QUEUE_PREFIX: &str = "async/";

/// The queue of a function and qualifier.
pub(super) fn queue_of(function: &FunctionName, qualifier: &Qualifier) -> QueueId {
    QueueId(format!("{QUEUE_PREFIX}{function}/{qualifier}").into())
}

impl Functions {
    /// Puts the function behind its queue, or changes how it is tried.
    pub(crate) fn register_queue(&self, function: &FunctionName, qualifier: &Qualifier) {
        let config = self.async_configs.get(function, qualifier).map(|(config, _)| config);
        let destinations = config.as_ref().and_then(|config| config.destinations.clone()).unwrap_or_default();
        let tells = !destinations.is_empty() || self.parts.hub.options().own_events;
        let reporter = tells.then(|| {
            let functions = Arc::downgrade(&self.shared());
            let reporter = Reporter::new(functions, function.clone(), qualifier.clone(), destinations);
            Arc::new(reporter) as Arc<dyn Epilogue>
        });
        self.parts.dispatcher.register(Plan {
            queue: queue_of(function, qualifier),
            call: Call::Invocation { function: function.clone(), qualifier: qualifier.clone() },
            policy: AsyncConfig::policy(config.as_deref()),
            concurrency: None,
            epilogue: reporter,
            dead_letters: None,
        });
    }

    /// Drops what a function that is gone still had to do.
    pub(crate) async fn unregister_queues(&self, function: &FunctionName) {
        let queue = queue_of(function, &Qualifier::latest());
        if let Err(error) = self.parts.dispatcher.unregister(&queue).await {
            tracing::warn!(%error, %queue, "cannot drop the invocations of a function that is gone");
        }
    }

    /// Registers the queues of all functions at start, and drops what functions that are gone still had to do.
    pub(crate) async fn restore_queues(&self) -> Result<(), FunctionError> {
        for function in self.registry.names() {
            self.register_queue(&function, &Qualifier::latest());
        }
        let queues =
            self.parts.log.queues().await.map_err(FunctionError::store("read the names of the queues"))?;
        let ours = queues.into_iter().filter(|queue| queue.0.starts_with(QUEUE_PREFIX));
        for queue in ours.filter(|queue| self.parts.dispatcher.queue_state(queue).is_none()) {
            let count = self.parts.log.purge(&queue).await;
            let count =
                count.map_err(FunctionError::store("drop the invocations of a function that is gone"))?;
            tracing::info!(%queue, count, "dropped the invocations of a function that is gone");
        }
        Ok(())
    }
}
