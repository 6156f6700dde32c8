//! What a shim is told about the function that it becomes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::environment::Places;
use crate::spec::InstanceSpec;

/// The body of the frames `FORK` and `START`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartDocument<'a> {
    /// Counts the requests to one zygote; 0 elsewhere.
    pub(crate) sequence: u64,
    environment: &'a BTreeMap<String, String>,
    code_path: &'a str,
    module_paths: Vec<String>,
    handler: &'a str,
    initializer: Option<&'a str>,
    pre_stop: Option<&'a str>,
    response_bytes_max: usize,
    runtime_version: u8,
    /// Only for forks of a zygote; others are enclosed before they start.
    pub(crate) enclosure: Option<ForkEnclosure>,
    /// Whether rules about files come along as a third descriptor; only for forks of a zygote.
    pub(crate) restricted: bool,
    /// The system call filter, base64; only for forks of a zygote.
    pub(crate) forbidden: Option<String>,
    context: Context<'a>,
}

/// How a fork encloses itself.
#[derive(Serialize)]
pub(crate) struct ForkEnclosure {
    /// Source below the machine's tree as the zygote sees it, target, whether it is writable.
    pub(crate) binds: Vec<(String, String, bool)>,
    /// Where the zygote sees the machine's tree.
    pub(crate) host: &'static str,
    /// User and group to become; without, all rights within the user namespace are given up.
    pub(crate) user: Option<(u32, u32)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    name: &'a str,
    handler: &'a str,
    memory: u32,
    timeout: u64,
    version_id: &'a str,
    log_project: &'a str,
    log_store: &'a str,
    region: &'a str,
    account_id: &'a str,
    credentials: Credentials<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    access_key_id: &'a str,
    access_key_secret: &'a str,
    security_token: &'a str,
}

impl<'a> StartDocument<'a> {
    pub(crate) fn new(
        spec: &'a InstanceSpec,
        environment: &'a BTreeMap<String, String>,
        places: &'a Places,
        response_bytes_max: usize,
    ) -> Self {
        use kulkul_model::Runtime;
        let (folder, runtime_version) = match spec.runtime {
            Runtime::Python { minor } => ("/python", minor),
            Runtime::Node { major } => ("/nodejs/node_modules", major),
            Runtime::Custom(_) | Runtime::NotOffered(_) => ("", 0),
        };
        let credentials = spec.credentials.as_ref().filter(|key| key.in_requests);
        Self {
            sequence: 0,
            environment,
            code_path: &places.code,
            module_paths: places.layers.iter().map(|layers| format!("{layers}{folder}")).collect(),
            handler: &spec.handler,
            initializer: spec.initializer.as_ref().map(|hook| hook.handler.as_str()),
            pre_stop: spec.pre_stop.as_ref().map(|hook| hook.handler.as_str()),
            response_bytes_max,
            runtime_version,
            enclosure: None,
            restricted: false,
            forbidden: None,
            context: Context {
                name: spec.function.as_str(),
                handler: &spec.handler,
                memory: spec.memory_mib,
                timeout: spec.timeout.as_secs(),
                version_id: &spec.version_id,
                log_project: &spec.log_project,
                log_store: &spec.log_store,
                region: spec.region.as_str(),
                account_id: spec.account.as_str(),
                credentials: credentials.map_or_else(Credentials::default, |key| Credentials {
                    access_key_id: &key.access_key_id,
                    access_key_secret: &key.access_key_secret,
                    security_token: &key.security_token,
                }),
            },
        }
    }
}
