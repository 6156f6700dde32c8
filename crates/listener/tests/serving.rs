//! A listener on a free port and clients that behave and misbehave, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use kulkul_listener::{BodyError, Limits, Listener, Peer, Stopped, head_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(20);

/// What the handler of these tests shares with them.
#[derive(Default)]
struct Witness {
    entered: Notify,
    release: Notify,
    finished: Notify,
    dropped: Notify,
    entered_count: AtomicUsize,
}

struct OnDrop(Arc<Witness>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<Stopped>,
    witness: Arc<Witness>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
        let (address, stop, witness) =
            (listener.address(), CancellationToken::new(), Arc::<Witness>::default());
        let seen = Arc::clone(&witness);
        let handler = move |request, peer| handle(request, peer, Arc::clone(&seen));
        let served = tokio::spawn(listener.serve(handler, stop.clone()));
        Self { address, stop, served, witness }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }
}

async fn handle(request: Request<Incoming>, peer: Peer, witness: Arc<Witness>) -> Response<Full<Bytes>> {
    let head = head_bytes(&request);
    let (parts, body) = request.into_parts();
    let mut body = peer.body(body);
    let answer =
        |status, text: String| Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap();
    witness.entered_count.fetch_add(1, SeqCst);
    match parts.uri.path() {
        "/echo" => match body.read_all(100_000).await {
            Ok(bytes) => answer(StatusCode::OK, String::from_utf8_lossy(&bytes).into_owned()),
            Err(BodyError::TooLarge { bytes_max }) => {
                body.discard(10_000_000).await;
                answer(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {bytes_max}"))
            }
            Err(BodyError::TimedOut) => answer(StatusCode::REQUEST_TIMEOUT, "too slow".to_owned()),
            Err(BodyError::Broken(_)) => answer(StatusCode::BAD_REQUEST, "broken".to_owned()),
        },
        "/head" => answer(StatusCode::OK, head.to_string()),
        "/wait" | "/wait-to-end" => {
            if parts.uri.path() == "/wait-to-end" {
                peer.run_to_end();
            }
            let _on_drop = OnDrop(Arc::clone(&witness));
            witness.entered.notify_one();
            witness.release.notified().await;
            witness.finished.notify_one();
            answer(StatusCode::OK, "waited".to_owned())
        }
        "/large" => answer(StatusCode::OK, "x".repeat(30_000_000)),
        "/panic" => panic!("as asked"),
        _ => answer(StatusCode::OK, peer.address().ip().to_string()),
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer: status line and body.
    async fn answer(&mut self) -> (String, String) {
        tokio::time::timeout(DEADLINE, async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("an answer before the connection ends"));
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            (head.lines().next().unwrap().to_owned(), String::from_utf8(body).unwrap())
        })
        .await
        .expect("an answer in time")
    }

    /// Waits until the server has closed the connection.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest)).await;
        end.expect("the connection ends in time").unwrap_or_default();
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

fn ok(body: &str) -> (String, String) {
    ("HTTP/1.1 200 OK".to_owned(), body.to_owned())
}

#[tokio::test]
async fn one_connection_serves_many_requests_also_when_they_come_at_once() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(client.answer().await, ok("127.0.0.1"));
    }
    client.send(&"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab".repeat(5)).await;
    for _ in 0..5 {
        assert_eq!(client.answer().await, ok("ab"));
    }
    client.send("GET /head HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await, ok("31"));
}

