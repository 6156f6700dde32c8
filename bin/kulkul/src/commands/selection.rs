//! Which events a command means.

use anyhow::Context;
use kulkul_deploy::{Selection, check_pattern, scalar};

use crate::cli::SelectionArgs;
use crate::commands::text_or_file;

/// The pattern as JSON text: the one that was given, or the one that says what the options say.
pub fn pattern_of(args: &SelectionArgs) -> anyhow::Result<String> {
    if let Some(given) = &args.pattern {
        let pattern = text_or_file(given)?;
        check_pattern(&pattern).context("the pattern is not valid")?;
        return Ok(pattern);
    }
    let selection = Selection {
        sources: args.source.clone(),
        types: args.kind.clone(),
        buckets: args.bucket.clone(),
        key_prefixes: args.key_prefix.clone(),
        key_suffixes: args.key_suffix.clone(),
        key_prefixes_not: args.key_not_prefix.clone(),
        matches: args.matches.iter().map(|(path, text)| (path.clone(), scalar(text))).collect(),
    };
    Ok(selection.pattern()?.to_string())
}
