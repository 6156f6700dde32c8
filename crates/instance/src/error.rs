//! Why an invocation could not run.

use std::time::Duration;

use kulkul_model::{FunctionName, Runtime};
use kulkul_sandbox::Exit;

/// An invocation that the platform refused or could not finish; failures of the function itself are
/// [`FunctionError`](crate::FunctionError)s.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// All instances that the server may run are busy.
    #[error("all {limit} instances of this server are busy")]
    ResourceExhausted {
        /// How many that is.
        limit: usize,
    },
    /// All instances that the function may have are busy.
    #[error("all {limit} instances of `{function}` are busy")]
    FunctionResourceExhausted {
        /// The function.
        function: FunctionName,
        /// How many that is.
        limit: usize,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The runtime exists in the cloud and not here.
    #[error("runtime `{runtime}` is not offered")]
    RuntimeNotOffered {
        /// The runtime.
        runtime: Runtime,
    },
    /// No interpreter on this machine runs the function.
    #[error("no interpreter for runtime `{runtime}` on this machine{hint}")]
    InterpreterMissing {
        /// The runtime.
        runtime: Runtime,
        /// What was found instead, beginning with a separator; may be empty.
        hint: String,
    },
    /// The start command, or the interpreter in its first line, does not exist.
    #[error("the function cannot be started: `{program}` does not exist")]
    StartFileMissing {
        /// The start command.
        program: String,
    },
    /// The start command may not be executed or is no program.
    #[error("the function cannot be started: `{program}` is not executable")]
    StartFileNotExecutable {
        /// The start command.
        program: String,
    },
    /// The process ended before it was ready.
    #[error("the function cannot be started: its process ended{} before it was ready{output}", how(.exit))]
    Exited {
        /// How it ended, if that is known.
        exit: Option<Exit>,
        /// The end of what it printed, beginning with a separator; may be empty.
        output: String,
    },
    /// The process was not ready in time.
    #[error("the function was not ready within {limit:?}")]
    NotStarted {
        /// The time it had.
        limit: Duration,
    },
    /// The result has more bytes than allowed.
    #[error("the response has more than {limit} bytes")]
    ResponseTooLarge {
        /// The most that is allowed.
        limit: usize,
    },
    /// The function's answer was not understood.
    #[error("the function's answer breaks the protocol: {reason}")]
    BadResponse {
        /// What is wrong with it.
        reason: String,
    },
    /// Another instance runs on the only port that this one can have.
    #[error(
        "port {port} is in use by another instance, and this machine cannot give programs ports of their own"
    )]
    PortBusy {
        /// The port.
        port: u16,
    },
    /// A layer of isolation is required that this machine does not offer.
    #[error("functions must not run without the isolation layer `{layer}`: {reason}")]
    IsolationMissing {
        /// The layer.
        layer: crate::isolation::Layer,
        /// Why it is not in force.
        reason: String,
    },
    /// The machine refused something that an instance needs.
    #[error("cannot start an instance: {action}")]
    Machine {
        /// What was being done.
        action: &'static str,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl InvokeError {
    /// Whether the same call may succeed later without anybody changing the function.
    pub fn is_retryable(&self) -> bool {
        match self {
            InvokeError::ResourceExhausted { .. }
            | InvokeError::FunctionResourceExhausted { .. }
            | InvokeError::Stopping
            | InvokeError::PortBusy { .. }
            | InvokeError::Machine { .. } => true,
            InvokeError::RuntimeNotOffered { .. }
            | InvokeError::InterpreterMissing { .. }
            | InvokeError::StartFileMissing { .. }
            | InvokeError::StartFileNotExecutable { .. }
            | InvokeError::Exited { .. }
            | InvokeError::NotStarted { .. }
            | InvokeError::ResponseTooLarge { .. }
            | InvokeError::BadResponse { .. }
            | InvokeError::IsolationMissing { .. } => false,
        }
    }

    pub(crate) fn machine(action: &'static str) -> impl FnOnce(std::io::Error) -> InvokeError {
        move |source| InvokeError::Machine { action, source }
    }
}

fn how(exit: &Option<Exit>) -> String {
    match exit {
        Some(Exit::Code(code)) => format!(" with code {code}"),
        Some(Exit::Signal(signal)) => format!(" by signal {signal}"),
        None => String::new(),
    }
}
