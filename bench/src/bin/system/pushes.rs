//! Deliveries a second to one target over HTTP, against a client that does nothing but send the same bodies.
//!
//! Signed pushes, and requests of an API destination, which are not signed: what lies between them is the signature,
//! which is measured by itself too.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use kulkul_bench::report::Row;
use kulkul_bench::turns::{Contestant, nanoseconds_in_turns};
use kulkul_push_signature::{Ending, PushKey, PushMessage};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Bench;
use crate::deliver::{Delivered, deliver_to};
use crate::events::{BATCH, ID_AT, put_requests};
use crate::functions::Api;
use crate::receiver::Receiver;
use crate::samples::middle;
use crate::server::Server;
use crate::targets::{create_destinations, destination_target, push_target};

const SECTION: &str = "http";
const ROUNDS: usize = 3;
const WARM_UP: usize = 160;
/// Requests at once: what the server allows a target that does not say otherwise.
const CONCURRENCY: usize = 8;
/// Requests of the client alone.
const BARE: usize = 16_000;

/// A bus whose events go to the only address, in one of the ways.
struct Way {
    bus: &'static str,
    name: &'static str,
    events: usize,
}

const PUSH: Way = Way { bus: "pushed", name: "signed pushes", events: 1_600 };
const DESTINATION: Way = Way { bus: "called", name: "requests of an API destination", events: 12_800 };

/// The size of the server's own key.
const KEY_BITS: usize = 2048;
/// Signatures of a turn, and the turns.
const SIGNATURES: u64 = 20;
const TURNS: usize = 20;
const BUDGET: Duration = Duration::from_secs(1);

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let receiver = Receiver::start(1)?;
    let address = *receiver.addresses().first().context("there is an address")?;
    create_destinations(&api, receiver.addresses())?;
    for (way, target) in [(PUSH, push_target(address)), (DESTINATION, destination_target(0))] {
        way.create(&api, &target)?;
        way.run(&server, &receiver, WARM_UP)?;
    }
    let body = receiver.sample().context("nothing was delivered")?;
    let (mut pushes, mut destinations) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = bare(&receiver, address, &body)?;
        pushes.push((bare, PUSH.run(&server, &receiver, PUSH.events)?));
        destinations.push((bare, DESTINATION.run(&server, &receiver, DESTINATION.events)?));
    }
    let mut rows = Vec::new();
    for (way, rounds) in [(PUSH, pushes), (DESTINATION, destinations)] {
        let ratio = |(bare, run): &(f64, Delivered)| run.per_second() / bare;
        let round = middle(rounds, ratio).context("there are rounds")?;
        let what = format!("{} to one target, {CONCURRENCY} at once: deliveries/s", way.name);
        let against = format!("hyper alone: {:.0}/s", round.0);
        rows.push(Row::new(SECTION, what, round.1.text()).against(against, ratio(&round)));
    }
    rows.push(signing(&body)?);
    Ok(rows)
}

impl Way {
    fn create(&self, api: &Api, target: &Value) -> anyhow::Result<()> {
        api.create_bus(self.bus)?;
        api.create_rule(self.bus, "all", &json!({"source": ["shop.orders"]}), target)
    }

    fn run(&self, server: &Server, receiver: &Receiver, count: usize) -> anyhow::Result<Delivered> {
        let requests = put_requests(server.key(), server.api, self.bus, count / BATCH, BATCH);
        deliver_to(receiver, server, &requests, count)
    }
}

/// Requests a second of a client that has its bodies ready. Each is that of an accepted event with another id.
fn bare(receiver: &Receiver, to: SocketAddr, body: &[u8]) -> anyhow::Result<f64> {
    let body_of_another = || {
        let mut body = body.to_vec();
        body[ID_AT].copy_from_slice(Uuid::new_v4().simple().to_string().as_bytes());
        Bytes::from(body)
    };
    let lines: Vec<Vec<Bytes>> =
        (0..CONCURRENCY).map(|_| (0..BARE / CONCURRENCY).map(|_| body_of_another()).collect()).collect();
    receiver.reset();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let elapsed = runtime.block_on(async {
        let began = Instant::now();
        let mut posting = JoinSet::new();
        for bodies in lines {
            posting.spawn(post(to, bodies));
        }
        while let Some(posted) = posting.join_next().await {
            posted??;
        }
        anyhow::Ok(began.elapsed())
    })?;
    let (different, _) = receiver.seen()?;
    ensure!(different == BARE, "{different} of {BARE} requests came");
    Ok(BARE as f64 / elapsed.as_secs_f64())
}

/// Posts one body after the other over one connection.
async fn post(to: SocketAddr, bodies: Vec<Bytes>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    for body in bodies {
        let request = Request::post("/")
            .header(header::HOST, to.to_string())
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Full::new(body))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
        answer.into_body().collect().await?;
    }
    drop(sender);
    connection.await??;
    Ok(())
}

/// What the signature of a push takes, without anything around it.
fn signing(body: &[u8]) -> anyhow::Result<Row> {
    let key = PushKey::generate(KEY_BITS)?;
    let secret = key.seal()?;
    let message = PushMessage {
        url: "http://127.0.0.1:8080/",
        timestamp: "1700000000000",
        certificate_url: "http://127.0.0.1:7500/x509_public_certificate_0123456789abcdef.pem",
        token: None,
        body,
    };
    let mut contestants: Vec<Contestant<'_>> = vec![Box::new(|| {
        for _ in 0..SIGNATURES {
            let signature = key.sign(black_box(&message), &secret, Ending::default());
            black_box(signature.expect("it is a key that signs"));
        }
        SIGNATURES
    })];
    let nanoseconds = nanoseconds_in_turns(&mut contestants, TURNS, BUDGET)[0];
    let per_second = 1e9 / nanoseconds;
    let measured = format!("{per_second:.0}/s, {:.2} ms each", nanoseconds / 1e6);
    let what = format!("signatures of pushes (RSA, {KEY_BITS} bits) on one core");
    Ok(Row::new(SECTION, what, measured).value(per_second.round()))
}
