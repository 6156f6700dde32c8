//! AbortMultipartUpload, and the removal of uploads that nobody will finish.

use std::time::Duration;

use http::StatusCode;
use kulkul_store::StoreError;
use kulkul_store::objects::{ObjectChange, ObjectCommit};
use tokio_util::sync::CancellationToken;

use super::{existing_upload, unfinished};
use crate::api::{Call, ObjectApi, Place};
use crate::change::{ATTEMPTS_MAX, Outcome, Plan, too_busy};
use crate::error::OssError;
use crate::event::Happening;
use crate::reply::Reply;

/// How often old uploads are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// How many uploads are looked at together.
const SWEEP_COUNT: usize = 100;

/// Ends an upload and forgets its parts.
///
/// Source: OSS, `AbortMultipartUpload`.
pub(crate) async fn abort_upload(api: &ObjectApi, call: &mut Call, place: &Place) -> Result<Reply, OssError> {
    call.run_to_end();
    for _ in 0..ATTEMPTS_MAX {
        let upload = existing_upload(api, call, place).await?;
        let plan = Plan {
            changes: vec![ObjectChange::DeleteUpload { upload: upload.entry.id, at: upload.revision }],
            events: vec![unfinished(Happening::AbortMultipartUpload, place, "", 0)],
            ..Plan::default()
        };
        if api.commit(call, plan).await? == Outcome::Stored {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
    }
    Err(too_busy())
}

impl ObjectApi {
    /// Removes unfinished uploads that are too old, now and then, until `stop` is cancelled.
    pub async fn run_upkeep(&self, stop: CancellationToken) {
        let mut every = tokio::time::interval(SWEEP_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = every.tick() => match self.remove_old_uploads().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "removed uploads that were never finished"),
                    Err(error) => tracing::warn!(%error, "cannot remove uploads that were never finished"),
                },
            }
        }
    }

    /// Removes unfinished uploads that are too old; returns how many. Nothing is told of it.
    pub async fn remove_old_uploads(&self) -> Result<u64, StoreError> {
        let age = i64::try_from(self.settings.upload_age_max.as_millis()).unwrap_or(i64::MAX);
        let limit = kulkul_model::Timestamp::from_millis(self.now().as_millis().saturating_sub(age));
        let mut removed = 0;
        loop {
            let old = self.store.uploads_before(limit, SWEEP_COUNT).await?;
            let count = old.len();
            let before = removed;
            for upload in old {
                let change = ObjectChange::DeleteUpload { upload: upload.entry.id, at: upload.revision };
                match self
                    .store
                    .commit(ObjectCommit { changes: vec![change], ..ObjectCommit::default() })
                    .await
                {
                    Ok(_) => removed += 1,
                    // Somebody goes on with it, or has just ended it.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if count < SWEEP_COUNT || removed == before {
                return Ok(removed);
            }
        }
    }
}
