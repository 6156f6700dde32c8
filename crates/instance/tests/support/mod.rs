//! What the tests of all runtimes need: a machine with instances, functions made of a few lines, and their logs.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, each of which uses its own part"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kulkul_instance::{
    Call, Completed, CustomSettings, FunctionErrorKind, InstanceSpec, Instances, InstancesConfig,
    InvokeError, LogLine, LogSink, LogTail, RevisionId, Wish,
};
use kulkul_model::{Qualifier, RequestId};
use tempfile::TempDir;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// One line that a function logged.
#[derive(Clone, Debug)]
pub struct Line {
    pub request: Option<String>,
    pub text: String,
}

#[derive(Default)]
pub struct Lines(Mutex<Vec<Line>>);

impl LogSink for Lines {
    fn line(&self, line: LogLine<'_>) {
        let request = line.request_id.map(ToString::to_string);
        self.0.lock().unwrap().push(Line { request, text: line.text.to_owned() });
    }
}

impl Lines {
    pub fn all(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }

    pub fn texts(&self) -> Vec<String> {
        self.all().into_iter().map(|line| line.text).collect()
    }

    /// The lines of one invocation.
    pub fn of(&self, request: &str) -> Vec<String> {
        self.all()
            .into_iter()
            .filter(|line| line.request.as_deref() == Some(request))
            .map(|line| line.text)
            .collect()
    }

    pub fn contain(&self, part: &str) -> bool {
        self.all().iter().any(|line| line.text.contains(part))
    }
}

/// Instances in a directory of their own.
pub struct Machine {
    pub instances: Instances,
    pub log: Arc<Lines>,
    pub directory: TempDir,
}

impl Machine {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut InstancesConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = InstancesConfig::new(directory.path().join("run"));
        // The same tests on a machine that offers no namespaces.
        if std::env::var_os("KULKUL_TEST_WITHOUT_NAMESPACES").is_some() {
            config.isolation.namespaces = Wish::Off;
        }
        change(&mut config);
        let log = Arc::new(Lines::default());
        let instances = Instances::new(config, log.clone()).unwrap();
        Self { instances, log, directory }
    }

    /// A function made of these files, with changes to its usual settings.
    pub fn function_with(
        &self,
        runtime: &str,
        files: &[(&str, &str)],
        change: impl FnOnce(&mut InstanceSpec),
    ) -> Arc<InstanceSpec> {
        use std::os::unix::fs::PermissionsExt;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let code_dir: PathBuf = self.directory.path().join(format!("code-{number}"));
        for (name, text) in files {
            let path = code_dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut spec = InstanceSpec {
            revision: RevisionId::new(&format!("revision-{number}")),
            function: format!("function-{number}").parse().unwrap(),
            account: "1234567890123456".parse().unwrap(),
            region: "cn-hangzhou".parse().unwrap(),
            runtime: runtime.parse().unwrap(),
            handler: "index.handler".into(),
            code_dir,
            layers_dir: None,
            environment: BTreeMap::new(),
            memory_mib: 512,
            timeout: Duration::from_secs(20),
            instance_concurrency: 1,
            idle_timeout: None,
            initializer: None,
            pre_stop: None,
            custom: CustomSettings::default(),
            version_id: "LATEST".into(),
            log_project: "project".into(),
            log_store: "store".into(),
            credentials: None,
        };
        change(&mut spec);
        Arc::new(spec)
    }

    /// A Python function made of one file.
    pub fn python(&self, code: &str) -> Arc<InstanceSpec> {
        self.function_with("python3.11", &[("index.py", code)], |_| {})
    }

    pub async fn try_invoke(
        &self,
        spec: &Arc<InstanceSpec>,
        payload: impl Into<Bytes>,
    ) -> Result<Completed, InvokeError> {
        self.instances.invoke(spec, call(payload)).await
    }

    pub async fn invoke(&self, spec: &Arc<InstanceSpec>, payload: impl Into<Bytes>) -> Completed {
        self.try_invoke(spec, payload).await.unwrap()
    }

    /// What the function returned, as text; fails the test when it failed.
    pub async fn result(&self, spec: &Arc<InstanceSpec>, payload: impl Into<Bytes>) -> String {
        let completed = self.invoke(spec, payload).await;
        match completed.outcome {
            Ok(result) => String::from_utf8(result.to_vec()).unwrap(),
            Err(error) => panic!("{}: {}", error.kind, String::from_utf8_lossy(&error.report)),
        }
    }

    /// How the function failed; fails the test when it did not.
    pub async fn error(
        &self,
        spec: &Arc<InstanceSpec>,
        payload: impl Into<Bytes>,
    ) -> (FunctionErrorKind, serde_json::Value) {
        let error = self.invoke(spec, payload).await.outcome.unwrap_err();
        (error.kind, serde_json::from_slice(&error.report).unwrap())
    }
}

/// A call with an id of its own.
pub fn call(payload: impl Into<Bytes>) -> Call {
    Call {
        request_id: RequestId::from_text(&format!("1-{:08x}", NEXT.fetch_add(1, Ordering::Relaxed))),
        qualifier: Qualifier::latest(),
        payload: payload.into(),
        log_tail: LogTail::None,
        retry_count: 0,
    }
}

/// Waits until `condition` holds; fails the test after ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process with this number exists and has not ended.
pub fn process_runs(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

/// Whether any process of the machine was started with this argument.
pub fn some_process_has_argument(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes()))
}
