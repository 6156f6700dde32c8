"""Functions and their code: create, get, list, update, delete, download."""

import base64
import datetime
import re
import uuid

import pytest
import requests
from alibabacloud_fc20230330 import models

from harness import clients
from harness.checksum import crc64
from harness.event_bridge import function_arn
from harness.functions import CUSTOM, NODE, PYTHON
from harness.refusals import refused
from harness.zips import base64_zip_of, zip_of

ECHO = "def handler(event, context):\n    return event\n"


def get(fc, name, **query):
    return fc.get_function(name, models.GetFunctionRequest(**query)).body


def update(fc, name, **changes):
    return fc.update_function(name, models.UpdateFunctionRequest(body=models.UpdateFunctionInput(**changes))).body


def listed(fc, **query):
    return fc.list_functions(models.ListFunctionsRequest(**query)).body


def code_of(fc, name):
    return fc.get_function_code(name, models.GetFunctionCodeRequest()).body


def zipped(**files):
    return models.InputCodeLocation(zip_file=base64_zip_of({name.replace("_", "."): text for name, text in files.items()}))


def test_a_created_function_is_described_as_it_was_given(fc, functions, unique):
    name, archive = unique("described"), zip_of({"index.py": ECHO})
    created = functions.create_from(
        name, models.InputCodeLocation(zip_file=base64.b64encode(archive).decode()), PYTHON,
        description="echoes ü", cpu=0.5, disk_size=512, memory_size=512, timeout=60,
        environment_variables={"LEVEL": "info"}, tags=[models.Tag(key="env", value="dev")],
        instance_lifecycle_config=models.InstanceLifecycleConfig(
            initializer=models.LifecycleHook(handler="index.init", timeout=10)),
    )
    assert created.function_name == name
    assert created.function_arn == function_arn(name)
    assert uuid.UUID(created.function_id)
    assert (created.runtime, created.handler, created.description) == (PYTHON, "index.handler", "echoes ü")
    assert (created.memory_size, created.timeout, created.cpu, created.disk_size) == (512, 60, 0.5, 512)
    assert created.environment_variables == {"LEVEL": "info"}
    assert [(tag.key, tag.value) for tag in created.tags] == [("env", "dev")]
    assert created.instance_lifecycle_config.initializer.to_map() == {"handler": "index.init", "timeout": 10}
    assert (created.code_size, created.code_checksum) == (len(archive), crc64(archive))
    assert (created.state, created.last_update_status) == ("Active", "Successful")
    assert created.created_time == created.last_modified_time
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.strptime(created.created_time, "%Y-%m-%dT%H:%M:%S%z")
    assert abs(age) < datetime.timedelta(minutes=1)
    assert get(fc, name).to_map() == created.to_map()


def test_what_is_left_out_gets_the_documented_default(fc, unique):
    name = unique("defaults")
    body = models.CreateFunctionInput(function_name=name, runtime=PYTHON, handler="index.handler", code=zipped(index_py=ECHO))
    created = fc.create_function(models.CreateFunctionRequest(body=body)).body
    assert (created.memory_size, created.cpu, created.disk_size, created.timeout) == (512, 0.35, 512, 3)
    assert (created.instance_concurrency, created.internet_access, created.disable_ondemand) == (1, True, False)


def test_a_name_is_given_once(functions, unique):
    name = unique("twice")
    functions.create(name, ECHO)
    with refused("FunctionAlreadyExists", 409):
        functions.create(name, ECHO)


@pytest.mark.parametrize("settings", [
    {"function_name": ""},
    {"function_name": "1st"},
    {"function_name": "-dash"},
    {"function_name": "a b"},
    {"function_name": "ü"},
    {"function_name": "../etc"},
    {"function_name": "x" * 129},
    {"runtime": "cobol85"},
    {"runtime": None},
    {"handler": None},
    {"handler": ""},
    {"memory_size": 100},
    {"memory_size": 64},
    {"memory_size": 40000},
    {"timeout": 0},
    {"timeout": 86401},
    {"cpu": 0.03},
    {"cpu": 17},
    {"disk_size": 700},
    {"instance_concurrency": 0},
    {"instance_concurrency": 201},
    {"instance_concurrency": 2},
    {"description": "x" * 257},
    {"environment_variables": {"FC_MINE": "x"}},
    {"environment_variables": {"1X": "x"}},
    {"environment_variables": {"BIG": "x" * 5000}},
    {"code": None},
    {"code": models.InputCodeLocation()},
    {"code": models.InputCodeLocation(zip_file="not base64!")},
    {"code": models.InputCodeLocation(zip_file=base64.b64encode(b"not a zip").decode())},
    {"code": models.InputCodeLocation(zip_file=base64_zip_of({"a": "b"}), oss_bucket_name="b", oss_object_name="o")},
    {"code": models.InputCodeLocation(zip_file=base64_zip_of({"a": "b"}), checksum="1")},
    {"code": models.InputCodeLocation(oss_bucket_name="no-such-bucket-here", oss_object_name="o")},
], ids=lambda settings: ",".join(f"{key}={str(value)[:12]}" for key, value in settings.items()))
def test_a_function_that_cannot_be_is_refused_and_not_kept(fc, unique, settings):
    name = unique("refused")
    good = {"function_name": name, "runtime": PYTHON, "handler": "index.handler", "code": zipped(index_py=ECHO)}
    body = models.CreateFunctionInput(**{**good, **settings})
    with refused("InvalidArgument", 400):
        fc.create_function(models.CreateFunctionRequest(body=body))
    assert not listed(fc, prefix=name).functions


