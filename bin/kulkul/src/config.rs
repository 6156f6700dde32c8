//! The configuration: one TOML file, the environment, and flags, in rising order.
//!
//! Every setting is a row of [`SETTINGS`]. The file, the environment, the reference in `docs/configuration.md` and
//! the defaults are all read from there, and every problem is reported at once, before a port is bound.

mod receive;
mod settings;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kulkul_access::Secret;
use kulkul_instance::IsolationConfig;
use kulkul_model::{AccountId, BusName, Region, nearest};
use kulkul_outbound::Reach;
use kulkul_push_signature::PushPublicKeys;
use kulkul_source::SourceName;
use kulkul_source::webhook::Network;

pub use settings::{SETTINGS, reference};

/// The values that a server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where the buckets listen.
    pub objects_listen: SocketAddr,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The account of every ARN.
    pub account_id: AccountId,
    /// The region of every ARN.
    pub region: Region,
    /// The first admin key, when the data directory is new.
    pub first_key: Option<(String, String)>,
    /// Connections at once on each listener.
    pub connection_count_max: usize,
    /// How long the headers of a request may take.
    pub header_timeout: Duration,
    /// How long a body may stand still.
    pub body_timeout: Duration,
    /// How long a shutdown waits for what is under way.
    pub shutdown_grace: Duration,
    /// Size of one event.
    pub event_bytes_max: usize,
    /// Attempts under way at once at one target.
    pub target_concurrency: NonZeroU32,
    /// Where requests to targets may go; `None` when the addresses that the server listens on decide.
    pub allow_targets: Option<Reach>,
    /// How long an attempt at an HTTP target may take.
    pub http_target_timeout: Duration,
    /// How long connecting to one may take.
    pub http_target_connect_timeout: Duration,
    /// Whether one that answers 4xx is tried again.
    pub http_target_retry_client_errors: bool,
    /// Whether numbers in patterns are compared by value.
    pub numeric_equality: bool,
    /// Whether operations on this server's own resources are events.
    pub own_events: bool,
    /// How long traces are kept.
    pub trace_age_max: Duration,
    /// How much space traced events may take.
    pub trace_bytes_max: u64,
    /// How long dead letters are kept.
    pub dead_letter_age_max: Duration,
    /// How long a parked target may hold up what is owed to it.
    pub held_up_max: Duration,
    /// Instances of all functions at once.
    pub instance_count_max: usize,
    /// Triggers of one function.
    pub trigger_count_max: usize,
    /// Whether a runtime whose exact interpreter is missing is refused.
    pub strict_runtimes: bool,
    /// How functions are kept away from everything else.
    pub isolation: IsolationConfig,
    /// Under which base URL others reach the API; the address in use when there is none.
    pub public_url: Option<String>,
    /// Who may push events.
    pub push_keys: PushPublicKeys,
    /// The token that pushes must carry.
    pub push_token: Option<Secret>,
    /// The token in the URL of CloudMonitor's notifications.
    pub cloud_monitor_token: Option<Secret>,
    /// Whose word about clients counts.
    pub trusted_proxies: Vec<Network>,
    /// Which files of ActionTrail are imported; none without a bucket.
    pub action_trail_bucket: Option<String>,
    /// What their keys start with.
    pub action_trail_prefix: String,
    /// The bus that gets their events.
    pub action_trail_bus: BusName,
    /// Directories that are watched, with the sources of their events.
    pub watched_directories: Vec<(SourceName, PathBuf)>,
    /// The bus that gets the events of watched directories.
    pub watched_directories_bus: BusName,
    /// Whether refusals of the EventBridge API are answered with HTTP 409 instead of 200.
    pub business_errors_409: bool,
}

