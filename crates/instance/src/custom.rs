//! Instances of custom runtimes: any program that serves HTTP on a port.
//!
//! Source: Function Compute 3.0, "Custom runtimes": `POST /invoke`, `POST /initialize`, `GET /pre-stop`, the `x-fc-`
//! headers, and `x-fc-status: 404` as the mark of a failed invocation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use kulkul_model::{Qualifier, RequestId};
use kulkul_sandbox::BindListener;
use tokio::net::unix::pipe;

use crate::builtin::{Ended, UNHANDLED};
use crate::call::{Call, FunctionError, FunctionErrorKind, LogTail, MemoryUse};
use crate::error::InvokeError;
use crate::http_link::{HttpLink, LinkError};
use crate::launcher::Running;
use crate::memory::Vitals;
use crate::output::{Lines, Log, Output, OutputState, drain};
use crate::report;
use crate::spec::{Hook, InstanceSpec};
use crate::start::HeldPort;

/// Turns of reading after the end of an invocation; the program may print without end.
const LAST_TURNS_MAX: usize = 32;

/// How long the end of a process is waited for after its connection broke.
const DEATH_WAIT: Duration = Duration::from_millis(200);

/// A program that serves requests.
pub(crate) struct Custom {
    port: Port,
    running: Running,
    printed: Arc<Printed>,
    /// Connections that nobody uses; at most one per request that was ever under way at once.
    idle_links: Mutex<Vec<HttpLink>>,
    /// What every request carries.
    headers: HeaderMap,
    vitals: Arc<Vitals>,
    response_bytes_max: usize,
    _pump: AbortOnDrop,
}

/// Where a program listens.
pub(crate) struct Port {
    number: u16,
    _means: Means,
}

/// How it got there; given up with the instance.
enum Means {
    /// Sockets are put there whatever port the program asks for.
    Redirected { _task: AbortOnDrop },
    /// No other instance uses it.
    Held { _port: HeldPort },
}

impl Port {
    /// A port of the instance's own, on which the program lands when it asks for one of `from`.
    pub(crate) fn redirected(number: u16, binds: BindListener, from: [u16; 2]) -> Self {
        let redirecting = async move {
            if let Err(error) = binds.redirect(&from, number).await {
                tracing::warn!(%error, port = number, "cannot give a program its port");
            }
        };
        Self { number, _means: Means::Redirected { _task: AbortOnDrop(tokio::spawn(redirecting)) } }
    }

