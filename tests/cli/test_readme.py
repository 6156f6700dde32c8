"""What the front page tells people to type works, as it stands there."""

import os
import pathlib
import subprocess

from harness.readme import commands_in
from harness.waiting import wait_until

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


def test_the_first_sixty_seconds_are_true(binary, fresh_server, tmp_path):
    typed = [line for line in commands_in((CHECKOUT / "README.md").read_text(), "Sixty seconds")
             if line.startswith(("kulkul ", "echo ")) and "EVENT_ID" not in line and "@" not in line]
    assert len(typed) >= 7, typed
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kulkul").symlink_to(binary)
    (tmp_path / "examples").symlink_to(CHECKOUT / "examples")
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "KULKUL_DATA_DIR": str(fresh_server.data)}

    def type_in(line):
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    told = {line: type_in(line) for line in typed}
    invoke = next(line for line in typed if line.startswith("kulkul invoke"))
    assert "heard of world" in told[invoke] and "done" in told[invoke]
    logs = next(line for line in typed if line.startswith("kulkul function logs"))
    wait_until(lambda: '"total": 7' in type_in(logs) or '"total":7' in type_in(logs))
