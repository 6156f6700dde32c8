"""Functions, triggers, buses and rules from the shell."""

import json

import pytest
from alibabacloud_eventbridge20200401 import models

from harness import clients
from harness.waiting import wait_until

ECHO = "import os\ndef handler(event, context):\n    print('got', os.environ.get('GREETING'))\n    return event\n"
OSS = ["--source", "acs.oss", "--type", "oss:ObjectCreated:*"]


@pytest.fixture
def echo(tmp_path, succeed):
    """A function that was created from a file."""
    (tmp_path / "echo.py").write_text(ECHO)
    succeed("function", "create", "echo", "--runtime", "python3.12", "--code", tmp_path / "echo.py", "--env", "GREETING=hi=ho")
    return "echo"


def test_a_function_is_made_of_a_file_and_called(echo, succeed):
    assert succeed("invoke", "echo", "--payload", "hello", "--log").strip() == "hello"
    shown = json.loads(succeed("function", "show", "echo", "--json"))["function"]
    assert (shown["handler"], shown["timeout"], shown["environmentVariables"]) == ("echo.handler", 60, {"GREETING": "hi=ho"})
    told = succeed("function", "show", "echo")
    assert "GREETING" in told and "hi=ho" not in told, "values may be secrets"


def test_a_function_is_made_of_a_directory_and_changed(tmp_path, succeed, kulkul):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "words.py").write_text("WORD = 'first'\n")
    (tmp_path / "index.py").write_text("from lib.words import WORD\ndef handler(event, context):\n    return WORD\n")
    create = ["function", "create", "word", "--runtime", "python3.12", "--code", tmp_path, "--memory", "256MiB", "--timeout", "5s"]
    succeed(*create)
    assert succeed("invoke", "word") == "first\n"
    again = kulkul(*create)
    assert again.returncode == 1 and "FunctionAlreadyExists" in again.stderr
    (tmp_path / "lib" / "words.py").write_text("WORD = 'second'\n")
    succeed("function", "update", "word", "--code", tmp_path)
    assert succeed("invoke", "word") == "second\n"
    succeed("function", "update", "word", "--memory", "512MiB", "--description", "says a word")
    shown = json.loads(succeed("function", "show", "word", "--json"))["function"]
    assert (shown["memorySize"], shown["timeout"], shown["description"]) == (512, 5, "says a word")
    nothing = kulkul("function", "update", "word")
    assert nothing.returncode == 2 and "nothing to change" in nothing.stderr


def test_functions_are_listed_and_deleted(echo, succeed, kulkul, tmp_path):
    for number in range(3):
        succeed("function", "create", f"more-{number}", "--runtime", "python3.12", "--code", tmp_path / "echo.py")
    listed = succeed("function", "list").splitlines()
    assert listed[0].split()[:3] == ["NAME", "RUNTIME", "HANDLER"]
    assert [line.split()[0] for line in listed[1:]] == ["echo", "more-0", "more-1", "more-2"]
    assert [f["functionName"] for f in json.loads(succeed("function", "list", "--prefix", "more-", "--json"))["functions"]] == ["more-0", "more-1", "more-2"]
    succeed("trigger", "create", "echo", "on-upload", *OSS)
    kept = kulkul("function", "delete", "echo")
    assert kept.returncode == 1 and "FunctionNotEmpty" in kept.stderr
    assert "on-upload" in succeed("function", "delete", "echo", "--triggers")
    assert kulkul("function", "show", "echo").returncode == 1


def test_a_trigger_runs_the_function_for_the_keys_that_are_meant(echo, succeed, fresh_server):
    told = succeed("trigger", "create", "echo", "pictures", *OSS, "--bucket", "photos",
                   "--key-prefix", "a/", "--key-prefix", "b/", "--key-suffix", ".jpg", "--key-suffix", ".png", "--key-not-prefix", "a/small/")
    assert "created echo/pictures" in told
    bucket = clients.oss2_bucket(fresh_server, "photos")
    bucket.create_bucket()
    keys = {"a/1.jpg": True, "b/2.png": True, "a/3.gif": False, "c/4.jpg": False, "a/small/5.jpg": False, "xa/6.jpg": False}
    for key in keys:
        bucket.put_object(key, b"x")
    client = clients.event_bridge(fresh_server)
    def deliveries():
        """The keys of the objects whose events were delivered to the function."""
        found = {}
        request = models.QueryTracedEventsRequest(event_bus_name="default", start_time=0, end_time=9_000_000_000_000, limit=100)
        for traced in client.query_traced_events(request).body.data.events:
            trace = json.loads(succeed("event", "trace", traced.event_id, "--json"))["events"][0]
            # A bucket that is made is an event of the same source, about no object.
            key = trace["event"]["data"].get("oss", {}).get("object", {}).get("key")
            found[key] = any(attempt["succeeded"] for delivery in trace["deliveries"] for attempt in delivery["attempts"])
        return {key: found.get(key) for key in keys}
    wait_until(lambda: deliveries() == keys, what=deliveries)


