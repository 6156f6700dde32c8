//! `kulkul catalog`: sources and types that users add.

use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use hyper::Method;
use kulkul_client::{Client, encode, text};
use serde_json::{Value, json};

use crate::cli::{CatalogAddArgs, CatalogCommand, CatalogListArgs, CatalogRemoveArgs};
use crate::commands::{EXIT_NO, block_on, read_file};

const PATH: &str = "/kulkul/v1/catalog/additions";

/// Does what is asked. The exit code of `list` is 4 when files in the data directory are refused.
pub fn run(command: &CatalogCommand) -> anyhow::Result<ExitCode> {
    match command {
        CatalogCommand::Add(args) => add(args),
        CatalogCommand::List(args) => list(args),
        CatalogCommand::Remove(args) => remove(args),
    }
}

fn add(args: &CatalogAddArgs) -> anyhow::Result<ExitCode> {
    let body = read_file(&args.file)?;
    let of_file = || args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or_else(of_file).context("the addition needs a --name")?;
    let is_toml = args.file.extension().is_some_and(|extension| extension == "toml");
    let content_type = if is_toml { "application/toml" } else { "application/json" };
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("{PATH}/{}", encode(&name));
    let headers = [("content-type", content_type)];
    let answer = block_on(client.rest(Method::PUT, &path, &headers, Bytes::from(body)))?.json()?;
    match args.server.json {
        true => println!("{answer}"),
        false => println!("added {}", line(&answer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &CatalogListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let answer = block_on(client.rest(Method::GET, PATH, &[], Bytes::new()))?.json()?;
    let faults = answer["files"]["faults"].as_array().map(Vec::as_slice).unwrap_or_default();
    if args.server.json {
        println!("{answer}");
    } else {
        for addition in answer["additions"].as_array().into_iter().flatten() {
            println!("{}", line(addition));
        }
        for fault in faults {
            eprintln!("the files in {} are refused: {}", text(&answer["files"]["directory"]), text(fault));
        }
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

fn remove(args: &CatalogRemoveArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("{PATH}/{}", encode(&args.name));
    block_on(client.rest(Method::DELETE, &path, &[], Bytes::new()))?.success()?;
    match args.server.json {
        true => println!("{}", json!({"removed": args.name})),
        false => println!("removed {}", args.name),
    }
    Ok(ExitCode::SUCCESS)
}

/// An addition and the sources that it speaks of.
fn line(addition: &Value) -> String {
    let sources: Vec<String> = addition["sources"].as_array().into_iter().flatten().map(text).collect();
    format!("{}: {}", text(&addition["name"]), sources.join(", "))
}
