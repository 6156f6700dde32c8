//! What users add: taken whole or refused whole, with file, line and reason.

use std::fs;

use kulkul_catalog::{
    AdditionFault, Basis, Catalog, CatalogAdditions, Category, LoadLimits, Origin, Payload, UserDefinedSource,
};

const SHOP: &str = r#"{
  "source": "shop",
  "name": {"en": "Web shop", "zh": "网店"},
  "types": [
    {
      "type": "shop:Order:Placed",
      "description": "A customer placed an order.",
      "subject": "order/{data.order}",
      "sample_data": {"order": "o-1", "total": 12.5}
    },
    {"type": "shop:Order:Paid"}
  ]
}"#;

fn fault(text: &str) -> AdditionFault {
    let mut error = CatalogAdditions::parse_json("shop.json", text).unwrap_err();
    assert_eq!(error.faults.len(), 1);
    error.faults.remove(0)
}

#[test]
fn a_source_of_a_user_is_one_more_source() {
    let additions = CatalogAdditions::parse_json("shop.json", SHOP).unwrap();
    let catalog = Catalog::builtin().merge(&additions);
    assert_eq!((catalog.sources().count(), catalog.event_types().count()), (78, 785));
    let shop = catalog.source("shop").unwrap();
    assert_eq!(
        (shop.origin(), shop.category(), shop.is_official()),
        (&Origin::Addition, Category::Custom, false)
    );
    assert_eq!((shop.full_name(), shop.full_name_zh()), ("Web shop", Some("网店")));
    let (_, placed) = catalog.event_type("shop:Order:Placed").unwrap();
    assert_eq!((placed.basis(), placed.payload()), (Basis::Added, Payload::Added));
    let (_, paid) = catalog.event_type("shop:Order:Paid").unwrap();
    assert_eq!((paid.name(), paid.payload()), ("Paid", Payload::Unknown));
    assert_eq!(catalog.search("网店")[0].source.name(), "shop");
    assert!(Catalog::builtin().source("shop").is_none(), "the old catalog is what it was");
}

#[test]
fn an_addition_changes_only_what_it_states() {
    let text = r#"{"source": "acs:oss", "types": [
        {"type": "oss:ObjectCreated:PutObject", "description": "Put."},
        {"type": "oss:ObjectDownloaded:GetObject", "basis": "documented"}]}"#;
    let catalog = Catalog::builtin().merge(&CatalogAdditions::parse_json("oss.json", text).unwrap());
    let before = Catalog::builtin();
    let (oss, put) = catalog.event_type("oss:ObjectCreated:PutObject").unwrap();
    let known = before.event_type("oss:ObjectCreated:PutObject").unwrap().1;
    assert_eq!(put.description(), Some("Put."));
    assert_eq!((put.name(), put.basis(), put.payload()), (known.name(), known.basis(), known.payload()));
    assert_eq!((oss.origin(), oss.full_name()), (&Origin::Builtin, "Object Storage Service"));
    assert_eq!(oss.types().len(), before.source("acs.oss").unwrap().types().len() + 1);
}

#[test]
fn toml_says_the_same() {
    let text = "source = \"shop\"\ncategory = \"iot\"\n\n[[types]]\ntype = \"shop:Order:Placed\"\n\n[types.sample_data]\norder = \"o-1\"\n";
    let catalog = Catalog::builtin().merge(&CatalogAdditions::parse_toml("shop.toml", text).unwrap());
    assert_eq!(catalog.source("shop").unwrap().category(), Category::Iot);
    assert_eq!(catalog.event_type("shop:Order:Placed").unwrap().1.payload(), Payload::Added);
}

#[test]
fn a_fault_in_json_names_the_line_and_the_reason() {
    // what is wrong, in which line, words of the reason
    let table = [
        (SHOP.replace("\"source\": \"shop\",", "\"source\": \"\","), 2, "must not be empty"),
        (SHOP.replace("\"shop\",", "\"web shop\","), 2, "white space"),
        (SHOP.replace("\"zh\": \"网店\"", "\"fr\": \"x\""), 3, "unknown field `fr`"),
        (SHOP.replace("\"en\": \"Web shop\"", "\"en\": 3"), 3, "invalid type: integer `3`, expected a text"),
        (SHOP.replace("shop:Order:Placed", ""), 6, "must not be empty"),
        (SHOP.replace("order/{data.order}", "order/{order}"), 8, "unknown place `{order}`"),
        (SHOP.replace("order/{data.order}", "order/{data.order"), 8, "unclosed brace"),
        (SHOP.replace("{\"order\": \"o-1\", \"total\": 12.5}", "[]"), 9, "expected a map"),
        (
            SHOP.replace("shop:Order:Paid", "shop:Order:Placed"),
            11,
            "type `shop:Order:Placed` is stated twice",
        ),
        (SHOP.replace("{\"type\": \"shop:Order:Paid\"}", "{}"), 11, "missing field `type`"),
        (SHOP.replace("\"types\": [", "\"category\": \"toys\", \"types\": ["), 4, "unknown category `toys`"),
        (SHOP.replace("12.5}", "12.5"), 11, "key must be a string"),
    ];
    for (text, line, reason) in table {
        let fault = fault(&text);
        assert_eq!((fault.file.as_str(), fault.line), ("shop.json", Some(line)), "{fault}");
        assert!(fault.column.is_some(), "{fault}");
        assert!(fault.reason.contains(reason), "{fault}");
        assert!(fault.to_string().starts_with(&format!("shop.json:{line}:")), "{fault}");
    }
}

