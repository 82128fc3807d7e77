"""A process of the console whose environment is wrong says so in one line, names the variable, and shows no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from console_people import free_port
from console_servers import Console

WRONG = {
    "a control database that is none": ("worker", {"DBFLEET_CONTROL_URL": "nonsense"}, 2),
    "a control database of another kind": ("beat", {"DBFLEET_CONTROL_URL": "mysql://u:hidden-word@h/d"}, 2),
    "a port that is none": ("migrate", {"DBFLEET_CONTROL_URL": "postgresql://u:hidden-word@h:99999/d"}, 2),
    "a secret file that is not there": ("worker", {"DBFLEET_CONTROL_URL": "postgresql://u:${file:gone}@h/d"}, 2),
    "a secret file that is a folder": ("web", {"DBFLEET_CONSOLE_KEY_FILE": "."}, 2),
    "a secret file that is not text": ("worker", {"DBFLEET_CONTROL_WEB_PASSWORD_FILE": "bytes"}, 2),
    "a broker that is none": ("worker", {"DBFLEET_BROKER_URL": "amqp://u:hidden-word@h"}, 2),
    "no address to listen on": ("web", {"DBFLEET_WEB_LISTEN": "8080"}, 2),
    "slots that are none": ("worker", {"DBFLEET_WORKER_SLOTS": "many"}, 2),
    "a control database that is not there": ("migrate", {}, 3),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_environment_is_told_in_one_line(console: Console, tmp_path: Path, wrong: str) -> None:
    role, told, code = WRONG[wrong]
    (tmp_path / "bytes").write_bytes(b"\xff\xfe hidden-word")
    nowhere = {"DBFLEET_CONTROL_URL": f"postgresql://u:hidden-word@127.0.0.1:{free_port()}/d"}
    done = subprocess.run(
        [sys.executable, "-m", "dbfleet.console", role], env={**console.environment, **nowhere, **told}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = done.stderr
    assert done.returncode == code, said
    assert said.startswith(f"{role}: "), said
    assert all(name in said for name in told), said
    assert "Traceback" not in said
    assert "hidden-word" not in said
    assert len(said.splitlines()) <= 2, said  # what is wrong, and a hint
