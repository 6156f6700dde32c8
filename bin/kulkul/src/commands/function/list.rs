//! `kulkul function list`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::functions;
use serde_json::json;

use crate::cli::FunctionListArgs;
use crate::commands::block_on;
use crate::commands::table::Table;

/// Lists functions by name.
pub fn run(args: &FunctionListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let found = block_on(functions::list(&client, &args.prefix))?;
    if args.server.json {
        println!("{}", json!({ "functions": found }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["name", "runtime", "handler", "memory", "timeout", "modified"]);
    for function in &found {
        table.row([
            text(&function["functionName"]),
            text(&function["runtime"]),
            text(&function["handler"]),
            format!("{} MiB", function["memorySize"]),
            format!("{} s", function["timeout"]),
            text(&function["lastModifiedTime"]),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}
