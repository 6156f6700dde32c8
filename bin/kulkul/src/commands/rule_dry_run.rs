//! `kulkul rule dry-run`: what a changed rule would have done.

use std::process::ExitCode;

use anyhow::Context;
use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Map, Value, json};

use super::event_list::words;
use super::explanation_text::{Shown, findings};
use super::trace_text::{line, list};
use crate::cli::RuleDryRunArgs;
use crate::commands::{block_on, native, text_or_file};

/// Prints the counts, and samples of what would differ.
pub fn run(args: &RuleDryRunArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let filter: Map<String, Value> =
        words(&args.filter).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let targets = args.targets.as_deref().map(targets).transpose()?;
    let asked = json!({
        "rule": args.name,
        "pattern": args.pattern.as_deref().map(text_or_file).transpose()?,
        "targets": targets,
        "filter": filter,
        "eventCount": args.events,
        "sampleCount": args.samples,
    });
    let path = format!("buses/{}/dry-run", encode(&args.at.bus));
    let answer = block_on(native::call(&client, Method::POST, &path, &[], Some(&asked)))?;
    match args.at.server.json {
        true => println!("{answer}"),
        false => print!("{}", text_of(&answer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn targets(given: &str) -> anyhow::Result<Value> {
    serde_json::from_str(&text_or_file(given)?).context("--targets is not JSON")
}

fn text_of(answer: &Value) -> String {
    let mut out = String::new();
    let rest = if answer["isComplete"] == true { "" } else { ", the newest ones; --events looks at more" };
    line(&mut out, format_args!("looked at  {} events{rest}", answer["seenCount"]));
    let counts = [
        ("sent then", "matchedBeforeCount"),
        ("matches now", "matchedNowCount"),
        ("newly", "newlyCount"),
        ("no longer", "noLongerCount"),
        ("payload changed", "payloadChangedCount"),
    ];
    for (name, count) in counts {
        line(&mut out, format_args!("  {name:15}  {}", answer[count]));
    }
    for sample in list(&answer["samples"]) {
        render(sample, &mut out);
    }
    out
}

fn render(sample: &Value, out: &mut String) {
    let words = ["change", "id", "type", "source", "acceptedAt"].map(|name| text(&sample[name]));
    let [change, id, kind, source, at] = words;
    line(out, format_args!("{change}: {id}  {kind}  {source}  {at}"));
    findings(&sample["findings"], 1, Shown::Failed, out);
    for payload in list(&sample["payloads"]) {
        let target = text(&payload["target"]);
        for (index, preview) in list(&payload["now"]).iter().enumerate() {
            let before = &payload["before"][index];
            let name = format!("target {target} {}", text(&preview["parameter"]));
            match before.is_null() || before == preview {
                true => line(out, format_args!("  {name}: {}", shown(preview))),
                false => {
                    line(out, format_args!("  {name}, rule's own: {}", shown(before)));
                    line(out, format_args!("  {name}, tried now:  {}", shown(preview)));
                }
            }
        }
    }
}

/// What a parameter becomes, in one line.
fn shown(preview: &Value) -> String {
    let text = match &preview["problem"] {
        Value::Null => text(&preview["text"]),
        problem => format!("cannot be made: {}", text(problem)),
    };
    let cut = if preview["isCut"] == true { "…" } else { "" };
    format!("{}{cut}", text.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_side_by_side() {
        let preview =
            |text: &str| json!({"parameter": "Body", "text": text, "bytes": text.len(), "isCut": false});
        let answer = json!({
            "seenCount": 9, "matchedBeforeCount": 3, "matchedNowCount": 4, "newlyCount": 2, "noLongerCount": 1,
            "payloadChangedCount": 1, "isComplete": true,
            "samples": [
                {"id": "e1", "source": "s", "type": "t", "acceptedAt": "T", "change": "no-longer", "payloads": [],
                 "findings": [{"path": "$.a", "condition": "[1]", "found": "2", "held": false}]},
                {"id": "e2", "source": "s", "type": "t", "acceptedAt": "T", "change": "payload-changed", "findings": null,
                 "payloads": [{"target": "t1", "now": [preview("b")], "before": [preview("a")]}]},
            ],
        });
        let expected = "looked at  9 events
  sent then        3
  matches now      4
  newly            2
  no longer        1
  payload changed  1
no-longer: e1  t  s  T
  FAIL $.a must satisfy [1]: found 2
payload-changed: e2  t  s  T
  target t1 Body, rule's own: a
  target t1 Body, tried now:  b
";
        assert_eq!(text_of(&answer), expected);
    }
}
