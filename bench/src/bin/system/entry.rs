//! From a put to the entry of a warm Python handler, durable acceptance included.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::Context;
use hyper::Method;
use kulkul_bench::report::{Bound, Row};
use kulkul_client::oss;
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::Bench;
use crate::events::{ALL_ACCEPTED, EVENT_BYTES, put_requests};
use crate::functions::{Api, function_target};
use crate::load::Line;
use crate::requests::Requests;
use crate::samples::{Samples, middle};
use crate::server::Server;

const SECTION: &str = "entry";
const BUS: &str = "orders";
const BUCKET: &str = "photos";
const ROUNDS: usize = 3;
const WARM_UP: usize = 200;
const PUTS: usize = 1_500;
const REPORT_WAIT: Duration = Duration::from_secs(10);

/// Says when it was entered, by the clock that all processes of a machine share.
const HANDLER: &str = "import os, socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
address = ('127.0.0.1', int(os.environ['REPORT_PORT']))
def handler(event, context):
    entered = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    sock.sendto(b'%d' % entered, address)
    return b''
";

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(&bench.server, &bench.disk)?;
    let api = Api::new(server.client())?;
    let reports = UdpSocket::bind("127.0.0.1:0")?;
    reports.set_read_timeout(Some(REPORT_WAIT))?;
    let port = reports.local_addr()?.port().to_string();
    api.create_bus(BUS)?;
    api.create_bucket(BUCKET)?;
    for function in ["on-order", "on-photo"] {
        api.create_python(function, HANDLER, json!({ "REPORT_PORT": port }))?;
    }
    api.create_rule(BUS, "all", &json!({"source": ["shop.orders"]}), &function_target("on-order"))?;
    create_trigger(&api, "on-photo")?;
    let mut rows = Vec::new();
    let mut put_rows = |what: &str, puts: &dyn Fn(usize) -> anyhow::Result<Samples>| {
        puts(WARM_UP)?;
        let rounds = (0..ROUNDS).map(|_| puts(PUTS)).collect::<anyhow::Result<Vec<_>>>()?;
        let samples = middle(rounds, |samples| samples.median().as_secs_f64()).context("there are rounds")?;
        for (quantile, name, most) in [(0.5, "p50", 1.0), (0.99, "p99", 5.0)] {
            let millis = samples.quantile(quantile).as_secs_f64() * 1e3;
            let row =
                Row::new(SECTION, format!("{what} → handler entered, {name}"), format!("{millis:.3} ms"));
            rows.push(row.value(millis).bound(Bound::AtMost(most)));
        }
        anyhow::Ok(())
    };
    put_rows("PutEvents", &|count| {
        let requests = put_requests(server.key(), server.api, BUS, count, 1);
        follow(&mut Line::connect(server.api)?, &requests, ALL_ACCEPTED, &reports)
    })?;
    put_rows("object put", &|count| {
        let requests = object_requests(&server, count);
        follow(&mut Line::connect(server.objects)?, &requests, b"", &reports)
    })?;
    Ok(rows)
}

/// Puts one after the other, and waits for answer and report of each.
fn follow(
    line: &mut Line,
    requests: &Requests,
    expected: &[u8],
    reports: &UdpSocket,
) -> anyhow::Result<Samples> {
    let mut latencies = Vec::with_capacity(requests.len());
    for number in 0..requests.len() {
        let sent = monotonic_now()?;
        line.call(requests.get(number), expected)?;
        let mut report = [0; 32];
        let length = reports.recv(&mut report).context("no report from the handler")?;
        let entered: u64 = std::str::from_utf8(&report[..length])?.parse()?;
        latencies.push(Duration::from_nanos(entered).saturating_sub(sent));
    }
    Ok(Samples::new(latencies))
}

fn monotonic_now() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

fn object_requests(server: &Server, count: usize) -> Requests {
    let body = vec![b'o'; EVENT_BYTES];
    let mut requests = Requests::default();
    for number in 0..count {
        let path = format!("{BUCKET}/in/{number}.bin");
        let kind = "application/octet-stream";
        let signed = oss::sign(server.key(), server.objects, &Method::PUT, &path, kind);
        requests.push("PUT", &oss::target(&path), &signed, &body);
    }
    requests
}

/// A trigger that calls a function, and waits for it, for each object that is put.
fn create_trigger(api: &Api, function: &str) -> anyhow::Result<()> {
    let pattern = json!({"source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}]});
    let config = json!({
        "triggerEnable": true,
        "asyncInvocationType": false,
        "eventRuleFilterPattern": pattern.to_string(),
        "eventSourceConfig": {"eventSourceType": "Default"},
    });
    let body = json!({
        "triggerName": "on-put",
        "triggerType": "eventbridge",
        "triggerConfig": config.to_string(),
    });
    api.rest(Method::POST, &format!("/2023-03-30/functions/{function}/triggers"), body)
}
