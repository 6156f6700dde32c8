//! `kulkul invoke`: calls a function.

use std::process::ExitCode;

use base64::Engine;
use hyper::Method;
use serde_json::json;

use crate::cli::InvokeArgs;
use crate::commands::{EXIT_NO, block_on, read_file};
use crate::output;
use kulkul_client::Client;

/// Calls the function. The exit code is 4 when it failed.
pub fn run(args: &InvokeArgs) -> anyhow::Result<ExitCode> {
    let payload = match &args.file {
        Some(file) => read_file(file)?,
        None => args.payload.clone().into_bytes(),
    };
    let client = Client::find(&args.server.data_dir)?.with_timeout(args.timeout);
    let path = format!("/2023-03-30/functions/{}/invocations", args.function);
    let headers = [
        ("content-type", "application/octet-stream"),
        ("x-fc-invocation-type", if args.asynchronous { "Async" } else { "Sync" }),
        ("x-fc-log-type", if args.log && !args.asynchronous { "Tail" } else { "None" }),
    ];
    let answer = block_on(client.rest(Method::POST, &path, &headers, payload.into()))?.success()?;
    let error = answer.header("x-fc-error-type").to_owned();
    let log = base64::engine::general_purpose::STANDARD
        .decode(answer.header("x-fc-log-result"))
        .unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    if args.server.json {
        let shown = json!({
            "requestId": answer.header("x-fc-request-id"),
            "taskId": answer.header("x-fc-async-task-id"),
            "errorType": error,
            "durationMs": answer.header("x-fc-invocation-duration"),
            "log": log,
            "body": String::from_utf8_lossy(&answer.body),
        });
        println!("{shown}");
    } else {
        if !log.is_empty() {
            eprintln!("{}", log.trim_end());
        }
        if args.asynchronous {
            println!("accepted as {}", answer.header("x-fc-async-task-id"));
        }
        output::write_bytes(&answer.body);
        if !answer.body.is_empty() && !answer.body.ends_with(b"\n") {
            println!();
        }
        if !error.is_empty() {
            eprintln!("the function failed: {error}");
        }
    }
    Ok(if error.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}
