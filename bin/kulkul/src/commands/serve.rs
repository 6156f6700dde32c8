//! `kulkul serve`: runs the server until a signal.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;
use crate::config::{Config, strays};
use crate::server::Server;

/// Serves until SIGINT or SIGTERM, then shuts down in order. A second signal ends the process at once. When a part of
/// the server fails, the rest is shut down in order as well, and whoever supervises the process starts a whole one.
pub fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.config.as_deref(), std::env::vars(), &flags(args))?;
    start_log(args.log_json);
    strays(std::env::vars().map(|(name, _)| name)).iter().for_each(|stray| tracing::warn!("{stray}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("kulkul").build()?;
    let served = runtime.block_on(serve(config));
    // What still runs belongs to nobody any more: the grace is over.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut server = Server::start(config).await?;
    // A server goes on when nobody reads what it says.
    let _ = writeln!(std::io::stdout(), "{}", server.announcement());
    let failed = tokio::select! {
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
        () = server.failed() => true,
    };
    tracing::info!("stopping");
    tokio::select! {
        () = server.stop() => tracing::info!("stopped"),
        _ = interrupt.recv() => tracing::warn!("stopped at once, by a second signal"),
        _ = terminate.recv() => tracing::warn!("stopped at once, by a second signal"),
    }
    if failed {
        bail!("a part of the server failed; its log says which");
    }
    Ok(())
}

fn flags(args: &ServeArgs) -> Vec<(&str, String)> {
    let mut flags: Vec<(&str, String)> = Vec::new();
    flags.extend(args.listen.map(|address| ("listen", address.to_string())));
    flags.extend(args.objects_listen.map(|address| ("objects_listen", address.to_string())));
    flags.extend(args.data_dir.as_ref().map(|dir| ("data_dir", dir.display().to_string())));
    flags.extend(args.set.iter().map(|(key, value)| (key.as_str(), value.clone())));
    flags
}

/// Logs to standard error, at INFO unless `KULKUL_LOG` says otherwise.
fn start_log(json: bool) {
    let filter = EnvFilter::try_from_env("KULKUL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written, to a file on a full disk say, is lost. To complain about that to the same
    // place would panic, and take the request along that had something to say.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match json {
        true => log.json().init(),
        false => log.with_ansi(std::io::stderr().is_terminal()).init(),
    }
}
