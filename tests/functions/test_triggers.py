"""Triggers: create, get, list, update, delete, and what they make of events."""

import json
import uuid

import pytest
from alibabacloud_fc20230330 import models

from harness import clients
from harness.event_bridge import event, function_arn, function_target, rule_arn
from harness.functions import RECORDER
from harness.refusals import business_error, refused
from harness.server import ACCOUNT_ID, REGION

@pytest.fixture
def recorder(functions, collector, unique):
    """The name of a function that posts its event to the collector; the path is `/` and the name."""
    name = unique("recorder")
    functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    return name


def get(fc, function, trigger):
    return fc.get_trigger(function, trigger).body


def update(fc, function, trigger, **changes):
    request = models.UpdateTriggerRequest(body=models.UpdateTriggerInput(**changes))
    return fc.update_trigger(function, trigger, request).body


def default_config(pattern, **settings):
    return {"triggerEnable": True, "asyncInvocationType": False, "eventRuleFilterPattern": json.dumps(pattern),
            "eventSourceConfig": {"eventSourceType": "Default"}, **settings}


def test_an_event_trigger_compiles_to_a_rule_on_the_default_bus(fc, functions, hub, recorder):
    config = default_config({"source": ["shop"]})
    created = functions.trigger(recorder, "on-order", "eventbridge", config, description="orders", qualifier="LATEST")
    assert (created.trigger_name, created.trigger_type, created.description) == ("on-order", "eventbridge", "orders")
    assert (created.qualifier, created.status) == ("LATEST", "OK")
    assert created.source_arn == rule_arn("default", f"{recorder}-on-order")
    assert created.target_arn == function_arn(recorder)
    assert uuid.UUID(created.trigger_id)
    assert json.loads(created.trigger_config) == config
    assert get(fc, recorder, "on-order").to_map() == created.to_map()
    rule = hub.get_rule("default", f"{recorder}-on-order")
    assert json.loads(rule.filter_pattern) == {"source": ["shop"]}
    assert rule.status == "ENABLE"
    assert [target.type for target in rule.targets] == ["acs.fc.function"]


@pytest.mark.parametrize("asynchronous", [True, False])
def test_an_event_that_matches_arrives_whole(functions, hub, collector, recorder, unique, asynchronous):
    source = unique("shop")
    functions.event_trigger(recorder, "t", {"source": [source], "data": {"total": [{"numeric": [">", 100]}]}}, asynchronous)
    hub.put_accepted(
        "default",
        event("small", source, data={"total": 99}),
        event("great", source, data={"total": 101, "näme": "ü"}, subject="order/7", time="2026-11-22T07:00:00.000Z"),
        event("other", "elsewhere", data={"total": 500}),
    )
    received = collector.wait_for(f"/{recorder}")
    assert len(received) == 1
    got = received[0]
    assert (got["id"], got["source"], got["type"], got["specversion"]) == ("great", source, "order:Placed", "1.0")
    assert (got["subject"], got["time"], got["data"]) == ("order/7", "2026-11-22T07:00:00.000Z", {"total": 101, "näme": "ü"})
    assert (got["aliyuneventbusname"], got["aliyunregionid"]) == ("default", REGION)
    assert got["aliyunaccountid"] == got["aliyunoriginalaccountid"] == ACCOUNT_ID
    assert got["aliyunpublishtime"].endswith("Z") and got["aliyunpublishaddr"] == "127.0.0.1"


def test_a_bucket_trigger_gets_the_native_document_for_its_prefix_and_suffix(server, functions, collector, recorder, unique):
    bucket = clients.oss2_bucket(server, unique("media"))
    bucket.create_bucket()
    config = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "in/", "suffix": ".jpg"}}}
    created = functions.trigger(recorder, "uploads", "oss", config, source_arn=f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}",
                                invocation_role=f"acs:ram::{ACCOUNT_ID}:role/any")
    assert json.loads(created.trigger_config) == config
    for key in ("out/a.jpg", "in/a.txt", "in/ä b.jpg"):
        put = bucket.put_object(key, b"picture")
    document, = collector.wait_for(f"/{recorder}")
    record, = document["events"]
    assert record["eventName"] == "ObjectCreated:PutObject"
    assert (record["eventSource"], record["region"]) == ("acs:oss", REGION)
    assert record["oss"]["bucket"]["name"] == bucket.bucket_name
    assert record["oss"]["object"]["key"] == "in/ä b.jpg"
    assert (record["oss"]["object"]["size"], record["oss"]["object"]["eTag"]) == (7, put.etag)
    assert record["responseElements"]["requestId"] == put.request_id
    bucket.delete_object("in/ä b.jpg")
    bucket.put_object("in/b.jpg", b"p")
    collector.wait_for(f"/{recorder}", 2)
    assert [d["events"][0]["eventName"] for d in collector.documents(f"/{recorder}")] == ["ObjectCreated:PutObject"] * 2


