//! Where the time of a durable `PutEvents` goes: the server's own parts, put together in this process one by one.
//!
//! The same requests are sent to a listener that only reads them, to the API above a log that keeps nothing, and to
//! the API above the real store; the differences are the stages. What happens between HTTP and store is also called
//! directly.

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use kulkul_access::{AccessKeys, FirstKey, NewKey, Role};
use kulkul_api::{Api, ApiOptions, ApiParts};
use kulkul_bench::report::Row;
use kulkul_bus::{Hub, HubOptions, HubParts, NewRule, RuleStatus};
use kulkul_client::Key;
use kulkul_connection::{Connections, ConnectionsParts};
use kulkul_delivery::{Dispatcher, DispatcherOptions, Redrives, SystemClock};
use kulkul_function::{FunctionOptions, Functions, FunctionsParts, LogLimits, Logs};
use kulkul_instance::{Instances, InstancesConfig};
use kulkul_listener::{Limits, Listener};
use kulkul_model::{BusName, Draft, Identity, Timestamp};
use kulkul_outbound::{Outbound, OutboundOptions, Reach};
use kulkul_pattern::{IndexLimits, Pattern, PatternOptions, SharedIndex};
use kulkul_push::Signer;
use kulkul_queue::{QueueOptions, Queues, QueuesParts};
use kulkul_source::{Sources, SourcesParts};
use kulkul_store::EventLog;
use kulkul_store_sqlite::{Options, SqliteStore};
use kulkul_trigger::{TriggerOptions, Triggers, TriggersParts};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::Bench;
use crate::events::{ALL_ACCEPTED, event, put_requests};
use crate::forgetful::Forgetful;
use crate::load;
use crate::put::{BUS, RULE_COUNT, rule_pattern};
use crate::samples::{Samples, short};

const SECTION: &str = "stages";
const ROUNDS: usize = 5;
const REQUESTS: usize = 1_000;
/// How often a stage is called directly.
const CALLS: usize = 20_000;

/// A server in this process.
struct Inside {
    runtime: Runtime,
    store: SqliteStore,
    key: Key,
    stop: CancellationToken,
    reader: SocketAddr,
    forgetful: Part,
    durable: Part,
}

/// The API above one kind of log.
struct Part {
    address: SocketAddr,
    hub: Arc<Hub>,
}

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let dir = tempfile::Builder::new().prefix("kulkul-bench-").tempdir_in(&bench.disk)?;
    let inside = Inside::start(dir.path())?;
    let mut rows = Vec::new();
    for event_count in [1, 16] {
        let (mut reading, mut forgetting, mut durable) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            reading.push(inside.call(inside.reader, event_count)?);
            forgetting.push(inside.call(inside.forgetful.address, event_count)?);
            durable.push(inside.call(inside.durable.address, event_count)?);
        }
        let median = |runs| Samples::new(runs).median();
        let (reading, forgetting, durable) = (median(reading), median(forgetting), median(durable));
        let matching = inside.matching()? * event_count as u32;
        let accepting = inside.accepting(event_count)?;
        let handling = forgetting.saturating_sub(reading);
        let stages = [
            ("HTTP and the way there and back", reading),
            ("signature, form, answer", handling.saturating_sub(accepting)),
            ("parse, check, enrich", accepting.saturating_sub(matching)),
            ("match", matching),
            ("commit", durable.saturating_sub(forgetting)),
        ];
        let events = if event_count == 1 { "1 event".to_owned() } else { format!("{event_count} events") };
        for (stage, took) in stages {
            let share = took.as_secs_f64() / durable.as_secs_f64();
            let measured = format!("{} of {}", short(took), short(durable));
            rows.push(Row::new(SECTION, format!("{events}, 1 connection: {stage}"), measured).value(share));
        }
    }
    inside.stop();
    Ok(rows)
}

