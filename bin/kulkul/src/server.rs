//! Wiring: opens the data directory, puts the parts together, serves, and takes them apart in order.

mod adapters;
mod producers;
mod queues;
mod retention;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use kulkul_access::{AccessKeys, FirstKey, NewKey, Role};
use kulkul_api::{Api, ApiOptions, ApiParts, BusinessErrors, ReceiveOptions};
use kulkul_bus::{Hub, HubOptions, HubParts};
use kulkul_connection::{Connections, ConnectionsParts};
use kulkul_delivery::{
    ClientErrors, Clock, Dispatcher, DispatcherOptions, Outside, Pusher, Redrives, SystemClock,
};
use kulkul_function::{FunctionOptions, Functions, FunctionsParts, LogLimits, Logs};
use kulkul_instance::{Instances, InstancesConfig, RuntimeChoice};
use kulkul_listener::{Limits, Listener};
use kulkul_model::{EventLimits, Identity};
use kulkul_objects::{Buckets, ObjectApi, ObjectParts, ObjectSettings};
use kulkul_outbound::{Outbound, OutboundOptions};
use kulkul_pattern::{Equality, PatternOptions};
use kulkul_push::Signer;
use kulkul_source::{Sources, SourcesParts};
use kulkul_store_sqlite::SqliteStore;
use kulkul_trigger::{TriggerOptions, Triggers, TriggersParts};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use producers::Producers;

/// A running server.
pub struct Server {
    config: Config,
    store: Arc<SqliteStore>,
    dispatcher: Dispatcher,
    redrives: Arc<Redrives>,
    instances: Instances,
    /// The addresses in use.
    addresses: Addresses,
    first_key: Option<String>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Where a server listens.
#[derive(Clone, Copy)]
struct Addresses {
    api: SocketAddr,
    objects: SocketAddr,
}

impl Server {
    /// Starts a server and returns once it accepts requests. Called within a Tokio runtime.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let api_listener = bind(config.listen, &config).await?;
        let objects_listener = bind(config.objects_listen, &config).await?;
        let data_dir = config.data_dir.clone();
        let shown = data_dir.display();
        let store = Arc::new(
            SqliteStore::open(&data_dir, Default::default())
                .with_context(|| format!("cannot open {shown}"))?,
        );
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let identity = Identity { account: config.account_id.clone(), region: config.region.clone() };
        let keys = Arc::new(AccessKeys::open(store.metadata()).await.context("cannot read the access keys")?);
        let first = keys.create_first(first_key(&config)?, &data_dir, clock.now()).await?;

