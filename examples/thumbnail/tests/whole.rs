//! The whole program, called as the platform calls it, with an object store made for the test.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

const PHOTO: &[u8] = include_bytes!("../raccoon.jpg");

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A message as both sides need it: start line, headers with lower-case names, body.
struct Message {
    start_line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

fn read(stream: &TcpStream) -> Message {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let start_line = line();
    let lines = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()));
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned())))
        .collect();
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Message { start_line, headers, body }
}

fn write(mut stream: &TcpStream, start_line: &str, body: &[u8]) {
    let head = format!("{start_line}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
}

/// Serves objects by path; refuses what is not signed.
fn serve_objects(objects: &Objects) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let objects = Arc::clone(objects);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let request = read(&stream);
            let mut words = request.start_line.split(' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let signed = request.headers.get("authorization").is_some_and(|text| {
                text.starts_with("OSS4-HMAC-SHA256 Credential=key/")
                    && request.headers.contains_key("x-oss-date")
            });
            let found = objects.lock().unwrap().get(path).cloned();
            match (signed, method, found) {
                (false, ..) => {
                    write(&stream, "HTTP/1.1 403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
                }
                (true, "GET", Some(object)) => write(&stream, "HTTP/1.1 200 OK", &object),
                (true, "GET", None) => {
                    write(&stream, "HTTP/1.1 404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>")
                }
                (true, ..) if path.contains("full") => {
                    write(
                        &stream,
                        "HTTP/1.1 503 Service Unavailable",
                        b"<Error><Code>ServiceUnavailable</Code></Error>",
                    );
                }
                (true, ..) => {
                    objects.lock().unwrap().insert(path.to_owned(), request.body);
                    write(&stream, "HTTP/1.1 200 OK", b"");
                }
            }
        }
    });
    address
}

/// The program under test, which ends with the test.
struct Function {
    process: Child,
    address: SocketAddr,
    /// Kept open, since the program has more to say.
    _output: BufReader<ChildStdout>,
}

impl Function {
    fn start(store: SocketAddr) -> Function {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_thumbnail"))
            .env_clear()
            .env("FC_SERVER_PORT", free.port().to_string())
            .env("OSS_ENDPOINT", format!("http://{store}"))
            .env("OSS_ACCESS_KEY_ID", "key")
            .env("OSS_ACCESS_KEY_SECRET", "secret")
            .env("THUMBNAIL_SIZE", "64")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut first_line).unwrap();
        assert!(first_line.contains("listening"), "{first_line}");
        Function { process, address: free, _output: output }
    }

    fn invoke(&self, key: &str) -> Message {
        let event = format!(
            r#"{{"data":{{"eventName":"ObjectCreated:PutObject","oss":{{"bucket":{{"name":"media"}},"object":{{"key":"{key}"}}}}}}}}"#
        );
        let stream = TcpStream::connect(self.address).unwrap();
        write(&stream, "POST /invoke HTTP/1.1", event.as_bytes());
        read(&stream)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_event_becomes_a_thumbnail_and_a_failure_says_why() {
    let objects = Objects::default();
    for (path, object) in
        [("/media/in/a%20b.jpg", PHOTO), ("/media/full.jpg", PHOTO), ("/media/text.jpg", b"text")]
    {
        objects.lock().unwrap().insert(path.to_owned(), object.to_vec());
    }
    let function = Function::start(serve_objects(&objects));

    let done = function.invoke("in/a b.jpg");
    let told = String::from_utf8(done.body).unwrap();
    assert!(told.contains(r#""thumbnail":"thumbnails/in/a b.jpg","width":64,"height":48"#), "{told}");
    assert_eq!(done.headers.get("x-fc-status"), None);
    let written = objects.lock().unwrap()["/media/thumbnails/in/a%20b.jpg"].clone();
    assert_eq!(written[..2], [0xFF, 0xD8]);

    function.invoke("in/a b.jpg");
    assert_eq!(
        objects.lock().unwrap()["/media/thumbnails/in/a%20b.jpg"],
        written,
        "a second time changes nothing"
    );

    for (key, reason) in [
        ("thumbnails/in/a b.jpg", "it is a thumbnail itself"),
        ("notes.txt", "its name is not that of a picture"),
        ("gone.jpg", "it does not exist any more"),
    ] {
        let skipped = function.invoke(key);
        let told = String::from_utf8(skipped.body).unwrap();
        assert!(told.contains(reason) && !skipped.headers.contains_key("x-fc-status"), "{key}: {told}");
    }

    for (key, problem) in [
        ("text.jpg", "media/text.jpg: the object is not a JPEG, PNG or WebP picture"),
        (
            "full.jpg",
            "cannot write media/thumbnails/full.jpg: the object store answered 503 ServiceUnavailable",
        ),
    ] {
        let failed = function.invoke(key);
        let told = String::from_utf8(failed.body).unwrap();
        assert!(told.contains(problem), "{key}: {told}");
        assert_eq!(failed.headers["x-fc-status"], "404");
    }
}

#[test]
fn a_function_without_its_settings_says_what_is_missing() {
    let done = Command::new(env!("CARGO_BIN_EXE_thumbnail")).env_clear().output().unwrap();
    assert!(!done.status.success());
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(told.trim_end(), "thumbnail: OSS_ENDPOINT must say where the object store is");
}