impl Inside {
    fn start(dir: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let store = SqliteStore::open(dir, Options::default())?;
        let stop = CancellationToken::new();
        let first =
            NewKey::given("LTAIbenchadminkey00000001", "benchAdminSecret00000000000001", Role::Admin)?;
        let key = Key { id: first.id.as_str().to_owned(), secret: first.secret.expose().to_owned() };
        let started = runtime.block_on(async {
            let keys = Arc::new(AccessKeys::open(store.metadata()).await?);
            keys.create_first(FirstKey::Given(first), dir, Timestamp::now()).await?;
            let reader = serve_reader(stop.clone()).await?;
            let durable =
                Part::start(&dir.join("durable"), &store, store.event_log(), &keys, stop.clone()).await?;
            durable.prepare().await?;
            // Opened after the rules are stored, it finds them there.
            let forgetful = Part::start(
                &dir.join("forgetful"),
                &store,
                Arc::new(Forgetful::default()),
                &keys,
                stop.clone(),
            )
            .await?;
            anyhow::Ok((reader, forgetful, durable))
        });
        let (reader, forgetful, durable) = started?;
        Ok(Self { runtime, store, key, stop, reader, forgetful, durable })
    }

    /// The median latency of requests one after the other.
    fn call(&self, to: SocketAddr, event_count: usize) -> anyhow::Result<Duration> {
        let requests = put_requests(&self.key, to, BUS, REQUESTS, event_count);
        Ok(load::run(to, 1, &requests, ALL_ACCEPTED)?.latencies.median())
    }

    /// What matching takes for one event.
    fn matching(&self) -> anyhow::Result<Duration> {
        let index = SharedIndex::new(IndexLimits::default());
        for number in 0..RULE_COUNT {
            let text = rule_pattern(number).to_string();
            index.insert(number, Arc::new(Pattern::parse(&text, &PatternOptions::default())?))?;
        }
        let event = event();
        let draft = Draft::parse_named(&event, lower_case)?;
        let names = ["id", "source", "type", "specversion", "subject", "time", "data"];
        let members: Vec<String> =
            names.iter().filter_map(|name| Some(format!("\"{name}\":{}", draft.get(name)?))).collect();
        let accepted = format!("{{{}}}", members.join(","));
        let mut matched: Vec<usize> = Vec::new();
        // Many at a time: one takes less than reading the clock.
        let hundreds = (0..CALLS / 100).map(|_| {
            let began = Instant::now();
            for _ in 0..100 {
                index.matching(black_box(accepted.as_bytes()), &mut matched);
            }
            began.elapsed() / 100
        });
        let took = Samples::new(hundreds.collect()).median();
        anyhow::ensure!(matched.is_empty(), "a rule matches that should not");
        Ok(took)
    }

    /// What a request's events take from their text to the call of the log.
    fn accepting(&self, event_count: usize) -> anyhow::Result<Duration> {
        let bus: BusName = BUS.parse()?;
        let calls = CALLS / event_count;
        let events: Vec<Vec<String>> =
            (0..calls).map(|_| (0..event_count).map(|_| event()).collect()).collect();
        let hub = self.forgetful.hub.clone();
        // On a thread of the runtime, as requests are: accepting goes on in a task of its own, and from outside it
        // would have to wake somebody first.
        let accepting = self.runtime.spawn(async move {
            let mut took = Vec::with_capacity(calls);
            for texts in &events {
                let began = Instant::now();
                let drafts = texts.iter().map(|text| Draft::parse_named(text, lower_case)).collect();
                black_box(hub.accept(&bus, drafts, "127.0.0.1").await?);
                took.push(began.elapsed());
            }
            anyhow::Ok(Samples::new(took).median())
        });
        self.runtime.block_on(accepting)?
    }

    fn stop(self) {
        self.stop.cancel();
        drop(self.runtime);
        self.store.close();
    }
}

