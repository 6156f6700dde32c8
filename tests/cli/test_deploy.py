"""`kulkul deploy`: a file is made true, again and again."""

import json

import pytest

from harness import clients
from harness.waiting import wait_until

FILE = """
buckets: [photos]
buses:
  shop: {description: orders}
functions:
  echo:
    code: code
    runtime: python3.12
    timeout: 30s
    environment: {GREETING: "${GREETING:-hello}", OBJECTS: "${kulkul.objects}"}
    triggers:
      pictures:
        events: {source: acs.oss, type: "oss:ObjectCreated:*", bucket: photos, key_suffix: [.jpg, .png]}
      orders:
        bus: shop
        events: {source: shop}
        invocation: async
rules:
  audit:
    bus: shop
    events: {type: "order:*"}
    targets:
      - id: echo
        type: acs.fc.function
        endpoint: acs:fc:cn-hangzhou:1234567890123456:functions/echo
        params:
          - {key: functionName, form: CONSTANT, value: echo}
          - {key: InvocationType, form: CONSTANT, value: Sync}
          - {key: Body, form: ORIGINAL}
"""
CODE = "import os\ndef handler(event, context):\n    print(os.environ['GREETING'])\n    return os.environ['OBJECTS']\n"
ALL = ["bus shop", "bucket photos", "function echo", "trigger echo/pictures", "trigger echo/orders", "rule shop/audit"]