def test_a_custom_runtime_needs_no_handler(functions, unique):
    created = functions.create_from(unique("custom"), zipped(bootstrap="#!/bin/sh\n"), CUSTOM, handler=None)
    assert created.runtime == CUSTOM


def test_an_unknown_function_is_not_found(fc, functions, unique):
    name = unique("nobody")
    for call in (
        lambda: get(fc, name),
        lambda: update(fc, name, timeout=5),
        lambda: fc.delete_function(name),
        lambda: code_of(fc, name),
        lambda: functions.invoke(name),
    ):
        with refused("FunctionNotFound", 404, f"function '{name}' does not exist"):
            call()


def test_latest_is_the_only_qualifier_of_a_function_without_versions(fc, functions, unique):
    name = unique("qualified")
    functions.create(name, ECHO)
    assert get(fc, name, qualifier="LATEST").function_name == name
    assert functions.invoke(name, b"x", qualifier="LATEST").body == b"x"
    for qualifier, code in (("7", "VersionNotFound"), ("prod", "AliasNotFound")):
        with refused(code, 404):
            get(fc, name, qualifier=qualifier)
        with refused(code, 404):
            functions.invoke(name, qualifier=qualifier)


def test_a_list_is_ordered_by_name_and_comes_in_pages(fc, functions, unique):
    prefix = unique("page")
    names = [f"{prefix}-{letter}" for letter in "edcba"]
    for name in names:
        functions.create(name, ECHO)
    found, token, pages = [], None, 0
    while True:
        page = listed(fc, prefix=prefix, limit=2, next_token=token)
        found += [function.function_name for function in page.functions]
        pages += 1
        token = page.next_token
        if token is None:
            break
        assert token != ""
    assert (found, pages) == (sorted(names), 3)
    assert [function.function_name for function in listed(fc, prefix=f"{prefix}-c").functions] == [f"{prefix}-c"]


def test_a_list_with_nothing_in_it_is_an_empty_list(fc, unique):
    page = listed(fc, prefix=unique("absent"))
    assert (page.functions, page.next_token) == ([], None)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"next_token": "what?"}], ids=str)
def test_a_page_that_cannot_be_is_refused(fc, query):
    with refused("InvalidArgument", 400):
        listed(fc, **query)


def test_an_update_changes_what_it_names_and_nothing_else(fc, functions, unique):
    name = unique("updated")
    before = functions.create(name, ECHO, environment_variables={"A": "1", "B": "2"}, description="old", timeout=5)
    after = update(fc, name, timeout=30, environment_variables={"C": "3"})
    assert (after.timeout, after.environment_variables) == (30, {"C": "3"})
    assert (after.description, after.memory_size, after.handler) == ("old", before.memory_size, before.handler)
    assert (after.function_id, after.code_checksum) == (before.function_id, before.code_checksum)
    assert (after.created_time, after.last_update_status) == (before.created_time, "Successful")
    assert get(fc, name).to_map() == after.to_map()
    assert not update(fc, name, environment_variables={}).environment_variables


def test_an_update_that_cannot_be_changes_nothing(fc, functions, unique):
    name = unique("unchanged")
    before = functions.create(name, ECHO)
    for changes in ({"timeout": 0}, {"memory_size": 100}, {"runtime": "cobol85"}, {"handler": ""},
                    {"environment_variables": {"FC_X": "1"}},
                    {"code": models.InputCodeLocation(zip_file=base64_zip_of({"a": "b"}), checksum="1")}):
        with refused("InvalidArgument", 400):
            update(fc, name, description="new", **changes)
    assert get(fc, name).to_map() == before.to_map()


