"""The program's own commands, as a person or a script uses them."""

import json
import os
import pathlib
import subprocess

import pytest
import requests

from harness.event_bridge import Hub, function_target
from harness.functions import Functions
from harness.server import find_binary
from harness.waiting import wait_until

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PHOTO = CHECKOUT / "examples" / "thumbnail" / "raccoon.jpg"


def succeeded(done):
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_function_is_called_from_the_shell(kulkul, fresh_server):
    functions = Functions(fresh_server)
    functions.create("echo", "def handler(event, context):\n    print('a line of log')\n    return event\n")
    functions.create("fails", "def handler(event, context):\n    raise Exception('no')\n")
    assert succeeded(kulkul("invoke", "echo", "--payload", "hello")) == "hello\n"
    logged = kulkul("invoke", "echo", "--log")
    assert "a line of log" in logged.stdout + logged.stderr
    answer = json.loads(succeeded(kulkul("invoke", "echo", "--payload", "hello", "--json")))
    assert (answer["body"], answer["errorType"]) == ("hello", "")
    assert kulkul("invoke", "fails").returncode == 4
    absent = kulkul("invoke", "absent")
    assert absent.returncode == 1 and "FunctionNotFound" in absent.stderr
    assert "accepted" in succeeded(kulkul("invoke", "echo", "--async"))


def test_an_event_is_put_and_followed(kulkul, fresh_server):
    Functions(fresh_server).create("echo", "def handler(event, context):\n    print('seen it')\n    return event\n")
    Hub(fresh_server).create_rule("default", "mine", {"source": ["shop"]}, [function_target("echo", kind="Sync")])
    put = json.loads(succeeded(kulkul(
        "event", "put", "--id", "e1", "--source", "shop", "--type", "order:Placed", "--data", '{"total": 7}', "--json")))
    assert put["eventId"] == "e1"
    wait_until(lambda: "[200]" in succeeded(kulkul("event", "trace", "e1")))
    told = succeeded(kulkul("event", "trace", "e1"))
    assert "mine" in told and "seen it" in told
    assert json.loads(succeeded(kulkul("event", "trace", "e1", "--json")))
    lacking = kulkul("event", "put", "--source", "shop")
    assert lacking.returncode == 2 and "--type" in lacking.stderr
    assert kulkul("event", "trace", "absent").returncode != 0


@pytest.mark.parametrize("arguments", [
    ["trigger", "sources", "--types"], ["trigger", "sources", "--json"], ["function", "logs", "chatty"],
    ["invoke", "chatty"],
], ids=" ".join)
def test_a_command_ends_quietly_when_nobody_reads_on(commands, kulkul, fresh_server, arguments):
    code = "def handler(event, context):\n    print('x' * 200_000)\n    return 'y' * 200_000\n"
    Functions(fresh_server).create("chatty", code)
    succeeded(kulkul("invoke", "chatty"))
    with commands.start(*arguments, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, "")


def test_a_pattern_explains_itself(kulkul):
    pattern = '{"source":["shop"],"data":{"total":[{"numeric":[">",100]}]}}'
    event = '{"source":"shop","data":{"total":99}}'
    no = kulkul("pattern", "explain", "--pattern", pattern, "--event", event)
    assert no.returncode == 4
    assert "data.total" in no.stdout and "99" in no.stdout
    found = json.loads(kulkul("pattern", "explain", "--pattern", pattern, "--event", event, "--json").stdout)
    assert found["matched"] is False
    assert [(finding["path"], finding["held"]) for finding in found["findings"] if not finding["held"]] == [("$.data.total", False)]
    assert kulkul("pattern", "explain", "--pattern", pattern, "--event", '{"source":"shop","data":{"total":101}}').returncode == 0
    wrong = kulkul("pattern", "explain", "--pattern", '{"data":{"total":[{"bigger":1}]}}', "--event", event)
    assert wrong.returncode == 1 and "data.total" in wrong.stderr


def test_the_doctor_examines_the_machine(kulkul):
    told = kulkul("doctor")
    assert told.returncode in (0, 4), told.stderr
    assert "python" in told.stdout.lower() and "node" in told.stdout.lower()
    report = json.loads(kulkul("doctor", "--json").stdout)
    assert report


def test_commands_without_a_server_say_where_they_looked(binary, tmp_path):
    done = subprocess.run([str(binary), "invoke", "echo", "--data-dir", str(tmp_path / "nowhere")],
                          env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert str(tmp_path / "nowhere") in done.stderr


@pytest.mark.parametrize("arguments", [["explode"], ["invoke"], ["serve", "--listen", "nonsense"], ["serve", "--set", "x"]], ids=str)
def test_wrong_arguments_are_a_status_of_their_own(binary, arguments):
    done = subprocess.run([str(binary), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--help" in done.stderr


def test_every_problem_of_a_configuration_is_reported_at_once(binary, tmp_path):
    config = tmp_path / "kulkul.toml"
    config.write_text('region = "cn-hangzhou"\nlisten = "nonsense"\nheader_timeout = 5\nno_such_setting = 1\n')
    done = subprocess.run([str(binary), "serve", "--config", str(config), "--data-dir", str(tmp_path / "data"),
                           "--set", "instance_count_max=0", "--set", "event_bytes_max=0", "--set", "http_target_connect_timeout=6s"],
                          env={"PATH": os.environ["PATH"], "KULKUL_TRACE_AGE_MAX": "soon"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    for setting in ("listen", "no_such_setting", "instance_count_max", "trace_age_max", "event_bytes_max", "http_target_connect_timeout"):
        assert setting in done.stderr, f"{setting} is not named in\n{done.stderr}"
    assert not (tmp_path / "data").exists(), "nothing is made before the configuration is right"


def test_a_misspelt_variable_is_told_of_in_the_log(new_server):
    server = new_server(environment={"KULKUL_ALOW_TARGETS": "public", "KULKUL_HTTP_TARGET_TIMEOUT": "1s"})
    assert "KULKUL_ALOW_TARGETS is no setting; did you mean KULKUL_ALLOW_TARGETS?" in server.log_path.read_text()


def test_a_port_in_use_is_named(binary, fresh_server, tmp_path):
    done = subprocess.run([str(binary), "serve", "--listen", fresh_server.api, "--objects-listen", "127.0.0.1:0",
                           "--data-dir", str(tmp_path / "other")],
                          env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert fresh_server.api in done.stderr


def test_the_demo_shows_the_main_job_and_ends_by_itself(binary, tmp_path):
    program = os.environ.get("KULKUL_THUMBNAIL", find_binary().parent / "thumbnail")
    done = subprocess.run([str(binary), "demo", "--function", str(program), "--photo", str(PHOTO), "--out", str(tmp_path / "small.jpg")],
                          env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=120)
    told = succeeded(done)
    small = (tmp_path / "small.jpg").read_bytes()
    assert small.startswith(b"\xff\xd8") and len(small) < len(PHOTO.read_bytes())
    assert str(tmp_path / "small.jpg") in told
    for word in ("bucket", "function", "trigger", "raccoon.jpg", "[200]", "serve"):
        assert word in told, f"{word} is not in\n{told}"


def test_the_server_says_where_it_is_as_its_last_word_of_starting(fresh_server):
    assert fresh_server.api in fresh_server.tail() and fresh_server.objects in fresh_server.tail()
    assert requests.get(f"{fresh_server.url}/healthz", timeout=10).status_code == 200