impl Part {
    async fn start(
        dir: &Path,
        store: &SqliteStore,
        log: Arc<dyn EventLog>,
        keys: &Arc<AccessKeys>,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let clock = Arc::new(SystemClock);
        let identity = Identity { account: "1000000000000001".parse()?, region: "cn-hangzhou".parse()? };
        let options = DispatcherOptions::default();
        let dispatcher = Dispatcher::open(log.clone(), store.metadata(), clock.clone(), options).await?;
        let hub = Hub::open(HubParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: log.clone(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            options: HubOptions::default(),
        });
        let hub = hub.await?;
        // The API wants them; nothing here calls them.
        let logs = Arc::new(Logs::new(LogLimits::default(), clock.clone()));
        let functions = Functions::open(FunctionsParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            blobs: store.blobs(),
            log,
            traces: store.traces(),
            dispatcher,
            hub: hub.clone(),
            instances: Instances::new(InstancesConfig::new(dir.join("run")), logs.clone())?,
            logs,
            objects: None,
            credentials: None,
            clock: clock.clone(),
            code_dir: dir.join("code"),
            options: FunctionOptions::default(),
        });
        let functions = functions.await?;
        let triggers = Triggers::open(TriggersParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            functions: functions.clone(),
            clock: clock.clone(),
            options: TriggerOptions::default(),
        });
        let triggers = triggers.await?;
        let queues = Queues::open(QueuesParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: store.event_log(),
            messages: store.messages(),
            clock: clock.clone(),
            options: QueueOptions::default(),
        });
        let queues = queues.await?;
        let sources = Sources::open(SourcesParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            clock: clock.clone(),
            directory: dir.join("catalog"),
        });
        let sources = sources.await?;
        let redrives = Redrives::open(hub.dispatcher().clone(), store.metadata()).await?;
        let api = Api::new(ApiParts {
            redrives,
            hub: hub.clone(),
            functions,
            triggers,
            queues,
            sources,
            connections: Connections::open(ConnectionsParts {
                metadata: store.metadata(),
                outbound: Outbound::new(OutboundOptions {
                    reach: Reach::PUBLIC,
                    connect_timeout: Duration::from_secs(1),
                    authorities: Vec::new(),
                }),
                timeout: Duration::from_secs(1),
                client_errors: Default::default(),
                clock: clock.clone(),
            })
            .await?,
            signer: Arc::new(Signer::open(dir.to_owned(), "http://127.0.0.1")?),
            keys: keys.clone(),
            identity,
            clock,
            options: ApiOptions::default(),
        });
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), Limits::default()).await?;
        let address = listener.address();
        tokio::spawn(listener.serve(move |request, peer| api.clone().handle(request, peer), stop));
        Ok(Self { address, hub })
    }

    async fn prepare(&self) -> anyhow::Result<()> {
        let bus: BusName = BUS.parse()?;
        self.hub.create_bus(bus.clone(), String::new()).await?;
        for number in 0..RULE_COUNT {
            let rule = NewRule {
                bus: bus.clone(),
                name: format!("rule-{number}").parse()?,
                description: String::new(),
                pattern: rule_pattern(number).to_string(),
                status: RuleStatus::Enabled,
                targets: Vec::new(),
                owner: None,
            };
            self.hub.create_rule(rule).await.context("a rule cannot be created")?;
        }
        Ok(())
    }
}

/// Answers every request with what an accepted event is answered with, once its body was read.
async fn serve_reader(stop: CancellationToken) -> anyhow::Result<SocketAddr> {
    const ANSWER: &[u8] = br#"{"RequestId":"5DAF96FB-A4B6-548C-B999-0BFDCB2261B9","Code":"200","Success":true,"Message":"success","Data":{"FailedEntryCount":0,"EntryList":[{"EventId":"0123456789abcdef0123456789abcdef","TraceId":"00000000-0000-0000-0000-000000000001"}]}}"#;
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), Limits::default()).await?;
    let address = listener.address();
    let handler = |request: http::Request<hyper::body::Incoming>, peer: kulkul_listener::Peer| async move {
        let read = peer.body(request.into_body()).read_all(4 << 20).await;
        http::Response::new(Full::new(if read.is_ok() { Bytes::from_static(ANSWER) } else { Bytes::new() }))
    };
    tokio::spawn(listener.serve(handler, stop));
    Ok(address)
}

/// The attributes' names of `PutEvents` as those of CloudEvents, for the events here.
fn lower_case(name: std::borrow::Cow<'_, str>) -> std::borrow::Cow<'_, str> {
    name.to_ascii_lowercase().into()
}