def test_a_dry_run_prints_the_pattern_and_needs_no_server(kulkul):
    done = kulkul("trigger", "create", "f", "t", *OSS, "--key-prefix", "a/", "--key-suffix", ".jpg", "--key-suffix", ".png",
                  "--match", "data.size=3", "--dry-run", environment={"KULKUL_DATA_DIR": "/nowhere"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "source": ["acs.oss"], "type": [{"prefix": "oss:ObjectCreated:"}],
        "data": {"oss": {"object": {"key": [{"prefix": "a/", "suffix": ".jpg"}, {"prefix": "a/", "suffix": ".png"}]}}, "size": [3]},
    }


@pytest.mark.parametrize("arguments, reason", [
    ([], "nothing says which events are meant"),
    (["--source", "acs.ecs", "--key-prefix", "a/"], "acs.oss"),
    (["--source", "acs.oss", "--key-suffix", ""], "a suffix must not be empty"),
    (["--pattern", '{"source": "acs.oss"}'], "source"),
    (["--source", "x", "--match", "user.name=me"], "user.name"),
], ids=str)
def test_a_selection_that_makes_no_sense_is_explained(kulkul, arguments, reason):
    done = kulkul("trigger", "create", "f", "t", *arguments)
    assert done.returncode == 1 and reason in done.stderr


def test_a_pattern_and_shortcuts_exclude_each_other(kulkul):
    assert kulkul("trigger", "create", "f", "t", "--source", "x", "--pattern", "{}").returncode == 2


def test_a_trigger_of_another_bus_takes_its_rule_along(echo, succeed, kulkul):
    succeed("bus", "create", "shop", "--description", "orders")
    assert [line.split()[0] for line in succeed("bus", "list").splitlines()[1:]] == ["default", "shop"]
    succeed("trigger", "create", "echo", "orders", "--bus", "shop", "--source", "shop", "--async")
    put = json.loads(succeed("event", "put", "--bus", "shop", "--id", "e1", "--source", "shop", "--type", "t", "--json"))
    assert put["eventId"] == "e1"
    wait_until(lambda: "delivered" in succeed("event", "trace", "--bus", "shop", "e1"))
    assert json.loads(succeed("trigger", "show", "echo", "orders", "--json"))["sourceArn"].endswith("eventbus/shop/rule/echo-orders")
    listed = succeed("trigger", "list").splitlines()
    assert listed[1].split()[:5] == ["echo", "orders", "eventbridge", "shop", "yes"]
    refused = kulkul("bus", "delete", "shop")
    assert refused.returncode == 1 and "EventBusRuleNotEmptyForDelete" in refused.stderr
    succeed("trigger", "delete", "echo", "orders")
    assert len(succeed("rule", "list", "--bus", "shop").splitlines()) == 1
    succeed("bus", "delete", "shop")
    assert kulkul("bus", "delete", "shop").returncode == 4


def test_triggers_are_shown_and_deleted(echo, succeed, kulkul):
    succeed("trigger", "create", "echo", "stops", "--source", "acs.ecs", "--match", "data.state=Stopped", "--disabled", "--max-age", "1h")
    assert succeed("trigger", "list", "echo").splitlines()[1].split()[4] == "no"
    told = succeed("trigger", "show", "echo", "stops")
    assert '"Stopped"' in told and '"MaximumEventAgeInSeconds":3600' in told
    assert json.loads(succeed("trigger", "delete", "echo", "stops", "--json")) == {"deleted": "echo/stops"}
    gone = kulkul("trigger", "delete", "echo", "stops")
    assert gone.returncode == 1 and "TriggerNotFound" in gone.stderr


def test_rules_are_made_and_switched(echo, succeed, kulkul):
    arn = json.loads(succeed("function", "show", "echo", "--json"))["function"]["functionArn"]
    target = {"Id": "t1", "Type": "acs.fc.function", "Endpoint": arn, "ParamList": [
        {"ResourceKey": "functionName", "Form": "CONSTANT", "Value": "echo"},
        {"ResourceKey": "InvocationType", "Form": "CONSTANT", "Value": "Sync"},
        {"ResourceKey": "Body", "Form": "JSONPATH", "Value": "$.data"}]}
    succeed("rule", "create", "big", "--source", "shop", "--targets", json.dumps([target]))
    assert "acs.fc.function" in succeed("rule", "show", "big")
    succeed("rule", "disable", "big")
    assert json.loads(succeed("rule", "show", "big", "--json"))["Status"] == "DISABLE"
    succeed("rule", "enable", "big")
    assert succeed("rule", "list").splitlines()[1].split()[:3] == ["big", "ENABLE", "acs.fc.function"]
    succeed("rule", "delete", "big")
    gone = kulkul("rule", "show", "big")
    assert gone.returncode == 1 and "EventRuleNotExisted" in gone.stderr


def test_logs_are_shown_and_followed(echo, commands):
    for payload in ("a", "b", "c"):
        commands.succeed("invoke", "echo", "--payload", payload)
    lines = commands.document("function", "logs", "echo", "--lines", "2")["lines"]
    assert len(lines) == 2 and lines[0]["number"] < lines[1]["number"]
    assert lines == commands.document("function", "logs", "echo")["lines"][-2:]
    invocation = next(line["invocation"] for line in lines if line["invocation"])
    own = commands.document("function", "logs", "echo", "--invocation", invocation)["lines"]
    assert own and {line["invocation"] for line in own} == {invocation}
    absent = commands.run("function", "logs", "absent")
    assert absent.returncode == 1 and "FunctionNotFound" in absent.stderr
    with commands.start("function", "logs", "echo", "--follow", "--lines", "1") as following:
        following.stdout.readline()
        commands.succeed("invoke", "echo", "--payload", "d")
        wait_until(lambda: "got" in following.stdout.readline())


def test_what_the_server_finds_odd_about_a_trigger_is_said(echo, kulkul):
    odd = kulkul("trigger", "create", "echo", "typo", "--source", "acs.os")
    assert odd.returncode == 0 and "created echo/typo" in odd.stdout
    assert odd.stderr == "kulkul: warning: the catalog has no event source 'acs.os'\n"
    fine = kulkul("trigger", "create", "echo", "fine", "--source", "acs.oss")
    assert (fine.returncode, fine.stderr) == (0, "")