#[test]
fn a_fault_in_toml_names_the_line_and_the_reason() {
    let table = [
        ("source = \"shop\"\ncategory = \"toys\"\n", 2, "unknown category `toys`"),
        ("source = \"shop\"\n\n[[types]]\ntype = \"\"\n", 4, "must not be empty"),
        ("source = \"shop\"\n[[types]]\ntype = \"a:b:c\"\n[[types]]\ntype = \"a:b:c\"\n", 5, "stated twice"),
        (
            "source = \"shop\"\n[[types]]\ntype = \"a:b:c\"\nsample_data = {at = 2026-02-11}\n",
            3,
            "write times in quotes",
        ),
        ("source = \"shop\"\nsource =\n", 2, ""),
    ];
    for (text, line, reason) in table {
        let error = CatalogAdditions::parse_toml("shop.toml", text).unwrap_err();
        assert_eq!(error.faults[0].line, Some(line), "{error}");
        assert!(error.faults[0].reason.contains(reason), "{error}");
    }
}

#[test]
fn a_list_of_documents_may_not_state_a_source_twice() {
    let text = "[\n{\"source\": \"a\"},\n{\"source\": \"b\"},\n{\"source\": \"a\"}\n]";
    let fault = fault(text);
    assert_eq!((fault.line, fault.reason.as_str()), (Some(4), "source `a` is stated twice"));
}

#[test]
fn one_bad_file_refuses_the_whole_directory_and_every_bad_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("a.json", SHOP);
    write("b.json", "{\n  \"source\": 3\n}");
    write("c.toml", "source = \"x\"\ncolour = 1\n");
    let error = CatalogAdditions::from_directory(directory.path(), &LoadLimits::default()).unwrap_err();
    let places: Vec<_> = error.faults.iter().map(|it| (it.file.clone(), it.line)).collect();
    let path = |name: &str| directory.path().join(name).display().to_string();
    assert_eq!(places, [(path("b.json"), Some(2)), (path("c.toml"), Some(2))]);
    assert!(error.to_string().contains("; "), "{error}");
}

#[test]
fn a_directory_is_read_in_order_of_name_and_other_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("10.json", SHOP);
    write("20.toml", "source = \"shop\"\nnotes = \"later\"\n");
    write("30.txt", "not ours");
    write(".hidden.json", "not ours");
    let additions = CatalogAdditions::from_directory(directory.path(), &LoadLimits::default()).unwrap();
    let catalog = Catalog::builtin().merge(&additions);
    let shop = catalog.source("shop").unwrap();
    assert_eq!((shop.notes(), shop.full_name()), (Some("later"), "Web shop"));
}

#[test]
fn a_directory_that_is_not_there_adds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    assert!(CatalogAdditions::from_directory(&missing, &LoadLimits::default()).unwrap().is_empty());
}

#[test]
fn files_are_bounded_in_count_and_size() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.json"), SHOP).unwrap();
    fs::write(directory.path().join("b.json"), SHOP).unwrap();
    let refused =
        |limits| CatalogAdditions::from_directory(directory.path(), &limits).unwrap_err().to_string();
    let few = LoadLimits { file_count_max: 1, ..LoadLimits::default() };
    assert!(refused(few).contains("2 files, more than the limit of 1"));
    let small = LoadLimits { file_bytes_max: 10, ..LoadLimits::default() };
    assert!(refused(small).contains("a.json: has more than 10 bytes"));
}

#[test]
fn a_source_registered_on_a_bus_is_offered_until_it_is_unregistered() {
    let registered = |bus: &str| UserDefinedSource {
        bus: bus.to_owned(),
        name: "orders".to_owned(),
        description: Some("All orders.".to_owned()),
        types: vec!["orders:Order:Placed".to_owned()],
    };
    let additions = CatalogAdditions::registered([registered("b"), registered("a")]);
    let catalog = Catalog::builtin().merge(&additions);
    assert_eq!(catalog.sources().count(), 79, "one name on two buses is two sources");
    assert_eq!(catalog.user_defined("a").count(), 1);
    let orders = catalog.source("orders").unwrap();
    assert_eq!((orders.bus(), orders.description()), (Some("a"), "All orders."));
    assert_eq!(catalog.event_type("orders:Order:Placed").unwrap().0.bus(), Some("a"));
    let catalog = catalog.unregister("a", "orders");
    assert_eq!(catalog.source("orders").unwrap().bus(), Some("b"));
    let catalog = catalog.unregister("b", "orders").unregister("b", "orders");
    assert!(catalog.source("orders").is_none());
    assert!(catalog.event_type("orders:Order:Placed").is_none());
    assert_eq!(catalog.sources().count(), 77);
}

#[test]
fn a_source_on_a_bus_does_not_touch_the_official_one_of_its_name() {
    let shadow = UserDefinedSource {
        bus: "b".to_owned(),
        name: "acs.oss".to_owned(),
        description: Some("mine".to_owned()),
        types: Vec::new(),
    };
    let catalog = Catalog::builtin().merge(&CatalogAdditions::registered([shadow]));
    assert_eq!(catalog.source("acs.oss").unwrap().full_name(), "Object Storage Service");
    assert_eq!(catalog.user_defined("b").next().unwrap().description(), "mine");
    assert_eq!(catalog.unregister("b", "acs.oss").sources().count(), 77);
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange_to_refuse(text in "[\\[\\]{}\":,=a-z0-9 \\n\\PC]{0,80}") {
        let _ = CatalogAdditions::parse_json("x.json", &text);
        let _ = CatalogAdditions::parse_toml("x.toml", &text);
    }
}
