//! The table of settings.

use std::num::NonZeroU32;
use std::time::Duration;

use kulkul_instance::{IsolationConfig, Wish};
use kulkul_model::BusName;
use kulkul_model::units::{bytes, duration};

use crate::config::{Config, receive};

/// One setting.
pub struct Setting {
    /// Its name in the file.
    pub key: &'static str,
    /// Its name in the environment.
    pub environment: &'static str,
    /// Its default, as one would write it.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Reads a value; the error is a predicate.
    pub apply: fn(&mut Config, &str) -> Result<(), String>,
}

macro_rules! setting {
    ($key:literal, $environment:literal, $default:literal, $meaning:literal, $apply:expr) => {
        Setting { key: $key, environment: $environment, default: $default, meaning: $meaning, apply: $apply }
    };
}

/// Every setting, in the order of the reference.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "listen",
        "KULKUL_LISTEN",
        "127.0.0.1:7500",
        "Address of the API. Port 0 picks a free one; `addresses.json` in the data directory says which.",
        |c, v| {
            c.listen = parsed(v, "an address such as `127.0.0.1:7500`")?;
            Ok(())
        }
    ),
    setting!(
        "objects_listen",
        "KULKUL_OBJECTS_LISTEN",
        "127.0.0.1:7501",
        "Address of the buckets.",
        |c, v| {
            c.objects_listen = parsed(v, "an address such as `127.0.0.1:7501`")?;
            Ok(())
        }
    ),
    setting!(
        "data_dir",
        "KULKUL_DATA_DIR",
        "kulkul-data",
        "Directory that everything is kept in. Made when it is missing.",
        |c, v| {
            c.data_dir = v.into();
            Ok(())
        }
    ),
    setting!("account_id", "KULKUL_ACCOUNT_ID", "1000000000000001", "The account in every ARN.", |c, v| {
        c.account_id = v.parse().map_err(|e| format!("is {e}"))?;
        Ok(())
    }),
    setting!("region", "KULKUL_REGION", "cn-hangzhou", "The region in every ARN.", |c, v| {
        c.region = v.parse().map_err(|e| format!("is {e}"))?;
        Ok(())
    }),
    setting!(
        "access_key_id",
        "KULKUL_ACCESS_KEY_ID",
        "",
        "Id of the first admin key, used only when the data directory is new. A random one is made without it.",
        |c, v| {
            c.first_key.get_or_insert_default().0 = v.to_owned();
            Ok(())
        }
    ),
    setting!(
        "access_key_secret",
        "KULKUL_ACCESS_KEY_SECRET",
        "",
        "Secret of the first admin key. Better in the environment than in a file.",
        |c, v| {
            c.first_key.get_or_insert_default().1 = v.to_owned();
            Ok(())
        }
    ),
    setting!(
        "connection_count_max",
        "KULKUL_CONNECTION_COUNT_MAX",
        "4096",
        "Connections at once on each listener. Further ones wait in the backlog of the system.",
        |c, v| {
            c.connection_count_max = at_least_one(v)?;
            Ok(())
        }
    ),
    setting!(
        "header_timeout",
        "KULKUL_HEADER_TIMEOUT",
        "30s",
        "How long the headers of a request may take, and how long a kept connection may be idle.",
        |c, v| {
            c.header_timeout = wait(v)?;
            Ok(())
        }
    ),
    setting!(
        "body_timeout",
        "KULKUL_BODY_TIMEOUT",
        "60s",
        "How long a request's body may stand still.",
        |c, v| {
            c.body_timeout = wait(v)?;
            Ok(())
        }
    ),
    setting!(
        "shutdown_grace",
        "KULKUL_SHUTDOWN_GRACE",
        "10s",
        "How long a shutdown waits for requests and attempts under way.",
        |c, v| {
            c.shutdown_grace = duration(v)?;
            Ok(())
        }
    ),
    setting!(
        "event_bytes_max",
        "KULKUL_EVENT_BYTES_MAX",
        "256KiB",
        "Size of one event as compact JSON, before the bus adds its attributes.",
        |c, v| {
            c.event_bytes_max = size_from_one(v)?;
            Ok(())
        }
    ),
    setting!(
        "target_concurrency",
        "KULKUL_TARGET_CONCURRENCY",
        "8",
        "Attempts under way at once at a target that does not say otherwise.",
        |c, v| {
            c.target_concurrency = parsed::<NonZeroU32>(v, "a number from 1")?;
            Ok(())
        }
    ),
    setting!(
        "allow_targets",
        "KULKUL_ALLOW_TARGETS",
        "",
        "Where requests to targets may go: a list of `public`, `loopback` and `private`. Without it `public`, and `loopback` when the server itself listens on nothing else. Link-local addresses never.",
        |c, v| {
            c.allow_targets = Some(v.parse().map_err(|e| format!("is `{v}`, but {e}"))?);
            Ok(())
        }
    ),
    setting!(
        "http_target_timeout",
        "KULKUL_HTTP_TARGET_TIMEOUT",
        "5s",
        "How long an attempt at an HTTP target may take, from resolving the name to the end of the answer.",
        |c, v| {
            c.http_target_timeout = wait(v)?;
            Ok(())
        }
    ),
    setting!(
        "http_target_connect_timeout",
        "KULKUL_HTTP_TARGET_CONNECT_TIMEOUT",
        "3s",
        "How long connecting to an HTTP target may take; part of the time above, and all of it when that is shorter and this is not given.",
        |c, v| {
            c.http_target_connect_timeout = wait(v)?;
            Ok(())
        }
    ),
    setting!(
        "http_target_retry_client_errors",
        "KULKUL_HTTP_TARGET_RETRY_CLIENT_ERRORS",
        "true",
        "Whether a target over HTTP, an API destination included, is tried again after a 4xx. With `false`, a 4xx other than 408, 425 and 429 ends the delivery at once.",
        |c, v| {
            c.http_target_retry_client_errors = flag(v)?;
            Ok(())
        }
    ),
    setting!(
        "numeric_equality",
        "KULKUL_NUMERIC_EQUALITY",
        "false",
        "Whether patterns compare numbers by value (`300` matches `3.0e2`) instead of by their text.",
        |c, v| {
            c.numeric_equality = flag(v)?;
            Ok(())
        }
    ),
    setting!(
        "own_events",
        "KULKUL_OWN_EVENTS",
        "true",
        "Whether operations on functions, triggers, buses and rules, the ends of asynchronous invocations and broken instances are events on the bus `default`.",
        |c, v| {
            c.own_events = flag(v)?;
            Ok(())
        }
    ),
    setting!(
        "trace_age_max",
        "KULKUL_TRACE_AGE_MAX",
        "7d",
        "How long events and their traces are kept once nobody is owed them any more.",
        |c, v| {
            c.trace_age_max = duration(v)?;
            Ok(())
        }
    ),
    setting!(
        "trace_bytes_max",
        "KULKUL_TRACE_BYTES_MAX",
        "4GiB",
        "How much space such events may take; the oldest go first.",
        |c, v| {
            c.trace_bytes_max = bytes(v)?;
            Ok(())
        }
    ),
    setting!(
        "held_up_max",
        "KULKUL_HELD_UP_MAX",
        "24h",
        "How long a target that keeps failing may hold up what is owed to it, beyond the time of its next attempt, before that is given up.",
        |c, v| {
            c.held_up_max = duration(v)?;
            Ok(())
        }
    ),
    setting!(
        "dead_letter_age_max",
        "KULKUL_DEAD_LETTER_AGE_MAX",
        "14d",
        "How long a dead letter is kept, with its event, after its delivery was given up.",
        |c, v| {
            c.dead_letter_age_max = duration(v)?;
            Ok(())
        }
    ),
    setting!(
        "instance_count_max",
        "KULKUL_INSTANCE_COUNT_MAX",
        "64",
        "Instances of all functions at once. A synchronous call beyond it is answered 429, an asynchronous one waits.",
        |c, v| {
            c.instance_count_max = at_least_one(v)?;
            Ok(())
        }
    ),
    setting!(
        "trigger_count_max",
        "KULKUL_TRIGGER_COUNT_MAX",
        "10000",
        "Triggers of one function.",
        |c, v| {
            c.trigger_count_max = at_least_one(v)?;
            Ok(())
        }
    ),
    setting!(
        "strict_runtimes",
        "KULKUL_STRICT_RUNTIMES",
        "false",
        "Whether a function is refused when the exact interpreter of its runtime is missing, instead of running on the nearest one.",
        |c, v| {
            c.strict_runtimes = flag(v)?;
            Ok(())
        }
    ),
    setting!(
        "function_namespaces",
        "KULKUL_FUNCTION_NAMESPACES",
        "prefer",
        "Whether functions run in namespaces of their own: `off`, `prefer` (where the machine offers it) or `require` (no function runs without).",
        |c, v| {
            c.isolation.namespaces = wish(v)?;
            Ok(())
        }
    ),
    setting!(
        "function_system_call_filter",
        "KULKUL_FUNCTION_SYSTEM_CALL_FILTER",
        "prefer",
        "Whether functions are denied system calls that none of them needs: `off`, `prefer` or `require`.",
        |c, v| {
            c.isolation.system_call_filter = wish(v)?;
            Ok(())
        }
    ),
    setting!(
        "function_file_rules",
        "KULKUL_FUNCTION_FILE_RULES",
        "prefer",
        "Whether functions without namespaces may reach only the files that they would see with them (Landlock): `off`, `prefer` or `require`.",
        |c, v| {
            c.isolation.file_rules = wish(v)?;
            Ok(())
        }
    ),
    setting!(
        "function_port_redirection",
        "KULKUL_FUNCTION_PORT_REDIRECTION",
        "prefer",
        "Whether custom runtimes that insist on their configured port get one of their own: `off` (one instance at a time runs on each port), `prefer` or `require`.",
        |c, v| {
            c.isolation.port_redirection = wish(v)?;
            Ok(())
        }
    ),
    setting!(
        "function_user",
        "KULKUL_FUNCTION_USER",
        "65534",
        "The user id that functions run as when the server is root. It should own nothing.",
        |c, v| {
            c.isolation.function_user = parsed(v, "a user id")?;
            Ok(())
        }
    ),
    setting!(
        "function_group",
        "KULKUL_FUNCTION_GROUP",
        "65534",
        "The group id that goes with it.",
        |c, v| {
            c.isolation.function_group = parsed(v, "a group id")?;
            Ok(())
        }
    ),
    setting!(
        "public_url",
        "KULKUL_PUBLIC_URL",
        "",
        "Base URL under which others reach the API, such as `https://hub.example.com`: for links, since signatures of pushes cover it, and for the certificate with which our own pushes are checked. Without it, the address in use.",
        |c, v| {
            c.public_url = Some(receive::base_url(v)?);
            Ok(())
        }
    ),
    setting!(
        "push_keys",
        "KULKUL_PUSH_KEYS",
        "",
        "PEM file with the certificates or public RSA keys of those who may push events to `/push/{bus}`, or the PEM text itself. Nobody may without it.",
        |c, v| {
            c.push_keys = receive::push_keys(v)?;
            Ok(())
        }
    ),
    setting!(
        "push_token",
        "KULKUL_PUSH_TOKEN",
        "",
        "Token that pushes must carry. Better in the environment than in a file.",
        |c, v| {
            c.push_token = Some(receive::token(v)?);
            Ok(())
        }
    ),
    setting!(
        "cloud_monitor_token",
        "KULKUL_CLOUD_MONITOR_TOKEN",
        "",
        "Token in the URL of CloudMonitor's notifications, `/cloudmonitor/{bus}?token=…`. None are taken without it.",
        |c, v| {
            c.cloud_monitor_token = Some(receive::token(v)?);
            Ok(())
        }
    ),
    setting!(
        "trusted_proxies",
        "KULKUL_TRUSTED_PROXIES",
        "",
        "Addresses or networks of proxies whose `x-real-ip` and `x-forwarded-proto` count for webhooks, such as `127.0.0.1, 10.0.0.0/8`.",
        |c, v| {
            c.trusted_proxies = receive::networks(v)?;
            Ok(())
        }
    ),
    setting!(
        "action_trail_bucket",
        "KULKUL_ACTION_TRAIL_BUCKET",
        "",
        "Bucket of this server whose ActionTrail files become events. None do without it.",
        |c, v| {
            c.action_trail_bucket = Some(v.to_owned()).filter(|bucket| !bucket.is_empty());
            Ok(())
        }
    ),
    setting!(
        "action_trail_prefix",
        "KULKUL_ACTION_TRAIL_PREFIX",
        "",
        "What the keys of those files start with, such as `logs/AliyunLogs/Actiontrail/`. All files of the bucket without it.",
        |c, v| {
            c.action_trail_prefix = v.to_owned();
            Ok(())
        }
    ),
    setting!(
        "action_trail_bus",
        "KULKUL_ACTION_TRAIL_BUS",
        "default",
        "Bus that gets their events.",
        |c, v| {
            c.action_trail_bus = v.parse().map_err(|e| format!("is {e}"))?;
            Ok(())
        }
    ),
    setting!(
        "watched_directories",
        "KULKUL_WATCHED_DIRECTORIES",
        "",
        "Directories in which files that appear become events, with the source of those events: `inbox=/srv/inbox, drop=/srv/drop`.",
        |c, v| {
            c.watched_directories = receive::directories(v)?;
            Ok(())
        }
    ),
    setting!(
        "watched_directories_bus",
        "KULKUL_WATCHED_DIRECTORIES_BUS",
        "default",
        "Bus that gets their events.",
        |c, v| {
            c.watched_directories_bus = v.parse().map_err(|e| format!("is {e}"))?;
            Ok(())
        }
    ),
    setting!(
        "business_errors_409",
        "KULKUL_BUSINESS_ERRORS_409",
        "false",
        "Whether refusals of the EventBridge API are answered with HTTP 409 instead of 200 and `Success: false`.",
        |c, v| {
            c.business_errors_409 = flag(v)?;
            Ok(())
        }
    ),
];

