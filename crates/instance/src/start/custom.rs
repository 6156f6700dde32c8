//! Starting programs of custom runtimes, and finding out when they are ready.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Uri};
use http_body_util::Full;
use kulkul_model::RequestId;
use kulkul_sandbox::Launch;

use super::places::binds;
use super::{Order, StartError, Starter, launch_error, pairs};
use crate::custom::{Custom, Port};
use crate::environment::environment;
use crate::error::InvokeError;
use crate::http_link::HttpLink;
use crate::launcher::Running;
use crate::output::{Log, Output, OutputState};
use crate::report;
use crate::spec::HealthCheck;

/// Wait between two attempts to reach the port of a program that is starting: doubled from the first to the second.
const CONNECT_WAITS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];
/// How long a port is waited for that has just been given up.
const RELEASE_WAIT: Duration = Duration::from_secs(2);
/// Bytes of an answer to a health check that are read.
const HEALTH_BYTES_MAX: usize = 1 << 20;

/// The ports that instances hold for themselves, since they cannot be given others.
#[derive(Clone, Debug, Default)]
pub(super) struct FixedPorts {
    held: Arc<Mutex<HashSet<u16>>>,
}

/// A port that nobody else gets while this exists.
#[derive(Debug)]
pub(crate) struct HeldPort {
    port: u16,
    ports: FixedPorts,
}

