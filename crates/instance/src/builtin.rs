//! Instances of built-in runtimes: one process, one connection, one request at a time.
//!
//! Whoever runs an invocation owns the instance meanwhile and reads and writes its descriptors directly: no other
//! Tokio task takes part.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_model::{Qualifier, RequestId};

use crate::call::{Call, FunctionError, FunctionErrorKind};
use crate::connection::{Connection, ExchangeError};
use crate::error::InvokeError;
use crate::frame::{self, Reply, ReplyBody};
use crate::launcher::Running;
use crate::memory::Vitals;
use crate::output::{Log, Output, OutputState};
use crate::report;
use crate::spec::{Hook, InstanceSpec};

/// How long a reply that was sent just before the process ended is waited for.
const LAST_REPLY_WAIT: Duration = Duration::from_millis(50);
/// Turns of reading after the end of an invocation; a function that prints from another thread may never stop.
const LAST_TURNS_MAX: usize = 32;

/// A process with a shim in it.
pub(crate) struct Builtin {
    pub(crate) connection: Connection,
    pub(crate) output: Output,
    pub(crate) log: Log,
    pub(crate) running: Running,
    pub(crate) vitals: Arc<Vitals>,
    /// The invocation under way; still there when the instance is dropped in the middle of one.
    pub(crate) in_flight: Option<(RequestId, Instant)>,
}

/// How an invocation ended in an instance.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Result<Bytes, FunctionError>,
    pub(crate) duration: Duration,
    /// Whether the instance may serve another one.
    pub(crate) reusable: bool,
    /// What the last log line says of a failure.
    pub(crate) failure: Option<Cow<'static, str>>,
}

pub(crate) const HANDLED: &str = "Handled function error";
pub(crate) const UNHANDLED: &str = "Unhandled function error";

/// How one exchange with the process ended.
pub(crate) enum Exchanged {
    Reply(Reply),
    Died,
    TimedOut,
    Nonsense(String),
}

impl Builtin {
    /// Calls the handler.
    ///
    /// # Errors
    /// When the answer breaks the protocol or is too large.
    pub(crate) async fn invoke(&mut self, spec: &InstanceSpec, call: &Call) -> Result<Ended, InvokeError> {
        let id = &call.request_id;
        // What was printed since the last invocation belongs to nobody's.
        self.output.drain(&mut self.log);
        self.log.begin(id, call.log_tail);
        self.log.marker(id, &format!("FC Invoke Start RequestId: {id}"));
        self.request(frame::INVOKE, id, &call.qualifier, call.retry_count, call.payload.len());
        self.vitals.begin();
        let started = Instant::now();
        self.in_flight = Some((id.clone(), started));
        let exchanged = self.exchange(&call.payload, spec.timeout).await;
        let duration = started.elapsed();
        self.in_flight = None;
        self.vitals.end();
        let ended = self.judge(exchanged, spec, duration);
        let end = match &ended {
            Ok(ended) => report::end_line(id, ended.failure.as_deref()),
            Err(error) => report::end_line(id, Some(&error.to_string())),
        };
        self.log.marker(id, &end);
        ended
    }

    /// Calls the initializer, for the invocation that waits for this instance.
    ///
    /// # Errors
    /// What the initializer reported, or that it took too long or ended the process.
    pub(crate) async fn initialize(&mut self, hook: &Hook, id: &RequestId) -> Result<(), FunctionError> {
        self.log.marker(id, &format!("FC Initialize Start RequestId: {id}"));
        self.request(frame::INITIALIZE, id, &Qualifier::latest(), 0, 0);
        let started = Instant::now();
        let exchanged = self.exchange(&Bytes::new(), hook.timeout).await;
        let failure = match exchanged {
            Exchanged::Reply(Reply { body: ReplyBody::Error { report, .. }, .. }) => Some(report),
            Exchanged::Reply(_) => None,
            Exchanged::Died => Some(report::message(&report::died(started.elapsed(), self.vitals.peak()))),
            Exchanged::TimedOut => {
                Some(report::message(&report::timed_out("Initializer", hook.timeout, self.vitals.peak())))
            }
            Exchanged::Nonsense(reason) => Some(report::message(&reason)),
        };
        let end = format!("FC Initialize End RequestId: {id}");
        match failure {
            None => self.log.marker(id, &end),
            Some(report) => {
                self.log.marker(id, &format!("{end}, Error: Initialization error"));
                return Err(FunctionError { kind: FunctionErrorKind::Initialization, report });
            }
        }
        Ok(())
    }

