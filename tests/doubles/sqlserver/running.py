"""SQL Server's double for as long as a test needs it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.doubles.running import run


def running(
    directory: Path, *, statements: Path | None = None, data: Path | None = None
) -> AbstractContextManager[str]:
    """The URL of a double with nothing in it but an empty database; see `run`. A statement is a batch here."""
    url = "sqlserver://sa:{password}@127.0.0.1:{port}/dbfleet"
    options = ["--database", "dbfleet"]
    return run("tests.doubles.sqlserver", url, directory, options=options, statements=statements, data=data)