/// A configuration in which every setting has its default.
pub fn defaults() -> Config {
    let mut config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        objects_listen: ([127, 0, 0, 1], 0).into(),
        data_dir: Default::default(),
        account_id: "1".parse().expect("a digit is an account id"),
        region: "local".parse().expect("a word is a region"),
        first_key: None,
        connection_count_max: 1,
        header_timeout: Default::default(),
        body_timeout: Default::default(),
        shutdown_grace: Default::default(),
        event_bytes_max: 0,
        target_concurrency: NonZeroU32::MIN,
        allow_targets: None,
        http_target_timeout: Default::default(),
        http_target_connect_timeout: Default::default(),
        http_target_retry_client_errors: true,
        numeric_equality: false,
        own_events: true,
        trace_age_max: Default::default(),
        trace_bytes_max: 0,
        dead_letter_age_max: Default::default(),
        held_up_max: Default::default(),
        instance_count_max: 1,
        trigger_count_max: 1,
        strict_runtimes: false,
        isolation: IsolationConfig::default(),
        public_url: None,
        push_keys: Default::default(),
        push_token: None,
        cloud_monitor_token: None,
        trusted_proxies: Vec::new(),
        action_trail_bucket: None,
        action_trail_prefix: String::new(),
        action_trail_bus: BusName::default_bus(),
        watched_directories: Vec::new(),
        watched_directories_bus: BusName::default_bus(),
        business_errors_409: false,
    };
    for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
        (setting.apply)(&mut config, setting.default).expect("a test reads every default");
    }
    config
}

