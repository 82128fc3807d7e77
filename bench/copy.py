"""copy: against pipes of the clients' own COPY and LOAD DATA, against ingestr and sling, and against the slower of the
source's scan and the sink's own fastest loop, each alone.

ingestr and sling are no part of the project: DBFLEET_BENCH_RIVALS names a directory with their programs, such as the
`bin` of a virtualenv with `pip install 'ingestr<1' 'sling<1.4'`. A row whose rival is absent says so.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial

from bench import seed
from bench.measure import Case, NotRun, Run, command
from bench.query import _mysql_client, _psql, rows_of, seeded
from bench.servers import Servers
from dbfleet.values import Type

_COPIED = "bench_copied"
_PAIRS = (
    ("mariadb", "postgres"), ("postgres", "mongodb"), ("mongodb", "postgres"), ("postgres", "redis"),
    ("redis", "postgres"), ("mariadb", "mongodb"), ("postgres", "neo4j"),
)  # fmt: skip
_SCAN = """
import sys
from dbfleet import registry
from dbfleet.fleet import Fleet
with registry.connect(Fleet.open().target(sys.argv[1])) as adapter:
    for name in adapter.collections():
        if not name.startswith("bench_"):
            for batch in adapter.scan(adapter.describe(name)):
                pass
"""


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield "copy postgres postgres", partial(_piped, servers, rows, "postgres", 1.5)
    yield "copy postgres postgres, ingestr", partial(_rival, servers, rows, "postgres", "ingestr", _ingestr)
    yield "copy postgres postgres, sling", partial(_rival, servers, rows, "postgres", "sling", _sling)
    yield "copy postgres mariadb", partial(_piped, servers, rows, "mariadb", 2.0)
    yield "copy postgres mariadb, ingestr", partial(_rival, servers, rows, "mariadb", "ingestr", _ingestr)
    yield "copy postgres mariadb, sling", partial(_rival, servers, rows, "mariadb", "sling", _sling)
    for source, sink in _PAIRS:
        yield f"copy {source} {sink}, all collections", partial(_pair, servers, source, sink, rows)


# --- one collection from PostgreSQL ----------------------------------------------------------------------------------


def _empty(servers: Servers, sink: str) -> None:
    """The sink's table, as dbfleet makes it, without references: both sides write into the same."""
    from dataclasses import replace

    with servers.adapter("postgres") as adapter:
        schema = adapter.describe("orders")
    with servers.adapter(sink) as adapter:
        adapter.drop(_COPIED)
        adapter.create(replace(schema, name=_COPIED, references=()))


def _ours(sink: str) -> Run:
    return command([sys.executable, "-m", "dbfleet", "--quiet", "copy", "postgres.orders", f"{sink}.{_COPIED}"])


def _piped(servers: Servers, rows: int, sink: str, reach: float) -> Case:
    seeded(servers, "postgres", rows)
    psql = shlex.join([*_psql(servers), "-qc"])
    if sink == "postgres":
        pipe = f"{psql} 'copy orders to stdout' | {psql} 'copy {_COPIED} from stdin'"
    else:
        load = f"load data local infile '/dev/stdin' into table {_COPIED} character set utf8mb4"
        client = shlex.join([*_mysql_client(servers, sink, "mariadb"), "--local-infile=1", "-e", load])
        pipe = f"{psql} {shlex.quote(f'copy (select {_cells(servers)} from orders) to stdout')} | {client}"
    return Case(
        f"copy postgres {sink}", reach, lambda: _ours(sink), lambda: command(["sh", "-c", pipe]),
        lambda: _empty(servers, sink), peak_mb=150,
    )  # fmt: skip


def _cells(servers: Servers) -> str:
    """The columns as LOAD DATA reads them."""
    with servers.adapter("postgres") as adapter:
        columns = adapter.describe("orders").columns
    casts = {Type.BOOL: "::int", Type.INSTANT: " at time zone 'UTC'"}
    return ", ".join(f"{column.name}{casts.get(column.type, '')}" for column in columns)


def _rival(
    servers: Servers,
    rows: int,
    sink: str,
    program: str,
    argv: Callable[[str, str, str], tuple[list[str], dict[str, str]]],
) -> Case:
    places = os.environ.get("DBFLEET_BENCH_RIVALS", "")
    found = shutil.which(program, path=f"{places}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise NotRun(f"{program} is not there: DBFLEET_BENCH_RIVALS names a directory that has it")
    seeded(servers, "postgres", rows)
    urls = [servers.target(name).url(reveal=True) for name in ("postgres", sink)]
    words, environment = argv(found, urls[0], urls[1])
    return Case(
        f"copy postgres {sink}, {program}", 1.0, lambda: _ours(sink), lambda: command(words, env=environment),
        lambda: _empty(servers, sink),
    )  # fmt: skip


def _ingestr(program: str, source: str, sink: str) -> tuple[list[str], dict[str, str]]:
    space = "public" if sink.startswith("postgres") else sink.rpartition("/")[2].partition("?")[0]
    return [
        program, "ingest", "--yes", "--source-uri", source, "--source-table", "public.orders", "--dest-uri",
        sink.replace("mariadb://", "mysql://"), "--dest-table", f"{space}.bench_rival",
    ], {"DISABLE_TELEMETRY": "true", "INGESTR_DISABLE_TELEMETRY": "true"}  # fmt: skip


def _sling(program: str, source: str, sink: str) -> tuple[list[str], dict[str, str]]:
    space = "public" if sink.startswith("postgres") else sink.rpartition("/")[2].partition("?")[0]
    to = sink if sink.startswith("mariadb") else f"{sink}?sslmode=disable"
    return [
        program, "run", "--src-conn", "SOURCE", "--src-stream", "public.orders", "--tgt-conn", "SINK",
        "--tgt-object", f"{space}.bench_rival", "--mode", "full-refresh",
    ], {"SOURCE": f"{source}?sslmode=disable", "SINK": to, "SLING_DISABLE_TELEMETRY": "true"}  # fmt: skip


# --- all collections, any pair ---------------------------------------------------------------------------------------


def _pair(servers: Servers, source: str, sink: str, rows: int) -> Case:
    """Theirs is the slower of the two: what a copy that overlaps both ends perfectly would take."""
    count = min(rows_of(source, rows), rows_of(sink, rows))
    seeded(servers, sink, count)
    loop, empty = seed._RIVALS[sink](servers, sink, count)
    seeded(servers, source, count)

    def slower() -> Run:
        return max(command([sys.executable, "-c", _SCAN, source]), loop(), key=lambda run: run.seconds)

    argv = [sys.executable, "-m", "dbfleet", "--quiet", "copy", source, sink, *(each.name for each in seed._schemas())]
    return Case(f"copy {source} {sink}, all collections", 1.5, lambda: command(argv), slower, empty)
