"""A double that runs for as long as a test needs it, in a process of its own: in the client's it would be slow."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def running(directory: Path, *, statements: Path | None = None, data: Path | None = None) -> Iterator[str]:
    """The URL of a double with nothing in it; `statements` gets each statement that arrives;
    `data` keeps what is written for the next one. SIGTERM ends it, and it ends well, or AssertionError."""
    password = secrets.token_hex(8)
    password_file = directory / "password"
    password_file.write_text(password)
    command = [sys.executable, "-m", "tests.doubles.oracle", "--password-file", str(password_file)]
    if statements:
        command += ["--statements", str(statements)]
    if data:
        command += ["--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield f"oracle://dbfleet:{password}@127.0.0.1:{port}/FREEPDB1"
        finally:
            process.terminate()
            ended = process.wait(10)
        assert ended == 0
