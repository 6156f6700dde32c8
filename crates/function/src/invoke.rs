//! Synchronous invocations: one run, no retries.

use std::time::Duration;

use bytes::Bytes;
use kulkul_instance::{Call, Completed, InstanceId, InvokeError, LogTail, MemoryUse, Start};
use kulkul_model::{FunctionName, InvocationId, Qualifier};

use crate::{FunctionError, Functions};

/// The limits on payloads.
///
/// Source: Function Compute 2023-03-30, limits page: 32 MB synchronous, 128 KB asynchronous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Of a synchronous invocation.
    pub sync_bytes_max: usize,
    /// Of an asynchronous invocation.
    pub async_bytes_max: usize,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { sync_bytes_max: 32 * 1024 * 1024, async_bytes_max: 128 * 1024 }
    }
}

/// What a caller says beside function and payload.
#[derive(Clone, Debug)]
pub struct InvokeOptions {
    /// The id under which the function sees and logs the call.
    pub invocation: InvocationId,
    /// Whether the answer carries the end of the log.
    pub log_tail: LogTail,
    /// How many attempts at the same thing have failed before.
    pub failed: u32,
}

/// A function that ran to its end, well or badly.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub id: InvocationId,
    /// What it returned, or how it failed.
    pub outcome: Result<Bytes, kulkul_instance::FunctionError>,
    /// How long the handler took.
    pub duration: Duration,
    /// The most memory that the instance has used.
    pub memory_max: MemoryUse,
    /// The end of its log, when that was asked for.
    pub log_tail: Option<String>,
    /// The instance that it ran in.
    pub instance: InstanceId,
    /// Whether that was started for it.
    pub start: Start,
    /// The CRC-64 of the code that ran.
    pub code_crc64: u64,
    /// The version that the qualifier chose.
    pub version: String,
}

/// Why a function was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum InvokeFunctionError {
    /// The call is refused.
    #[error(transparent)]
    Refused(#[from] FunctionError),
    /// There was no instance to run it in, or it broke.
    #[error(transparent)]
    Run(#[from] InvokeError),
    /// An asynchronous invocation with this task id was accepted before.
    #[error("async task '{task_id}' of function '{function}' already exists")]
    TaskAlreadyExists {
        /// The function.
        function: FunctionName,
        /// The id.
        task_id: String,
    },
}

impl InvokeFunctionError {
    /// Whether the same call can succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_retryable(),
            Self::Run(error) => error.is_retryable(),
            Self::TaskAlreadyExists { .. } => false,
        }
    }
}

impl Functions {
    /// Runs a function and waits for its end.
    ///
    /// Dropping the future cancels the run, and the log of the function says so.
    pub async fn invoke(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
        payload: Bytes,
        options: InvokeOptions,
    ) -> Result<Invocation, InvokeFunctionError> {
        let entry = self.entry(name, qualifier)?;
        check_size(&payload, self.parts.options.payload.sync_bytes_max)?;
        let (function, spec) = self.ready(entry, qualifier).await?;
        let call = Call {
            request_id: options.invocation.clone(),
            qualifier: qualifier.clone(),
            payload,
            log_tail: options.log_tail,
            retry_count: options.failed,
        };
        let completed = self.parts.instances.invoke(&spec, call).await?;
        let Completed { outcome, duration, memory_max, instance, start, log_tail } = completed;
        Ok(Invocation {
            id: options.invocation,
            outcome,
            duration,
            memory_max,
            log_tail,
            instance,
            start,
            code_crc64: function.code.crc64,
            version: spec.version_id.clone(),
        })
    }
}

pub(crate) fn check_size(payload: &Bytes, bytes_max: usize) -> Result<(), FunctionError> {
    match payload.len() {
        bytes if bytes <= bytes_max => Ok(()),
        _ => Err(FunctionError::EntityTooLarge { bytes_max: bytes_max as u64 }),
    }
}