impl Config {
    /// Where requests to targets may go. A server that nobody else can reach may reach itself.
    pub fn reach(&self) -> Reach {
        let local = self.listen.ip().is_loopback() && self.objects_listen.ip().is_loopback();
        self.allow_targets.unwrap_or(Reach { loopback: local, ..Reach::PUBLIC })
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem{}:\n{}", .0.len(), if .0.len() == 1 { "" } else { "s" }, .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// What the names of our variables start with.
const ENVIRONMENT_PREFIX: &str = "KULKUL_";
/// Those that are no settings.
const OTHER_VARIABLES: &[&str] = &["KULKUL_CONFIG", "KULKUL_LOG"];

/// A value with where it came from, for messages.
struct Given {
    key: String,
    value: String,
    origin: String,
}

impl Config {
    /// Reads the file (when one is named), then the environment, then the flags, given as keys and values.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut given = Vec::new();
        if let Some(file) = file {
            match read_file(file) {
                Ok(values) => given.extend(values),
                Err(problem) => problems.push(problem),
            }
        }
        given.extend(from_environment(environment));
        given.extend(flags.iter().map(|(key, value)| Given {
            key: (*key).to_owned(),
            value: value.clone(),
            origin: format!("--{}", key.replace('_', "-")),
        }));
        let connect_is_given = given.iter().any(|given| given.key == "http_target_connect_timeout");
        let mut config = settings::defaults();
        for Given { key, value, origin } in given {
            match SETTINGS.iter().find(|setting| setting.key == key) {
                None => problems.push(format!("  {origin}: there is no setting `{key}`{}", near(&key))),
                Some(setting) => {
                    if let Err(problem) = (setting.apply)(&mut config, &value) {
                        problems.push(format!("  {origin}: `{key}` {problem}"));
                    }
                }
            }
        }
        if !connect_is_given {
            // Whoever shortens the whole need not say that its part is shorter, too.
            let whole = config.http_target_timeout;
            config.http_target_connect_timeout = config.http_target_connect_timeout.min(whole);
        }
        problems.extend(contradictions(&config));
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }
}

fn contradictions(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if config.listen == config.objects_listen && config.listen.port() != 0 {
        problems.push(format!("  `listen` and `objects_listen` are both {}", config.listen));
    }
    if let Some((id, secret)) = &config.first_key
        && id.is_empty() != secret.is_empty()
    {
        problems.push("  KULKUL_ACCESS_KEY_ID and KULKUL_ACCESS_KEY_SECRET go together".to_owned());
    }
    let (whole, connect) = (config.http_target_timeout, config.http_target_connect_timeout);
    if connect > whole {
        problems.push(format!(
            "  `http_target_connect_timeout` is {connect:?}, and a part of `http_target_timeout`, which is {whole:?}"
        ));
    }
    problems
}

/// What is to be said about variables that are named like ours and that nobody reads, in the order of their names. They
/// are no problem that keeps a server down: others name variables, too.
pub fn strays(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_known = |name: &str| {
        OTHER_VARIABLES.contains(&name) || SETTINGS.iter().any(|setting| setting.environment == name)
    };
    let mut strays: Vec<String> =
        names.filter(|name| name.starts_with(ENVIRONMENT_PREFIX) && !is_known(name)).collect();
    strays.sort();
    let without_prefix = |name: &'static str| name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(name);
    let told = |name: String| {
        let wanted = name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(&name);
        let known = SETTINGS.iter().map(|setting| without_prefix(setting.environment));
        match nearest(wanted, known).first() {
            Some(meant) => format!("{name} is no setting; did you mean {ENVIRONMENT_PREFIX}{meant}?"),
            None => format!("{name} is no setting; docs/configuration.md lists them"),
        }
    };
    strays.into_iter().map(told).collect()
}

fn from_environment(environment: impl Iterator<Item = (String, String)>) -> Vec<Given> {
    let known = |name: &str| SETTINGS.iter().find(|setting| setting.environment == name);
    let mut given: Vec<Given> = environment
        .filter_map(|(name, value)| {
            let setting = known(&name)?;
            Some(Given { key: setting.key.to_owned(), value, origin: name })
        })
        .collect();
    given.sort_by(|a, b| a.key.cmp(&b.key));
    given
}

fn read_file(file: &Path) -> Result<Vec<Given>, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("  {shown}: {error}"))?;
    let table: toml::Table = text.parse().map_err(|error| format!("  {shown}: {error}"))?;
    table
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                _ => return Err(format!("  {shown}: `{key}` must be a string, a number or a boolean")),
            };
            Ok(Given { key, value, origin: shown.to_string() })
        })
        .collect()
}

