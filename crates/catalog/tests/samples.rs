//! Sample events: complete, in the envelope of the real bus, and the same for the same seed.

use kulkul_catalog::{
    Catalog, CatalogAdditions, Payload, SAMPLE_ATTRIBUTE, SampleError, SampleOptions, UNKNOWN_PAYLOAD,
    parse_override,
};
use kulkul_model::{Identity, Timestamp};
use serde_json::{Value, json};

const ACCOUNT: &str = "1987654321098765";
const REGION: &str = "ap-southeast-5";
const TIME: &str = "2031-07-09T10:11:12.345Z";

fn options(seed: u64) -> SampleOptions {
    SampleOptions {
        seed,
        identity: Identity { account: ACCOUNT.parse().unwrap(), region: REGION.parse().unwrap() },
        bus: "default".parse().unwrap(),
        time: Timestamp::parse_rfc3339(TIME).unwrap(),
        overrides: Vec::new(),
    }
}

fn sample(source: &str, event_type: &str) -> Value {
    with(source, event_type, &[]).unwrap()
}

fn with(source: &str, event_type: &str, overrides: &[&str]) -> Result<Value, SampleError> {
    let overrides = overrides.iter().map(|text| parse_override(text).unwrap()).collect();
    let options = SampleOptions { overrides, ..options(7) };
    let text = Catalog::builtin().sample(source, event_type, &options)?;
    Ok(serde_json::from_str(&text).unwrap())
}

#[test]
fn every_type_has_a_sample_with_a_lawful_envelope() {
    let catalog = Catalog::builtin();
    let mut count = 0;
    for (source, kind) in catalog.event_types() {
        let name = kind.full_name();
        let text = catalog.sample(source.name(), name, &options(1)).unwrap();
        assert_eq!(text, catalog.sample(source.name(), name, &options(1)).unwrap(), "{name}");
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event.to_string(), text, "{name}: compact");
        let attribute = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("{name} in {text}"));
        assert_eq!(
            (attribute("specversion"), attribute("source"), attribute("type")),
            ("1.0", source.name(), name)
        );
        assert!((1..=128).contains(&attribute("id").len()) && source.name().len() <= 128);
        assert_eq!((attribute("time"), attribute("aliyunaccountid")), (TIME, ACCOUNT));
        assert_eq!((attribute("aliyunoriginalaccountid"), attribute("aliyunregionid")), (ACCOUNT, REGION));
        assert_eq!(attribute("aliyuneventbusname"), "default");
        assert!(
            attribute("aliyunpublishtime") > TIME && attribute("aliyunpublishaddr").starts_with("192.0.2.")
        );
        assert!(attribute("datacontenttype").starts_with("application/json"));
        if let Some(subject) = event.get("subject") {
            let subject = subject.as_str().unwrap();
            assert!((1..=512).contains(&subject.len()) && !subject.contains('{'), "{subject}");
        }
        let is_trail = matches!(kind.group(), "ActionTrail" | "CloudMonitor" | "Config");
        assert!(!is_trail || event.get("subject").is_none(), "{name}: no such subject is documented");
        assert!(event["data"].is_object(), "{name}");
        let unknown = kind.payload() == Payload::Unknown;
        assert_eq!(event.get(SAMPLE_ATTRIBUTE), unknown.then(|| json!(UNKNOWN_PAYLOAD)).as_ref(), "{name}");
        assert_eq!(event["data"] == json!({}), unknown, "{name}");
        for (attribute, value) in event.as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
            assert!(attribute.len() <= 20 || attribute.starts_with("aliyun"), "{attribute}");
            assert!(
                attribute.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && value.is_string()
            );
        }
        count += 1;
    }
    assert_eq!(count, 783);
}

#[test]
fn only_types_that_the_cloud_documents_longer_are_longer_than_64_characters() {
    let catalog = Catalog::builtin();
    let long = catalog.event_types().filter(|(_, kind)| kind.full_name().len() > 64);
    let long: Vec<_> = long.map(|(_, kind)| kind.full_name().len()).collect();
    assert_eq!((long.len(), long.iter().max()), (60, Some(&80)));
}

