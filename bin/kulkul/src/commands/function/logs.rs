//! `kulkul function logs`.

use std::process::ExitCode;
use std::time::Duration;

use kulkul_client::{Client, text};
use kulkul_deploy::functions::{self, LogLines};
use serde_json::Value;

use crate::cli::FunctionLogsArgs;
use crate::commands::block_on;

/// How often a follower asks for more.
const PAUSE: Duration = Duration::from_millis(300);

/// Prints the last lines, and goes on when that is asked for.
pub fn run(args: &FunctionLogsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    block_on(show(&client, args))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, args: &FunctionLogsArgs) -> anyhow::Result<()> {
    let first = match &args.invocation {
        Some(id) => LogLines::OfInvocation(id),
        None => LogLines::Last,
    };
    let mut answer = functions::logs(client, &args.name, first, args.lines).await?;
    if args.server.json && !args.follow {
        println!("{answer}");
        return Ok(());
    }
    let mut seen = print(&answer, args).unwrap_or_else(|| answer["newest"].as_u64().unwrap_or_default());
    if !args.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        answer = functions::logs(client, &args.name, LogLines::After(seen), args.lines).await?;
        if answer["newest"].as_u64().is_some_and(|newest| newest < seen) {
            // The server has started anew, and counts anew.
            seen = 0;
        } else if let Some(last) = print(&answer, args) {
            seen = last;
        }
    }
}

/// Prints the lines of an answer, and returns the number of the last.
fn print(answer: &Value, args: &FunctionLogsArgs) -> Option<u64> {
    let mut last = None;
    for line in answer["lines"].as_array().into_iter().flatten() {
        if args.server.json {
            println!("{line}");
        } else {
            println!("{}  {}", text(&line["at"]), text(&line["text"]));
        }
        last = line["number"].as_u64();
    }
    last
}
