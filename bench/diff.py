"""diff of the orders: against the clients' own ordered dumps and diff(1), against the scans, and against reladiff,
which stands between SQL engines, in an environment of its own and never as a dependency."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.measure import Case, NotRun, Run, command
from bench.query import _mysql_client, _psql, seeded
from bench.servers import Servers
from dbfleet.fleet import Fleet
from dbfleet.values import Type

_SAME, _CHANGED, _HUNDRED = "bench_same", "bench_changed", "bench_hundred"

_SCAN = """
import sys
from dbfleet import registry
from dbfleet.fleet import Fleet
with registry.connect(Fleet.open().target(sys.argv[1])) as adapter:
    for batch in adapter.scan(adapter.describe("orders")):
        pass
"""


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield "diff postgres postgres", lambda: _postgres(servers, rows)
    yield "diff postgres postgres, 10 % changed", lambda: _changed(servers, rows)
    yield "diff postgres mariadb", lambda: _mariadb(servers, rows)
    for other in ("postgres", "mariadb"):
        name = f"diff postgres {other}, 100 changed"
        yield name, partial(_reladiff, servers, rows, other, name)
    yield "diff postgres mongodb", lambda: _mongodb(servers, rows)
    for other in ("postgres", "mariadb"):
        yield f"console drift postgres {other}", partial(_drift, servers, rows, other)


def _diff(a: str, b: str) -> Run:
    argv = [sys.executable, "-m", "dbfleet", "--quiet", "diff", a, b]
    return command(["sh", "-c", f"{shlex.join(argv)} || [ $? = 1 ]"])


def _drift(servers: Servers, rows: int, other: str) -> Case:
    """A check of rows of which none has changed, against the counts of diff."""
    _tables(servers, rows)
    seeded(servers, other, rows)
    ends = ("postgres.orders", f"postgres.{_SAME}" if other == "postgres" else f"{other}.orders")
    argv = [sys.executable, "-m", "dbfleet", "--quiet"]
    return Case(
        f"console drift postgres {other}", 1.05, lambda: command([*argv, "drift", *ends]),
        lambda: command([*argv, "diff", *ends, "--stats"]), peak_mb=150,
    )  # fmt: skip


def _two(ours: list[str], theirs: list[str]) -> Run:
    """Two commands side by side, their output through diff(1)."""
    return command(["bash", "-c", f"diff <({shlex.join(ours)}) <({shlex.join(theirs)}) || [ $? = 1 ]"])


def _tables(servers: Servers, rows: int) -> None:
    seeded(servers, "postgres", rows)
    with servers.adapter("postgres") as adapter:
        for name, every in ((_SAME, None), (_CHANGED, 10), (_HUNDRED, max(1, rows // 100))):
            adapter.drop(name)
            changes = f"; update {name} set total = total + 1 where id % {every} = {every // 3}" if every else ""
            text = f"create table {name} as select * from orders{changes}; alter table {name} add primary key (id)"
            result = adapter.query(f"{text}; vacuum analyze {name}")
            while following := result.following():
                result = following
            result.close()


def _postgres(servers: Servers, rows: int) -> Case:
    _tables(servers, rows)
    dumps = [
        [*_psql(servers), "-qc", f"copy (select * from {name} order by id) to stdout"] for name in ("orders", _SAME)
    ]
    return Case(
        "diff postgres postgres", 1.3, lambda: _diff("postgres.orders", f"postgres.{_SAME}"), lambda: _two(*dumps),
        peak_mb=150,
    )  # fmt: skip


def _changed(servers: Servers, rows: int) -> Case:
    _tables(servers, rows)
    return Case(
        "diff postgres postgres, 10 % changed", 3.0, lambda: _diff("postgres.orders", f"postgres.{_CHANGED}"),
        lambda: _diff("postgres.orders", f"postgres.{_SAME}"), peak_mb=150,
    )  # fmt: skip


def _mariadb(servers: Servers, rows: int) -> Case:
    seeded(servers, "postgres", rows)
    seeded(servers, "mariadb", rows)
    with servers.adapter("mariadb") as adapter:
        columns = adapter.describe("orders").columns
    cells = []
    for column in columns:
        cell = f"`{column.name}`"
        if column.type is Type.BOOL:
            cell = f"if({cell}, 't', 'f')"
        if column.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
            cell = f"trim(trailing '.' from trim(trailing '0' from {cell}))"
        if column.type is Type.INSTANT:
            cell = f"concat({cell}, '+00')"
        cells.append(f"ifnull({cell}, 'NULL')" if column.nullable else cell)
    names = ", ".join(column.name for column in columns)
    ours = f"copy (select {names} from orders order by id) to stdout (null 'NULL')"
    theirs = f"select {', '.join(cells)} from orders order by id"
    client = [*_mysql_client(servers, "mariadb", "mariadb"), "--batch", "--quick", "-N", "-e", theirs]
    return Case(
        "diff postgres mariadb", 1.3, lambda: _diff("postgres.orders", "mariadb.orders"),
        lambda: _two([*_psql(servers), "-qc", ours], client), peak_mb=150,
    )  # fmt: skip


def _reladiff(servers: Servers, rows: int, other: str, name: str) -> Case:
    """Against reladiff at the settings that were its best: few threads, segments of tens of thousands of rows."""
    program = _program("reladiff", "reladiff[postgresql,mysql]")
    _tables(servers, rows)
    seeded(servers, other, rows)
    with servers.adapter("postgres") as adapter:
        columns = [column.name for column in adapter.describe("orders").columns if column.name != "id"]
    fleet = Fleet.open()
    urls = [fleet.target(each).with_(options={}).url(reveal=True).replace("mariadb://", "mysql://")
            for each in ("postgres", other)]  # fmt: skip
    argv = [program, urls[0], _HUNDRED, urls[1], "orders", "-k", "id", *(w for c in columns for w in ("-c", c)),
            "--threads", "4", "--bisection-threshold", "50000", "--bisection-factor", "16"]  # fmt: skip
    if other == "postgres":
        argv += ["--algorithm", "hashdiff"]
    return Case(
        name, 1 / 3, lambda: _diff(f"postgres.{_HUNDRED}", f"{other}.orders"), lambda: command(argv), peak_mb=150
    )


def _program(name: str, package: str) -> str:
    """Where the rival's program is: on PATH, or in an environment that is made for it. NotRun, with pip's reason."""
    found = shutil.which(name)
    if found:
        return found
    folder = Path(tempfile.gettempdir()) / f"dbfleet-bench-{name}"
    if not (folder / "bin" / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        made = subprocess.run(
            [str(folder / "bin/pip"), "install", "--quiet", package], capture_output=True, text=True, timeout=300
        )
        if made.returncode:
            raise NotRun(f"pip cannot install {package}: {made.stderr.strip().splitlines()[-1]}")
    return str(folder / "bin" / name)


def _mongodb(servers: Servers, rows: int) -> Case:
    seeded(servers, "postgres", rows)
    seeded(servers, "mongodb", rows)
    scans = [shlex.join([sys.executable, "-c", _SCAN, name]) for name in ("postgres", "mongodb")]
    return Case(
        "diff postgres mongodb", 1.5, lambda: _diff("postgres.orders", "mongodb.orders"),
        lambda: command(["sh", "-c", f"{scans[0]} & {scans[1]} && wait"]), peak_mb=150,
    )  # fmt: skip
