"""Writes docs/compatibility.md: what the official SDKs can do here, found out from the SDKs, the server's code and the tests.

    python tests/compatibility.py > docs/compatibility.md

An operation *works* when the server has it and a black-box test calls it through the SDK. What works in part, and why
the rest is not offered, stands in the tables below; an operation in none of them is an error.
"""

import os
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent
API = ROOT / "crates" / "api" / "src"
DATA_PLANE_PYTHON = os.environ.get("KULKUL_DATA_PLANE_PYTHON", ROOT / ".venv-data-plane" / "bin" / "python")

STREAMS = "event streams are not offered; a rule with a target does the same for one event at a time"
HOUSE = "a hosted analytics store"
AGENTS = "a hosted service of language models"
KNOWLEDGE = "a hosted vector search"
VERSIONS = "versions and aliases are not there yet"
CLOUD = "has no meaning on one machine of your own"

# Operations that work except for what is said here.
PARTIAL = {
    "control plane": {
        "put_targets": "target types: see docs/targets.md; others are refused by name",
        "create_rule": "as PutTargets",
        "create_event_source": "kinds of sources: see docs/sources.md; others are refused by name",
        "update_event_source": "as CreateEventSource",
    },
    "data plane": {
        "create_event_bus": "`Tags` are refused: there is nothing that reads them",
        "create_rule": "as CreateEventBus and, of the control plane, PutTargets",
        "update_rule": "as CreateEventBus",
        "create_targets": "as PutTargets of the control plane",
        "create_event_source": "as CreateEventSource of the control plane",
        "update_event_source": "as CreateEventSource of the control plane",
    },
    "functions": {
        "create_function": "runtimes python3.*, nodejs*, custom, custom.debian*; no container images, no VPC, NAS or OSS mounts",
        "update_function": "as CreateFunction",
        "create_trigger": "types `eventbridge` and `oss`",
        "update_trigger": "as CreateTrigger",
        "put_async_invoke_config": "destinations: functions and event buses",
    },
}

# Why operations are not offered, by a pattern of their names.
NOT_OFFERED = {
    "control plane": [
        (r".*event_streaming.*", STREAMS),
        (r"(discover_event_source|test_event_source_config)", "serve the MySQL source of event streams"),
        (r".*(agent|luma|ask).*", AGENTS),
        (r".*(knowledge_base|chunk|document|document_download_url)s?$", KNOWLEDGE),
        (r".*(catalog|namespace|table|event_house.*|event_analysis_job)s?(_with_time_range)?$", HOUSE),
        (r"event_center_query_events", "its semantics are not documented; QueryTracedEvents searches"),
    ],
    "data plane": [
        (r".*event_streaming.*", STREAMS),
    ],
    "functions": [
        (r".*(alias|aliases|function_version|function_versions)$", VERSIONS),
        (r".*layer.*", "layers are not there yet"),
        (r".*async_tasks?$", "tasks cannot be listed or stopped yet; traces show asynchronous invocations"),
        (r".*custom_domains?$", "HTTP triggers and domains are not there yet"),
        (r".*(concurrency|provision|scaling)_configs?$", "instances start as they are needed, within the limits of the server"),
        (r".*(sessions?|snapshots?)$", "sessions and snapshots are not there yet"),
        (r".*(vpc_bindings?|resource_group|regions)$", CLOUD),
        (r".*_function_invocation", "not there yet"),
        (r"list_instances", "not there yet; the log names the instance of each invocation"),
        (r".*tag_resources|tag_resources|untag_resources|list_tag_resources", "tags are kept with functions only"),
    ],
}

LIST = "import sys; from {module}.client import Client as C; print(*sorted(n for n in dir(C) if n[0] != '_' and n + '_with_options' in dir(C)))"


def operations_of(module, python):
    """Returns the operations of an SDK: methods that have a sibling with options."""
    done = subprocess.run([python, "-c", LIST.format(module=module)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"cannot ask the SDK {module}: {done.stderr}")
    return done.stdout.split()


def wire_name(operation):
    """`put_events` is `PutEvents` on the wire."""
    return "".join(word[:1].upper() + word[1:] for word in operation.split("_"))


def called_in_tests():
    """Returns everything that some test calls as a method."""
    sources = [path.read_text() for path in TESTS.rglob("*.py") if not {"node_modules", "site-packages"} & set(path.parts)]
    called = {name for source in sources for name in re.findall(r"\.([a-z_]+)\(", source)}
    return called | {name.removesuffix("_with_options") for name in called}


def offered_by_files(folder):
    """One operation, one file."""
    return {path.stem for path in (API / folder).glob("*.rs")}


def offered_on_data_plane():
    rows = (API / "eventbridge" / "data_plane" / "operation.rs").read_text()
    paths = re.findall(r'row\("(?:v2/)?(\w+)"', rows) + ["putEvents"]
    methods = [{"queryEventsByEventIds": "queryEvents"}.get(path, path) for path in paths]
    return {re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), method) for method in methods}


def verdict(area, operation, offered, called):
    """Returns whether an operation works, and what there is to say about it."""
    if operation in offered:
        if operation not in called:
            sys.exit(f"{area}: the server has {operation}, and no test calls it")
        missing = PARTIAL[area].get(operation)
        return ("partial", missing) if missing else ("works", "")
    for pattern, reason in NOT_OFFERED[area]:
        if re.fullmatch(pattern, operation):
            return "not offered", reason
    sys.exit(f"{area}: say in tests/compatibility.py why {operation} is not offered")


AREAS = [
    ("control plane", "EventBridge, control plane", "alibabacloud_eventbridge20200401", sys.executable,
     lambda: offered_by_files("eventbridge"), called_in_tests),
    ("data plane", "EventBridge, data plane", "alibabacloud_eventbridge", DATA_PLANE_PYTHON, offered_on_data_plane,
     lambda: set(re.findall(r'(?:call|asked = )\("(\w+)"', (TESTS / "data_plane" / "test_data_plane.py").read_text()))),
    ("functions", "Function Compute", "alibabacloud_fc20230330", sys.executable, lambda: offered_by_files("fc"), called_in_tests),
]


def document():
    lines = [
        "# Compatibility", "",
        "What the official SDKs can do here, operation by operation. *Works*: a black-box test calls it through the",
        "SDK. *Partial*: it works except for what is said. *Not offered*: it is refused with a clear error in the SDK's",
        "own format, and nothing is accepted and then ignored.", "",
        "This page is written by `tests/compatibility.py`; the tests fail when it is stale.",
    ]
    for area, title, module, python, offered, called in AREAS:
        offered, called = offered(), called()
        rows = [(wire_name(operation), *verdict(area, operation, offered, called)) for operation in operations_of(module, python)]
        counts = {word: sum(found == word for _, found, _ in rows) for word in ("works", "partial", "not offered")}
        lines += ["", f"## {title}", "", f"SDK `{module}`: " + ", ".join(f"{count} {word}" for word, count in counts.items() if count) + ".", "",
                  "| operation | | |", "| --- | --- | --- |"]
        order = {"works": 0, "partial": 1, "not offered": 2}
        lines += [f"| {name} | {found} | {what} |" for name, found, what in sorted(rows, key=lambda row: order[row[1]])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
