//! `kulkul pattern explain`: why a pattern matches an event, or why not.

use std::process::ExitCode;

use anyhow::Context;
use kulkul_pattern::{Equality, Pattern, PatternOptions};
use serde_json::Value;

use crate::cli::PatternExplainArgs;
use crate::commands::{EXIT_NO, text_or_file};

/// Prints each condition with what was found. The exit code is 4 when the pattern does not match.
pub fn run(args: &PatternExplainArgs) -> anyhow::Result<ExitCode> {
    let equality = if args.numeric { Equality::Numeric } else { Equality::Lexical };
    let options = PatternOptions { equality, ..PatternOptions::default() };
    let pattern = text_or_file(&args.pattern)?;
    let event = text_or_file(&args.event)?;
    let pattern = Pattern::parse(&pattern, &options).context("the pattern is not valid")?;
    serde_json::from_str::<Value>(&event).context("the event is not JSON")?;
    let explanation = pattern.explain(event.as_bytes());
    if args.json {
        println!("{}", kulkul_api::explanation_json(&explanation));
    } else {
        println!("{explanation}");
    }
    Ok(if explanation.matched { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}
