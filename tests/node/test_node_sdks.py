"""The official Node.js SDKs, each in a script of its own."""

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