def test_new_code_and_settings_serve_the_next_invocation(fc, functions, unique):
    name = unique("deployed")
    functions.create(name, "def handler(event, context):\n    return 'old'\n")
    assert functions.invoke(name).text == "old"
    new = "import os\ndef handler(event, context):\n    return 'new ' + os.environ['COLOUR']\n"
    updated = update(fc, name, code=zipped(index_py=new), environment_variables={"COLOUR": "blue"})
    assert updated.code_checksum == crc64(zip_of({"index.py": new}))
    assert functions.invoke(name).text == "new blue"
    update(fc, name, environment_variables={"COLOUR": "red"})
    assert functions.invoke(name).text == "new red"


def test_a_function_can_change_its_runtime(fc, functions, unique):
    name = unique("moved")
    functions.create(name, ECHO)
    update(fc, name, runtime=NODE, code=zipped(index_js="exports.handler = async () => 'node';"))
    assert functions.invoke(name).text == "node"


def test_a_deleted_function_is_gone(fc, functions, unique):
    name = unique("deleted")
    functions.create(name, ECHO)
    assert functions.invoke(name, b"x").body == b"x"
    assert fc.delete_function(name).status_code == 204
    with refused("FunctionNotFound", 404):
        fc.delete_function(name)
    with refused("FunctionNotFound", 404):
        functions.invoke(name)
    functions.create(name, "def handler(event, context):\n    return 'second life'\n")
    assert functions.invoke(name).text == "second life"


def test_a_function_with_triggers_is_not_deleted(fc, functions, unique):
    name = unique("used")
    functions.create(name, ECHO)
    functions.event_trigger(name, "t", {"source": [unique("nobody")]})
    with refused("FunctionNotEmpty", 409):
        fc.delete_function(name)
    fc.delete_trigger(name, "t")
    fc.delete_function(name)


def test_the_code_can_be_downloaded_by_whoever_has_the_address(fc, functions, unique):
    name, archive = unique("download"), zip_of({"index.py": ECHO, "data/ü.txt": "x" * 100_000})
    functions.create_from(name, models.InputCodeLocation(zip_file=base64.b64encode(archive).decode()))
    code = code_of(fc, name)
    assert code.checksum == crc64(archive)
    assert requests.get(code.url, timeout=10).content == archive
    spoilt = re.sub(r"([?&][a-z]*sig[a-z]*=)(.)", lambda match: match[1] + ("0" if match[2] != "0" else "1"), code.url, flags=re.I)
    assert spoilt != code.url
    answer = requests.get(spoilt, timeout=10)
    assert answer.status_code in (403, 404) and answer.content != archive
    assert requests.get(code.url.split("?")[0], timeout=10).status_code in (400, 403, 404)


def test_a_checksum_that_fits_is_accepted(functions, unique):
    archive = zip_of({"index.py": ECHO})
    code = models.InputCodeLocation(zip_file=base64.b64encode(archive).decode(), checksum=crc64(archive))
    assert functions.create_from(unique("checked"), code).code_checksum == crc64(archive)


def test_code_can_come_from_a_bucket(server, functions, unique):
    bucket, archive = clients.oss2_bucket(server, unique("code")), zip_of({"index.py": ECHO})
    bucket.create_bucket()
    bucket.put_object("functions/echo.zip", archive)
    location = {"oss_bucket_name": bucket.bucket_name, "oss_object_name": "functions/echo.zip"}
    name = unique("from-bucket")
    created = functions.create_from(name, models.InputCodeLocation(**location))
    assert (created.code_size, created.code_checksum) == (len(archive), crc64(archive))
    bucket.delete_object("functions/echo.zip")
    assert functions.invoke(name, b"still here").body == b"still here"
    with refused("InvalidArgument", 400):
        functions.create_from(unique("from-nowhere"), models.InputCodeLocation(**location))


def test_every_answer_carries_a_request_id(fc, functions, unique):
    name = unique("ids")
    functions.create(name, ECHO)
    ids = {fc.get_function(name, models.GetFunctionRequest()).headers["x-fc-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", id) for id in ids), ids
    assert functions.invoke(name).headers["x-fc-request-id"] not in ids


def test_operations_that_are_not_offered_say_so(fc, functions, unique):
    name = unique("plain")
    functions.create(name, ECHO)
    for call in (
        lambda: fc.list_snapshots(models.ListSnapshotsRequest()),
        lambda: fc.create_vpc_binding(name, models.CreateVpcBindingRequest(body=models.CreateVpcBindingInput(vpc_id="v"))),
    ):
        with refused("PathNotSupported", 400):
            call()