/// The reference of the settings, in Markdown: the text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         A server reads a TOML file (`--config FILE`), then the environment, then its flags; the later one wins.\n\
         Durations are written `250ms`, `30s`, `15m`, `12h`, `7d`; sizes `512`, `256KiB`, `64MiB`, `2GiB`.\n\
         `serve` has the flags `--listen`, `--objects-listen` and `--data-dir`; `--set KEY=VALUE` sets any of them.\n\
         Every problem is reported at once, before a port is bound. A variable `KULKUL_…` that is none of these is told of in\n\
         the log, with the one that was probably meant; beside them there are `KULKUL_CONFIG`, the file, and `KULKUL_LOG`, what\n\
         is logged (`info`, `debug`, `kulkul_delivery=debug`).\n\n\
         | setting | environment | default | meaning |\n| --- | --- | --- | --- |\n",
    );
    for Setting { key, environment, default, meaning, .. } in SETTINGS {
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
        text.push_str(&format!("| `{key}` | `{environment}` | {default} | {meaning} |\n"));
    }
    text
}

fn parsed<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("is `{text}`, but must be {what}"))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    Ok(parsed::<std::num::NonZeroUsize>(text, "a number from 1")?.get())
}

fn size_from_one(text: &str) -> Result<usize, String> {
    match usize::try_from(bytes(text)?) {
        Ok(0) => Err(format!("is `{text}`, but must be at least 1")),
        Ok(size) => Ok(size),
        Err(_) => Err(format!("is `{text}`, which does not fit into memory")),
    }
}

/// How long something may take: with no time at all, nothing would ever get done.
fn wait(text: &str) -> Result<Duration, String> {
    let wait = duration(text)?;
    if wait.is_zero() {
        return Err(format!("is `{text}`, but must be at least 1ms"));
    }
    Ok(wait)
}

fn wish(text: &str) -> Result<Wish, String> {
    match text {
        "off" => Ok(Wish::Off),
        "prefer" => Ok(Wish::Prefer),
        "require" => Ok(Wish::Require),
        _ => Err(format!("is `{text}`, but must be `off`, `prefer` or `require`")),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    parsed(&text.to_ascii_lowercase(), "`true` or `false`")
}
