"""A trigger for every service of the cloud: each of its types calls the function, and nothing else does."""

import itertools
import json

import pytest
from alibabacloud_fc20230330 import models

from harness import catalog, clients, raw
from harness.event_bridge import Hub, event
from harness.functions import RECORDER, Functions
from harness.server import ACCOUNT_ID, REGION
from harness.waiting import wait_until

FUNCTION_COUNT = 11
AT_ONCE = 16


@pytest.fixture
def own_server(new_server):
    """A server whose default bus nobody else puts events on, not even the server itself."""
    return new_server(arguments=["--set", "trigger_count_max=1000", "--set", "own_events=false"])


def test_each_type_of_each_service_calls_the_function_of_its_trigger_and_no_other(own_server, collector, unique):
    functions, hub = Functions(own_server), Hub(own_server)
    services = [source for source in catalog.sources(own_server).values() if source["origin"] == "builtin"]
    # Neighbours go to different functions.
    names = [unique("service") for _ in range(FUNCTION_COUNT)]
    for name in names:
        functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    function_of = dict(zip((service["name"] for service in services), itertools.cycle(names)))
    expected = {name: [] for name in names}
    for service in services:
        source, types = service["name"], catalog.types(service)
        trigger = source.replace(".", "-")
        functions.event_trigger(function_of[source], trigger, {"source": [source], "type": types}, asynchronous=False)
        samples = [catalog.sample(own_server, source, type, seed=7).json() for type in types]
        expected[function_of[source]] += samples
        # Not of this type; not of this source.
        decoys = [event(f"decoy-{source}", source, "no:Such:Type"), event(f"stranger-{source}", "nobody", types[0])]
        entries = [catalog.as_entry(sample) for sample in samples] + decoys
        for start in range(0, len(entries), AT_ONCE):
            hub.put_accepted("default", *entries[start:start + AT_ONCE])
    sent = [sample for samples in expected.values() for sample in samples]
    assert (len(services), len(sent)) == (77, 783)
    assert len({sample["id"] for sample in sent}) == 783
    for name, samples in expected.items():
        collector.wait_for(f"/{name}", len(samples), within=60)
    for sample in sent:
        rule = f"{function_of[sample['source']]}-{sample['source'].replace('.', '-')}"
        assert settled(own_server, sample["id"]) == [(rule, "delivered", 1)], sample["type"]
    for service in services:
        assert deliveries(own_server, f"decoy-{service['name']}") == []
        assert deliveries(own_server, f"stranger-{service['name']}") == []
    for name, samples in expected.items():
        received = {got["id"]: got for got in collector.documents(f"/{name}")}
        assert len(received) == len(collector.bodies(f"/{name}")), "each event came once"
        assert received.keys() == {sample["id"] for sample in samples}
        for sample in samples:
            got = received[sample["id"]]
            assert catalog.core(got) == catalog.core(sample), sample["type"]
            assert (got["aliyunaccountid"], got["aliyunregionid"], got["aliyuneventbusname"]) == (ACCOUNT_ID, REGION, "default")


def deliveries(server, id):
    """Returns rule, state and number of attempts of everything that an event is owed to."""
    trace, = raw.call(server, "GET", f"/kulkul/v1/buses/default/events/{id}/trace").json()["events"]
    return [(one["rule"], one["state"], len(one["attempts"])) for one in trace["deliveries"]]


def settled(server, id):
    """Returns `deliveries` once none of them is under way."""
    def ended():
        found = deliveries(server, id)
        return None if any(state == "waiting" for _, state, _ in found) else (found,)
    return wait_until(ended, what=f"the end of the deliveries of {id}")[0]


def test_two_hundred_triggers_watch_one_bucket(own_server, collector, unique):
    functions = Functions(own_server)
    bucket = clients.oss2_bucket(own_server, unique("busy"))
    bucket.create_bucket()
    names = [unique("watcher") for _ in range(4)]
    for name in names:
        functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    arn = f"acs:oss:{REGION}:{ACCOUNT_ID}:{bucket.bucket_name}"
    for number in range(200):
        config = {"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": f"p{number}/", "suffix": ".jpg"}}}
        functions.trigger(names[number % 4], f"t{number}", "oss", config, source_arn=arn)
    wanted = range(0, 200, 7)
    for number in wanted:
        bucket.put_object(f"p{number}/a.txt", b"x")
        bucket.put_object(f"p{number}/a.jpg", b"x")
    for index, name in enumerate(names):
        keys = {f"p{number}/a.jpg" for number in wanted if number % 4 == index}
        received = collector.wait_for(f"/{name}", len(keys))
        assert sorted(document["events"][0]["oss"]["object"]["key"] for document in received) == sorted(keys)


def test_one_trigger_takes_any_number_of_prefixes_and_suffixes(own_server, collector, unique):
    functions, name = Functions(own_server), unique("lists")
    functions.create(name, RECORDER, environment_variables={"URL": collector.url(f"/{name}")})
    bucket = clients.oss2_bucket(own_server, unique("media"))
    bucket.create_bucket()
    keys = [{"prefix": f"in{number}/", "suffix": suffix} for number in range(40) for suffix in (".jpg", ".png", ".webp")]
    pattern = {"source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}], "data": {
        "oss": {"bucket": {"name": [bucket.bucket_name]}, "object": {"key": keys}}}}
    functions.event_trigger(name, "lists", pattern)
    for key in ("in0/a.jpg", "in39/b.webp", "in40/a.jpg", "in7/a.txt", "out/in7/a.jpg", "in7/c.png"):
        bucket.put_object(key, b"x")
    received = collector.wait_for(f"/{name}", 3)
    assert sorted(got["data"]["oss"]["object"]["key"] for got in received) == ["in0/a.jpg", "in39/b.webp", "in7/c.png"]


def test_a_trigger_on_what_the_catalog_does_not_know_is_made_with_a_warning(own_server, unique):
    functions, name = Functions(own_server), unique("odd")
    functions.create(name, RECORDER)
    create = lambda trigger, pattern: functions.client.create_trigger(name, trigger_request(trigger, pattern))
    odd = create("odd", {"source": ["acs.os"], "type": ["x"]})
    assert odd.headers["x-kulkul-warning"] == "the catalog has no event source 'acs.os'"
    odd = create("type", {"source": ["acs.oss"], "type": ["oss:ObjectCreated:Put"]})
    assert "'oss:ObjectCreated:Put' of 'acs.oss'" in odd.headers["x-kulkul-warning"]
    fine = create("fine", {"source": ["acs.oss"], "type": ["oss:ObjectCreated:PutObject"]})
    assert "x-kulkul-warning" not in fine.headers
    updated = raw.fc(own_server, "PUT", f"/functions/{name}/triggers/fine",
                     json.dumps({"triggerConfig": json.dumps({"eventRuleFilterPattern": json.dumps({"source": ["acs.nowhere"]})})}))
    assert updated.headers["x-kulkul-warning"] == "the catalog has no event source 'acs.nowhere'"
    # It works all the same.
    Hub(own_server).put_accepted("default", event("e1", "acs.os", "x"))
    assert [rule for rule, _, _ in deliveries(own_server, "e1")] == [f"{name}-odd"]


def trigger_request(name, pattern):
    config = {"eventRuleFilterPattern": json.dumps(pattern), "eventSourceConfig": {"eventSourceType": "Default"}}
    return models.CreateTriggerRequest(body=models.CreateTriggerInput(
        trigger_name=name, trigger_type="eventbridge", trigger_config=json.dumps(config)))