        let options = DispatcherOptions {
            concurrency: config.target_concurrency,
            held_up_max: config.held_up_max,
            ..DispatcherOptions::default()
        };
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await?;
        let hub = Hub::open(HubParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            options: hub_options(&config),
        })
        .await?;
        let logs = Arc::new(Logs::new(LogLimits::default(), clock.clone()));
        let instances = Instances::new(instances_config(&config), logs.clone())
            .context("cannot prepare the directory of the instances")?;
        let functions = Functions::open(FunctionsParts {
            identity: identity.clone(),
            metadata: store.metadata(),
            blobs: store.blobs(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            hub: hub.clone(),
            instances: instances.clone(),
            logs,
            objects: Some(Arc::new(adapters::BucketCode(Buckets::new(store.objects())))),
            credentials: Some(Arc::new(adapters::KeyCredentials {
                keys: keys.clone(),
                clock: clock.clone(),
            })),
            clock: clock.clone(),
            code_dir: data_dir.join("code"),
            options: FunctionOptions {
                runtime_choice: runtime_choice(&config),
                ..FunctionOptions::default()
            },
        })
        .await?;
        let triggers = Triggers::open(TriggersParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            functions: functions.clone(),
            clock: clock.clone(),
            options: TriggerOptions { trigger_count_max: config.trigger_count_max },
        })
        .await?;
        let sources = Sources::open(SourcesParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            clock: clock.clone(),
            directory: data_dir.join("catalog"),
        })
        .await
        .context("cannot read the registry of event sources")?;
        let redrives = Redrives::open(dispatcher.clone(), store.metadata()).await?;
        let objects = Arc::new(ObjectApi::new(ObjectParts {
            store: store.objects(),
            hub: hub.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            settings: ObjectSettings::default(),
        }));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let producers = Producers {
            config: &config,
            store: &store,
            hub: &hub,
            sources: &sources,
            clock: &clock,
            stop: &stop,
        };
        producers.start(&mut tasks).await?;
        let replays = hub.clone();
        let queues = queues::open(&identity, &store, &clock).await?;
        let signer = Arc::new(signer(&config, api_listener.address())?);
        let outbound = outbound(&config);
        let connections = Connections::open(ConnectionsParts {
            metadata: store.metadata(),
            outbound: outbound.clone(),
            timeout: config.http_target_timeout,
            client_errors: client_errors(&config),
            clock: clock.clone(),
        })
        .await
        .context("cannot read the connections")?;
        let pusher = Pusher {
            outbound,
            signer: signer.clone(),
            timeout: config.http_target_timeout,
            client_errors: client_errors(&config),
        };
        let outside = Outside {
            pusher: Some(pusher),
            buses: Some(hub.clone()),
            destinations: Some(connections.clone()),
            queues: Some(Arc::new(queues.clone())),
            ..Outside::new(functions.clone())
        };
        queues::start_sources(&mut tasks, (&sources, &queues, &hub), &identity, &stop);
        let api = Api::new(ApiParts {
            redrives: redrives.clone(),
            hub,
            functions,
            triggers,
            queues: queues.clone(),
            sources: sources.clone(),
            connections,
            signer,
            keys,
            identity,
            clock: clock.clone(),
            options: api_options(&config, api_listener.address()),
        });
        dispatcher.start(outside);

        let addresses = Addresses { api: api_listener.address(), objects: objects_listener.address() };
        let (api_stop, objects_stop) = (stop.clone(), stop.clone());
        tasks.spawn(async move {
            api_listener.serve(move |request, peer| api.clone().handle(request, peer), api_stop).await;
        });
        tasks.spawn(replays.run_replays(stop.clone()));
        tasks.spawn(sources.watch(stop.clone()));
        let (upkeep, upkeep_stop) = (objects.clone(), stop.clone());
        tasks.spawn(async move { upkeep.run_upkeep(upkeep_stop).await });
        tasks.spawn(async move {
            let handler = move |request, peer| {
                let objects = objects.clone();
                async move { objects.handle(request, peer).await }
            };
            objects_listener.serve(handler, objects_stop).await;
        });
        let queues_stop = stop.clone();
        tasks.spawn(async move { queues.run(queues_stop).await });
        tasks.spawn(retention::run(store.traces(), retention::keep(&config), clock, stop.clone()));
        let dead_letter_age_max = config.dead_letter_age_max;
        tasks.spawn(retention::forget_dead_letters(dispatcher.clone(), dead_letter_age_max, stop.clone()));
        write_addresses(&data_dir, addresses).context("cannot write addresses.json")?;
        let first_key = first.map(|key| key.id().as_str().to_owned());
        Ok(Self { config, store, dispatcher, redrives, instances, addresses, first_key, stop, tasks })
    }

    /// What a person who starts the server wants to know; its last line names the addresses.
    pub fn announcement(&self) -> String {
        let mut text = String::new();
        if let Some(id) = &self.first_key {
            let file = self.config.data_dir.join(kulkul_access::KEY_FILE_NAME);
            text.push_str(&format!("made the access key {id}; its secret is in {}\n", file.display()));
        }
        let Addresses { api, objects } = self.addresses;
        text.push_str(&format!("listening: api http://{api} objects http://{objects}"));
        text
    }

    /// The address of the buckets.
    pub fn objects_address(&self) -> SocketAddr {
        self.addresses.objects
    }

    /// Returns once one of the server's tasks has panicked, and has logged it; never when none does. The rest of the
    /// server still runs then, without what the task did.
    pub async fn failed(&mut self) {
        failure_among(&mut self.tasks).await;
    }

    /// Stops in order: accept nothing new, let requests and attempts finish within the grace, store what is left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            let _ = ended.inspect_err(log_failure);
        }
        self.redrives.shut_down().await;
        self.dispatcher.shut_down(self.config.shutdown_grace).await;
        self.instances.shutdown(self.config.shutdown_grace).await;
        let store = self.store.clone();
        // Closing waits for the disk; it must not keep a thread of the runtime from others.
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the store did not close in order");
        }
    }
}

