//! The reports of failures that the platform notices, and what log lines say of them.
//!
//! Source: Function Compute 3.0, recorded error bodies and log lines; the text after "Function time out after" is not
//! documented.

use std::time::Duration;

use bytes::Bytes;
use kulkul_model::RequestId;

use crate::call::MemoryUse;

/// `{"errorMessage": text}`.
pub(crate) fn message(text: &str) -> Bytes {
    serde_json::json!({ "errorMessage": text }).to_string().into()
}

/// The process ended before it answered, by itself or for lack of memory.
pub(crate) fn died(duration: Duration, memory: MemoryUse) -> String {
    format!("Process exited unexpectedly before completing request {}", so_far(duration, memory))
}

/// Something took longer than it may.
pub(crate) fn timed_out(what: &str, limit: Duration, memory: MemoryUse) -> String {
    let (seconds, used) = (limit.as_secs_f64(), memory.megabytes());
    format!("{what} time out after {seconds} seconds (maxMemoryUsage: {used:.2}MB)")
}

/// The last log line of an invocation.
pub(crate) fn end_line(id: &RequestId, error: Option<&str>) -> String {
    match error {
        None => format!("FC Invoke End RequestId: {id}"),
        Some(error) => format!("FC Invoke End RequestId: {id}, Error: {error}"),
    }
}

/// The last log line of an invocation whose caller has gone.
pub(crate) fn canceled_line(id: &RequestId, duration: Duration, memory: MemoryUse) -> String {
    end_line(id, Some(&format!("Invocation canceled by client {}", so_far(duration, memory))))
}

fn so_far(duration: Duration, memory: MemoryUse) -> String {
    format!("(duration: {}ms, maxMemoryUsage: {:.2}MB)", duration.as_millis(), memory.megabytes())
}