    /// A port that all programs of this configuration want.
    pub(crate) fn held(number: u16, held: HeldPort) -> Self {
        Self { number, _means: Means::Held { _port: held } }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// The program's output, read by its pump and by each invocation when it ends.
struct Printed {
    pipe: pipe::Receiver,
    lines: Mutex<(Lines, Log)>,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How a request to the program ended.
enum Answer {
    /// It came; whether it carries the mark of a failure.
    Came {
        body: Bytes,
        failed: bool,
        success_status: bool,
    },
    Died,
    TimedOut,
    Broken(LinkError),
}

impl Custom {
    /// Takes over a program that listens on `port`.
    pub(crate) fn new(
        spec: &InstanceSpec,
        port: Port,
        running: Running,
        vitals: Arc<Vitals>,
        output: Output,
        log: Log,
        response_bytes_max: usize,
    ) -> Self {
        let (pipe, lines) = output.into_parts();
        let printed = Arc::new(Printed { pipe, lines: Mutex::new((lines, log)) });
        let pump = AbortOnDrop(tokio::spawn(pump(printed.clone())));
        let idle_links = Mutex::default();
        let headers = fixed_headers(spec);
        Self { port, running, printed, idle_links, headers, vitals, response_bytes_max, _pump: pump }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// What is known of its memory.
    pub(crate) fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    /// The most memory that was seen in use.
    pub(crate) fn memory(&self) -> MemoryUse {
        self.vitals.peak()
    }

    /// Ends the log of an invocation and returns its tail, if it was asked for.
    pub(crate) fn end_log(&self, id: &RequestId) -> Option<String> {
        self.with_log(|log| log.end(id))
    }

    /// Sends the event to the program.
    ///
    /// # Errors
    /// When the answer is too large or the connection breaks.
    pub(crate) async fn invoke(&self, spec: &InstanceSpec, call: &Call) -> Result<Ended, InvokeError> {
        let id = &call.request_id;
        self.drain();
        self.with_log(|log| {
            log.begin(id, call.log_tail);
            log.marker(id, &format!("FC Invoke Start RequestId: {id}"));
        });
        self.vitals.begin();
        let guard = InFlight { instance: self, id, started: Instant::now(), over: false };
        let mut request = self.request(Method::POST, "/invoke", id, &call.qualifier);
        let content_type = HeaderValue::from_static("application/octet-stream");
        request.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
        let request = request.map(|()| Full::new(call.payload.clone()));
        let answer = self.exchange(request, spec.timeout).await;
        let duration = guard.finish();
        let ended = self.judge(answer, spec, duration);
        let end = match &ended {
            Ok(ended) => report::end_line(id, ended.failure.as_deref()),
            Err(error) => report::end_line(id, Some(&error.to_string())),
        };
        self.drain();
        self.with_lines(|lines, log| {
            lines.finish(log);
            log.marker(id, &end);
        });
        ended
    }

    /// Calls the initializer, for the invocation that waits for this instance.
    ///
    /// # Errors
    /// When the answer is not 2xx, or there is none.
    pub(crate) async fn initialize(&self, hook: &Hook, id: &RequestId) -> Result<(), FunctionError> {
        self.with_log(|log| log.marker(id, &format!("FC Initialize Start RequestId: {id}")));
        let mut request = self.request(Method::POST, "/initialize", id, &Qualifier::latest());
        let headers = request.headers_mut();
        insert(headers, "x-fc-function-initializer", &hook.handler);
        insert(headers, "x-fc-initialization-timeout", &hook.timeout.as_secs().to_string());
        self.vitals.begin();
        let guard = InFlight { instance: self, id, started: Instant::now(), over: false };
        let answer = self.exchange(request.map(|()| Full::default()), hook.timeout).await;
        let duration = guard.finish();
        self.drain();
        let failure = match answer {
            Answer::Came { success_status: true, failed: false, .. } => None,
            Answer::Came { body, .. } => Some(body),
            Answer::Died => Some(report::message(&report::died(duration, self.memory()))),
            Answer::TimedOut => {
                Some(report::message(&report::timed_out("Initializer", hook.timeout, self.memory())))
            }
            Answer::Broken(error) => Some(report::message(&error.to_string())),
        };
        let end = format!("FC Initialize End RequestId: {id}");
        match failure {
            None => self.with_log(|log| log.marker(id, &end)),
            Some(report) => {
                self.with_log(|log| log.marker(id, &format!("{end}, Error: Initialization error")));
                return Err(FunctionError { kind: FunctionErrorKind::Initialization, report });
            }
        }
        Ok(())
    }

    /// Calls the hook that runs before the instance is stopped; its errors are only logged.
    pub(crate) async fn pre_stop(&self, hook: &Hook, id: &RequestId) {
        self.with_log(|log| {
            log.begin(id, LogTail::None);
            log.marker(id, &format!("FC PreStop Start RequestId: {id}"));
        });
        let request = self.request(Method::GET, "/pre-stop", id, &Qualifier::latest());
        let end = match self.exchange(request.map(|()| Full::default()), hook.timeout).await {
            Answer::Came { success_status: true, .. } => "",
            Answer::Came { .. } => ", Error: Unhandled function error",
            Answer::Died => ", Error: Process exited unexpectedly",
            Answer::TimedOut => ", Error: PreStop time out",
            Answer::Broken(_) => ", Error: Bad response",
        };
        self.drain();
        self.with_log(|log| {
            log.marker(id, &format!("FC PreStop End RequestId: {id}{end}"));
            log.end(id);
        });
    }

    fn request(
        &self,
        method: Method,
        path: &'static str,
        id: &RequestId,
        qualifier: &Qualifier,
    ) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = http::Uri::from_static(path);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        insert(headers, "x-fc-control-path", path);
        insert(headers, "x-fc-request-id", id.as_str());
        insert(headers, "x-fc-qualifier", qualifier.as_str());
        request
    }

    /// Sends a request and waits for the answer, for at most `limit`.
    async fn exchange(&self, request: Request<Full<Bytes>>, limit: Duration) -> Answer {
        let answer = tokio::select! {
            biased;
            answer = self.send(request) => answer,
            () = self.running.ended() => return Answer::Died,
            () = tokio::time::sleep(limit) => return Answer::TimedOut,
        };
        match answer {
            Ok((parts, body)) => {
                let failed = parts.headers.get("x-fc-status").is_some_and(|status| status == "404");
                Answer::Came { body, failed, success_status: parts.status.is_success() }
            }
            // A dying process closes its connections before it has ended.
            Err(error) => match tokio::time::timeout(DEATH_WAIT, self.running.ended()).await {
                Ok(()) => Answer::Died,
                Err(_) => Answer::Broken(error),
            },
        }
    }

    /// Sends a request over a connection that is open, or over a new one.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), LinkError> {
        while let Some(mut link) = self.take_idle_link() {
            if !link.is_open().await {
                continue;
            }
            match link.request(request.clone(), self.response_bytes_max).await {
                Err(LinkError::Stale) => continue,
                answer => return self.keep(link, answer),
            }
        }
        let link = HttpLink::connect(self.port.number()).await;
        let mut link = link.map_err(|error| LinkError::Broken(error.to_string()))?;
        let answer = link.request(request, self.response_bytes_max).await;
        self.keep(link, answer)
    }

    fn keep<T>(&self, link: HttpLink, answer: Result<T, LinkError>) -> Result<T, LinkError> {
        if answer.is_ok() {
            lock(&self.idle_links).push(link);
        }
        answer
    }

    fn take_idle_link(&self) -> Option<HttpLink> {
        lock(&self.idle_links).pop()
    }

    fn judge(&self, answer: Answer, spec: &InstanceSpec, duration: Duration) -> Result<Ended, InvokeError> {
        let by_platform = |text: String| {
            Ok(Ended::failed(FunctionErrorKind::InstanceLost, report::message(&text), text.into(), duration))
        };
        match answer {
            Answer::Came { body, failed: false, .. } => {
                Ok(Ended { outcome: Ok(body), duration, reusable: true, failure: None })
            }
            Answer::Came { body, failed: true, .. } => {
                let failed = Ended::failed(FunctionErrorKind::Unhandled, body, UNHANDLED.into(), duration);
                Ok(Ended { reusable: true, ..failed })
            }
            Answer::Died => by_platform(report::died(duration, self.memory())),
            Answer::TimedOut => by_platform(report::timed_out("Function", spec.timeout, self.memory())),
            Answer::Broken(LinkError::TooLarge(limit)) => Err(InvokeError::ResponseTooLarge { limit }),
            Answer::Broken(error) => Err(InvokeError::BadResponse { reason: error.to_string() }),
        }
    }

    /// Reads what the program has printed until now.
    fn drain(&self) {
        for _ in 0..LAST_TURNS_MAX {
            if self.printed.drain() != OutputState::More {
                break;
            }
        }
    }

    fn with_log<T>(&self, act: impl FnOnce(&mut Log) -> T) -> T {
        self.with_lines(|_, log| act(log))
    }

    fn with_lines<T>(&self, act: impl FnOnce(&mut Lines, &mut Log) -> T) -> T {
        let (lines, log) = &mut *lock(&self.printed.lines);
        act(lines, log)
    }
}

impl Printed {
    fn drain(&self) -> OutputState {
        let (lines, log) = &mut *lock(&self.lines);
        drain(&self.pipe, lines, log)
    }
}

/// Reads what the program prints until nobody can write to its output any more.
async fn pump(printed: Arc<Printed>) {
    // An error means that the reactor is gone, together with everything else.
    while printed.pipe.readable().await.is_ok() {
        if printed.drain() == OutputState::Closed {
            break;
        }
    }
}

/// An invocation under way; dropped in the middle when the caller gives up.
struct InFlight<'a> {
    instance: &'a Custom,
    id: &'a RequestId,
    started: Instant,
    over: bool,
}

impl InFlight<'_> {
    fn finish(mut self) -> Duration {
        self.over = true;
        self.started.elapsed()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.instance.vitals.end();
        if !self.over {
            let line = report::canceled_line(self.id, self.started.elapsed(), self.instance.memory());
            self.instance.drain();
            self.instance.with_log(|log| {
                log.marker(self.id, &line);
                log.end(self.id);
            });
        }
    }
}

fn fixed_headers(spec: &InstanceSpec) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::from_static("127.0.0.1"));
    insert(&mut headers, "x-fc-function-name", spec.function.as_str());
    insert(&mut headers, "x-fc-function-handler", &spec.handler);
    insert(&mut headers, "x-fc-function-memory", &spec.memory_mib.to_string());
    insert(&mut headers, "x-fc-function-timeout", &spec.timeout.as_secs().to_string());
    insert(&mut headers, "x-fc-region", spec.region.as_str());
    insert(&mut headers, "x-fc-account-id", spec.account.as_str());
    insert(&mut headers, "x-fc-version-id", &spec.version_id);
    insert(&mut headers, "x-fc-service-logproject", &spec.log_project);
    insert(&mut headers, "x-fc-service-logstore", &spec.log_store);
    if let Some(key) = spec.credentials.as_ref().filter(|key| key.in_requests) {
        insert(&mut headers, "x-fc-access-key-id", &key.access_key_id);
        insert(&mut headers, "x-fc-access-key-secret", &key.access_key_secret);
        insert(&mut headers, "x-fc-security-token", &key.security_token);
    }
    headers
}

/// Sets a header; a value that no header can hold is left out.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
