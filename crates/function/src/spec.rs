//! What an instance needs to know of a function, made from its settings.

use std::path::PathBuf;
use std::time::Duration;

use kulkul_instance::{Credentials, CustomSettings, HealthCheck, Hook, InstanceSpec, RevisionId};
use kulkul_model::{Identity, Qualifier};
use serde_json::Value;

use crate::settings::{self, CredentialInjection, Settings};
use crate::{Function, TemporaryCredentials};

/// Source: Function Compute 2023-03-30, `CustomHealthCheckConfig`: what holds when a member is absent.
const HEALTH_INITIAL_DELAY_SECS: i64 = 0;
const HEALTH_PERIOD_SECS: i64 = 3;
const HEALTH_TIMEOUT_SECS: i64 = 1;
const HEALTH_FAILURE_THRESHOLD: i64 = 3;
const HEALTH_SUCCESS_THRESHOLD: i64 = 1;

/// Makes the specification of one revision.
pub(crate) fn of(
    function: &Function,
    revision: RevisionId,
    identity: &Identity,
    code_dir: PathBuf,
    credentials: Option<TemporaryCredentials>,
) -> InstanceSpec {
    let settings = &function.settings;
    let hooks = settings.hooks.clone().unwrap_or_default();
    let custom = settings.custom_runtime.clone().unwrap_or_default();
    InstanceSpec {
        revision,
        function: function.name.clone(),
        account: identity.account.clone(),
        region: identity.region.clone(),
        runtime: settings.runtime,
        handler: settings.handler.clone(),
        code_dir,
        layers_dir: None,
        environment: settings.environment.clone().unwrap_or_default(),
        memory_mib: settings.memory_mib,
        timeout: settings.timeout,
        instance_concurrency: u16::try_from(settings.instance_concurrency).unwrap_or(u16::MAX),
        idle_timeout: settings.idle_timeout,
        initializer: hooks.initializer.map(|hook| Hook { timeout: hook.timeout(), handler: hook.handler }),
        pre_stop: hooks.pre_stop.map(|hook| Hook { timeout: hook.timeout(), handler: hook.handler }),
        custom: CustomSettings {
            port: custom.port(),
            command: custom.command,
            arguments: custom.args,
            health_check: custom.health_check.and_then(health_check),
        },
        version_id: Qualifier::latest().as_str().to_owned(),
        log_project: log_config(settings, "project"),
        log_store: log_config(settings, "logstore"),
        credentials: credentials.and_then(|temporary| injected(temporary, settings.credentials)),
    }
}

/// A check without a path checks nothing.
fn health_check(check: settings::HealthCheck) -> Option<HealthCheck> {
    let path = check.http_get_url.filter(|path| !path.is_empty())?;
    let secs =
        |given: Option<i64>, default: i64| Duration::from_secs(given.unwrap_or(default).unsigned_abs());
    let count =
        |given: Option<i64>, default: i64| u32::try_from(given.unwrap_or(default)).unwrap_or(u32::MAX);
    Some(HealthCheck {
        path,
        initial_delay: secs(check.initial_delay_secs, HEALTH_INITIAL_DELAY_SECS),
        period: secs(check.period_secs, HEALTH_PERIOD_SECS),
        timeout: secs(check.timeout_secs, HEALTH_TIMEOUT_SECS),
        failure_threshold: count(check.failure_threshold, HEALTH_FAILURE_THRESHOLD),
        success_threshold: count(check.success_threshold, HEALTH_SUCCESS_THRESHOLD),
    })
}

fn log_config(settings: &Settings, member: &str) -> String {
    let value =
        settings.echoed.get("logConfig").and_then(|config| config.get(member)).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

fn injected(temporary: TemporaryCredentials, injection: CredentialInjection) -> Option<Credentials> {
    let (in_environment, in_requests) = match injection {
        CredentialInjection::Everywhere => (true, true),
        CredentialInjection::NotInEnvironment => (false, true),
        CredentialInjection::NotInRequest => (true, false),
        CredentialInjection::Nowhere => return None,
    };
    Some(Credentials {
        access_key_id: temporary.access_key_id,
        access_key_secret: temporary.access_key_secret,
        security_token: temporary.security_token,
        in_environment,
        in_requests,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_where_the_function_may_see_them() {
        let temporary = || TemporaryCredentials {
            access_key_id: "STS.1".into(),
            access_key_secret: "s".into(),
            security_token: "t".into(),
            expires_at: kulkul_model::Timestamp::MAX,
        };
        let places = |injection| injected(temporary(), injection).map(|c| (c.in_environment, c.in_requests));
        assert_eq!(places(CredentialInjection::Everywhere), Some((true, true)));
        assert_eq!(places(CredentialInjection::NotInEnvironment), Some((false, true)));
        assert_eq!(places(CredentialInjection::NotInRequest), Some((true, false)));
        assert_eq!(places(CredentialInjection::Nowhere), None);
    }

    #[test]
    fn a_health_check_has_the_documented_defaults() {
        let check = settings::HealthCheck { http_get_url: Some("/ready".into()), ..Default::default() };
        let made = health_check(check).unwrap();
        assert_eq!((made.period, made.timeout), (Duration::from_secs(3), Duration::from_secs(1)));
        assert_eq!((made.failure_threshold, made.success_threshold), (3, 1));
        assert_eq!(health_check(settings::HealthCheck::default()), None);
    }
}