#[tokio::test]
async fn bodies_come_in_one_piece_in_many_or_in_chunks() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    let long = "0123456789".repeat(9_999);
    client.send(&format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99990\r\n\r\n{long}")).await;
    assert_eq!(client.answer().await, ok(&long));
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await, ok("abcde"));
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(client.answer().await.0, "HTTP/1.1 100 Continue");
    client.send("ab").await;
    assert_eq!(client.answer().await, ok("ab"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_although_the_client_is_still_sending() {
    let server = Server::start(Limits::default()).await;
    let long = "x".repeat(3_000_000);
    for framing in ["content-length: 3000000\r\n\r\n", "transfer-encoding: chunked\r\n\r\n2dc6c0\r\n"] {
        let mut client = server.connect().await;
        client.send(&format!("POST /echo HTTP/1.1\r\nhost: x\r\n{framing}")).await;
        client.send(&long).await;
        if framing.starts_with("transfer") {
            client.send("\r\n0\r\n\r\n").await;
        }
        let (status, body) = client.answer().await;
        assert_eq!((&*status, &*body), ("HTTP/1.1 413 Payload Too Large", "more than 100000"));
    }
}

#[tokio::test]
async fn a_client_that_pauses_in_the_body_is_answered_408() {
    let limits = Limits { body_idle_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::start(limits).await;
    let mut client = server.connect().await;
    client.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(client.answer().await.0, "HTTP/1.1 408 Request Timeout");
    client.closed().await;
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let (mut idle, mut slow, mut used) =
        (server.connect().await, server.connect().await, server.connect().await);
    slow.send("GET / HT").await;
    used.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(used.answer().await, ok("127.0.0.1"));
    slow.closed().await;
    idle.closed().await;
    used.closed().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let limits = Limits { stall_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::start(limits).await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Had it not been closed for stalling, the listener would cut it off at the end of its grace, and count it.
    while server.witness.entered_count.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    server.stop.cancel();
    let stopped = within(server.served).await.unwrap();
    assert_eq!(stopped, Stopped { cut_off_count: 0 });
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let server = Server::start(Limits { head_bytes_max: 16 * 1024, ..Limits::default() }).await;
    let mut client = server.connect().await;
    let long = "v".repeat(10_000);
    client.send(&format!("GET /head HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n")).await;
    assert_eq!(client.answer().await.0, "HTTP/1.1 200 OK");
    client.send(&format!("GET /head HTTP/1.1\r\nhost: x\r\na: {long}{long}\r\n\r\n")).await;
    assert_eq!(client.answer().await.0, "HTTP/1.1 431 Request Header Fields Too Large");
    client.closed().await;
}

#[tokio::test]
async fn what_is_beyond_the_parser_is_refused_with_an_empty_body() {
    let server = Server::start(Limits::default()).await;
    let request = |target_bytes: usize, header_count: usize| {
        let (path, headers) = ("/head?", "a: b\r\n".repeat(header_count - 1));
        let query = "x".repeat(target_bytes - path.len());
        format!("GET {path}{query} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
    };
    for text in [request(65_534, 1), request(100, 100)] {
        let mut client = server.connect().await;
        client.send(&text).await;
        assert_eq!(client.answer().await.0, "HTTP/1.1 200 OK");
    }
    let table = [
        (request(65_535, 1), "HTTP/1.1 414 URI Too Long"),
        (request(100, 101), "HTTP/1.1 431 Request Header Fields Too Large"),
    ];
    for (text, status) in table {
        let mut client = server.connect().await;
        client.send(&text).await;
        assert_eq!(client.answer().await, (status.to_owned(), String::new()));
        client.closed().await;
    }
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_client_hangs_up() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(server.witness.entered.notified()).await;
    drop(client);
    within(server.witness.dropped.notified()).await;
}

#[tokio::test]
async fn a_handler_that_runs_to_its_end_does_so_although_its_client_hung_up() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client.send("GET /wait-to-end HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(server.witness.entered.notified()).await;
    drop(client);
    // A second exchange on another connection gives the first one every chance to notice.
    let mut other = server.connect().await;
    other.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    other.answer().await;
    server.witness.release.notify_one();
    within(server.witness.finished.notified()).await;
    server.stop.cancel();
    assert_eq!(within(server.served).await.unwrap(), Stopped { cut_off_count: 0 });
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let server = Server::start(Limits { connection_count_max: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(server.witness.entered.notified()).await;
    let mut second = server.connect().await;
    second.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(server.witness.entered_count.load(SeqCst), 1);
    server.witness.release.notify_one();
    assert_eq!(first.answer().await, ok("waited"));
    assert_eq!(server.witness.entered_count.load(SeqCst), 1, "the place is still taken");
    drop(first);
    assert_eq!(second.answer().await, ok("127.0.0.1"));
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_finish_and_closes_the_rest() {
    let server = Server::start(Limits::default()).await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    idle.answer().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(server.witness.entered.notified()).await;
    server.stop.cancel();
    idle.closed().await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing is accepted any more");
    server.witness.release.notify_one();
    assert_eq!(busy.answer().await, ok("waited"));
    busy.closed().await;
    assert_eq!(within(server.served).await.unwrap(), Stopped { cut_off_count: 0 });
}

#[tokio::test]
async fn what_outlives_the_grace_is_cut_off() {
    let server =
        Server::start(Limits { shutdown_grace: Duration::from_millis(50), ..Limits::default() }).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait-to-end HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(server.witness.entered.notified()).await;
    server.stop.cancel();
    assert_eq!(within(server.served).await.unwrap(), Stopped { cut_off_count: 1 });
    busy.closed().await;
}

#[tokio::test]
async fn a_panic_costs_one_connection_only() {
    let server = Server::start(Limits::default()).await;
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    one.send("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one.closed().await;
    other.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(other.answer().await, ok("127.0.0.1"));
}