/// Waits until a task has failed, and logs it. Tasks that end by themselves are no failure.
async fn failure_among(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if ended.inspect_err(log_failure).is_err() {
            return;
        }
    }
    std::future::pending().await
}

fn log_failure(error: &JoinError) {
    tracing::error!(error = %error, "a task of the server failed");
}

async fn bind(address: SocketAddr, config: &Config) -> anyhow::Result<Listener> {
    let limits = Limits {
        connection_count_max: config.connection_count_max,
        head_timeout: config.header_timeout,
        body_idle_timeout: config.body_timeout,
        shutdown_grace: config.shutdown_grace,
        ..Limits::default()
    };
    Listener::bind(address, limits).await.with_context(|| {
        format!("cannot listen on {address}; `--listen` and `--objects-listen` take another address")
    })
}

fn first_key(config: &Config) -> anyhow::Result<FirstKey> {
    Ok(match &config.first_key {
        Some((id, secret)) => FirstKey::Given(NewKey::given(id, secret, Role::Admin)?),
        None => FirstKey::Random,
    })
}

fn outbound(config: &Config) -> Outbound {
    Outbound::new(OutboundOptions {
        reach: config.reach(),
        connect_timeout: config.http_target_connect_timeout,
        authorities: Vec::new(),
    })
}

fn client_errors(config: &Config) -> ClientErrors {
    match config.http_target_retry_client_errors {
        true => ClientErrors::Retried,
        false => ClientErrors::Final,
    }
}

fn signer(config: &Config, address: SocketAddr) -> anyhow::Result<Signer> {
    Ok(Signer::open(config.data_dir.clone(), &public_url(config, address))?)
}

fn hub_options(config: &Config) -> HubOptions {
    let defaults = HubOptions::default();
    let equality = if config.numeric_equality { Equality::Numeric } else { Equality::Lexical };
    HubOptions {
        event: EventLimits { event_bytes_max: config.event_bytes_max, ..defaults.event },
        pattern: PatternOptions { equality, ..defaults.pattern },
        own_events: config.own_events,
        reach: config.reach(),
        ..defaults
    }
}

fn instances_config(config: &Config) -> InstancesConfig {
    InstancesConfig {
        instances_max: config.instance_count_max,
        isolation: config.isolation.clone(),
        runtime_choice: runtime_choice(config),
        ..InstancesConfig::new(config.data_dir.join("run"))
    }
}

fn runtime_choice(config: &Config) -> RuntimeChoice {
    if config.strict_runtimes { RuntimeChoice::Strict } else { RuntimeChoice::Nearest }
}

/// The base URL under which others reach the API.
fn public_url(config: &Config, address: SocketAddr) -> String {
    config.public_url.clone().unwrap_or_else(|| format!("http://{address}"))
}

fn api_options(config: &Config, address: SocketAddr) -> ApiOptions {
    let business_errors =
        if config.business_errors_409 { BusinessErrors::Conflict } else { BusinessErrors::Ok };
    let receive = ReceiveOptions {
        public_url: public_url(config, address),
        push_keys: config.push_keys.clone(),
        push_token: config.push_token.clone(),
        cloud_monitor_token: config.cloud_monitor_token.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
    };
    ApiOptions { business_errors, receive, ..ApiOptions::default() }
}

/// Whoever started us on port 0 reads this file. It appears complete or not at all.
fn write_addresses(data_dir: &Path, addresses: Addresses) -> std::io::Result<()> {
    let text = serde_json::json!({
        "listen": addresses.api.to_string(),
        "objects_listen": addresses.objects.to_string(),
    });
    let temporary = data_dir.join("addresses.json.new");
    std::fs::write(&temporary, text.to_string())?;
    std::fs::rename(temporary, data_dir.join("addresses.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn broken() {
        panic!("on purpose");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_noticed() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(broken());
        failure_among(&mut tasks).await;
        assert_eq!(tasks.len(), 1, "the others go on");
    }

    #[tokio::test]
    async fn tasks_that_end_are_no_failure() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        {
            let mut failure = std::pin::pin!(failure_among(&mut tasks));
            for _ in 0..10 {
                tokio::select! {
                    biased;
                    () = &mut failure => panic!("nothing failed"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        assert!(tasks.is_empty(), "it was looked at");
    }
}
