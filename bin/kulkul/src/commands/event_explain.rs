//! `kulkul event explain`: why an event went where it went, and nowhere else.

use std::process::ExitCode;

use anyhow::bail;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use kulkul_client::{Client, encode, text};
use serde_json::{Value, json};

use super::event_list::query_of;
use super::explanation_text::{Shown, verdict};
use super::trace_text::{list, render};
use crate::cli::EventExplainArgs;
use crate::commands::{EXIT_NO, block_on};

/// Prints what each rule says of an event, and what happened to it. The exit code is 4 when there is no such event.
pub fn run(args: &EventExplainArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let Some(explained) = block_on(explain(&client, args))? else {
        eprintln!("no event `{}` on the bus `{}`, or it is past retention", args.id, args.bus);
        return Ok(ExitCode::from(EXIT_NO));
    };
    if args.server.json {
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
        let path = format!(
            "/kulkul/v1/buses/{}/events/{}/explanation?{}",
            encode(&args.bus),
            encode(&args.id),
            query_of(words)
        );
        let answer = client.rest(Method::GET, &path, &[], Bytes::new()).await?;
        let is_missing = answer.status == StatusCode::NOT_FOUND;
        let mut explained = match answer.json() {
            Err(error) if is_missing && error.to_string().starts_with("EventNotExist") => return Ok(None),
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
