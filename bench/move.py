"""Dumps: a collection to a file, with its digest and checksums, against the server's own JSON by its own client."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import Case, Run, command
from bench.query import _mysql_client, _psql, seeded
from bench.servers import Servers

_ROW_TO_JSON = "copy (select row_to_json(o) from orders o) to stdout"


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield "dump postgres jsonl", lambda: _postgres(servers, rows, stdout=False)
    yield "dump postgres jsonl to stdout", lambda: _postgres(servers, rows, stdout=True)
    yield "dump mariadb jsonl", lambda: _mariadb(servers, rows)


def _dump(name: str) -> Run:
    folder = tempfile.mkdtemp(prefix="dbfleet-bench-")
    try:
        return command([sys.executable, "-m", "dbfleet", "dump", name, "orders", "-o", f"{folder}/d", "--quiet"])
    finally:
        shutil.rmtree(folder)


def _to_file(argv: list[str]) -> Run:
    with tempfile.TemporaryDirectory(prefix="dbfleet-bench-") as folder:
        # Through a shell, as `command` throws stdout away: ours writes a file, too.
        return command(["sh", "-c", 'file=$1; shift; exec "$@" > "$file"', "sh", str(Path(folder) / "out"), *argv])


def _postgres(servers: Servers, rows: int, *, stdout: bool) -> Case:
    seeded(servers, "postgres", rows)
    theirs = [*_psql(servers), "-qc", _ROW_TO_JSON]
    if stdout:
        argv = [sys.executable, "-m", "dbfleet", "dump", "postgres.orders", "-o", "-", "--quiet"]
        return Case("dump postgres jsonl to stdout", 1.2, lambda: command(argv), lambda: command(theirs), peak_mb=100)
    return Case("dump postgres jsonl", 1.2, lambda: _dump("postgres"), lambda: _to_file(theirs), peak_mb=100)


def _mariadb(servers: Servers, rows: int) -> Case:
    seeded(servers, "mariadb", rows)
    with servers.adapter("mariadb") as adapter:
        names = adapter.describe("orders").names
    pairs = ", ".join(f"'{name}', {name}" for name in names)
    statement = f"select json_object({pairs}) from orders"
    theirs = [*_mysql_client(servers, "mariadb", "mariadb"), "--batch", "--quick", "--raw", "-N", "-e", statement]
    return Case("dump mariadb jsonl", 1.5, lambda: _dump("mariadb"), lambda: _to_file(theirs), peak_mb=100)
