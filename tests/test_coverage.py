"""Every operation that the API offers is called by some black-box test, through the official SDK."""

import pathlib
import re

import pytest
from alibabacloud_eventbridge20200401.client import Client as EventBridgeClient
from alibabacloud_fc20230330.client import Client as FunctionComputeClient
from mns.queue import Queue

TESTS = pathlib.Path(__file__).parent
API = TESTS.parent / "crates" / "api" / "src"

# Operations that no test calls yet. This list may only shrink.
UNTESTED = set()


@pytest.mark.parametrize("folder, client", [("fc", FunctionComputeClient), ("eventbridge", EventBridgeClient), ("queue", Queue)])
def test_no_operation_goes_untested(folder, client):
    sources = [path.read_text() for path in TESTS.rglob("*.py") if "node_modules" not in path.parts and "site-packages" not in path.parts]
    called = {name for source in sources for name in re.findall(r"\.([a-z_]+)\(", source)}
    called |= {name.removesuffix("_with_options") for name in called}
    offered = {path.stem for path in (API / folder).glob("*.rs") if hasattr(client, path.stem)}
    assert len(offered) >= 9, "one operation, one file"
    assert offered - called == UNTESTED & offered
