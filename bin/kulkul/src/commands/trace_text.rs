//! A trace as text for people.

use std::fmt::Write;

use serde_json::Value;

use kulkul_client::text;

/// Renders the answer of the trace API.
pub fn of(answer: &Value) -> String {
    let mut out = String::new();
    for traced in list(&answer["events"]) {
        render(traced, &mut out);
    }
    out
}

/// Renders one acceptance.
pub fn render(traced: &Value, out: &mut String) {
    let event = &traced["event"];
    line(
        out,
        format_args!(
            "event     {}  {}  {}",
            text(&event["id"]),
            text(&event["type"]),
            text(&event["source"])
        ),
    );
    line(out, format_args!("accepted  {}  trace {}", text(&traced["acceptedAt"]), text(&traced["traceId"])));
    if list(&traced["deliveries"]).is_empty() {
        line(out, format_args!("matched   no rule"));
    }
    for delivery in list(&traced["deliveries"]) {
        let (rule, target) = (text(&delivery["rule"]), text(&delivery["target"]));
        line(out, format_args!("matched   rule {rule}  target {target}"));
        for attempt in list(&delivery["attempts"]) {
            render_attempt(attempt, out);
        }
        match delivery["state"].as_str() {
            Some("waiting") => {
                line(
                    out,
                    format_args!("  waiting since attempt failed; next at {}", text(&delivery["nextAt"])),
                );
            }
            Some("dead-lettered") => {
                line(
                    out,
                    format_args!("  given up: dead letter, last answer {}", text(&delivery["lastAnswer"])),
                );
            }
            _ => {}
        }
    }
}

fn render_attempt(attempt: &Value, out: &mut String) {
    let millis = attempt["elapsedMicros"].as_f64().unwrap_or_default() / 1000.0;
    let verdict = if attempt["succeeded"] == true { "delivered" } else { "failed" };
    line(
        out,
        format_args!(
            "  attempt {} {verdict}  {}  {millis:.2} ms  {}",
            attempt["number"],
            text(&attempt["startedAt"]),
            text(&attempt["answer"]),
        ),
    );
    for log in attempt["log"].as_str().unwrap_or_default().lines().filter(|line| !line.is_empty()) {
        line(out, format_args!("    | {log}"));
    }
}

/// The elements of an array; none of anything else.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Adds a line to a text.
pub fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}
