//! Bodies that have to be read before anybody has proven who sends them.
//!
//! Some signatures cover the body, and some come in it. Without a bound strangers could fill the memory: with as many
//! bodies as there are connections, each as large as may be and kept open. So only a few large ones are read at once, each
//! within a limited time; the others wait a little for their turn, and are then told to come again. Small ones, and so
//! nearly all operations, are read at once.

use std::time::Duration;

use bytes::Bytes;
use kulkul_listener::{BodyError, RequestBody};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::api::Call;

/// Of every connection there may be one in memory: 64 MiB at 4096 connections.
const SMALL_BYTES_MAX: u64 = 16 * 1024;
/// Of those that are larger: 128 MiB with the largest, those of pushes.
const LARGE_COUNT_MAX: usize = 32;
/// How long a large body may take, so that a turn comes to an end.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a request waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// Reads such bodies.
pub(crate) struct UnsignedBodies {
    turns: Semaphore,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnsignedBodyError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("too many large requests without a signature in their head are being read, please retry")]
    Crowded,
}

impl Default for UnsignedBodies {
    fn default() -> Self {
        Self { turns: Semaphore::new(LARGE_COUNT_MAX) }
    }
}

impl UnsignedBodies {
    /// Reads a body whose sender nobody knows yet, at most `bytes_max` bytes.
    pub(crate) async fn read(
        &self,
        call: Call<'_>,
        body: &mut RequestBody,
        bytes_max: usize,
    ) -> Result<Bytes, UnsignedBodyError> {
        let promised = call.header("content-length").and_then(|text| text.parse::<u64>().ok());
        let takes_no_turn = match promised {
            // What is too large is refused unread.
            Some(bytes) => bytes <= SMALL_BYTES_MAX || bytes > bytes_max as u64,
            None => call.header("transfer-encoding").is_none(),
        };
        if takes_no_turn {
            return Ok(body.read_all(bytes_max).await?);
        }
        let turn = timeout(TURN_WAIT_MAX, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| UnsignedBodyError::Crowded)?.expect("the semaphore is never closed");
        match timeout(READ_TIME_MAX, body.read_all(bytes_max)).await {
            Ok(read) => Ok(read?),
            Err(_) => Err(BodyError::TimedOut.into()),
        }
    }
}
