"""Archives with code that no server should unpack, and runtimes that cannot run."""

import base64
import io
import os
import struct
import zipfile

import pytest
from alibabacloud_fc20230330 import models

from harness.functions import Functions
from harness.refusals import refused
from harness.zips import zip_bomb, zip_of, zip_with_symlink

HANDLER = "def handler(event, context):\n    return 'ran'\n"


def named(name, content="x"):
    """Returns a zip whose second entry has exactly this name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", HANDLER)
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        archive.writestr(entry, content)
    return buffer.getvalue()


def twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", HANDLER)
        archive.writestr("index/x", "x")
        archive.writestr("index", "x")
    return buffer.getvalue()


def encrypted():
    data = bytearray(zip_of({"index.py": HANDLER}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def many_files():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(200_000):
            archive.writestr(f"{i:x}", "")
    return buffer.getvalue()


def truncated():
    return zip_of({"index.py": HANDLER, "data": os.urandom(10_000)})[:-200]


def broken_checksum():
    data = bytearray(zip_of({"index.py": HANDLER}))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 16, 7)
    struct.pack_into("<I", data, data.index(b"PK\x03\x04") + 14, 7)
    return bytes(data)


HOSTILE = {
    "parent": lambda: named("../escaped.txt"),
    "deep-parent": lambda: named("a/b/../../../escaped.txt"),
    "absolute": lambda: named("/tmp/escaped.txt"),
    "symlink-out": lambda: zip_with_symlink("link", "../../../../etc/passwd"),
    "symlink-absolute": lambda: zip_with_symlink("link", "/etc/passwd"),
    "bomb": lambda: zip_bomb(3072),
    "bomb-that-lies": lambda: zip_bomb(3072, claimed_mib=1),
    "file-and-folder": twice,
    "encrypted": encrypted,
    "many-files": many_files,
    "truncated": truncated,
    "broken-checksum": broken_checksum,
    "name-with-nul": lambda: named("a\0b"),
    "endless-name": lambda: named("x" * 5000),
}


@pytest.mark.parametrize("archive", HOSTILE)
def test_an_archive_with_bad_intentions_is_refused_and_nothing_of_it_kept(server, fc, functions, unique, archive):
    name, used = unique("hostile"), disk_usage(server.data)
    code = models.InputCodeLocation(zip_file=base64.b64encode(HOSTILE[archive]()).decode())
    with refused("InvalidArgument", 400):
        functions.create_from(name, code)
    assert not fc.list_functions(models.ListFunctionsRequest(prefix=name)).body.functions
    assert not [found for found in server.home.parent.rglob("escaped.txt")]
    assert not os.path.exists("/tmp/escaped.txt")
    assert disk_usage(server.data) < used + (64 << 20)


def test_an_update_with_a_hostile_archive_leaves_the_old_code(fc, functions, unique):
    name = unique("kept")
    functions.create(name, HANDLER)
    code = models.InputCodeLocation(zip_file=base64.b64encode(named("../escaped.txt")).decode())
    with refused("InvalidArgument", 400):
        fc.update_function(name, models.UpdateFunctionRequest(body=models.UpdateFunctionInput(code=code)))
    assert functions.invoke(name).text == "ran"


def test_a_symlink_within_the_code_is_fine(functions, unique):
    name = unique("linked")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lib/real.py", HANDLER)
        entry = zipfile.ZipInfo("index.py")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "lib/real.py")
    functions.create_from(name, models.InputCodeLocation(zip_file=base64.b64encode(buffer.getvalue()).decode()))
    assert functions.invoke(name).text == "ran"


def test_an_interpreter_that_is_not_installed_is_named_when_the_function_is_called(new_server):
    functions = Functions(new_server(environment={"KULKUL_STRICT_RUNTIMES": "true"}))
    functions.create("orphan", "exports.handler = async () => 1;", "nodejs8")
    with refused("CAFileNotFound", 412, "nodejs8"):
        functions.invoke("orphan")


def test_a_runtime_whose_interpreter_is_not_installed_runs_on_a_near_one_and_says_so(new_server):
    server = new_server()
    functions = Functions(server)
    created = functions.create("nearby", "exports.handler = (event, context, callback) => callback(null, process.version);", "nodejs8")
    answer = functions.invoke("nearby", log="Tail")
    version = answer.text.lstrip("v").split(".")[0]
    assert version != "8"
    assert f"runs on {version}" in answer.log, answer.log
    got = functions.client.get_function("nearby", models.GetFunctionRequest()).body
    assert version in got.state_reason and created.state_reason == got.state_reason, got.to_map()


def disk_usage(folder):
    return sum(entry.stat().st_blocks * 512 for entry in folder.rglob("*") if entry.is_file() and not entry.is_symlink())
