"""A double that runs for as long as a test needs it, in a process of its own: in the client's it would be slow."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def run(
    module: str, url: str, directory: Path, *, options: Sequence[str] = (), statements: Path | None, data: Path | None
) -> Iterator[str]:
    """`url` with its {password} and {port} filled in; `statements` gets each statement that arrives; `data` keeps what
    is written for the next one. SIGTERM ends it, and it ends well, or AssertionError."""
    password = secrets.token_hex(8)
    password_file = directory / "password"
    password_file.write_text(password)
    command = [sys.executable, "-m", module, "--password-file", str(password_file), *options]
    if statements:
        command += ["--statements", str(statements)]
    if data:
        command += ["--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield url.format(password=password, port=port)
        finally:
            process.terminate()
            ended = process.wait(10)
        assert ended == 0
