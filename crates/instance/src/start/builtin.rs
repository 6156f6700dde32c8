//! Starting instances of built-in runtimes.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use kulkul_model::{RequestId, Runtime};
use kulkul_sandbox::{Launch, Process};

use super::places::{NODE_SHIM, PYTHON_SHIM, binds, fork_enclosure};
use super::{Order, StartError, Starter, launch_error, pairs};
use crate::builtin::{Builtin, Exchanged};
use crate::call::{FunctionError, FunctionErrorKind};
use crate::connection::Connection;
use crate::document::StartDocument;
use crate::environment::environment;
use crate::error::InvokeError;
use crate::frame::{self, Reply, ReplyBody};
use crate::interpreter::Fit;
use crate::isolation::Isolation;
use crate::launcher::{InstanceDir, Reach, Running};
use crate::output::{Log, Output};
use crate::report;
use crate::zygote::Zygote;

/// How long the end of a zygote that no longer answers is waited for.
const ZYGOTE_DEATH_WAIT: Duration = Duration::from_millis(500);

impl Starter {
    /// Starts an interpreter, and waits until it has loaded and initialised the function.
    pub(super) async fn start_builtin(&self, order: &Order<'_>, mut log: Log) -> Result<Builtin, StartError> {
        let Order { spec, request_id, isolation, .. } = *order;
        let interpreters = self.interpreters().await;
        let choice = interpreters.choose(spec.runtime, self.config.runtime_choice).ok_or_else(|| {
            InvokeError::InterpreterMissing { runtime: spec.runtime, hint: interpreters.hint(spec.runtime) }
        })?;
        let directory = self.instance_dir(order)?;
        let places = order.places(&directory);
        let environment = environment(spec, order.id, &places, None);
        let mut document = StartDocument::new(spec, &environment, &places, self.config.response_bytes_max);
        let (mut connection, connection_end) = Connection::pair(self.config.response_bytes_max)
            .map_err(InvokeError::machine("making a socket"))?;
        let (output, output_end) =
            Output::pipe(isolation.owner()).map_err(InvokeError::machine("making a pipe"))?;
        let running = match spec.runtime {
            Runtime::Python { .. } => {
                let ends = vec![connection_end, output_end];
                self.fork(&choice.executable, &mut document, ends, directory, order).await?
            }
            _ => {
                let body = serde_json::to_vec(&document).map_err(io::Error::other);
                let body = body.map_err(InvokeError::machine("writing the start document"))?;
                frame::put_frame(connection.outgoing(), frame::START, &body);
                let mut binds = binds(spec, &directory);
                binds.push(self.shims.bind());
                let enclosure = isolation.enclosure(&self.mount_point, Some(&choice.executable), binds);
                let launch = Launch {
                    program: choice.executable.clone().into(),
                    arguments: vec![self.shims.path(NODE_SHIM, isolation).into()],
                    environment: pairs(&environment),
                    directory: places.code.clone().into(),
                    output: output_end,
                    passed: vec![connection_end],
                    limits: self.limits(),
                    enclosure,
                    file_rules: self.file_rules(order, Some(&choice.executable), &directory)?,
                    filter: isolation.filter(),
                };
                self.launcher.start(launch, Some(directory)).await.map_err(launch_error)?
            }
        };
        let stand_in = match choice.fit {
            Fit::Exact => String::new(),
            Fit::Newer | Fit::Older => format!(" It runs on {}, the nearest version here.", choice.version),
        };
        log.marker(request_id, &format!("FunctionCompute {} runtime inited.{stand_in}", spec.runtime));
        let vitals = self.watch(&running, spec)?;
        // Whoever gives up from now on leaves a line in the log.
        let in_flight = Some((request_id.clone(), Instant::now()));
        let mut builtin = Builtin { connection, output, log, running, vitals, in_flight };
        // Sends what was put into the connection above, if anything.
        let loaded = builtin.exchange(&Bytes::new(), self.config.start_timeout).await;
        let in_flight = builtin.in_flight.take();
        match loaded {
            Exchanged::Reply(Reply { body: ReplyBody::Ready, .. }) => {}
            Exchanged::Reply(Reply { body: ReplyBody::Error { report, .. }, .. }) => {
                let error = FunctionError { kind: FunctionErrorKind::Unhandled, report };
                let end = report::end_line(request_id, Some(crate::builtin::UNHANDLED));
                builtin.log.marker(request_id, &end);
                return Err(builtin.start_failed(error, request_id));
            }
            Exchanged::Reply(_) => {
                return Err(InvokeError::BadResponse { reason: "not ready".into() }.into());
            }
            Exchanged::Died => {
                let text = report::died(Duration::ZERO, builtin.vitals.peak());
                let error =
                    FunctionError { kind: FunctionErrorKind::InstanceLost, report: report::message(&text) };
                builtin.log.marker(request_id, &report::end_line(request_id, Some(&text)));
                return Err(builtin.start_failed(error, request_id));
            }
            Exchanged::TimedOut => {
                return Err(InvokeError::NotStarted { limit: self.config.start_timeout }.into());
            }
            Exchanged::Nonsense(reason) => return Err(InvokeError::BadResponse { reason }.into()),
        }
        if let Some(hook) = &spec.initializer {
            builtin.in_flight = in_flight;
            let initialized = builtin.initialize(hook, request_id).await;
            builtin.in_flight = None;
            initialized.map_err(|error| builtin.start_failed(error, request_id))?;
        }
        Ok(builtin)
    }

