"""Code that does not mind its manners: floods, forks, hides, and outlives its welcome."""

import concurrent.futures
import os
import socket
import time

import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from harness import clients, raw
from harness.functions import CUSTOM, NODE, PYTHON, Functions
from harness.waiting import wait_until

MIB = 1 << 20


@pytest.fixture
def calm(new_server):
    """A server of its own, whose processes are all known."""
    return new_server()


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("runtime, code", [
    (PYTHON, "import sys\ndef handler(event, context):\n    for i in range(100):\n        sys.stdout.write('x' * (1 << 20))\n    print('the end')\n    return 'said it all'\n"),
    (PYTHON, "def handler(event, context):\n    for i in range(100 * 1024):\n        print('y' * 1023)\n    print('the end')\n    return 'said it all'\n"),
    (NODE, "exports.handler = async () => { for (let i = 0; i < 100; i++) console.log('x'.repeat(1 << 20)); console.log('the end'); return 'said it all'; };"),
], ids=["python-one-line", "python-lines", "node"])
def test_code_that_prints_100_mb_gets_its_answer_and_fills_neither_memory_nor_disk(calm, runtime, code):
    functions = Functions(calm)
    functions.create("flood", code, runtime, timeout=60)
    before = resident_bytes(calm.pid)
    answer = functions.invoke("flood", log="Tail")
    assert answer.text == "said it all", answer
    assert "the end" in answer.log
    assert len(answer.log) < 6000
    assert resident_bytes(calm.pid) < before + 64 * MIB
    used = sum(entry.stat().st_size for entry in calm.home.rglob("*") if entry.is_file())
    assert used < 64 * MIB, f"{used} bytes on disk"


