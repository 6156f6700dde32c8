//! `kulkul event explain`: why an event went where it went, and nowhere else.

use std::process::ExitCode;

use anyhow::bail;
use hyper::Method;
use kulkul_client::{ApiError, Client, encode, text};
use serde_json::{Value, json};

use super::explanation_text::{Shown, verdict};
use super::trace_text::{list, render};
use crate::cli::EventExplainArgs;
use crate::commands::{EXIT_NO, block_on, native};

/// Prints what each rule says of an event, and what happened to it. The exit code is 4 when there is no such event.
pub fn run(args: &EventExplainArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let Some(explained) = block_on(explain(&client, args))? else {
        eprintln!("no event `{}` on the bus `{}`, or it is past retention", args.id, args.at.bus);
        return Ok(ExitCode::from(EXIT_NO));
    };
    if args.at.server.json {
        println!("{explained}");
    } else {
        print!("{}", text_of(&explained, if args.all { Shown::All } else { Shown::Failed }));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks page after page of the rules.
async fn explain(client: &Client, args: &EventExplainArgs) -> anyhow::Result<Option<Value>> {
    let (mut rules, mut after) = (Vec::new(), String::new());
    loop {
        let words = [
            ("rule", args.rule.clone().unwrap_or_default()),
            ("traceId", args.trace_id.clone().unwrap_or_default()),
            ("after", after),
        ];
        let path = format!("buses/{}/events/{}/explanation", encode(&args.at.bus), encode(&args.id));
        let mut explained = match native::call(client, Method::GET, &path, &words, None).await {
            Err(error) if ApiError::code_of(&error) == Some("EventNotExist") => return Ok(None),
            answer => answer?,
        };
        let Value::Array(page) = explained["rules"].take() else { bail!("the answer has no `rules`") };
        rules.extend(page);
        match &explained["next"] {
            Value::Null => {
                explained["rules"] = json!(rules);
                return Ok(Some(explained));
            }
            next => after = text(next),
        }
    }
}

/// The event and its deliveries, then the rules: first those that match.
fn text_of(explained: &Value, shown: Shown) -> String {
    let mut out = String::new();
    render(&explained["event"], &mut out);
    if let Some(count) = explained["acceptanceCount"].as_u64().filter(|count| *count > 1) {
        out.push_str(&format!(
            "an event with this id was accepted {count} times; --trace-id names another\n"
        ));
    }
    let rules = list(&explained["rules"]);
    for matched in [true, false] {
        for rule in rules.iter().filter(|rule| rule["matched"] == matched) {
            verdict(rule, shown, &mut out);
        }
    }
    if rules.is_empty() {
        out.push_str("the bus has no rules\n");
    }
    out
}
