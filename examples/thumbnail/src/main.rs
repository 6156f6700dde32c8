//! A function for a custom runtime that makes a thumbnail of every photo that is put into a bucket.
//!
//! It is an HTTP server, as the contract of custom runtimes asks: each event arrives as `POST /invoke`,
//! either one CloudEvent of source `acs.oss` (trigger type `eventbridge`) or the document
//! `{"events":[…]}` (trigger type `oss`). For each photo that the event names it reads the object from the
//! object store, and writes the thumbnail back under a prefix of its own.
//!
//! Events may arrive more than once, so doing the work twice must not matter: the thumbnail of a photo has
//! one name, and is always made from the photo as it is now. Objects below the prefix are ignored, or the
//! function would be called by its own work for ever.

mod event;
mod http;
mod object_store;
mod picture;
mod settings;
mod thumbnail;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use crate::http::{Incoming, Message, Reply};
use crate::settings::Settings;

fn main() -> ExitCode {
    match Settings::from_variables(|name| std::env::var(name).ok()).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("thumbnail: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Answers requests until the process is ended.
fn serve(settings: Settings) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.port));
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("thumbnail: listening on {address}");
    let settings = Arc::new(settings);
    for connection in listener.incoming() {
        match connection {
            // The platform opens at most as many connections as the function's instance concurrency.
            Ok(stream) => {
                let settings = Arc::clone(&settings);
                thread::spawn(move || answer_all(stream, &settings));
            }
            Err(error) => eprintln!("thumbnail: a connection failed: {error}"),
        }
    }
    Ok(())
}

/// Answers the requests of one connection, one after the other, until it is closed.
fn answer_all(stream: TcpStream, settings: &Settings) {
    let Ok(mut reader) = stream.try_clone().map(Incoming::new) else { return };
    loop {
        let reply = match reader.next_request() {
            Ok(Some(request)) => answer(&request, settings),
            Ok(None) => return,
            Err(problem) => Reply::failure(400, &problem),
        };
        if reply.send(&stream).is_err() || reply.closes() {
            return;
        }
    }
}

/// Answers one request.
fn answer(request: &Message, settings: &Settings) -> Reply {
    match (request.method(), request.path()) {
        ("POST", "/invoke") => match invoke(request, settings) {
            Ok(done) => Reply::ok(&done),
            Err(problem) => {
                eprintln!("thumbnail: {problem}");
                Reply::failure(500, &problem)
            }
        },
        ("POST", "/initialize") | ("GET", "/pre-stop" | "/") => Reply::ok(&json!({"ok": true})),
        (method, path) => Reply::failure(404, &format!("{method} {path} is not offered")),
    }
}

/// Makes the thumbnails that one event asks for, and says what was done with each object.
fn invoke(request: &Message, settings: &Settings) -> Result<Value, String> {
    let objects = event::created_objects(&request.body)?;
    let store = settings.store_for(request)?;
    let done: Result<Vec<Value>, String> =
        objects.iter().map(|object| thumbnail::make(&store, object, settings)).collect();
    Ok(json!({"objects": done?}))
}
