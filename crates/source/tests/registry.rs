//! The registry over the real store and buses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kulkul_bus::{BusError, Hub, HubOptions, HubParts, NewRule, RuleStatus};
use kulkul_delivery::{Dispatcher, DispatcherOptions, SystemClock};
use kulkul_model::{BusName, Identity};
use kulkul_source::{
    AdditionForm, AdditionName, NewSource, SourceError, SourceKind, SourceName, SourceUpdate, Sources,
    SourcesParts,
};
use kulkul_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const SHOP: &str = r#"{"source": "shop", "types": [{"type": "shop:Order:Placed"}]}"#;

struct Server {
    sources: Arc<Sources>,
    hub: Arc<Hub>,
    dispatcher: Dispatcher,
    store: SqliteStore,
    directory: Arc<TempDir>,
}

impl Server {
    async fn new() -> Self {
        Self::open(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// The same data directory, opened anew.
    async fn reopened(self) -> Self {
        let Self { sources, hub, dispatcher, store, directory } = self;
        dispatcher.shut_down(Duration::from_secs(10)).await;
        drop((sources, hub, dispatcher));
        store.close();
        drop(store);
        Self::open(directory).await
    }

    async fn open(directory: Arc<TempDir>) -> Self {
        let store = SqliteStore::open(&directory.path().join("data"), Options::default()).unwrap();
        let clock = Arc::new(SystemClock);
        let options = DispatcherOptions::default();
        let dispatcher =
            Dispatcher::open(store.event_log(), store.metadata(), clock.clone(), options).await.unwrap();
        let hub = Hub::open(HubParts {
            identity: Identity {
                account: "1234567890123456".parse().unwrap(),
                region: "cn-hangzhou".parse().unwrap(),
            },
            metadata: store.metadata(),
            log: store.event_log(),
            traces: store.traces(),
            dispatcher: dispatcher.clone(),
            clock: clock.clone(),
            options: HubOptions::default(),
        })
        .await
        .unwrap();
        let sources = Sources::open(SourcesParts {
            metadata: store.metadata(),
            hub: hub.clone(),
            clock,
            directory: directory.path().join("catalog"),
        })
        .await
        .unwrap();
        Self { sources, hub, dispatcher, store, directory }
    }

    fn write(&self, file: &str, text: &str) {
        let directory = self.directory.path().join("catalog");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(file), text).unwrap();
    }

    fn types_of(&self, source: &str) -> Option<Vec<String>> {
        let catalog = self.sources.catalog();
        let types = catalog.source(source)?.types().iter();
        Some(types.map(|kind| kind.full_name().to_owned()).collect())
    }
}

fn bus(name: &str) -> BusName {
    name.parse().unwrap()
}

fn source(name: &str) -> SourceName {
    name.parse().unwrap()
}

fn addition(name: &str) -> AdditionName {
    name.parse().unwrap()
}

fn new(of: &str, name: &str) -> NewSource {
    NewSource { bus: bus(of), name: source(name), description: None, kind: SourceKind::Custom }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_registered_source_is_part_of_the_catalog_until_it_is_deleted() {
    let server = Server::new().await;
    server.hub.create_bus(bus("orders"), String::new()).await.unwrap();
    let mut changes = server.sources.changes();
    let made = server.sources.create(new("orders", "shop")).await.unwrap();
    assert!(changes.has_changed().unwrap(), "whoever follows the registry is told");
    changes.mark_unchanged();
    let catalog = server.sources.catalog();
    assert_eq!(catalog.source("shop").and_then(|found| found.bus()), Some("orders"));
    let update = SourceUpdate { description: Some("The web shop".into()), kind: None };
    server.sources.update(&bus("orders"), &source("shop"), update).await.unwrap();
    assert!(changes.has_changed().unwrap());
    let server = server.reopened().await;
    let stored = server.sources.get(&bus("orders"), &source("shop")).unwrap();
    assert_eq!((stored.description.as_deref(), stored.created_at), (Some("The web shop"), made.created_at));
    assert_eq!(server.sources.catalog().source("shop").unwrap().description(), "The web shop");
    server.sources.delete(&bus("orders"), &source("shop")).await.unwrap();
    assert!(server.sources.catalog().source("shop").is_none());
    let server = server.reopened().await;
    assert!(server.sources.registered(None, "").is_empty());
}

#[tokio::test]
async fn what_cannot_be_registered_changes_nothing() {
    let server = Server::new().await;
    for name in ["a", "b"] {
        server.hub.create_bus(bus(name), String::new()).await.unwrap();
    }
    server.sources.create(new("a", "shop")).await.unwrap();
    let again = server.sources.create(new("b", "shop")).await.unwrap_err();
    assert!(matches!(again, SourceError::AlreadyExists { bus, .. } if bus.as_str() == "a"));
    let nowhere = server.sources.create(new("nowhere", "x")).await.unwrap_err();
    assert!(matches!(nowhere, SourceError::Bus(BusError::UnknownBus { .. })));
    let long = NewSource { description: Some("ü".repeat(256)), ..new("a", "x") };
    let long = server.sources.create(long).await.unwrap_err();
    assert!(matches!(long, SourceError::DescriptionTooLong { chars_max: 255 }));
    let long = SourceUpdate { description: Some("ü".repeat(256)), kind: None };
    server.sources.update(&bus("a"), &source("shop"), long).await.unwrap_err();
    let elsewhere = server.sources.update(&bus("b"), &source("shop"), SourceUpdate::default()).await;
    assert!(matches!(elsewhere, Err(SourceError::NotFound { .. })));
    let elsewhere = server.sources.delete(&bus("b"), &source("shop")).await;
    assert!(matches!(elsewhere, Err(SourceError::NotFound { .. })));
    let names: Vec<_> = server.sources.registered(None, "").iter().map(|known| known.name.clone()).collect();
    assert_eq!(names, [source("shop")]);
    assert!(server.sources.registered(Some(&bus("b")), "").is_empty());
    assert!(server.sources.registered(Some(&bus("a")), "shops").is_empty());
}

#[tokio::test]
async fn a_bus_with_sources_or_rules_is_not_deleted() {
    let server = Server::new().await;
    server.hub.create_bus(bus("a"), String::new()).await.unwrap();
    server.sources.create(new("a", "shop")).await.unwrap();
    let refused = server.sources.delete_bus(&bus("a")).await.unwrap_err();
    assert!(matches!(refused, SourceError::BusHasSources { count: 1, .. }));
    server.sources.delete(&bus("a"), &source("shop")).await.unwrap();
    let rule = NewRule {
        bus: bus("a"),
        name: "r".parse().unwrap(),
        description: String::new(),
        pattern: "{}".into(),
        status: RuleStatus::Enabled,
        targets: Vec::new(),
        owner: None,
    };
    server.hub.create_rule(rule).await.unwrap();
    let refused = server.sources.delete_bus(&bus("a")).await.unwrap_err();
    assert!(matches!(refused, SourceError::Bus(BusError::BusHasRules { .. })));
    server.hub.delete_rule(&bus("a"), &"r".parse().unwrap(), None).await.unwrap();
    assert!(server.sources.delete_bus(&bus("a")).await.unwrap());
    assert!(!server.sources.delete_bus(&bus("a")).await.unwrap());
    let refused = server.sources.delete_bus(&bus("default")).await.unwrap_err();
    assert!(matches!(refused, SourceError::Bus(BusError::DefaultBus)));
}

#[tokio::test]
async fn additions_are_taken_whole_or_not_at_all() {
    let server = Server::new().await;
    server.sources.put_addition(addition("mine"), AdditionForm::Json, SHOP.into()).await.unwrap();
    assert_eq!(server.types_of("shop"), Some(vec!["shop:Order:Placed".to_owned()]));
    let bad = "[\n{\"source\": \"depot\", \"types\": []},\n{\"source\": \"\"}]";
    let refused =
        server.sources.put_addition(addition("mine"), AdditionForm::Json, bad.into()).await.unwrap_err();
    let SourceError::Additions(refused) = refused else { panic!("{refused}") };
    assert_eq!((refused.faults[0].file.as_str(), refused.faults[0].line), ("mine", Some(3)));
    assert_eq!(server.sources.addition(&addition("mine")).unwrap().text, SHOP);
    assert_eq!(server.types_of("depot"), None);
    let server = server.reopened().await;
    assert!(server.types_of("shop").is_some(), "it is still there after a restart");
    let other = SHOP.replace("Placed", "Paid");
    server.sources.put_addition(addition("mine"), AdditionForm::Json, other).await.unwrap();
    assert_eq!(
        server.types_of("shop"),
        Some(vec!["shop:Order:Paid".to_owned()]),
        "in the place of the old one"
    );
    let toml = "source = \"depot\"\n";
    server.sources.put_addition(addition("other"), AdditionForm::Toml, toml.into()).await.unwrap();
    let server = server.reopened().await;
    let all = server.sources.additions();
    let all: Vec<(&str, Vec<&str>)> =
        all.iter().map(|(name, addition)| (name.as_str(), addition.source_names().collect())).collect();
    assert_eq!(all, [("mine", vec!["shop"]), ("other", vec!["depot"])]);
    server.sources.delete_addition(&addition("mine")).await.unwrap();
    assert_eq!(server.types_of("shop"), None);
    let gone = server.sources.delete_addition(&addition("mine")).await.unwrap_err();
    assert!(matches!(gone, SourceError::AdditionNotFound { .. }));
    let server = server.reopened().await;
    assert!(server.types_of("shop").is_none() && server.types_of("depot").is_some());
}

#[tokio::test]
async fn additions_are_bounded_in_number() {
    let server = Server::new().await;
    for number in 0..256 {
        server
            .sources
            .put_addition(addition(&format!("a{number}")), AdditionForm::Json, "[]".into())
            .await
            .unwrap();
    }
    let refused =
        server.sources.put_addition(addition("more"), AdditionForm::Json, "[]".into()).await.unwrap_err();
    assert!(matches!(refused, SourceError::TooMany { count_max: 256, .. }));
    server.sources.put_addition(addition("a7"), AdditionForm::Json, SHOP.into()).await.unwrap();
    assert!(server.types_of("shop").is_some(), "one that is there can still be replaced");
}

#[tokio::test]
async fn a_file_is_seen_while_the_server_runs_and_a_bad_one_changes_nothing() {
    let server = Server::new().await;
    let stop = CancellationToken::new();
    let watching = tokio::spawn(server.sources.clone().watch(stop.clone()));
    server.write("shop.json", SHOP);
    until("the new file", || server.types_of("shop").is_some()).await;
    server.write("depot.toml", "source = \"depot\"\ncategory = \"toys\"\n");
    server.write("shop.json", &SHOP.replace("Placed", "Paid"));
    // A good file beside a bad one waits, too: all or nothing.
    let refused = |server: &Server| server.sources.file_faults().iter().any(|fault| fault.line == Some(2));
    until("the refusal", || refused(&server)).await;
    assert_eq!(server.types_of("shop"), Some(vec!["shop:Order:Placed".to_owned()]));
    server.write("depot.toml", "source = \"depot\"\n");
    until("the repaired file", || server.types_of("depot").is_some()).await;
    assert_eq!(server.types_of("shop"), Some(vec!["shop:Order:Paid".to_owned()]));
    assert!(server.sources.file_faults().is_empty());
    // What comes by API corrects a file.
    let text = r#"{"source": "shop", "description": "Ours."}"#;
    server.sources.put_addition(addition("fix"), AdditionForm::Json, text.into()).await.unwrap();
    assert_eq!(server.sources.catalog().source("shop").unwrap().description(), "Ours.");
    std::fs::remove_dir_all(server.directory.path().join("catalog")).unwrap();
    until("the end of the files", || server.types_of("depot").is_none()).await;
    stop.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn bad_files_do_not_keep_a_server_from_starting() {
    let server = Server::new().await;
    server.write("bad.json", "{");
    let server = server.reopened().await;
    assert!(server.sources.file_faults()[0].file.ends_with("bad.json"));
    assert!(server.sources.catalog().source("acs.oss").is_some());
}