    /// Forks an instance from the interpreter's zygote, which is started when there is none.
    async fn fork(
        &self,
        interpreter: &Path,
        document: &mut StartDocument<'_>,
        mut descriptors: Vec<OwnedFd>,
        directory: InstanceDir,
        order: &Order<'_>,
    ) -> Result<Running, InvokeError> {
        let Order { spec, isolation, .. } = *order;
        if let Some(rules) = self.file_rules(order, Some(interpreter), &directory)? {
            descriptors.push(rules);
            document.restricted = true;
        }
        document.forbidden = isolation.filter().map(|filter| BASE64.encode(filter.bytes()));
        document.enclosure =
            isolation.encloses().then(|| fork_enclosure(&binds(spec, &directory), isolation));
        let cell = {
            let mut zygotes = self.zygotes.lock().unwrap_or_else(PoisonError::into_inner);
            zygotes.entry(interpreter.to_owned()).or_default().clone()
        };
        let mut cell = cell.lock().await;
        if let Some(zygote) = cell.as_mut().filter(|zygote| zygote.is_alive()) {
            match zygote.fork(document, &descriptors).await {
                Ok(process) => return self.adopt(process, directory, isolation),
                // It may have died a moment ago. As long as it lives it is not replaced: its instances would die too.
                Err(_) if zygote.dies_within(ZYGOTE_DEATH_WAIT).await => {}
                Err(error) => return Err(InvokeError::machine("forking the interpreter")(error)),
            }
        }
        let zygote = cell.insert(self.start_zygote(interpreter, isolation).await?);
        let forked = zygote.fork(document, &descriptors).await;
        self.adopt(forked.map_err(InvokeError::machine("forking the interpreter"))?, directory, isolation)
    }

    fn adopt(
        &self,
        process: Process,
        directory: InstanceDir,
        isolation: &Isolation,
    ) -> Result<Running, InvokeError> {
        let reach = if isolation.encloses() { Reach::Everything } else { Reach::Group };
        self.launcher.adopt(process, directory, reach).map_err(InvokeError::machine("watching the process"))
    }

    async fn start_zygote(&self, interpreter: &Path, isolation: &Isolation) -> Result<Zygote, InvokeError> {
        let shim = self.shims.path(PYTHON_SHIM, isolation);
        let enclosure = isolation.zygote_enclosure(&self.mount_point, interpreter, vec![self.shims.bind()]);
        Zygote::start(&self.launcher, interpreter, &shim, self.limits(), enclosure).await
    }
}

impl Builtin {
    fn start_failed(&mut self, error: FunctionError, request_id: &RequestId) -> StartError {
        StartError::Function { error, memory: self.vitals.peak(), log_tail: self.log.end(request_id) }
    }
}
