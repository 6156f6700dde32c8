"""The program's own commands against a server under test."""

import contextlib
import json
import os
import subprocess

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET


class Commands:
    """Runs commands as a person would who has the server's data directory at hand."""

    def __init__(self, binary, server):
        self.binary, self.server = str(binary), server

    def run(self, *arguments, input=None, key=True, environment=None, cwd=None):
        """Runs a command and returns how it ended."""
        variables = self._variables(key, environment)
        return subprocess.run([self.binary, *map(str, arguments)], env=variables, input=input, cwd=cwd,
                              capture_output=True, text=True, timeout=60)

    @contextlib.contextmanager
    def start(self, *arguments, **options):
        """Runs a command that need not end before the block does."""
        process = subprocess.Popen([self.binary, *map(str, arguments)], env=self._variables(True, None),
                                   stdout=subprocess.PIPE, text=True, **options)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)
            process.stdout.close()

    def _variables(self, key, environment):
        variables = {"PATH": os.environ["PATH"], "KULKUL_DATA_DIR": str(self.server.data), **(environment or {})}
        if key:
            variables |= {"KULKUL_ACCESS_KEY_ID": ACCESS_KEY_ID, "KULKUL_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET}
        return variables

    def succeed(self, *arguments, **options):
        """Runs a command that must succeed, and returns what it printed."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def document(self, *arguments, **options):
        """Runs a command that must succeed with `--json`, and returns the document that it printed."""
        return json.loads(self.succeed(*arguments, "--json", **options))
