"""Oracle's double for as long as a test needs it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.doubles.running import run


def running(
    directory: Path, *, statements: Path | None = None, data: Path | None = None
) -> AbstractContextManager[str]:
    """The URL of a double with nothing in it; see `run`."""
    url = "oracle://dbfleet:{password}@127.0.0.1:{port}/FREEPDB1"
    return run("tests.doubles.oracle", url, directory, statements=statements, data=data)
