//! `kulkul dead-letter`: what was given up, to look at, send again or forget.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use hyper::Method;
use kulkul_client::{ApiError, Client, encode, text};
use serde_json::{Map, Value, json};

use crate::cli::{
    DeadLetterCommand, DeadLetterDiscardArgs, DeadLetterListArgs, DeadLetterRedriveArgs, DeadLetterShowArgs,
    RedrivesArgs, wrong_together,
};
use crate::commands::table::Table;
use crate::commands::{EXIT_NO, block_on, native};

/// How often to ask how far a redrive came.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How many dead letters are looked up and discarded in one round; the server shows no more at once.
const ROUND: usize = 1000;

/// Runs one of its commands.
pub fn run(command: &DeadLetterCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeadLetterCommand::List(args) => list(args),
        DeadLetterCommand::Show(args) => show(args),
        DeadLetterCommand::Redrive(args) => redrive(args),
        DeadLetterCommand::Redrives(args) => redrives(args),
        DeadLetterCommand::Discard(args) => discard(args),
    }
}

fn list(args: &DeadLetterListArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let letters =
        block_on(native::all(&client, "dead-letters", "deadLetters", &args.filter.words(), args.limit))?;
    if args.server.json {
        println!("{}", json!({"deadLetters": letters}));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["id", "given up", "event", "type", "attempts", "last answer"]);
    for letter in &letters {
        let members = ["id", "givenUpAt", "eventId", "type", "attemptCount", "lastAnswer"];
        table.row(members.map(|member| text(&letter[member])));
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

fn show(args: &DeadLetterShowArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    let path = format!("dead-letters/{}", encode(&args.id));
    let letter = block_on(native::call(&client, Method::GET, &path, &[], None))?;
    if args.server.json {
        println!("{letter}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("dead letter  {}", text(&letter["id"]));
    println!("accepted     {}  trace {}", text(&letter["acceptedAt"]), text(&letter["traceId"]));
    println!("given up     {}  {}", text(&letter["givenUpAt"]), text(&letter["lastAnswer"]));
    for attempt in letter["attempts"].as_array().into_iter().flatten() {
        println!(
            "  attempt {}  {}  {}",
            attempt["number"],
            text(&attempt["startedAt"]),
            text(&attempt["answer"])
        );
    }
    println!("{}", serde_json::to_string_pretty(&letter["event"])?);
    Ok(ExitCode::SUCCESS)
}

/// Sends dead letters again. The exit code is 4 when some of them could not be.
fn redrive(args: &DeadLetterRedriveArgs) -> anyhow::Result<ExitCode> {
    let words = args.filter.words();
    check_choice("redrive", &args.ids, &words, args.all)?;
    let client = Client::find(&args.server.data_dir)?;
    if args.ids.is_empty() {
        block_on(redrive_many(args, &client, &words))
    } else {
        redrive_ids(args, &client)
    }
}

fn redrive_ids(args: &DeadLetterRedriveArgs, client: &Client) -> anyhow::Result<ExitCode> {
    let body = json!({"to": args.to_target});
    for id in &args.ids {
        let path = format!("dead-letters/{}/redrive", encode(id));
        let sent = block_on(native::call(client, Method::POST, &path, &[], Some(&body)))?;
        if args.server.json {
            println!("{sent}");
        } else {
            println!("sent {id} again to {}", text(&sent["to"]));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn redrive_many(
    args: &DeadLetterRedriveArgs,
    client: &Client,
    words: &[(&'static str, String)],
) -> anyhow::Result<ExitCode> {
    let filter: Map<String, Value> =
        words.iter().map(|(word, text)| ((*word).to_owned(), text.clone().into())).collect();
    let order = json!({"filter": filter, "to": args.to_target, "lettersPerSecond": args.rate});
    let mut redrive = native::call(client, Method::POST, "redrives", &[], Some(&order)).await?;
    let path = format!("redrives/{}", text(&redrive["id"]));
    let live = !args.server.json && std::io::stderr().is_terminal();
    while !args.no_wait && redrive["state"] == "running" {
        if live {
            eprint!("\r{}", progress(&redrive));
            std::io::stderr().flush()?;
        }
        tokio::time::sleep(ASK_EVERY).await;
        redrive = native::call(client, Method::GET, &path, &[], None).await?;
    }
    if live {
        eprint!("\r");
    }
    if args.server.json {
        println!("{redrive}");
    } else {
        println!("{}", progress(&redrive));
    }
    let fine = ["running", "done"].iter().any(|state| redrive["state"] == *state);
    Ok(if fine && redrive["keptCount"] == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

fn progress(redrive: &Value) -> String {
    format!(
        "redrive {} {}: sent {} of at most {}, kept {}",
        text(&redrive["id"]),
        text(&redrive["state"]),
        redrive["sentCount"],
        redrive["foundCount"],
        redrive["keptCount"],
    )
}

fn redrives(args: &RedrivesArgs) -> anyhow::Result<ExitCode> {
    let client = Client::find(&args.server.data_dir)?;
    if let Some(id) = &args.cancel {
        let path = format!("redrives/{}/cancel", encode(id));
        let redrive = block_on(native::call(&client, Method::POST, &path, &[], None))?;
        println!("{}", if args.server.json { redrive.to_string() } else { progress(&redrive) });
        return Ok(ExitCode::SUCCESS);
    }
    let answer = block_on(native::call(&client, Method::GET, "redrives", &[], None))?;
    if args.server.json {
        println!("{answer}");
    } else {
        answer["redrives"].as_array().into_iter().flatten().for_each(|each| println!("{}", progress(each)));
    }
    Ok(ExitCode::SUCCESS)
}

fn discard(args: &DeadLetterDiscardArgs) -> anyhow::Result<ExitCode> {
    let words = args.filter.words();
    check_choice("discard", &args.ids, &words, args.all)?;
    let client = Client::find(&args.server.data_dir)?;
    let count = match args.ids.is_empty() {
        false => block_on(discard_ids(&client, &args.ids))?,
        true => block_on(discard_many(&client, &words))?,
    };
    if args.server.json {
        println!("{}", json!({"discardedCount": count}));
    } else {
        println!("discarded {count}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Discards these; one that is not there is an error.
async fn discard_ids(client: &Client, ids: &[String]) -> anyhow::Result<u64> {
    let mut count = 0;
    for id in ids {
        discard_one(client, id).await?;
        count += 1;
    }
    Ok(count)
}

/// Discards what a filter finds, a round after the other. What is gone meanwhile, sent again or past retention, is
/// not counted.
async fn discard_many(client: &Client, words: &[(&'static str, String)]) -> anyhow::Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let mut words = words.to_vec();
        words.push(("limit", ROUND.to_string()));
        words.extend(after.map(|after| ("after", after)));
        let page = native::call(client, Method::GET, "dead-letters", &words, None).await?;
        for letter in page["deadLetters"].as_array().into_iter().flatten() {
            match discard_one(client, &text(&letter["id"])).await {
                Err(error) if ApiError::code_of(&error) == Some("DeadLetterNotExist") => {}
                discarded => {
                    discarded?;
                    count += 1;
                }
            }
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(count),
        }
    }
}

async fn discard_one(client: &Client, id: &str) -> anyhow::Result<()> {
    let path = format!("dead-letters/{}", encode(id));
    native::call(client, Method::DELETE, &path, &[], None).await.map(drop)
}

/// Nobody should mean a few and hit all.
fn check_choice(command: &str, ids: &[String], words: &[(&str, String)], all: bool) -> anyhow::Result<()> {
    let wrong = |kind, message| Err(wrong_together(&["dead-letter", command], kind, message).into());
    match (ids.is_empty(), words.is_empty(), all) {
        (false, true, false) | (true, false, false) | (true, true, true) => Ok(()),
        (true, true, false) => {
            wrong(ErrorKind::MissingRequiredArgument, "say which dead letters: ids, a filter, or --all")
        }
        _ => wrong(ErrorKind::ArgumentConflict, "give ids, or a filter, or --all, not several of them"),
    }
}
