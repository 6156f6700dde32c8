//! `kulkul event search`: finds events.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use serde_json::{Value, json};

use super::event_list::{fetch, line, words};
use crate::cli::EventSearchArgs;
use crate::commands::{EXIT_NO, block_on, trace_text};

/// The largest page that the server gives.
const PAGE_MAX: usize = 100;

/// Prints what was found. The exit code is 4 when nothing was.
pub fn run(args: &EventSearchArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let (events, next) = block_on(search(&client, args))?;
    if args.at.server.json {
        println!("{}", json!({"events": events, "next": next}));
    } else {
        events.iter().for_each(|event| println!("{}", line(event)));
        match &next {
            Some(next) => eprintln!("there are more: go on with --after {next}"),
            None if events.is_empty() => eprintln!("no such event, or it is past retention"),
            None => {}
        }
    }
    Ok(if events.is_empty() { ExitCode::from(EXIT_NO) } else { ExitCode::SUCCESS })
}

/// Asks for page after page until there is nothing more, or enough.
async fn search(client: &Client, args: &EventSearchArgs) -> anyhow::Result<(Vec<Value>, Option<String>)> {
    let (mut events, mut after) = (Vec::new(), args.after.clone());
    let wanted = args.limit as usize;
    loop {
        let order = if args.oldest_first { "oldest" } else { "newest" };
        let mut asked = words(&args.filter);
        asked.extend([
            ("order", order.to_owned()),
            ("limit", (wanted - events.len()).min(PAGE_MAX).to_string()),
            ("body", args.body.to_string()),
            ("after", after.unwrap_or_default()),
        ]);
        let page = fetch(client, &args.at.bus, &asked).await?;
        events.extend(trace_text::list(&page["events"]).iter().cloned());
        after = Some(&page["next"]).filter(|next| !next.is_null()).map(text);
        if after.is_none() || events.len() >= wanted {
            return Ok((events, after));
        }
    }
}