@pytest.fixture
def project(tmp_path):
    """A directory with a file and code."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(CODE)
    (tmp_path / "kulkul.yaml").write_text(FILE)
    return tmp_path


def actions(document):
    return {f"{change['kind']} {change['name']}": change["action"] for change in document["changes"]}


def details(document):
    return {f"{change['kind']} {change['name']}": change["details"] for change in document["changes"] if change["details"]}


def test_a_file_is_made_true_and_stays_true(project, commands, fresh_server):
    dry = commands.document("deploy", project, "--dry-run")
    assert actions(dry) == dict.fromkeys(ALL, "create") and dry["dryRun"] is True
    assert "echo" not in commands.succeed("function", "list"), "a dry run changes nothing"
    first = commands.succeed("deploy", cwd=project)
    assert [line.split()[0] for line in first.splitlines()] == ["created"] * 6
    assert actions(commands.document("deploy", project)) == dict.fromkeys(ALL, "keep")
    assert commands.succeed("invoke", "echo").strip() == fresh_server.objects_url
    clients.oss2_bucket(fresh_server, "photos").put_object("a.png", b"x")
    wait_until(lambda: commands.succeed("function", "logs", "echo").count("hello") == 2)
    commands.succeed("event", "put", "--bus", "shop", "--id", "e1", "--source", "shop", "--type", "order:Placed")
    wait_until(lambda: commands.succeed("event", "trace", "--bus", "shop", "e1").count("delivered") == 2)


def test_only_what_differs_is_changed(project, commands):
    commands.succeed("deploy", project)
    (project / "kulkul.yaml").write_text(
        FILE.replace("timeout: 30s", "memory: 256MiB").replace("key_suffix: [.jpg, .png]", "key_suffix: .gif")
        .replace("invocation: async", "enabled: false").replace("order:*", "order:Placed").replace("description: orders", "description: sales"))
    changed = commands.document("deploy", project, environment={"GREETING": "a secret"})
    assert details(changed) == {
        "bus shop": ["description"],
        "function echo": ["memorySize 512 → 256", "timeout 30 → 60", "environment (GREETING)"],
        "trigger echo/pictures": ["pattern"],
        "trigger echo/orders": ["settings"],
        "rule shop/audit": ["pattern"],
    }
    assert actions(changed)["bucket photos"] == "keep"
    assert actions(commands.document("deploy", project, environment={"GREETING": "a secret"})) == dict.fromkeys(ALL, "keep")
    shown = commands.document("trigger", "show", "echo", "pictures")
    pattern = json.loads(json.loads(shown["triggerConfig"])["eventRuleFilterPattern"])
    assert pattern["data"]["oss"]["object"]["key"] == [{"suffix": ".gif"}]
    assert commands.document("rule", "show", "echo-orders", "--bus", "shop")["Status"] == "DISABLE"
    (project / "code" / "index.py").write_text(CODE.replace("print(", "print('new', "))
    assert details(commands.document("deploy", project, environment={"GREETING": "a secret"})) == {"function echo": ["code"]}
    commands.succeed("invoke", "echo")
    wait_until(lambda: "new a secret" in commands.succeed("function", "logs", "echo"))


def test_a_trigger_moves_to_another_bus(project, commands):
    commands.succeed("deploy", project)
    (project / "kulkul.yaml").write_text(FILE.replace("        bus: shop\n        events: {source: shop}", "        events: {source: shop}"))
    assert details(commands.document("deploy", project)) == {"trigger echo/orders": ["bus shop → default"]}
    assert [rule["RuleName"] for rule in commands.document("rule", "list", "--bus", "shop")["rules"]] == ["audit"]


def left_rule(commands, function_arn, target="function"):
    """Makes the rule of the trigger `orders` as an interrupted creation leaves it: without the trigger."""
    targets = [{"Id": target, "Type": "acs.fc.function", "Endpoint": function_arn, "ParamList": [
        {"ResourceKey": "functionName", "Form": "CONSTANT", "Value": "echo"}, {"ResourceKey": "Body", "Form": "ORIGINAL"}]}]
    commands.succeed("rule", "create", "echo-orders", "--bus", "shop", "--source", "old", "--targets", json.dumps(targets))


def test_the_rule_that_an_interrupted_creation_left_is_taken_over(project, commands):
    commands.succeed("deploy", project)
    commands.succeed("trigger", "delete", "echo", "orders")
    left_rule(commands, commands.document("function", "show", "echo")["function"]["functionArn"])
    assert actions(commands.document("deploy", project)) == dict.fromkeys(ALL, "keep") | {"trigger echo/orders": "create"}
    assert json.loads(commands.document("rule", "show", "echo-orders", "--bus", "shop")["FilterPattern"]) == {"source": ["shop"]}
    assert actions(commands.document("deploy", project)) == dict.fromkeys(ALL, "keep")


def test_a_rule_that_does_something_else_is_not_taken_over(project, commands):
    commands.succeed("deploy", project)
    commands.succeed("trigger", "delete", "echo", "orders")
    left_rule(commands, commands.document("function", "show", "echo")["function"]["functionArn"], target="other")
    done = commands.run("deploy", project)
    assert done.returncode == 1 and "EventRuleAlreadyExist" in done.stderr
    assert json.loads(commands.document("rule", "show", "echo-orders", "--bus", "shop")["FilterPattern"]) == {"source": ["old"]}


def test_a_trigger_is_deleted_although_its_rule_is_gone(project, commands):
    commands.succeed("deploy", project)
    commands.succeed("rule", "delete", "echo-orders", "--bus", "shop")
    commands.succeed("trigger", "delete", "echo", "orders")
    assert actions(commands.document("deploy", project))["trigger echo/orders"] == "create"


def test_a_trigger_stays_where_it_is_when_the_other_bus_does_not_exist(project, commands):
    commands.succeed("deploy", project)
    (project / "kulkul.yaml").write_text(FILE.replace("        bus: shop\n        events: {source: shop}", "        bus: absent\n        events: {source: shop}"))
    done = commands.run("deploy", project)
    assert done.returncode == 1 and "no bus `absent`" in done.stderr
    (project / "kulkul.yaml").write_text(FILE)
    assert actions(commands.document("deploy", project)) == dict.fromkeys(ALL, "keep")


def test_other_triggers_stay_unless_they_are_pruned(project, commands):
    commands.succeed("deploy", project)
    commands.succeed("trigger", "create", "echo", "by-hand", "--source", "acs.ecs")
    assert "not in the file" in commands.succeed("deploy", project)
    assert actions(commands.document("deploy", project, "--prune", "--dry-run"))["trigger echo/by-hand"] == "delete"
    assert actions(commands.document("deploy", project, "--prune"))["trigger echo/by-hand"] == "delete"
    assert len(commands.document("trigger", "list", "echo")["triggers"]) == 2


def test_every_problem_of_a_file_is_told_with_its_line_and_nothing_is_changed(project, commands):
    (project / "kulkul.yaml").write_text(
        FILE.replace("code: code", "code: absent").replace("${GREETING:-hello}", "${NOT_SET}").replace("events: {source: shop}", "events: {}"))
    done = commands.run("deploy", project)
    assert done.returncode == 1 and done.stdout == ""
    for line, reason in [(7, "absent does not exist"), (10, "`NOT_SET` is not set"), (16, "nothing says which events")]:
        assert any(f"kulkul.yaml:{line}: " in told and reason in told for told in done.stderr.splitlines()), done.stderr
    assert "echo" not in commands.succeed("function", "list")


def test_everything_of_the_wrong_shape_is_told_at_once_with_its_place(project, commands):
    (project / "kulkul.yaml").write_text(
        FILE.replace("timeout: 30s", "timeout: 30").replace("invocation: async", "invocations: async").replace("- id: echo", "- name: echo")
        .replace("python3.12", "cobol85").replace("    code: code", "    code: absent"))
    done = commands.run("deploy", project)
    assert done.returncode == 1 and done.stdout == ""
    told = [line.partition("kulkul.yaml:")[2] for line in done.stderr.splitlines() if "kulkul.yaml:" in line]
    for problem, (place, word) in zip(told, [
        ("7: functions.echo.code: ", "absent"), ("8: functions.echo.runtime: ", "python3"), ("9: functions.echo.timeout: ", "30s"),
        ("17: functions.echo.triggers.orders: ", "`invocations`"), ("23: rules.audit.targets[0]: ", "`id`"), ("23: rules.audit.targets[0]: ", "`name`"),
    ], strict=True):
        assert problem.startswith(place) and word in problem, done.stderr
    assert "echo" not in commands.succeed("function", "list")


def test_a_refusal_of_the_server_names_the_thing(project, commands):
    (project / "kulkul.yaml").write_text(FILE.replace("timeout: 30s", "instance_concurrency: 2"))
    done = commands.run("deploy", project)
    assert done.returncode == 1
    assert "function echo" in done.stderr and "instanceConcurrency" in done.stderr
    assert done.stdout.splitlines()[-1].split() == ["created", "bucket", "photos"], "what was done before is told"


def test_a_directory_without_a_file_is_named(tmp_path, commands):
    done = commands.run("deploy", tmp_path)
    assert done.returncode == 1 and str(tmp_path / "kulkul.yaml") in done.stderr


def test_what_the_server_finds_odd_is_said(project, commands):
    (project / "kulkul.yaml").write_text(FILE.replace("oss:ObjectCreated:*", "oss:ObjectCreated:Put"))
    done = commands.run("deploy", project)
    assert done.returncode == 0, done.stderr
    assert "kulkul: warning: echo/pictures: the catalog has no type 'oss:ObjectCreated:Put' of 'acs.oss'" in done.stderr.splitlines()
