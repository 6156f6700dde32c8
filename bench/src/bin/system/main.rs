//! Measures the whole system: the real program as a child process, over HTTP, with every request signed.
//!
//! Everything is compared with something that was measured in the same run: with what the disk can do, with a bare
//! call of the handler, with the interpreter's own start. The load comes from one thread of this process, which
//! shares the machine with the server.

mod cold;
mod collector;
mod deliver;
mod echo;
mod entry;
mod events;
mod fan_out;
mod flushes;
mod forgetful;
mod frames;
mod functions;
mod idle;
mod invoke;
mod load;
mod pushes;
mod put;
mod raw;
mod receiver;
mod requests;
mod rules;
mod samples;
mod server;
mod sick;
mod stages;
mod stream;
mod targets;
mod triggers;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use kulkul_bench::report::Report;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Measures the whole system and prints a table of ratios.
///
/// Builds and starts the release binary of the server. Data go to the folder of this program, which must be on a
/// disk. Takes a few minutes.
#[derive(Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to measure; everything when nothing is named.
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The server to measure, instead of the one that this workspace builds.
    #[arg(long)]
    server: Option<PathBuf>,
    /// A JSON report of another benchmark, whose rows come first in the table.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
}

/// What this program also is.
#[derive(Subcommand)]
enum Role {
    /// A custom runtime that returns what it is given.
    #[command(hide = true)]
    Echo,
    /// A process that makes the catalog and says how long that took.
    #[command(hide = true)]
    Catalog,
}

/// A part of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Durable `PutEvents`, against the disk.
    Put,
    /// What each stage of a durable `PutEvents` takes, in process.
    Stages,
    /// From a put to the entry of a handler.
    Entry,
    /// Events a second through a rule into a function.
    Stream,
    /// Deliveries a second to a hundred targets of each event, against one.
    FanOut,
    /// A thousand rules on one bus, against one.
    Rules,
    /// Deliveries a second to nine healthy targets beside a dead one, against ten healthy ones.
    Sick,
    /// Deliveries a second to one HTTP target, against a bare client; and what signing them costs.
    Http,
    /// Synchronous calls of warm functions, against calling their handlers directly.
    Invoke,
    /// The first call of a new function, against the interpreter's start.
    Cold,
    /// Ten thousand triggers on one bus, and what the catalog adds to the start.
    Triggers,
    /// Memory and start of an idle server.
    Idle,
}

/// Files that may be open at once in each process, where the system allows as many.
const OPEN_FILES: u64 = 8192;

/// What the sections measure, and where they may write.
struct Bench {
    server: PathBuf,
    disk: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Echo) => return echo::serve(),
        Some(Role::Catalog) => return triggers::print_catalog_load(),
        None => {}
    }
    allow_open_files()?;
    let disk = server::disk()?;
    let server = match arguments.server {
        Some(path) => path.canonicalize().with_context(|| path.display().to_string())?,
        None => server::build()?,
    };
    let bench = Bench { server, disk };
    let mut report = match &arguments.after {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            serde_json::from_str(&text).with_context(|| path.display().to_string())?
        }
        None => Report::new(),
    };
    for section in Section::value_variants() {
        if !arguments.sections.is_empty() && !arguments.sections.contains(section) {
            continue;
        }
        let began = Instant::now();
        let rows = match section {
            Section::Put => put::measure(&bench),
            Section::Stages => stages::measure(&bench),
            Section::Entry => entry::measure(&bench),
            Section::Stream => stream::measure(&bench),
            Section::FanOut => fan_out::measure(&bench),
            Section::Rules => rules::measure(&bench),
            Section::Sick => sick::measure(&bench),
            Section::Http => pushes::measure(&bench),
            Section::Invoke => invoke::measure(&bench),
            Section::Cold => cold::measure(&bench),
            Section::Triggers => triggers::measure(&bench),
            Section::Idle => idle::measure(&bench),
        };
        let name = section.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        report.rows.extend(rows.with_context(|| format!("section {name}"))?);
        eprintln!("{name}: {:.0} s", began.elapsed().as_secs_f64());
    }
    println!("{}", if arguments.json { report.to_json() } else { report.to_table() });
    Ok(())
}

/// Lets this process, and the servers that it starts, have a connection to each of a thousand targets.
fn allow_open_files() -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(OPEN_FILES).max(soft), hard)?;
    Ok(())
}
