//! `kulkul function show`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::{functions, triggers};
use serde_json::{Value, json};

use crate::cli::FunctionNameArgs;
use crate::commands::block_on;

/// Shows the function with its triggers. Values of environment variables are for machines only: people share
/// screens.
pub fn run(args: &FunctionNameArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let (function, triggers) = block_on(async {
        let function = functions::get(&client, &args.name).await?;
        Ok((function, triggers::list(&client, &args.name).await?))
    })?;
    if args.server.json {
        println!("{}", json!({ "function": function, "triggers": triggers }));
    } else {
        print(&function, &triggers);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(function: &Value, triggers: &[Value]) {
    let line = |name: &str, value: String| {
        if !value.is_empty() && value != "null" {
            println!("{name:<12}  {value}");
        }
    };
    line("name", text(&function["functionName"]));
    line("description", text(&function["description"]));
    line("runtime", text(&function["runtime"]));
    line("note", text(&function["stateReason"]));
    line("handler", text(&function["handler"]));
    line("memory", format!("{} MiB", function["memorySize"]));
    line("timeout", format!("{} s", function["timeout"]));
    line("code", format!("{} bytes, checksum {}", function["codeSize"], text(&function["codeChecksum"])));
    line("role", text(&function["role"]));
    let variables = function["environmentVariables"].as_object();
    let names: Vec<&str> = variables.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    line("environment", names.join(", "));
    line("created", text(&function["createdTime"]));
    line("modified", text(&function["lastModifiedTime"]));
    for trigger in triggers {
        let kind = text(&trigger["triggerType"]);
        line("trigger", format!("{} ({kind})", text(&trigger["triggerName"])));
    }
}
