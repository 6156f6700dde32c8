"""ActionTrail files in a bucket become events, each record once."""

import gzip
import json

import pytest

from harness import clients, raw
from harness.waiting import wait_until

BUCKET = "audit-trail"
PREFIX = "logs/AliyunLogs/Actiontrail/"


@pytest.fixture
def importer(new_server):
    """A server that imports files of ActionTrail, with a bucket for them."""
    server = new_server(environment={
        "KULKUL_ACTION_TRAIL_BUCKET": BUCKET, "KULKUL_ACTION_TRAIL_PREFIX": PREFIX,
    })
    clients.oss2_bucket(server, BUCKET).create_bucket()
    return server


def record(id, **fields):
    return {
        "eventId": id, "eventVersion": 1, "eventType": "ApiCall", "eventName": "StopInstance", "eventRW": "Write",
        "eventTime": "2026-02-11T03:04:05Z", "eventSource": "ecs.aliyuncs.com", "serviceName": "Ecs",
        "acsRegion": "cn-hangzhou", "requestId": id, "userIdentity": {"type": "root-account"}, **fields,
    }


def deliver(server, name, records, key_prefix=PREFIX, pack=gzip.compress):
    body = pack(json.dumps(records).encode())
    clients.oss2_bucket(server, BUCKET).put_object(f"{key_prefix}cn-hangzhou/2026/02/11/{name}.gz", body)


def stored(server, id):
    events = raw.call(server, "GET", f"/kulkul/v1/buses/default/events/{id}/trace").json()["events"]
    return [entry["event"] for entry in events]


def arrives(server, id):
    return wait_until(lambda: stored(server, id), what=server.tail)


def test_records_become_events_of_their_services(importer):
    console = record("t2", eventType="ConsoleCall", serviceName="Redis")
    deliver(importer, "one", [record("t1"), record("read", eventRW="Read"), console])
    [event] = arrives(importer, "t1")
    assert (event["source"], event["type"]) == ("acs.ecs", "ecs:ActionTrail:ApiCall")
    assert (event["time"], event["data"]) == ("2026-02-11T03:04:05Z", record("t1"))
    [event] = arrives(importer, "t2")
    assert (event["source"], event["type"]) == ("acs.kvstore", "kvstore:ActionTrail:ConsoleOperation")
    assert stored(importer, "read") == []


def test_without_a_prefix_all_files_of_the_bucket_are_imported(new_server):
    server = new_server(environment={"KULKUL_ACTION_TRAIL_BUCKET": BUCKET})
    clients.oss2_bucket(server, BUCKET).create_bucket()
    deliver(server, "one", [record("t1")], key_prefix="")
    assert arrives(server, "t1")[0]["source"] == "acs.ecs"


def test_a_record_that_is_delivered_twice_is_one_event(importer):
    deliver(importer, "one", [record("t1")])
    arrives(importer, "t1")
    deliver(importer, "two", [record("t1"), record("t2")])
    deliver(importer, "one", [record("t1"), record("t3")])
    arrives(importer, "t2"), arrives(importer, "t3")
    assert len(stored(importer, "t1")) == 1


def test_files_that_cannot_be_read_keep_nobody_back(importer):
    deliver(importer, "broken", [record("x")], pack=lambda body: gzip.compress(body)[:-9])
    deliver(importer, "text", {"not": "a list"})
    deliver(importer, "odd", [1, {"eventType": "ApiCall"}, record("t1")])
    deliver(importer, "elsewhere", [record("t0")], key_prefix="other/")
    deliver(importer, "last", [record("t2")])
    arrives(importer, "t1"), arrives(importer, "t2")
    assert stored(importer, "x") == [] and stored(importer, "t0") == []


def test_a_file_that_was_delivered_is_imported_after_kill_9(importer):
    for number in range(20):
        deliver(importer, f"f{number}", [record(f"k{number}-{index}") for index in range(20)])
    importer.kill()
    importer.start()
    for number in range(20):
        for index in (0, 19):
            assert len(arrives(importer, f"k{number}-{index}")) == 1
