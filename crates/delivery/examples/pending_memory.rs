//! How much memory a process takes while a dead target is owed a million events.
//!
//!     cargo run --release -p kulkul-delivery --example pending_memory [DIRECTORY] [EVENTS]
//!
//! Everything runs: the store on the disk, the dispatcher, attempts that fail. Printed is the resident memory before,
//! and the highest until the end.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kulkul_delivery::{
    Call, Dispatcher, DispatcherOptions, ErrorsTolerance, FunctionCall, FunctionCaller, InvocationMode,
    Outside, Plan, Policy, RetryStrategy, SystemClock, TargetAnswer, Verdict,
};
use kulkul_model::{Qualifier, Timestamp, TraceId};
use kulkul_store::{LogName, NewRecord, QueueId, RecordKey, Route};
use kulkul_store_sqlite::SqliteStore;

/// Events appended at once, and how large each is.
const AT_ONCE: usize = 1000;
const EVENT_BYTES: usize = 1024;

/// A target that always fails.
struct Dead;

impl FunctionCaller for Dead {
    fn call(&self, _: FunctionCall) -> BoxFuture<'_, TargetAnswer> {
        Box::pin(std::future::ready(TargetAnswer::new(Verdict::Failed, "[500]dead")))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let temporary = tempfile::tempdir()?;
    let directory = arguments.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let count: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let store = SqliteStore::open(&directory, Default::default())?;
    let queue = QueueId("rule/default/dead/1".into());
    let options = DispatcherOptions::default();
    let dispatcher =
        Dispatcher::open(store.event_log(), store.metadata(), Arc::new(SystemClock), options).await?;
    dispatcher.register(plan(&queue)?);
    dispatcher.start(Outside::new(Arc::new(Dead)));
    println!("before: {} MiB resident", resident_mib("VmRSS"));
    let begun = Instant::now();
    for first in (0..count).step_by(AT_ONCE) {
        let records = (first..count.min(first + AT_ONCE)).map(|number| record(number, &queue)).collect();
        dispatcher.append(records).await?;
    }
    println!("appended {count} events of {EVENT_BYTES} bytes in {:.1} s", begun.elapsed().as_secs_f64());
    let target = dispatcher.target(&queue).await?.ok_or("the target is not there")?;
    println!(
        "pending {}, attempts {}, in memory {}",
        target.stats.pending, target.state.failed_count, target.state.ready
    );
    println!("after: {} MiB resident, {} MiB at most", resident_mib("VmRSS"), resident_mib("VmHWM"));
    dispatcher.shut_down(std::time::Duration::from_secs(5)).await;
    store.close();
    Ok(())
}

fn plan(queue: &QueueId) -> Result<Plan, Box<dyn Error>> {
    Ok(Plan {
        queue: queue.clone(),
        call: Call::Function {
            function: "dead".parse()?,
            qualifier: Qualifier::latest(),
            mode: InvocationMode::Sync,
            body: kulkul_transform::Transform::Original,
        },
        policy: Policy {
            retry: RetryStrategy::ExponentialDecay,
            tolerance: ErrorsTolerance::All,
            age_max: None,
        },
        concurrency: None,
        epilogue: None,
        dead_letters: None,
    })
}

fn record(number: usize, queue: &QueueId) -> NewRecord {
    let now = Timestamp::now();
    let id = format!("event-{number}");
    let filler = "x".repeat(EVENT_BYTES - 60);
    NewRecord {
        key: RecordKey {
            log: LogName("bus/default".into()),
            source: "shop".to_owned(),
            kind: "order:Placed".to_owned(),
            subject: String::new(),
            id: id.clone(),
        },
        trace_id: TraceId::random(),
        accepted_at: now,
        body: Bytes::from(format!(r#"{{"id":"{id}","data":"{filler}"}}"#)),
        routes: vec![Route { queue: queue.clone(), not_before: now, leased_until: None }],
    }
}

/// A line of `/proc/self/status`, in MiB; 0 where there is none.
fn resident_mib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