#[test]
fn nothing_of_the_place_and_time_of_writing_is_left() {
    let catalog = Catalog::builtin();
    for (source, kind) in catalog.event_types() {
        let text = catalog.sample(source.name(), kind.full_name(), &options(1)).unwrap();
        for left in ["1409876512340077", "1840000000000017", "1600000000000001"] {
            assert!(!text.contains(left), "{left} in {text}");
        }
        if kind.group() == "ActionTrail" {
            assert!(!text.contains("\"2026-02-11T") && !text.contains("\"2025-0"), "{text}");
        }
    }
}

#[test]
fn another_seed_is_another_event() {
    let catalog = Catalog::builtin();
    for (source, kind) in catalog.event_types() {
        let id = |seed| {
            let text = catalog.sample(source.name(), kind.full_name(), &options(seed)).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()["id"].clone()
        };
        assert_ne!(id(1), id(2), "{}", kind.full_name());
    }
    let mut ids: Vec<String> = (0..10_000)
        .map(|seed| catalog.sample("acs.ecs", "ecs:Instance:StateChange", &options(seed)).unwrap())
        .map(|text| serde_json::from_str::<Value>(&text).unwrap()["id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10_000);
}

#[test]
fn an_audit_record_carries_the_id_and_the_time_of_its_event() {
    let event = sample("acs.alikafka", "alikafka:ActionTrail:ApiCall");
    let data = &event["data"];
    assert_eq!(data["eventId"], event["id"]);
    assert_eq!(data["requestId"], event["id"]);
    assert_eq!(data["responseElements"]["RequestId"], event["id"]);
    assert_eq!(data["eventTime"], "2031-07-09T10:11:12Z");
    assert_eq!((&data["eventType"], &data["eventRW"]), (&json!("ApiCall"), &json!("Write")));
    assert_eq!((&data["acsRegion"], &data["userIdentity"]["accountId"]), (&json!(REGION), &json!(ACCOUNT)));
}

#[test]
fn audit_records_have_the_members_that_are_always_there() {
    let catalog = Catalog::builtin();
    for (source, kind) in catalog.event_types().filter(|(_, kind)| kind.group() == "ActionTrail") {
        let event = sample(source.name(), kind.full_name());
        for member in ["eventId", "eventName", "eventSource", "serviceName", "sourceIpAddress", "userAgent"] {
            assert!(event["data"][member].is_string(), "{member} of {}", kind.full_name());
        }
        assert_eq!(event["data"]["eventType"], kind.short_name());
        assert!(event["data"]["userIdentity"]["type"].is_string());
        let is_call = kind.short_name() == "ApiCall";
        assert!(!is_call || event["data"]["apiVersion"].is_string(), "{}", kind.full_name());
    }
}

#[test]
fn a_system_event_is_a_whole_notification() {
    let catalog = Catalog::builtin();
    let members = [
        "ver",
        "id",
        "product",
        "name",
        "level",
        "status",
        "eventTime",
        "regionId",
        "userId",
        "resourceId",
        "instanceName",
        "content",
    ];
    for (source, kind) in catalog.event_types().filter(|(_, kind)| kind.group() == "CloudMonitor") {
        let event = sample(source.name(), kind.full_name());
        let found: Vec<_> = event["data"].as_object().unwrap().keys().collect();
        assert_eq!(found, members, "{}", kind.full_name());
        assert_eq!((&event["data"]["id"], &event["data"]["userId"]), (&event["id"], &json!(ACCOUNT)));
        assert_eq!(event["data"]["eventTime"], "20310709T181112.345+0800", "{}", kind.full_name());
    }
}

#[test]
fn a_configuration_change_and_a_violation_have_their_layouts() {
    let millis = Timestamp::parse_rfc3339(TIME).unwrap().as_millis();
    let change = sample("acs.config", "config:Config:ConfigurationItemChangeNotification");
    assert_eq!(change["data"]["captureTime"], millis.to_string());
    assert_eq!((&change["data"]["accountId"], &change["data"]["region"]), (&json!(ACCOUNT), &json!(REGION)));
    let configuration = change["data"]["configuration"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(configuration).unwrap().is_object());

    let violation = sample("acs.mse", "mse:Config:NonCompliantNotification");
    let data = &violation["data"];
    assert_eq!(
        (&data["accountId"], &data["notificationCreationTime"]),
        (&json!(1_987_654_321_098_765_u64), &json!(millis))
    );
    assert_eq!(
        (&data["complianceType"], &data["eventName"]),
        (&json!("NON_COMPLIANT"), &json!("NonCompliant"))
    );
    let rule =
        data["evaluationResultIdentifier"]["evaluationResultQualifier"]["configRuleArn"].as_str().unwrap();
    assert!(rule.starts_with(&format!("acs:config::{ACCOUNT}:rule/")), "{rule}");
}

#[test]
fn collected_events_happen_when_the_caller_says() {
    let millis = Timestamp::parse_rfc3339(TIME).unwrap().as_millis();
    let table = [
        ("acs.oss", "oss:ObjectCreated:PutObject", "/eventTime", json!(TIME)),
        ("acs.mse", "mse:Agent:GracefulShutdown", "/timestamp", json!(millis)),
        ("acs.arms", "arms:Agent:AgentStart", "/info/timestamp", json!(millis.to_string())),
        ("acs.dm", "dm:Deliver:Fail", "/deliver_time", json!("2031-07-09T18:11:12")),
        ("acs.dm", "dm:Deliver:Fail", "/send_time", json!("2031-07-09T18:11:04")),
        ("acs.dm", "dm:Feedback:FblReport", "/block_time", json!((millis / 1000).to_string())),
        ("acs.imm", "imm:FileMeta:Index", "/EndTime", json!("2031-07-09T18:11:12.345000+08:00")),
        ("acs.cs", "cs:k8s:PodRelatedEvent", "/lastTimestamp", json!("2031-07-09T10:11:12Z")),
    ];
    for (source, event_type, place, value) in table {
        assert_eq!(sample(source, event_type)["data"].pointer(place), Some(&value), "{event_type}");
    }
}

#[test]
fn subjects_follow_the_form_of_their_source() {
    let table = [
        ("acs.oss", "oss:ObjectCreated:PutObject", Some("acs:oss:{R}:{A}:kulkul-demo/photos/2025/cat.jpg")),
        ("acs.oss", "oss:BucketCreated:PutBucket", Some("acs:oss:{R}:{A}:kulkul-demo")),
        ("acs.ecs", "ecs:Instance:StateChange", Some("acs:ecs:{R}:{A}:instance/i-bp1kulkul0000000a001")),
        ("acs.ecs", "ecs:Disk:Stalled", Some("acs:ecs:{R}:{A}:disk/d-bp1kulkul0000000d001")),
        ("acs.dm", "dm:Deliver:Fail", Some("acs:dm:{R}:{A}:*")),
        ("acs.cr", "cr:Artifact:BuildCompleted", Some("acs.cr:{R}:{A}:215672")),
        ("acs.mse", "mse:Agent:GracefulShutdown", None),
        ("acs.ess", "ess:LifecycleHook:Test", None),
    ];
    for (source, event_type, form) in table {
        let subject = form.map(|form| json!(form.replace("{R}", REGION).replace("{A}", ACCOUNT)));
        assert_eq!(sample(source, event_type).get("subject"), subject.as_ref(), "{event_type}");
    }
    let pod = sample("acs.cs", "cs:k8s:PodRelatedEvent")["subject"].as_str().unwrap().to_owned();
    assert!(pod.contains("/namespaces/kulkul/pods/"), "{pod}");
}

#[test]
fn every_subject_form_in_the_data_is_filled_in() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let Ok(document) = serde_json::from_str::<Value>(&text) else { continue };
        for kind in document["types"].as_array().unwrap() {
            let event = sample(document["source"].as_str().unwrap(), kind["type"].as_str().unwrap());
            assert_eq!(event.get("subject").is_some(), kind.get("subject").is_some(), "{}", kind["type"]);
            count += usize::from(event.get("subject").is_some());
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn a_source_may_be_asked_for_with_a_colon() {
    assert_eq!(sample("acs:dm", "dm:Trace:Open")["source"], "acs.dm");
}

#[test]
fn values_can_be_set_by_path_and_the_subject_follows() {
    let event = with(
        "acs.oss",
        "oss:ObjectCreated:PutObject",
        &[
            "data.oss.object.key=a/b.jpg",
            "data.oss.object.size=3",
            "data.note={\"x\":[1]}",
            "data.note.x[0]=2",
            "data.note.x[1]=5",
        ],
    )
    .unwrap();
    assert_eq!(event["subject"], format!("acs:oss:{REGION}:{ACCOUNT}:kulkul-demo/a/b.jpg"));
    assert_eq!(event["data"]["oss"]["object"]["size"], 3);
    assert_eq!(event["data"]["note"], json!({"x": [2, 5]}));
    let stopped = with("acs.ecs", "ecs:Instance:StateChange", &["data.state=Stopped"]).unwrap();
    assert_eq!(stopped["data"]["state"], "Stopped");
}

#[test]
fn attributes_can_be_set_too() {
    let overrides = ["id=x-1", "source=acs:dm", "subject=s", "tenant=blue", "aliyunpublishaddr=null"];
    let event = with("acs.dm", "dm:Trace:Open", &overrides).unwrap();
    assert_eq!(
        (&event["id"], &event["source"], &event["subject"]),
        (&json!("x-1"), &json!("acs:dm"), &json!("s"))
    );
    assert_eq!(event["tenant"], "blue");
    assert!(event.get("aliyunpublishaddr").is_none());
}

#[test]
fn an_unknown_payload_can_be_built() {
    let event =
        with("acs.ess", "ess:LifecycleHook:Test", &["data.a.b=1", "data.a.c=2", "data.d.e.f=x"]).unwrap();
    assert_eq!(event["data"], json!({"a": {"b": 1, "c": 2}, "d": {"e": {"f": "x"}}}));
    let content =
        with("acs.iot", "iot:CloudMonitor:AccountConnectQPSLimit", &["data.content.a.b=1"]).unwrap();
    assert_eq!(
        content["data"]["content"],
        json!({"a": {"b": 1}}),
        "what a sample leaves empty is unknown as well"
    );
}

#[test]
fn an_impossible_path_is_an_error_that_names_it() {
    let table = [
        ("data.state.deeper=1", "`data.state` is a string"),
        ("data.stat.deeper=1", "`data` has no member `stat`; it has `resourceId`, `resourceType`, `state`"),
        ("data..state=1", "a name is missing"),
        ("data.=1", "a name is missing"),
        ("data[0=1", "a bracket is not closed"),
        ("data[0]x=1", "follows a bracket"),
        ("subject.x=1", "`subject` is an attribute"),
        ("Data.state=1", "lower-case"),
        ("dat_a=1", "lower-case"),
        ("type=x", "choice of the type"),
        ("specversion=2", "choice of the type"),
        ("id=", "1 to 128 characters"),
        ("id=null", "required"),
        ("id=3", "cannot be a number"),
        ("tenant=[1]", "cannot be a list"),
    ];
    for (text, reason) in table {
        let error = with("acs.ecs", "ecs:Instance:StateChange", &[text]).unwrap_err();
        let SampleError::ImpossiblePath { path, reason: said } = &error else { panic!("{error:?}") };
        assert_eq!(path, text.split_once('=').unwrap().0);
        assert!(said.contains(reason), "{text}: {said}");
        assert!(error.to_string().contains(&format!("`{path}`")));
    }
    let list =
        with("acs.ecs", "ecs:Instance:VSwitchChanged", &["data.secondaryPrivateIps.first=1"]).unwrap_err();
    assert!(list.to_string().contains("is not a position"), "{list}");
    let gap = with("acs.ecs", "ecs:Instance:VSwitchChanged", &["data.secondaryPrivateIps[9]=1"]).unwrap_err();
    assert!(gap.to_string().contains("has 1 items and no item 9"), "{gap}");
}

#[test]
fn an_override_is_a_path_and_a_value() {
    let table = [
        ("data.state=Stopped", "data.state", json!("Stopped")),
        ("data.size=3", "data.size", json!(3)),
        ("data.size=\"3\"", "data.size", json!("3")),
        ("data.flag=true", "data.flag", json!(true)),
        ("data.q=a=b", "data.q", json!("a=b")),
        ("data[\"a=b\"]=1", "data[\"a=b\"]", json!(1)),
        ("subject=", "subject", json!("")),
    ];
    for (text, path, value) in table {
        assert_eq!(parse_override(text), Ok((path.to_owned(), value)), "{text}");
    }
    for text in ["data.state", "=x", ""] {
        assert_eq!(parse_override(text), Err(SampleError::MalformedOverride { text: text.to_owned() }));
    }
}

#[test]
fn names_that_nobody_knows_get_a_suggestion() {
    let source = with("acs.esc", "x", &[]).unwrap_err();
    assert!(source.to_string().contains("no event source `acs.esc`; did you mean"), "{source}");
    let event_type = with("acs.ecs", "ecs:Instance:StateChanged", &[]).unwrap_err();
    assert!(event_type.to_string().contains("did you mean `ecs:Instance:StateChange`"), "{event_type}");
    let nothing = with("acs.ecs", "completely different", &[]).unwrap_err();
    assert!(!nothing.to_string().contains("did you mean"), "{nothing}");
}

#[test]
fn sample_data_of_users_are_used_as_written_unless_they_say_what_they_stand_for() {
    let data = r#"{"by": "100", "at": "2026-01-01T00:00:00Z", "where": "cn-x"}"#;
    let plain = format!(r#"{{"source": "shop", "types": [{{"type": "shop:A:B", "sample_data": {data}}}]}}"#);
    let adapted = plain.replace(
        "\"types\"",
        r#""sample_setting": {"account": "100", "region": "cn-x", "time": "2026-01-01T00:00:00Z"}, "types""#,
    );
    let made = |text: &str| {
        let catalog = Catalog::builtin().merge(&CatalogAdditions::parse_json("shop.json", text).unwrap());
        let sample = catalog.sample("shop", "shop:A:B", &options(1)).unwrap();
        serde_json::from_str::<Value>(&sample).unwrap()
    };
    assert_eq!(made(&plain)["data"], serde_json::from_str::<Value>(data).unwrap());
    let moved = json!({"by": ACCOUNT, "at": "2031-07-09T10:11:12Z", "where": REGION});
    assert_eq!(made(&adapted)["data"], moved);
    let timed = plain.replace("\"sample_data\"", r#""sample_time": "2026-01-01T00:00:00Z", "sample_data""#);
    assert_eq!(made(&timed)["data"], json!({"by": "100", "at": "2031-07-09T10:11:12Z", "where": "cn-x"}));
    assert!(made(&plain).get("subject").is_none() && made(&plain)["id"].is_string());
}

proptest::proptest! {
    #[test]
    fn no_path_is_too_strange_to_answer(path in "(data|subject)?[.\\[\\]\"a-z0-9\\PC]{0,30}", event_type in "\\PC{0,30}") {
        let overrides = vec![(path.clone(), json!(1))];
        let options = SampleOptions { overrides, ..options(1) };
        match Catalog::builtin().sample("acs.oss", "oss:ObjectCreated:PutObject", &options) {
            Ok(text) => assert!(serde_json::from_str::<Value>(&text).is_ok()),
            Err(error) => assert!(error.to_string().contains(&path), "{error}"),
        }
        assert!(Catalog::builtin().sample("acs.oss", &event_type, &options).is_err());
    }
}