/// A hint at the setting that was probably meant.
fn near(key: &str) -> String {
    let alike = |other: &str| {
        other.contains(key) || key.contains(other) || other.replace('_', "") == key.replace(['-', '_'], "")
    };
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    let misspelt = nearest(key, keys()).into_iter().next();
    match misspelt.or_else(|| keys().find(|other| alike(other)).map(str::to_owned)) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => "; docs/configuration.md lists them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kulkul.toml");
        std::fs::write(&file, toml).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let flags: Vec<_> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load(Some(&file), environment, &flags).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let toml = "region = \"cn-a\"\nlisten = \"127.0.0.1:1\"\naccount_id = 12";
        let environment = [("KULKUL_REGION", "cn-b"), ("KULKUL_LISTEN", "127.0.0.1:2")];
        let config = load(toml, &environment, &[("listen", "127.0.0.1:3")]).unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.region.as_str(), "cn-b");
        assert_eq!(config.account_id.as_str(), "12");
    }

    #[test]
    fn a_server_for_this_machine_alone_may_send_to_it() {
        let reach = |toml: &str| load(toml, &[], &[]).unwrap().reach().to_string();
        assert_eq!(reach(""), "public,loopback");
        assert_eq!(reach("listen = \"0.0.0.0:7500\""), "public");
        assert_eq!(reach("objects_listen = \"0.0.0.0:7501\""), "public");
        assert_eq!(reach("allow_targets = \"private\""), "private");
        let refused = load("allow_targets = \"public, moon\"", &[], &[]).unwrap_err();
        assert!(
            refused.contains("`allow_targets` is `public, moon`, but `moon` is not one of `public`,"),
            "{refused}"
        );
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let toml = "regoin = \"x\"\nshutdown_grace = \"soon\"\nevent_bytes_max = \"1TB\"";
        let problems = load(toml, &[("KULKUL_ACCOUNT_ID", "abc")], &[]).unwrap_err();
        for expected in [
            "4 problems",
            "there is no setting `regoin`; did you mean `region`?",
            "`shutdown_grace`",
            "`event_bytes_max`",
            "KULKUL_ACCOUNT_ID: `account_id`",
        ] {
            assert!(problems.contains(expected), "{expected}: {problems}");
        }
    }

    #[test]
    fn limits_of_nothing_are_refused() {
        let toml = "event_bytes_max = 0\nheader_timeout = \"0s\"\nbody_timeout = \"0m\"\n\
                    http_target_timeout = \"0ms\"\nhttp_target_connect_timeout = \"0s\"";
        let problems = load(toml, &[], &[]).unwrap_err();
        for expected in [
            "5 problems",
            "`event_bytes_max` is `0`, but must be at least 1",
            "`header_timeout` is `0s`, but must be at least 1ms",
            "`body_timeout` is `0m`",
            "`http_target_timeout` is `0ms`",
            "`http_target_connect_timeout` is `0s`",
        ] {
            assert!(problems.contains(expected), "{expected}: {problems}");
        }
    }

    #[test]
    fn connecting_is_a_part_of_an_attempt() {
        let whole = ("KULKUL_HTTP_TARGET_TIMEOUT", "1s");
        let config = load("", &[whole], &[]).unwrap();
        assert_eq!(config.http_target_connect_timeout, Duration::from_secs(1), "cut, as nobody asked for it");
        let config = load("http_target_connect_timeout = \"1s\"", &[whole], &[]).unwrap();
        assert_eq!(config.http_target_connect_timeout, Duration::from_secs(1));
        let refused = load("http_target_connect_timeout = \"2s\"", &[whole], &[]).unwrap_err();
        assert!(refused.contains("`http_target_connect_timeout` is 2s, and a part of"), "{refused}");
    }

    #[test]
    fn variables_that_nobody_reads_are_told_of() {
        let names =
            ["KULKUL_ALOW_TARGETS", "KULKUL_LOG", "KULKUL_REGION", "KULKUL_PORT", "PATH", "KULKUL_CONFIG"];
        let told = strays(names.into_iter().map(str::to_owned));
        assert_eq!(
            told,
            [
                "KULKUL_ALOW_TARGETS is no setting; did you mean KULKUL_ALLOW_TARGETS?",
                "KULKUL_PORT is no setting; docs/configuration.md lists them",
            ]
        );
    }

    #[test]
    fn the_reference_in_the_documents_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(written, reference(), "run `kulkul doctor --configuration > docs/configuration.md`");
    }
}
