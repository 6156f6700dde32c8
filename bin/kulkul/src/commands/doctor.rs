//! `kulkul doctor`: what this machine offers, and what is missing.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kulkul_instance::{Fit, Interpreters, Isolation, RuntimeChoice};
use kulkul_model::Runtime;
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::commands::EXIT_NO;
use crate::config::{Config, reference, strays};

/// The built-in runtimes that the newest SDKs offer.
const RUNTIMES: &[&str] = &["python3.9", "python3.10", "python3.12", "nodejs16", "nodejs18", "nodejs20"];

/// One thing that was looked at.
struct Check {
    what: String,
    found: String,
    /// `None` when it is neither good nor bad.
    good: Option<bool>,
}

/// Looks around. The exit code is 4 when something that a server needs is missing.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    if args.configuration {
        print!("{}", reference());
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(args.config.as_deref(), std::env::vars(), &[])?;
    let mut checks = vec![check("configuration", "no problem found".to_owned(), Some(true)), disk(&config)];
    let strays = strays(std::env::vars().map(|(name, _)| name));
    checks.extend(strays.into_iter().map(|stray| check("environment", stray, None)));
    checks.extend(isolation(&config)?);
    checks.extend(runtimes(&config));
    let all_good = checks.iter().all(|check| check.good != Some(false));
    if args.json {
        let list: Vec<Value> = checks
            .iter()
            .map(|check| json!({"check": check.what, "found": check.found, "good": check.good}))
            .collect();
        println!("{}", json!({"good": all_good, "checks": list}));
    } else {
        for Check { what, found, good } in &checks {
            let mark = match good {
                Some(true) => "ok  ",
                Some(false) => "FAIL",
                None => "note",
            };
            println!("{mark}  {what:<18}  {found}");
        }
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

fn check(what: &str, found: String, good: Option<bool>) -> Check {
    Check { what: what.to_owned(), found, good }
}

/// Writes and syncs a little in the data directory, or where it would be made.
fn disk(config: &Config) -> Check {
    let dir = config.data_dir.ancestors().find(|dir| dir.is_dir());
    let here = std::path::Path::new(".");
    let dir = dir.filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(here);
    match sync_time(dir) {
        Ok(time) => check(
            "data directory",
            format!(
                "{}: writable, one sync takes {:.2} ms",
                config.data_dir.display(),
                time.as_secs_f64() * 1000.0
            ),
            Some(true),
        ),
        Err(error) => check("data directory", format!("{}: {error}", config.data_dir.display()), Some(false)),
    }
}

/// The median of a few syncs of 1 KiB.
fn sync_time(dir: &std::path::Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut times = Vec::new();
    for _ in 0..9 {
        file.write_all(&[0; 1024])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Which layers keep functions away from the rest of the machine.
fn isolation(config: &Config) -> anyhow::Result<Vec<Check>> {
    let mount_point = tempfile::tempdir()?;
    let isolation = Isolation::probe(&config.isolation, mount_point.path());
    let checks = isolation.layers().iter().map(|state| {
        let what = state.layer.to_string();
        match &state.missing {
            None => check(&what, "in force for every function".to_owned(), Some(true)),
            Some(reason) if state.required => check(&what, format!("required, but {reason}"), Some(false)),
            Some(reason) => check(&what, format!("not in force: {reason}"), None),
        }
    });
    Ok(checks.collect())
}

/// Which interpreter would run each runtime.
fn runtimes(config: &Config) -> Vec<Check> {
    let interpreters = Interpreters::discover(&[]);
    let choice = if config.strict_runtimes { RuntimeChoice::Strict } else { RuntimeChoice::Nearest };
    RUNTIMES
        .iter()
        .filter_map(|name| Some((*name, name.parse::<Runtime>().ok()?)))
        .map(|(name, runtime)| match interpreters.choose(runtime, choice) {
            None => check(
                name,
                "no interpreter is installed: functions of this runtime cannot run".to_owned(),
                None,
            ),
            Some(found) => {
                let fit = match found.fit {
                    Fit::Exact => "",
                    Fit::Newer => ", a newer one than asked for",
                    Fit::Older => ", an older one than asked for",
                };
                let text = format!("{} {}{fit}", found.executable.display(), found.version);
                check(name, text, Some(true).filter(|_| matches!(found.fit, Fit::Exact)))
            }
        })
        .collect()
}