def test_many_triggers_may_watch_one_bucket(server, functions, collector, unique):
    bucket = clients.oss2_bucket(server, unique("busy"))
    bucket.create_bucket()
    name = unique("many")
    functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    for i in range(15):
        functions.trigger(name, f"t{i}", "oss", {"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": f"p{i}/"}}},
                          source_arn=f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}")
    bucket.put_object("p14/x", b"x")
    assert collector.wait_for(f"/{name}")[0]["events"][0]["oss"]["object"]["key"] == "p14/x"


def test_a_trigger_exists_once_per_function(functions, recorder):
    functions.event_trigger(recorder, "t", {"source": ["a"]})
    with refused("TriggerAlreadyExists", 409):
        functions.event_trigger(recorder, "t", {"source": ["a"]})


def test_a_rule_can_be_linked_once(fc, functions, hub, collector, recorder, unique):
    bus, source = unique("bus"), unique("shop")
    hub.create_bus(bus)
    hub.create_rule(bus, "mine", {"source": [source]}, [function_target(recorder)])
    config = default_config({"source": [source]})
    functions.trigger(recorder, "linked", "eventbridge", config, source_arn=rule_arn(bus, "mine"))
    with refused("EventBridgeTriggerConflict", 409):
        functions.trigger(recorder, "again", "eventbridge", config, source_arn=rule_arn(bus, "mine"))
    hub.put_accepted(bus, event("1", source))
    assert collector.wait_for(f"/{recorder}")[0]["id"] == "1"
    fc.delete_trigger(recorder, "linked")
    assert hub.get_rule(bus, "mine").rule_name == "mine", "a linked rule belongs to whoever made it"


@pytest.mark.parametrize("name, kind, config", [
    ("", "eventbridge", default_config({})),
    ("1st", "eventbridge", default_config({})),
    ("a b", "eventbridge", default_config({})),
    ("x" * 129, "eventbridge", default_config({})),
    ("t", "carrier-pigeon", {}),
    ("t", "eventbridge", "not json"),
    ("t", "eventbridge", {}),
    ("t", "eventbridge", default_config({"source": "not a list"})),
    ("t", "eventbridge", default_config({"source": [{"prefx": "a"}]})),
    ("t", "eventbridge", default_config({}, eventSourceConfig={"eventSourceType": "Telepathy"})),
    ("t", "eventbridge", {**default_config({}), "eventRuleFilterPattern": "{"}),
    ("t", "oss", {"events": []}),
    ("t", "oss", {"events": ["oss:ObjectPainted:*"]}),
    ("t", "oss", {"events": ["oss:ObjectCreated:*"], "filter": {"key": "in/"}}),
], ids=lambda value: str(value)[:40])
def test_a_trigger_that_cannot_be_is_refused_and_not_kept(fc, functions, hub, recorder, name, kind, config):
    arn = f"acs:oss:{REGION}:{ACCOUNT_ID}:any-bucket" if kind == "oss" else None
    with refused("InvalidArgument", 400):
        functions.trigger(recorder, name, kind, config, source_arn=arn)
    assert fc.list_triggers(recorder, models.ListTriggersRequest()).body.triggers == []
    assert not hub.list_rules("default", f"{recorder}-")


def test_an_error_in_a_pattern_says_where_it_is(functions, recorder):
    with refused("InvalidArgument", 400, "data.total"):
        functions.event_trigger(recorder, "t", {"data": {"total": [{"numeric": ["<"]}]}})


