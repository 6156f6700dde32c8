"""The Node.js SDKs, each in a script of its own."""

import os
import pathlib
import subprocess

import pytest

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET
from harness.zips import base64_zip_of

HERE = pathlib.Path(__file__).parent


def run(script, **environment):
    """Runs a script of this folder, and shows what it said when it failed."""
    known = {"PATH": os.environ["PATH"], "KEY_ID": ACCESS_KEY_ID, "KEY_SECRET": ACCESS_KEY_SECRET}
    done = subprocess.run(["node", script], cwd=HERE, env={**known, **environment}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("signature", ["v1", "v4"])
@pytest.mark.parametrize("addressing", ["ip", "ip-region", "ip-sld", "localhost-sld"])
def test_the_client_for_buckets_works_unmodified(server, unique, addressing, signature):
    run("ali_oss.js", OBJECTS_PORT=server.objects.rsplit(":", 1)[1], BUCKET=unique("node"), ADDRESSING=addressing, SIGNATURE=signature)


def test_the_client_for_functions_works_unmodified(server, unique):
    code = "exports.handler = async (event) => `echo ${event}`;"
    run("functions.js", API=server.api, NAME=unique("node"), ZIP=base64_zip_of({"index.js": code}))


def test_the_client_for_queues_works_unmodified(server, unique):
    run("queues.js", API=server.api, QUEUE=unique("node"))


def test_the_client_for_cloudevents_publishes_in_every_mode(server, hub, record, collector, unique):
    bus = unique("node")
    hub.create_bus(bus)
    hub.create_rule(bus, "all", {}, [record(f"/{bus}")])
    run("cloud_events.js", API=server.api, BUS=bus, STEP="publish")
    events = {event["id"]: event for event in collector.wait_for(f"/{bus}", 9)}
    pick = lambda id, *names: tuple(events[id].get(name) for name in names)  # noqa: E731
    attributes = ("source", "type", "specversion", "time", "dataschema", "datacontenttype", "tenant", "data")
    for id in ("binary", "structured"):
        assert pick(id, *attributes) == (
            "/shop", "order.placed", "1.0", "2026-11-22T07:21:54.018Z", "https://shop.example.com/order.json",
            "application/json", "blue", {"total": 7})
    assert pick("binary", "subject", "attempt", "express") == ("order 7", "3", "true"), "headers are texts"
    assert pick("structured", "subject", "attempt", "express") == ("order 7 / ü", 3, True)
    for mode in ("binary", "structured", "batch"):
        assert pick(f"{mode}-bytes", "datacontenttype", "data_base64", "data") == ("image/png", "if8=", None)
    for mode in ("binary", "batch"):
        assert pick(f"{mode}-text", "datacontenttype", "data") == ("text/plain", "plain ü")
    assert events["batch"]["data"] == {"total": 7}
    assert "data" not in events["batch-none"]


def test_the_client_for_cloudevents_learns_why_an_event_is_refused(server, hub, unique):
    bus = unique("node")
    hub.create_bus(bus)
    run("cloud_events.js", API=server.api, BUS=bus, STEP="refusals")
    assert hub.trace(bus, "kept-out") == []