    /// Calls the hook that runs before the instance is stopped; its errors are only logged.
    pub(crate) async fn pre_stop(&mut self, hook: &Hook, id: &RequestId) {
        self.log.begin(id, crate::call::LogTail::None);
        self.log.marker(id, &format!("FC PreStop Start RequestId: {id}"));
        self.request(frame::PRE_STOP, id, &Qualifier::latest(), 0, 0);
        let end = match self.exchange(&Bytes::new(), hook.timeout).await {
            Exchanged::Reply(Reply { body: ReplyBody::Result(_), .. }) => "",
            Exchanged::Reply(_) => ", Error: Unhandled function error",
            Exchanged::Died => ", Error: Process exited unexpectedly",
            Exchanged::TimedOut => ", Error: PreStop time out",
            Exchanged::Nonsense(_) => ", Error: Bad response",
        };
        self.log.marker(id, &format!("FC PreStop End RequestId: {id}{end}"));
        self.log.end(id);
    }

    fn request(
        &mut self,
        kind: u8,
        id: &RequestId,
        qualifier: &Qualifier,
        retry_count: u32,
        payload_bytes: usize,
    ) {
        frame::put_request_head(self.connection.outgoing(), kind, id, qualifier, retry_count, payload_bytes);
    }

    /// Sends the request and waits for the reply, for at most `limit`, reading what is printed meanwhile.
    pub(crate) async fn exchange(&mut self, payload: &Bytes, limit: Duration) -> Exchanged {
        let exchanged = {
            let exchange = self.connection.exchange(payload);
            let deadline = tokio::time::sleep(limit);
            tokio::pin!(exchange, deadline);
            let mut silent = false;
            loop {
                tokio::select! {
                    biased;
                    reply = &mut exchange => break reply.into(),
                    () = self.running.ended() => {
                        break match tokio::time::timeout(LAST_REPLY_WAIT, exchange).await {
                            Ok(reply) => reply.into(),
                            Err(_) => Exchanged::Died,
                        };
                    }
                    () = &mut deadline => break Exchanged::TimedOut,
                    () = self.output.readable(), if !silent => {
                        silent = self.output.drain(&mut self.log) == OutputState::Closed;
                    }
                }
            }
        };
        if let Exchanged::Reply(reply) = &exchanged {
            self.vitals.note(u64::from(reply.memory_kib));
        }
        for _ in 0..LAST_TURNS_MAX {
            if self.output.drain(&mut self.log) != OutputState::More {
                break;
            }
        }
        self.output.finish_line(&mut self.log);
        exchanged
    }

    fn judge(
        &self,
        exchanged: Exchanged,
        spec: &InstanceSpec,
        duration: Duration,
    ) -> Result<Ended, InvokeError> {
        let by_platform = |text: String| {
            Ok(Ended::failed(FunctionErrorKind::InstanceLost, report::message(&text), text.into(), duration))
        };
        match exchanged {
            Exchanged::Reply(Reply { body, .. }) => match body {
                ReplyBody::Result(result) => {
                    Ok(Ended { outcome: Ok(result), duration, reusable: true, failure: None })
                }
                ReplyBody::Error { handled, unusable, report } => {
                    let (kind, failure) = match handled {
                        true => (FunctionErrorKind::Handled, HANDLED),
                        false => (FunctionErrorKind::Unhandled, UNHANDLED),
                    };
                    Ok(Ended { reusable: !unusable, ..Ended::failed(kind, report, failure.into(), duration) })
                }
                ReplyBody::TooLarge(_) => {
                    Err(InvokeError::ResponseTooLarge { limit: self.connection.body_bytes_max() })
                }
                ReplyBody::Ready => Err(InvokeError::BadResponse { reason: "ready twice".into() }),
            },
            Exchanged::Died => by_platform(report::died(duration, self.vitals.peak())),
            Exchanged::TimedOut => {
                by_platform(report::timed_out("Function", spec.timeout, self.vitals.peak()))
            }
            Exchanged::Nonsense(reason) => Err(InvokeError::BadResponse { reason }),
        }
    }
}

impl Ended {
    /// A failure after which the instance must not be used again.
    pub(crate) fn failed(
        kind: FunctionErrorKind,
        report: Bytes,
        failure: Cow<'static, str>,
        duration: Duration,
    ) -> Self {
        let outcome = Err(FunctionError { kind, report });
        Self { outcome, duration, reusable: false, failure: Some(failure) }
    }
}

impl From<Result<Reply, ExchangeError>> for Exchanged {
    fn from(result: Result<Reply, ExchangeError>) -> Self {
        match result {
            Ok(reply) => Exchanged::Reply(reply),
            Err(ExchangeError::Closed) => Exchanged::Died,
            Err(ExchangeError::Frame(error)) => Exchanged::Nonsense(error.to_string()),
        }
    }
}

impl Drop for Builtin {
    /// An instance that is dropped in the middle of an invocation was given up by the caller.
    fn drop(&mut self) {
        if let Some((id, started)) = self.in_flight.take() {
            self.output.drain(&mut self.log);
            self.log.marker(&id, &report::canceled_line(&id, started.elapsed(), self.vitals.peak()));
        }
    }
}
