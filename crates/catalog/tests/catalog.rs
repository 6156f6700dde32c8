//! What the built-in catalog knows, and how it is asked.

use std::collections::HashSet;

use kulkul_catalog::{Basis, Catalog, CatalogAdditions, Category, Payload};

#[test]
fn the_catalog_knows_every_service_and_every_type_once() {
    let catalog = Catalog::builtin();
    let names: HashSet<_> = catalog.sources().map(|source| source.name()).collect();
    let types: HashSet<_> = catalog.event_types().map(|(_, kind)| kind.full_name()).collect();
    assert_eq!((catalog.sources().count(), names.len()), (77, 77));
    assert_eq!((catalog.event_types().count(), types.len()), (783, 783));
    assert!(catalog.sources().all(|source| source.is_official() && source.bus().is_none()));
    for (source, kind) in catalog.event_types() {
        let service = source.service().unwrap();
        assert_eq!(source.name(), format!("acs.{service}"));
        assert!(kind.full_name().starts_with(&format!("{service}:")), "{}", kind.full_name());
        assert!(kind.description().is_some() && kind.reference().is_some(), "{}", kind.full_name());
    }
}

#[test]
fn the_catalog_says_how_it_knows() {
    let catalog = Catalog::builtin();
    let count = |basis| catalog.event_types().filter(|(_, kind)| kind.basis() == basis).count();
    assert_eq!(
        [Basis::Documented, Basis::Convention, Basis::Inferred, Basis::Added].map(count),
        [604, 170, 9, 0]
    );
    let unknown = catalog.event_types().filter(|(_, kind)| kind.payload() == Payload::Unknown).count();
    assert_eq!(unknown, 125);
}

#[test]
fn each_of_the_fourteen_categories_has_sources() {
    let catalog = Catalog::builtin();
    let counts = Category::ALL.map(|category| (category.id(), catalog.in_category(category).count()));
    assert_eq!(
        counts,
        [
            ("elastic-computing", 8),
            ("storage", 5),
            ("database", 13),
            ("security", 10),
            ("big-data", 7),
            ("ai", 2),
            ("networking-cdn", 11),
            ("video", 6),
            ("containers-middleware", 6),
            ("developer-om", 5),
            ("domain-website", 1),
            ("iot", 1),
            ("enterprise-applications", 1),
            ("enterprise-communications", 1),
            ("custom", 0),
        ]
    );
    for category in Category::ALL {
        assert_eq!(Category::from_id(category.id()), Some(category));
    }
}

#[test]
fn a_source_is_found_in_either_spelling() {
    let catalog = Catalog::builtin();
    let mail = catalog.source("acs:dm").unwrap();
    assert_eq!(
        (mail.name(), mail.full_name(), mail.full_name_zh()),
        ("acs.dm", "Direct Mail", Some("邮件推送"))
    );
    assert_eq!(catalog.source("acs.dm").unwrap().name(), "acs.dm");
}

#[test]
fn what_nobody_knows_is_no_error() {
    let catalog = Catalog::builtin();
    assert!(catalog.source("acs.nosuch").is_none());
    assert!(catalog.event_type("oss:Nothing:Known").is_none());
    assert!(catalog.search("zzzz").is_empty());
    assert!(catalog.search("  ").is_empty());
}

#[test]
fn a_type_is_found_by_its_full_name_and_taken_apart() {
    let catalog = Catalog::builtin();
    // full name, source, group, group with service, short name
    let table = [
        ("oss:ObjectCreated:PutObject", "acs.oss", "ObjectCreated", "oss:ObjectCreated", "PutObject"),
        (
            "arms:ActionTrail:AliyunServiceEvent",
            "acs.arms",
            "ActionTrail",
            "arms:ActionTrail",
            "AliyunServiceEvent",
        ),
        (
            "kvstore:CloudMonitor:Instance[SystemMaintenance.Transfer:Executed]",
            "acs.kvstore",
            "CloudMonitor",
            "kvstore:CloudMonitor",
            "Instance[SystemMaintenance.Transfer:Executed]",
        ),
    ];
    for (full_name, source, group, group_name, short_name) in table {
        let (found, kind) = catalog.event_type(full_name).unwrap();
        assert_eq!(found.name(), source);
        assert_eq!((kind.group(), kind.group_name(), kind.short_name()), (group, group_name, short_name));
    }
    for (source, kind) in catalog.event_types() {
        assert_eq!(catalog.event_type(kind.full_name()).unwrap().0.name(), source.name());
    }
}

#[test]
fn words_find_sources_and_types_in_both_languages() {
    let catalog = Catalog::builtin();
    // words, first source found, whether the source itself was meant
    let table = [
        ("object storage", "acs.oss", true),
        ("STORAGE Object", "acs.oss", true),
        ("对象存储", "acs.oss", true),
        ("函数计算", "acs.fc", true),
        ("acs.slb", "acs.slb", true),
        ("物联网", "acs.iot", true),
        ("oss bucket deleted", "acs.oss", false),
        ("ecs statechange", "acs.ecs", false),
    ];
    for (words, source, whole) in table {
        let hits = catalog.search(words);
        assert_eq!(hits[0].source.name(), source, "{words}");
        assert_eq!(hits[0].types.is_empty(), whole, "{words}");
    }
    let database = catalog.search("数据库");
    assert!(
        database.iter().filter(|hit| hit.types.is_empty()).count() >= 15,
        "a category's name finds its sources"
    );
    let deleted = catalog.search("oss bucket deleted");
    assert!(deleted[0].types.iter().any(|kind| kind.full_name() == "oss:BucketRemoved:DeleteBucket"));
}

#[test]
fn the_data_files_are_source_documents_like_those_of_users() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let files = CatalogAdditions::from_directory(&directory, &Default::default()).unwrap();
    let (builtin, merged) = (Catalog::builtin(), Catalog::builtin().merge(&files));
    assert_eq!(merged.sources().count(), 77);
    let facts = |catalog: &Catalog| -> Vec<_> {
        let fact = |(source, kind): (&kulkul_catalog::EventSource, &kulkul_catalog::EventType)| {
            (source.name().to_owned(), kind.full_name().to_owned(), kind.basis(), kind.payload())
        };
        catalog.event_types().map(fact).collect()
    };
    assert_eq!(facts(&builtin), facts(&merged));
}

#[test]
fn the_page_of_event_sources_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/event-sources.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == kulkul_catalog::document(&Catalog::builtin()),
        "stale; run: cargo run -p kulkul-catalog --example event-sources > docs/event-sources.md"
    );
}