def test_unknown_triggers_and_functions_are_not_found(fc, functions, recorder, unique):
    for call in (
        lambda: get(fc, recorder, "absent"),
        lambda: update(fc, recorder, "absent", description="x"),
        lambda: fc.delete_trigger(recorder, "absent"),
    ):
        with refused("TriggerNotFound", 404):
            call()
    nobody = unique("nobody")
    for call in (
        lambda: get(fc, nobody, "t"),
        lambda: functions.event_trigger(nobody, "t", {"source": ["a"]}),
        lambda: fc.list_triggers(nobody, models.ListTriggersRequest()),
    ):
        with refused("FunctionNotFound", 404):
            call()


def test_triggers_are_listed_by_name_in_pages(fc, functions, recorder):
    for letter in "cab":
        functions.event_trigger(recorder, f"t-{letter}", {"source": ["a"]})
    first = fc.list_triggers(recorder, models.ListTriggersRequest(limit=2, prefix="t-")).body
    assert [trigger.trigger_name for trigger in first.triggers] == ["t-a", "t-b"]
    second = fc.list_triggers(recorder, models.ListTriggersRequest(limit=2, prefix="t-", next_token=first.next_token)).body
    assert [trigger.trigger_name for trigger in second.triggers] == ["t-c"]
    assert second.next_token is None
    assert fc.list_triggers(recorder, models.ListTriggersRequest(prefix="u")).body.triggers == []


def test_an_update_takes_effect_and_leaves_the_rest(fc, functions, hub, collector, recorder, unique):
    old, new = unique("old"), unique("new")
    created = functions.event_trigger(recorder, "t", {"source": [old]}, description="first")
    updated = update(fc, recorder, "t", trigger_config=json.dumps({"eventRuleFilterPattern": json.dumps({"source": [new]})}))
    assert updated.trigger_id == created.trigger_id
    assert updated.description == "first"
    config = json.loads(updated.trigger_config)
    assert (config["triggerEnable"], config["asyncInvocationType"]) == (True, True)
    assert config["eventSourceConfig"] == {"eventSourceType": "Default"}
    hub.put_accepted("default", event("1", old), event("2", new))
    assert [got["id"] for got in collector.wait_for(f"/{recorder}")] == ["2"]


def test_a_disabled_trigger_is_kept_but_fires_nothing(fc, functions, hub, collector, recorder, unique):
    source = unique("shop")
    functions.event_trigger(recorder, "t", {"source": [source]})
    update(fc, recorder, "t", trigger_config=json.dumps({"triggerEnable": False}))
    assert hub.get_rule("default", f"{recorder}-t").status == "DISABLE"
    hub.put_accepted("default", event("lost", source))
    update(fc, recorder, "t", trigger_config=json.dumps({"triggerEnable": True}))
    hub.put_accepted("default", event("found", source))
    assert [got["id"] for got in collector.wait_for(f"/{recorder}")] == ["found"]


def test_an_update_that_cannot_be_changes_nothing(fc, functions, hub, recorder):
    before = functions.event_trigger(recorder, "t", {"source": ["a"]})
    with refused("InvalidArgument", 400):
        update(fc, recorder, "t", description="new", trigger_config=json.dumps({"eventRuleFilterPattern": "{\"source\":[]}"}))
    assert get(fc, recorder, "t").to_map() == before.to_map()
    assert json.loads(hub.get_rule("default", f"{recorder}-t").filter_pattern) == {"source": ["a"]}


def test_a_deleted_trigger_takes_its_rule_along(fc, functions, hub, recorder):
    functions.event_trigger(recorder, "t", {"source": ["a"]})
    assert fc.delete_trigger(recorder, "t").status_code == 204
    with business_error("EventRuleNotExisted"):
        hub.get_rule("default", f"{recorder}-t")
    with refused("TriggerNotFound", 404):
        fc.delete_trigger(recorder, "t")


def test_triggers_of_a_new_function_with_an_old_name_start_afresh(fc, functions, recorder):
    functions.event_trigger(recorder, "t", {"source": ["a"]})
    fc.delete_trigger(recorder, "t")
    functions.delete(recorder)
    functions.create(recorder, "def handler(event, context):\n    pass\n")
    assert fc.list_triggers(recorder, models.ListTriggersRequest()).body.triggers == []
