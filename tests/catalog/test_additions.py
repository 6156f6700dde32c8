"""What users add to the catalog, by files and by API, while the server runs."""

import json

import pytest

from harness import catalog, clients, raw
from harness.event_bridge import Hub, checked, event
from harness.functions import RECORDER, Functions
from harness.waiting import wait_until

DEPOT = {
    "source": "depot", "category": "iot", "name": {"en": "Depot"},
    "types": [{"type": "depot:Door:Opened", "subject": "door/{data.door}", "sample_data": {"door": 7}}, {"type": "depot:Door:Closed"}],
}
TYPES = ["depot:Door:Opened", "depot:Door:Closed"]


def official(server):
    listed = checked(clients.event_bridge(server).list_aliyun_official_event_sources()).data.event_source_list
    return {source.name: [kind.name for kind in source.event_types] for source in listed}


def write(server, file, text):
    directory = server.data / "catalog"
    directory.mkdir(exist_ok=True)
    (directory / file).write_text(text if isinstance(text, str) else json.dumps(text))


def assert_offered(server):
    """Everything that reads the registry knows the source and its types."""
    source = catalog.sources(server)["depot"]
    assert (catalog.types(source), source["origin"], source["category"]) == (TYPES, "addition", "iot")
    assert official(server)["depot"] == TYPES
    assert list(catalog.sources(server, "?search=door+opened")) == ["depot"]
    assert "depot" in catalog.sources(server, "?category=iot") and "depot" not in catalog.sources(server, "?category=storage")
    sample = catalog.sample(server, "depot", TYPES[0]).json()
    assert (sample["subject"], sample["data"]) == ("door/7", {"door": 7})
    Functions(server).create("porter", RECORDER)
    config = {"eventRuleFilterPattern": json.dumps({"source": ["depot"], "type": TYPES}), "eventSourceConfig": {"eventSourceType": "Default"}}
    body = {"triggerName": "doors", "triggerType": "eventbridge", "triggerConfig": json.dumps(config)}
    made = raw.fc(server, "POST", "/functions/porter/triggers", json.dumps(body))
    assert made.status_code == 200 and "x-kulkul-warning" not in made.headers, made.headers


def test_what_is_added_by_api_is_offered_at_once(fresh_server):
    assert "depot" not in official(fresh_server)
    answer = catalog.put_addition(fresh_server, "mine", json.dumps(DEPOT))
    assert (answer.status_code, answer.json()) == (200, {"name": "mine", "sources": ["depot"]})
    assert_offered(fresh_server)


def test_what_is_added_as_a_file_is_offered_without_a_restart(fresh_server):
    write(fresh_server, "depot.json", DEPOT)
    wait_until(lambda: "depot" in official(fresh_server), every=0.05)
    assert_offered(fresh_server)


def test_additions_are_listed_replaced_and_taken_away(fresh_server):
    catalog.put_addition(fresh_server, "mine", json.dumps(DEPOT))
    toml = 'source = "shop"\n[[types]]\ntype = "shop:Order:Placed"\n'
    assert catalog.put_addition(fresh_server, "shop.toml", toml, "application/toml").status_code == 200
    listed = lambda: raw.call(fresh_server, "GET", "/kulkul/v1/catalog/additions").json()["additions"]
    assert listed() == [{"name": "mine", "sources": ["depot"]}, {"name": "shop.toml", "sources": ["shop"]}]
    got = raw.call(fresh_server, "GET", "/kulkul/v1/catalog/additions/shop.toml")
    assert (got.text, got.headers["content-type"]) == (toml, "application/toml")
    fresh_server.restart()
    assert official(fresh_server)["shop"] == ["shop:Order:Placed"]
    catalog.put_addition(fresh_server, "mine", json.dumps([]))
    assert "depot" not in official(fresh_server)
    assert raw.call(fresh_server, "DELETE", "/kulkul/v1/catalog/additions/shop.toml").status_code == 204
    assert "shop" not in official(fresh_server)
    for method in ("GET", "DELETE"):
        gone = raw.call(fresh_server, method, "/kulkul/v1/catalog/additions/shop.toml")
        assert (gone.status_code, gone.json()["Code"]) == (404, "CatalogAdditionNotExist")


def test_an_addition_corrects_what_is_known_of_a_service(fresh_server):
    before = official(fresh_server)["acs.oss"]
    fix = {"source": "acs.oss", "types": [{"type": "oss:ObjectDownloaded:GetObject"}]}
    catalog.put_addition(fresh_server, "fix", json.dumps(fix))
    assert official(fresh_server)["acs.oss"] == [*before, "oss:ObjectDownloaded:GetObject"]


@pytest.mark.parametrize("text, line, reason", [
    ('[{"source": "a"},\n {"source": ""}]', 2, "must not be empty"),
    ('{"source": "a",\n\n "category": "toys"}', 3, "unknown category `toys`"),
    ('{"source": "a"', 1, "EOF"),
    ('[{"source": "a"},\n{"source": "b", "types": [{"type": "t"}, {"type": "t"}]}]', 2, "stated twice"),
], ids=["empty", "category", "cut", "double"])
def test_a_bad_addition_is_refused_whole_with_line_and_reason(server, unique, text, line, reason):
    name = unique("bad")
    answer = catalog.put_addition(server, name, text)
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument")
    assert f"{name}:{line}:" in answer.json()["Message"] and reason in answer.json()["Message"]
    assert raw.call(server, "GET", f"/kulkul/v1/catalog/additions/{name}").status_code == 404
    assert "a" not in catalog.sources(server)


def test_what_is_wrong_with_the_request_is_said(server, unique):
    for name in (".a", "a%20b", "x" * 128):
        assert catalog.put_addition(server, name, "[]").status_code == 400, name
    assert catalog.put_addition(server, unique("x"), b"\xff").status_code == 400
    large = catalog.put_addition(server, unique("x"), " " * (1024 * 1024 + 1))
    assert (large.status_code, large.json()["Code"]) == (400, "EntityTooLarge")
    assert raw.call(server, "GET", "/kulkul/v1/event-sources?category=toys").status_code == 400
    assert catalog.put_addition(server, unique("x"), "[]", secret="wrong").status_code == 403


def test_a_bad_file_leaves_the_catalog_as_it_was_and_says_where_it_is_bad(fresh_server):
    write(fresh_server, "depot.json", DEPOT)
    wait_until(lambda: "depot" in official(fresh_server))
    write(fresh_server, "shop.toml", 'source = "shop"\n\ncategory = "toys"\n')
    faults = lambda: raw.call(fresh_server, "GET", "/kulkul/v1/catalog/additions").json()["files"]["faults"]
    fault, = wait_until(faults)
    path = fresh_server.data / "catalog" / "shop.toml"
    assert fault.startswith(f"{path}:3:") and "toys" in fault
    assert fault in fresh_server.tail()
    assert "depot" in official(fresh_server) and "shop" not in official(fresh_server)
    # It does not keep the server from starting either.
    fresh_server.restart()
    assert faults() == [fault]
    assert Hub(fresh_server).put_accepted("default", event("e1", "shop"))
    write(fresh_server, "shop.toml", 'source = "shop"\n')
    wait_until(lambda: {"shop", "depot"} <= official(fresh_server).keys())
    assert faults() == []
