"""The program under test as a process: started on free ports, watched, killed, started again."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess

import requests

from harness.sockets import free_port
from harness.waiting import wait_until

REGION = "cn-hangzhou"
ACCOUNT_ID = "1234567890123456"
ACCESS_KEY_ID = "LTAIblackboxadminkey0001"
ACCESS_KEY_SECRET = "blackBoxAdminSecret0000000001"


class Server:
    """One `kulkul serve` with a data directory of its own.

    Every start takes the same ports, as those of a service would. With `log_elsewhere` the server's log goes through a
    pipe, so that limits on its own files do not touch it.
    """

    def __init__(self, binary, home, environment=None, arguments=(), may_run_full=False, log_elsewhere=False):
        self.binary = str(binary)
        self.home = pathlib.Path(home)
        self.data = self.home / "data"
        self.log_path = self.home / "server.log"
        self.extra_environment = dict(environment or {})
        self.arguments = list(arguments)
        self.may_run_full = may_run_full
        self.log_elsewhere = log_elsewhere
        self.process = None
        self.api = f"127.0.0.1:{free_port()}"
        self.objects = f"127.0.0.1:{free_port()}"

    @property
    def url(self):
        return f"http://{self.api}"

    @property
    def objects_url(self):
        return f"http://{self.objects}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, within=30.0):
        """Starts the program and returns when it accepts events."""
        assert not self.is_running(), "the server is running already"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.data / "addresses.json").unlink(missing_ok=True)
        self._spawn()
        wait_until(self._announced, within, self.tail)
        wait_until(self.is_healthy, within, self.tail)
        return self

    def _spawn(self):
        command = [
            self.binary, "serve",
            "--listen", self.api,
            "--objects-listen", self.objects,
            "--data-dir", str(self.data),
            *self.arguments,
        ]
        log = self._log()
        with log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home,
                env=self._environment(), start_new_session=True, restore_signals=not self.may_run_full,
            )

    def _log(self):
        """Returns the file that the server writes its log to, or a pipe to a program that does it."""
        if not self.log_elsewhere:
            return open(self.log_path, "ab")
        with open(self.log_path, "ab") as file:
            return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file, start_new_session=True).stdin

    def _environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        wanted = {
            **kept,
            "HOME": str(self.home),
            "KULKUL_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "KULKUL_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
            "KULKUL_ACCOUNT_ID": ACCOUNT_ID,
            "KULKUL_REGION": REGION,
            **self.extra_environment,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def _announced(self):
        assert self.is_running(), f"the server ended with {self.process.returncode}\n{self.tail()}"
        return (self.data / "addresses.json").exists()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_healthy(self):
        assert self.is_running(), f"the server ended with {self.process.returncode}\n{self.tail()}"
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self, within=30.0):
        """Asks the server to stop and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def kill(self):
        """Ends the server as a power cut would: `kill -9`, no farewell."""
        self.process.kill()
        self.process.wait(10)

    def restart(self):
        """Stops and starts the server over the same data directory."""
        self.stop()
        return self.start()

    def limit_file_size(self, bytes_max):
        """From now on no file of the server grows beyond `bytes_max` bytes; `None` lifts the limit.

        This is how a disk runs full for a process that may not mount one. The server must have been made
        with `may_run_full`: it then inherits from Python that the signal of this limit is ignored, so that
        a write fails with an error, as on a full disk.
        """
        assert self.may_run_full
        soft = resource.RLIM_INFINITY if bytes_max is None else bytes_max
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def tail(self, bytes_max=8000):
        """Returns the end of what the server wrote."""
        try:
            return self.log_path.read_bytes()[-bytes_max:].decode(errors="replace")
        except FileNotFoundError:
            return "(no output)"

    def descendants(self):
        """Returns the process ids of everything that the server started and that is alive."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if fields[0] != "Z":
                    parents[int(entry.name)] = int(fields[1])
        found, wave = set(), {self.pid}
        while wave:
            wave = {child for child, parent in parents.items() if parent in wave} - found
            found |= wave
        return found

    def descendants_called(self, name):
        """Returns those descendants that call themselves `name`, which has at most 15 characters."""
        found = set()
        for pid in self.descendants():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().rstrip("\n") == name:
                    found.add(pid)
            except OSError:
                continue
        return found

    def close(self):
        """Ends the server for good and removes its data."""
        if self.is_running():
            try:
                self.stop(within=10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.data, ignore_errors=True)


def find_binary():
    """Returns the program to test: `$KULKUL_BIN`, else the development build."""
    named = os.environ.get("KULKUL_BIN")
    if named:
        return pathlib.Path(named)
    checkout = pathlib.Path(__file__).resolve().parents[2]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", checkout / "target"))
    return target / "debug" / "kulkul"
