//! What the disk can do, without a server: the baselines of durable writes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::samples::Samples;

/// What a run has shown.
pub(crate) struct RawRun {
    /// From handing a payload over to knowing that it is on the disk.
    pub(crate) latencies: Samples,
    /// Payloads in a second.
    pub(crate) per_second: f64,
}

/// Appends `count` payloads to a file, each with an `fdatasync` of its own.
pub(crate) fn one_by_one(dir: &Path, payload: &[u8], count: usize) -> anyhow::Result<RawRun> {
    let mut file = File::create(dir.join("raw"))?;
    let began = Instant::now();
    let mut latencies = Vec::with_capacity(count);
    for _ in 0..count {
        let since = Instant::now();
        file.write_all(payload)?;
        file.sync_data()?;
        latencies.push(since.elapsed());
    }
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    Ok(RawRun { latencies: Samples::new(latencies), per_second })
}

/// Appends payloads of many producers to a file; all that wait share one `fdatasync`.
pub(crate) fn group_commit(
    dir: &Path,
    payload: &[u8],
    producer_count: usize,
    count_each: usize,
) -> anyhow::Result<RawRun> {
    let file = File::create(dir.join("raw"))?;
    let (sender, receiver) = mpsc::channel::<Waiting>(producer_count);
    let writer = std::thread::spawn({
        let payload = payload.to_vec();
        move || write_batches(file, receiver, &payload)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let began = Instant::now();
    let latencies = runtime.block_on(async {
        let produce = |sender: mpsc::Sender<Waiting>| async move {
            let mut latencies = Vec::with_capacity(count_each);
            for _ in 0..count_each {
                let since = Instant::now();
                let (done, written) = oneshot::channel();
                // Either fails only with the writer, whose own error is reported below.
                if sender.send(done).await.is_err() || written.await.is_err() {
                    break;
                }
                latencies.push(since.elapsed());
            }
            latencies
        };
        let producers: Vec<_> = (0..producer_count).map(|_| tokio::spawn(produce(sender.clone()))).collect();
        drop(sender);
        let mut all = Vec::with_capacity(producer_count * count_each);
        for producer in producers {
            all.extend(producer.await?);
        }
        anyhow::Ok::<Vec<Duration>>(all)
    })?;
    let elapsed = began.elapsed();
    writer.join().map_err(|_| anyhow::anyhow!("the thread that writes panicked"))??;
    let per_second = latencies.len() as f64 / elapsed.as_secs_f64();
    Ok(RawRun { latencies: Samples::new(latencies), per_second })
}

type Waiting = oneshot::Sender<()>;

fn write_batches(mut file: File, mut waiting: mpsc::Receiver<Waiting>, payload: &[u8]) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, usize::MAX) > 0 {
        bytes.clear();
        batch.iter().for_each(|_| bytes.extend_from_slice(payload));
        file.write_all(&bytes)?;
        file.sync_data()?;
        // A producer that has gone needs no answer.
        for done in batch.drain(..) {
            let _ = done.send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let run = group_commit(dir.path(), b"12345", 8, 5).unwrap();
        assert!(run.per_second > 0.0);
        assert_eq!(std::fs::read(dir.path().join("raw")).unwrap().len(), 8 * 5 * 5);
        one_by_one(dir.path(), b"1", 3).unwrap();
        assert_eq!(std::fs::read(dir.path().join("raw")).unwrap().len(), 3);
    }
}