def test_strangers_cannot_fill_the_memory(calm):
    """Large bodies without a signature in their head, from many connections that stay open."""
    size = 3 * MIB
    head = (f"POST / HTTP/1.1\r\nhost: {calm.api}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            f"content-length: {size}\r\n\r\n").encode()
    host, port = calm.api.split(":")
    before = resident_bytes(calm.pid)

    def stranger(_):
        connection = socket.create_connection((host, int(port)))
        connection.settimeout(3)
        try:
            connection.sendall(head + b"a=" + b"x" * (size - 10))
        except TimeoutError:
            pass  # The server does not read on: that is how it keeps its memory.
        return connection

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        connections = list(pool.map(stranger, range(200)))
    grown = resident_bytes(calm.pid) - before
    small = raw.rpc(calm, "GetEventBus", {"EventBusName": "default"}).json()
    for connection in connections:
        connection.close()
    assert grown < 256 * MIB, f"{grown / MIB:.0f} MiB"
    assert small["Success"] is True, "who signs is served"


def test_a_flood_of_one_function_delays_no_other(calm):
    functions = Functions(calm)
    functions.create("flood", "def handler(event, context):\n    while True: print('z' * 1000)\n", timeout=4)
    functions.create("calm", "def handler(event, context):\n    return 'calm'\n")
    functions.invoke("calm")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        flood = pool.submit(functions.invoke, "flood")
        worst = 0.0
        while not flood.done():
            started = time.monotonic()
            assert functions.invoke("calm").text == "calm"
            worst = max(worst, time.monotonic() - started)
        assert flood.result().error_type == "UnhandledInvocationError"
    assert worst < 3


FORKERS = {
    "children-that-sleep": "import subprocess\ndef handler(event, context):\n    [subprocess.Popen(['sleep', '600']) for _ in range(3)]\n    import time; time.sleep(600)\n",
    "children-in-sessions-of-their-own": "import subprocess\ndef handler(event, context):\n    [subprocess.Popen(['sleep', '600'], start_new_session=True) for _ in range(3)]\n    import time; time.sleep(600)\n",
    "children-that-ignore-signals": "import subprocess\ndef handler(event, context):\n    subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT HUP; while :; do sleep 600; done'])\n    import time; time.sleep(600)\n",
    "grandchildren-of-nobody": "import os, time\ndef handler(event, context):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            time.sleep(600)\n        os._exit(0)\n    time.sleep(600)\n",
}


@pytest.mark.parametrize("code", FORKERS)
def test_what_code_that_hangs_has_forked_ends_with_it(calm, code):
    functions = Functions(calm)
    functions.create("calm", "def handler(event, context):\n    return 'calm'\n")
    functions.invoke("calm")
    functions.create("forks", FORKERS[code], timeout=1)
    answer = functions.invoke("forks")
    assert answer.error_type == "UnhandledInvocationError"
    assert answer.document["errorMessage"].startswith("Function time out after 1 second")
    wait_until(lambda: not left_over(calm), 10, lambda: left_over(calm))
    assert functions.invoke("calm").text == "calm"


def left_over(server):
    """Returns the command lines of what functions started and nobody ended, also where init has adopted it."""
    lines, known = set(), server.descendants()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
            adopted = parent(pid) == 1
        except OSError:
            continue
        if b"FC_FUNCTION_NAME=forks" in environment and (adopted or int(pid) in known):
            lines.add(line)
    return lines


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def test_a_fork_bomb_is_bounded_and_ends(calm):
    functions = Functions(calm)
    functions.create("bomb", "import os, time\ndef handler(event, context):\n    try:\n        while True:\n            if os.fork() == 0:\n                time.sleep(600)\n    except OSError:\n        time.sleep(600)\n", timeout=2)
    functions.create("calm", "def handler(event, context):\n    return 'calm'\n")
    answer = functions.invoke("bomb")
    assert answer.error_type == "UnhandledInvocationError"
    wait_until(lambda: len(calm.descendants()) < 20, 20, lambda: f"{len(calm.descendants())} processes")
    assert functions.invoke("calm").text == "calm"


def test_everything_ends_with_the_server(calm):
    functions = Functions(calm)
    functions.create("python", "def handler(event, context):\n    return '1'\n")
    functions.create("node", "exports.handler = async () => '1';", NODE)
    functions.create("custom", {"bootstrap": "#!/bin/sh\nexec python3 -m http.server $FC_CUSTOM_LISTEN_PORT\n"}, CUSTOM)
    functions.invoke("python"), functions.invoke("node"), functions.invoke("custom")
    children = calm.descendants()
    assert len(children) >= 3
    calm.kill()
    wait_until(lambda: not [pid for pid in children if alive(pid)], 10, lambda: [pid for pid in children if alive(pid)])


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_one_function_sees_nothing_of_another_nor_of_the_server(calm):
    functions = Functions(calm)
    functions.create("secret", "import os\ndef handler(event, context):\n    open('/tmp/mine', 'w').write('private')\n    return os.getcwd()\n",
                     environment_variables={"PASSWORD": "hidden-value"})
    functions.invoke("secret")
    functions.create("spy", f"""
import glob, os
def handler(event, context):
    seen = []
    for path in glob.glob('/proc/[0-9]*/environ') + ['/tmp/mine', {str(calm.data / 'addresses.json')!r}]:
        try:
            text = open(path, 'rb').read()
        except OSError:
            continue
        if b'hidden-value' in text or b'KULKUL_ACCESS_KEY_SECRET' in text or b'private' in text or b'objects' in text:
            seen.append(path)
    return seen
""")
    assert functions.invoke("spy").document == []


def test_code_cannot_be_changed_by_itself(calm):
    functions = Functions(calm)
    functions.create("selfish", """
import os
def handler(event, context):
    changed = []
    for name in ("/code/index.py", "/code/new.py"):
        try:
            open(name, "a").write("#")
            changed.append(name)
        except OSError:
            pass
    open("/tmp/mine", "w").write("x")
    return changed
""")
    assert functions.invoke("selfish").document == []


def test_hanging_functions_do_not_use_up_the_server(new_server):
    """When all instances are taken, a synchronous call is refused at once and an asynchronous one waits."""
    server = new_server(environment={"KULKUL_INSTANCE_COUNT_MAX": "2"})
    functions = Functions(server)
    functions.create("hang", "import time\ndef handler(event, context):\n    time.sleep(4)\n", timeout=6)
    functions.create("quick", "def handler(event, context):\n    return 'quick'\n")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        # The look at `quick` takes an instance too: a call of `hang` that finds no room because of it comes again.
        hanging = [pool.submit(wait_until, lambda: answer_of(functions, "hang")) for _ in range(2)]
        wait_until(lambda: refusal_of(functions) == ("ResourceExhausted", 429), 5)
        assert functions.invoke("quick", kind="Async").status == 202
        assert all(call.result().status == 200 for call in hanging)
    wait_until(lambda: functions.invoke("quick").text == "quick")


def answer_of(functions, name):
    try:
        return functions.invoke(name)
    except AlibabaCloudException as error:
        assert error.status_code == 429, error
        return None


def refusal_of(functions):
    try:
        functions.invoke("quick")
    except AlibabaCloudException as error:
        return error.code, error.status_code
    return None


def test_buckets_are_still_served_while_functions_hang(calm):
    functions, bucket = Functions(calm), clients.oss2_bucket(calm, "still-served")
    bucket.create_bucket()
    functions.create("spin", "def handler(event, context):\n    while True: pass\n", timeout=3)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        spinning = [pool.submit(functions.invoke, "spin") for _ in range(4)]
        for i in range(20):
            bucket.put_object(f"k{i}", b"x")
        assert all(call.result().error_type for call in spinning)
