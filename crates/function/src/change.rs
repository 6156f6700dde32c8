//! Changes that run to their end.

use std::panic::resume_unwind;

/// Runs a change to its end although whoever waits for it goes away.
///
/// A change that was stored and not shown would leave memory and store apart, and the future of a request is dropped
/// when its client hangs up.
pub async fn to_its_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Nobody aborts it but the end of the Tokio runtime, which ends this future too.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::{Notify, oneshot};

    #[tokio::test]
    async fn a_change_outlives_its_caller() {
        let (go_on, (done, is_done)) = (Arc::new(Notify::new()), oneshot::channel());
        let change = {
            let go_on = go_on.clone();
            async move {
                go_on.notified().await;
                let _ = done.send(());
            }
        };
        let caller = tokio::spawn(to_its_end(change));
        tokio::task::yield_now().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        go_on.notify_one();
        is_done.await.unwrap();
    }
}
