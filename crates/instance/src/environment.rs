//! The environment variables of a function.
//!
//! Source: Function Compute 3.0, "Environment variables". A function starts from nothing: none of the server's own
//! variables reach it.

use std::collections::BTreeMap;

use kulkul_model::{CustomBase, Runtime};

use crate::call::InstanceId;
use crate::spec::InstanceSpec;

/// Where an instance finds its things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The code.
    pub(crate) code: String,
    /// The layers; the directory may not exist.
    pub(crate) layers: Option<String>,
    /// Its private directory for temporary files.
    pub(crate) temporary: String,
}

/// The variables of one instance. The function's own come before the defaults, and the platform's before both.
pub(crate) fn environment(
    spec: &InstanceSpec,
    instance: &InstanceId,
    places: &Places,
    port: Option<u16>,
) -> BTreeMap<String, String> {
    let mut all = defaults(places);
    let own = |(name, value): (&String, &String)| (name.clone(), value.clone());
    all.extend(spec.environment.iter().filter(|(name, _)| !name.starts_with("FC_")).map(own));
    let mut set = |name: &str, value: String| {
        all.insert(name.to_owned(), value);
    };
    set("FC_FUNC_CODE_PATH", places.code.clone());
    set("FC_ACCOUNT_ID", spec.account.to_string());
    set("FC_REGION", spec.region.to_string());
    set("FC_FUNCTION_NAME", spec.function.to_string());
    set("FC_FUNCTION_HANDLER", spec.handler.clone());
    set("FC_FUNCTION_MEMORY_SIZE", spec.memory_mib.to_string());
    set("FC_INSTANCE_ID", instance.to_string());
    set("FC_RUNTIME", spec.runtime.to_string());
    set("FC_TIMEOUT", spec.timeout.as_secs().to_string());
    match spec.runtime {
        Runtime::Custom(CustomBase::Debian11 | CustomBase::Debian12) => {
            set("FC_FUNCTION_VERSION", spec.version_id.clone());
        }
        Runtime::Custom(CustomBase::Unnamed | CustomBase::Debian10) => {
            set("FC_VER_ID", spec.version_id.clone())
        }
        Runtime::Python { .. } | Runtime::Node { .. } | Runtime::NotOffered(_) => {
            set("FC_FUNCTION_VERSION", spec.version_id.clone());
            set("FC_VER_ID", spec.version_id.clone());
        }
    }
    if let Some(hook) = &spec.initializer {
        set("FC_INITIALIZER_HANDLER", hook.handler.clone());
        set("FC_INITIALIZATION_TIMEOUT", hook.timeout.as_secs().to_string());
    }
    if let Some(port) = port {
        set("FC_CUSTOM_LISTEN_PORT", port.to_string());
        set("FC_SERVER_PORT", port.to_string());
    }
    if let Some(key) = spec.credentials.as_ref().filter(|key| key.in_environment) {
        set("ALIBABA_CLOUD_ACCESS_KEY_ID", key.access_key_id.clone());
        set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret.clone());
        set("ALIBABA_CLOUD_SECURITY_TOKEN", key.security_token.clone());
    }
    all
}

fn defaults(places: &Places) -> BTreeMap<String, String> {
    let layer =
        |folder: &str| places.layers.as_ref().map(|layers| format!(":{layers}{folder}")).unwrap_or_default();
    let code = &places.code;
    let system = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin";
    let pairs = [
        ("PATH", format!("{code}:{code}/bin{}:{system}", layer("/bin"))),
        ("LD_LIBRARY_PATH", format!("{code}:{code}/lib{}", layer("/lib"))),
        ("HOME", places.temporary.clone()),
        ("TMPDIR", places.temporary.clone()),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
