"""`kulkul target` and `kulkul dead-letter`."""

import json
import os
import subprocess

import pytest

from harness.event_bridge import Hub, event, function_target
from harness.functions import RECORDER, Functions
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET
from harness.deliveries import TOO_MUCH, Targets

NAME = "rule/default/r/t1"


@pytest.fixture
def kulkul(binary, fresh_server):
    """Runs a command against a fresh server and returns what it ended with."""
    def run(*arguments):
        environment = {
            "PATH": os.environ["PATH"], "KULKUL_DATA_DIR": str(fresh_server.data),
            "KULKUL_ACCESS_KEY_ID": ACCESS_KEY_ID, "KULKUL_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
        }
        return subprocess.run([str(binary), *arguments], env=environment, capture_output=True, text=True, timeout=60)
    return run


def succeeded(done):
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def path(unique):
    """Where the function of the dead letters posts to."""
    return f"/{unique('cli')}"


@pytest.fixture
def dead(fresh_server, collector, path):
    """A fresh server with three dead letters, of events that are more than an asynchronous invocation takes."""
    hub = Hub(fresh_server)
    Functions(fresh_server).create("f", RECORDER, environment_variables={"URL": collector.url(path)})
    hub.create_rule("default", "r", {"source": ["shop"]}, [function_target("f", kind="Async")])
    events = event("e1", data=TOO_MUCH), event("e2", type="order:Paid", data=TOO_MUCH), event("e3", data=TOO_MUCH)
    hub.put_accepted("default", *events)
    return Targets(fresh_server).wait_for_dead_letters(3)


def test_targets_are_listed_shown_paused_and_resumed(kulkul, dead):
    table = succeeded(kulkul("target", "list"))
    line = next(line for line in table.splitlines() if line.startswith(NAME)).split()
    assert line[1:6] == ["running", "0", "0", "0", "3"]
    assert "[400]" in table
    listed = json.loads(succeeded(kulkul("target", "list", "--bus", "default", "--json")))["targets"]
    assert [target["name"] for target in listed] == [NAME]
    assert NAME in table and "async/f/LATEST" in table
    assert "paused" in succeeded(kulkul("target", "pause", NAME))
    assert json.loads(succeeded(kulkul("target", "show", NAME, "--json")))["state"] == "paused"
    paused = json.loads(succeeded(kulkul("target", "list", "--state", "paused", "--json")))["targets"]
    assert [target["name"] for target in paused] == [NAME]
    assert "running" in succeeded(kulkul("target", "resume", NAME))
    absent = kulkul("target", "pause", "rule/default/absent/t1")
    assert absent.returncode == 1 and "EventTargetNotExist" in absent.stderr


def test_dead_letters_are_listed_and_shown(kulkul, dead):
    table = succeeded(kulkul("dead-letter", "list"))
    assert len(table.splitlines()) == 4 and dead[0]["id"] in table and "[400]" in table
    paid = json.loads(succeeded(kulkul("dead-letter", "list", "--type", "order:Paid", "--json")))["deadLetters"]
    assert [letter["eventId"] for letter in paid] == ["e2"]
    shown = succeeded(kulkul("dead-letter", "show", dead[0]["id"]))
    assert "attempt 1" in shown and '"id": "e1"' in shown
    absent = kulkul("dead-letter", "show", f"{NAME}@999")
    assert absent.returncode == 1 and "DeadLetterNotExist" in absent.stderr


def test_dead_letters_are_sent_again_and_discarded(kulkul, fresh_server, dead, collector, path):
    Hub(fresh_server).put_targets("default", "r", [function_target("f", kind="Sync")])
    assert "to rule/default/r/t1" in succeeded(kulkul("dead-letter", "redrive", dead[0]["id"]))
    assert [document["id"] for document in collector.wait_for(path)] == ["e1"]
    done = json.loads(succeeded(kulkul("dead-letter", "redrive", "--type", "order:Paid", "--json")))
    assert (done["state"], done["sentCount"]) == ("done", 1)
    collector.wait_for(path, 2)
    assert done["id"] in succeeded(kulkul("dead-letter", "redrives"))
    assert "discarded 1" in succeeded(kulkul("dead-letter", "discard", "--all"))
    assert len(succeeded(kulkul("dead-letter", "list")).splitlines()) == 1


def test_nobody_hits_all_who_means_a_few(kulkul, dead):
    for command in ("redrive", "discard"):
        for arguments in ([], [dead[0]["id"], "--type", "x"], ["--type", "x", "--all"]):
            done = kulkul("dead-letter", command, *arguments)
            assert done.returncode == 2 and f"kulkul dead-letter {command}" in done.stderr, done.stderr
    assert len(succeeded(kulkul("dead-letter", "list")).splitlines()) == 4