impl FixedPorts {
    /// Takes a port; `None` when an instance holds it.
    fn hold(&self, port: u16) -> Option<HeldPort> {
        self.lock().insert(port).then(|| HeldPort { port, ports: self.clone() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u16>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldPort {
    fn drop(&mut self) {
        self.ports.lock().remove(&self.port);
    }
}

impl Starter {
    /// Starts a program, and waits until it is ready and initialised.
    ///
    /// Each instance gets a port of its own, of which its environment tells. A program that insists on the configured
    /// port is put on its own port by the kernel's help; where the kernel does not help, all programs get the
    /// configured port, and one instance at a time runs on each.
    pub(super) async fn start_custom(&self, order: &Order<'_>, log: Log) -> Result<Custom, StartError> {
        let (spec, isolation) = (order.spec, order.isolation);
        let (port, held) = if isolation.redirects_ports() {
            (free_port().map_err(InvokeError::machine("finding a free port"))?, None)
        } else {
            let port = spec.custom.port;
            let held = self.fixed_ports.hold(port).ok_or(InvokeError::PortBusy { port })?;
            wait_until_free(port).await;
            (port, Some(held))
        };
        let directory = self.instance_dir(order)?;
        let places = order.places(&directory);
        let environment = environment(spec, order.id, &places, Some(port));
        let (output, output_end) =
            Output::pipe(isolation.owner()).map_err(InvokeError::machine("making a pipe"))?;
        let bootstrap = format!("{}/bootstrap", places.code);
        let (program, arguments) = match &spec.custom.command[..] {
            [] => (bootstrap, &[][..]),
            [program, arguments @ ..] => (program.clone(), arguments),
        };
        let launch = Launch {
            program: program.into(),
            arguments: arguments.iter().chain(&spec.custom.arguments).map(Into::into).collect(),
            environment: pairs(&environment),
            directory: places.code.clone().into(),
            output: output_end,
            passed: Vec::new(),
            limits: self.limits(),
            enclosure: isolation.enclosure(&self.mount_point, None, binds(spec, &directory)),
            file_rules: self.file_rules(order, None, &directory)?,
            filter: isolation.filter(),
        };
        let (running, port) = match held {
            Some(held) => {
                let running = self.launcher.start(launch, Some(directory)).await.map_err(launch_error)?;
                (running, Port::held(port, held))
            }
            None => {
                let started = self.launcher.start_with_binds(launch, Some(directory)).await;
                let (running, binds) = started.map_err(launch_error)?;
                // The given port too, so that nothing of a function listens to the network.
                (running, Port::redirected(port, binds, [spec.custom.port, port]))
            }
        };
        let mut waiting = Waiting::new(output, log, order.request_id);
        let limit = self.config.start_timeout;
        let ready = async {
            wait_for_port(port.number()).await;
            match &spec.custom.health_check {
                Some(check) => wait_for_health(port.number(), check).await,
                None => true,
            }
        };
        waiting.until_ready(ready, &running, limit).await?;
        let (output, mut log) = waiting.over();
        log.marker(order.request_id, &format!("FunctionCompute {} runtime inited.", spec.runtime));
        let vitals = self.watch(&running, spec)?;
        let custom = Custom::new(spec, port, running, vitals, output, log, self.config.response_bytes_max);
        if let Some(hook) = &spec.initializer
            && let Err(error) = custom.initialize(hook, order.request_id).await
        {
            let (memory, log_tail) = (custom.memory(), custom.end_log(order.request_id));
            return Err(StartError::Function { error, memory, log_tail });
        }
        Ok(custom)
    }
}

/// What a program that is starting prints. Dropped in the middle when the caller gives up.
struct Waiting<'a> {
    parts: Option<(Output, Log)>,
    id: &'a RequestId,
    started: Instant,
}

impl<'a> Waiting<'a> {
    fn new(output: Output, log: Log, id: &'a RequestId) -> Self {
        Self { parts: Some((output, log)), id, started: Instant::now() }
    }

    /// It is ready.
    fn over(mut self) -> (Output, Log) {
        self.parts.take().expect("only this and `drop` take them")
    }

    /// Waits until the program is ready, logging what it prints meanwhile.
    ///
    /// # Errors
    /// When it ends, fails its health check, or takes longer than `limit`. The log has been ended then.
    async fn until_ready(
        &mut self,
        ready: impl Future<Output = bool>,
        running: &Running,
        limit: Duration,
    ) -> Result<(), InvokeError> {
        let (output, log) = self.parts.as_mut().expect("only `over` and `drop` take them");
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline, ready);
        let mut silent = false;
        let failure = loop {
            tokio::select! {
                biased;
                healthy = &mut ready => match healthy {
                    true => return Ok(()),
                    false => break InvokeError::NotStarted { limit: self.started.elapsed() },
                },
                () = running.ended() => {
                    while output.drain(log) == OutputState::More {}
                    output.finish_line(log);
                    let printed = log.tail().map(|tail| tail.trim_end().to_owned()).unwrap_or_default();
                    let printed = if printed.is_empty() { printed } else { format!(": {printed}") };
                    break InvokeError::Exited { exit: running.process().exit(), output: printed };
                }
                () = &mut deadline => break InvokeError::NotStarted { limit },
                () = output.readable(), if !silent => silent = output.drain(log) == OutputState::Closed,
            }
        };
        log.marker(self.id, &report::end_line(self.id, Some(&failure.to_string())));
        self.parts = None;
        Err(failure)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some((output, log)) = &mut self.parts {
            output.drain(log);
            let line = report::canceled_line(self.id, self.started.elapsed(), Default::default());
            log.marker(self.id, &line);
        }
    }
}

/// Waits until somebody takes connections.
async fn wait_for_port(port: u16) {
    let [mut wait, wait_max] = CONNECT_WAITS;
    while HttpLink::connect(port).await.is_err() {
        tokio::time::sleep(wait).await;
        wait = (2 * wait).min(wait_max);
    }
}

/// Checks until as many checks in a row have succeeded or failed as decide; returns whether they succeeded.
///
/// A check succeeds with a status below 400. Only the start is checked: an instance that fails later shows it in its
/// answers.
async fn wait_for_health(port: u16, check: &HealthCheck) -> bool {
    let Ok(uri) = check.path.parse::<Uri>() else { return false };
    tokio::time::sleep(check.initial_delay).await;
    let (mut succeeded, mut failed) = (0, 0);
    loop {
        match tokio::time::timeout(check.timeout, is_healthy(port, &uri)).await {
            Ok(true) => (succeeded, failed) = (succeeded + 1, 0),
            Ok(false) | Err(_) => (succeeded, failed) = (0, failed + 1),
        }
        if succeeded >= check.success_threshold.max(1) {
            return true;
        }
        if failed >= check.failure_threshold.max(1) {
            return false;
        }
        tokio::time::sleep(check.period).await;
    }
}

async fn is_healthy(port: u16, uri: &Uri) -> bool {
    let Ok(mut link) = HttpLink::connect(port).await else { return false };
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri.clone();
    let host = http::HeaderValue::from_static("127.0.0.1");
    request.headers_mut().insert(http::header::HOST, host);
    match link.request(request, HEALTH_BYTES_MAX).await {
        Ok((parts, _)) => parts.status.as_u16() < 400,
        Err(_) => false,
    }
}

/// Waits for the end of an instance that held a port and has just been killed. If somebody else listens there, the
/// program itself will say so.
async fn wait_until_free(port: u16) {
    let free = async {
        while std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).is_err() {
            tokio::time::sleep(CONNECT_WAITS[0]).await;
        }
    };
    // Elapsing is as good.
    let _ = tokio::time::timeout(RELEASE_WAIT, free).await;
}

/// A port that nobody listens on now. Somebody may take it before the program does; then the program ends.
fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
