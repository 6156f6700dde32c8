//! `kulkul trigger list`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::{functions, triggers};
use serde_json::{Value, json};

use super::config_of;
use crate::cli::TriggerListArgs;
use crate::commands::block_on;
use crate::commands::table::Table;

/// Lists the triggers of one function or of all.
pub fn run(args: &TriggerListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let found = block_on(fetch(&client, args.function.as_deref()))?;
    if args.server.json {
        let with_function = found.iter().map(|(function, trigger)| {
            let mut trigger = trigger.clone();
            trigger["functionName"] = json!(function);
            trigger
        });
        println!("{}", json!({ "triggers": with_function.collect::<Vec<_>>() }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["function", "name", "type", "bus", "enabled", "pattern"]);
    for (function, trigger) in &found {
        let config = config_of(trigger);
        let enabled = if config["triggerEnable"] == false { "no" } else { "yes" };
        let pattern = config["eventRuleFilterPattern"].as_str().unwrap_or_default();
        table.row([
            function.clone(),
            text(&trigger["triggerName"]),
            text(&trigger["triggerType"]),
            triggers::bus_of(trigger).to_owned(),
            enabled.to_owned(),
            shortened(pattern),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

/// Triggers with the names of their functions.
async fn fetch(client: &Client, function: Option<&str>) -> anyhow::Result<Vec<(String, Value)>> {
    let names = match function {
        Some(name) => vec![name.to_owned()],
        None => functions::list(client, "").await?.iter().map(|f| text(&f["functionName"])).collect(),
    };
    let mut found = Vec::new();
    for name in names {
        let triggers = triggers::list(client, &name).await?;
        found.extend(triggers.into_iter().map(|trigger| (name.clone(), trigger)));
    }
    Ok(found)
}

/// A pattern can be long; `show` has all of it.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
