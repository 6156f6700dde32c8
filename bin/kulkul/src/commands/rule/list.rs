//! `kulkul rule list`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::rules;
use serde_json::json;

use crate::cli::RuleListArgs;
use crate::commands::block_on;
use crate::commands::table::Table;

/// Lists the rules of a bus by name, those of triggers among them.
pub fn run(args: &RuleListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.at.server.data_dir)?;
    let found = block_on(rules::list(&client, &args.at.bus, &args.prefix))?;
    if args.at.server.json {
        println!("{}", json!({ "rules": found }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["name", "status", "targets", "description"]);
    for rule in &found {
        let kinds = rules::targets_of(rule).iter().map(|target| text(&target["Type"]));
        table.row([
            text(&rule["RuleName"]),
            text(&rule["Status"]),
            kinds.collect::<Vec<_>>().join(" "),
            text(&rule["Description"]),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}
