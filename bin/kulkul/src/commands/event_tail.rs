//! `kulkul event tail`: follows a bus.

use std::process::ExitCode;
use std::time::Duration;

use kulkul_client::{Client, text};
use serde_json::Value;

use super::event_list::{fetch, line, words};
use super::trace_text::list;
use crate::cli::EventTailArgs;
use crate::commands::block_on;

/// How often the server is asked when there is nothing new.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints each event that is accepted from now on, until it is stopped or has printed enough.
pub fn run(args: &EventTailArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    block_on(follow(&client, args))?;
    Ok(ExitCode::SUCCESS)
}

async fn follow(client: &Client, args: &EventTailArgs) -> anyhow::Result<()> {
    let newest = fetch(client, &args.at.bus, &[("limit", "1".to_owned())]).await?;
    let mut after =
        list(&newest["events"]).first().map_or_else(|| "0".to_owned(), |event| text(&event["place"]));
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let mut asked = words(&args.filter);
        asked.extend([
            ("order", "oldest".to_owned()),
            ("limit", left.min(100).to_string()),
            ("body", args.body.to_string()),
            ("after", after.clone()),
        ]);
        let page = fetch(client, &args.at.bus, &asked).await?;
        for event in list(&page["events"]) {
            match args.at.server.json {
                true => println!("{event}"),
                false => println!("{}", line(event)),
            }
            after = text(&event["place"]);
            left -= 1;
        }
        match &page["next"] {
            Value::Null => tokio::time::sleep(PAUSE).await,
            next => after = text(next),
        }
    }
    Ok(())
}
