"""`command`: any other verb of dbfleet, as it would be typed. It is made on the command line only: whoever can write
into the control database by the web's account alone is not to choose what a worker runs (a trigger holds it: migration
0007)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Final

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.errors import RuntimeFailure
from dbfleet.fleet import Fleet

_NOT: Final = ("console", "shell", "up", "down", "schedule", "jobs")
"""What waits for a person, or would change what the worker itself stands on."""
_TAIL: Final = 8_000


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    command = arguments.get("command")
    if not isinstance(command, list | tuple) or not command or not all(isinstance(each, str) for each in command):
        kinds.refuse(
            "a command is a verb of dbfleet and what follows it", "schedule add command --every 1h -- ls postgres"
        )
    words = list(command[1:] if command[0] == "dbfleet" else command)
    if not words or words[0].startswith("-"):
        kinds.refuse("a command begins with a verb of dbfleet", "schedule add command --every 1h -- ls postgres")
    if words[0] in _NOT:
        kinds.refuse(f"{words[0]} is not for a schedule")
    return {"command": words}


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    environ = {**os.environ, "DBFLEET_FLEET": fleet.name, "NO_COLOR": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [sys.executable, "-m", "dbfleet", *arguments["command"]], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            env=environ, cwd=fleet.directory, start_new_session=True,
        )  # fmt: skip
        try:
            while child.poll() is None:
                work.tell(0, " ".join(arguments["command"][:2]))
                time.sleep(0.2)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                try:
                    child.wait(8)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        said: dict[str, Any] = {"stdout": _tail(out), "stderr": _tail(err), "exit_code": child.returncode}
    if child.returncode:
        raise RuntimeFailure(
            f"dbfleet {' '.join(arguments['command'])} ended with code {child.returncode}: {said['stderr'].strip()}",
            exit_code=child.returncode,
        )
    return Outcome(result=said)


def _tail(file: Any) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return bytes(file.read()).decode("utf-8", "replace").replace("\0", "�")


KIND = Kind(
    name="command",
    words="another verb of dbfleet",
    takes={"command": "the verb and what follows it"},
    check=_check,
    run=_run,
    ends=lambda arguments: ("", " ".join(arguments.get("command", ()))),
    works_on=lambda arguments: (),
)
