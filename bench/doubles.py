"""SQL Server and Oracle, in and out, against their drivers' own fastest loops. Where a wire double answers, the line
says so: its time is that of a Python program in the place of a server, so such a line is about dbfleet's own part."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

from bench.measure import Case, Run, command, script
from bench.query import seeded
from bench.seed import _folder, _recreate, _schemas
from bench.servers import Servers
from dbfleet import datasets

_FRACTION = 20
"""Of the orders: a double stores some 5000 rows a second."""

_CONNECT = {
    "sqlserver": """
import json, pickle, sys, time, urllib.parse as u, pymssql
p = u.urlsplit(sys.argv[1])
c = pymssql.connect(server=p.hostname, port=str(p.port), user=p.username, password=p.password, database=p.path[1:],
                    autocommit=True)
""",
    "oracle": """
import datetime, json, pickle, sys, time, uuid, urllib.parse as u, oracledb
p = u.urlsplit(sys.argv[1])
oracledb.defaults.fetch_lobs = False
c = oracledb.connect(user=p.username, password=p.password, host=p.hostname, port=p.port, service_name=p.path[1:])
""",
}
_READ = """
q = c.cursor()
q.arraysize = 1000
if hasattr(q, "prefetchrows"):
    q.prefetchrows = 1000
q.execute('select * from "orders"')
names = [d[0] for d in q.description]
out = open("/dev/null", "w")
while rows := q.fetchmany(1000):
    for row in rows:
        out.write(json.dumps(dict(zip(names, row)), default=str) + "\\n")
"""
_ROWS = """
seconds = 0.0
q = c.cursor()
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        name, columns, types = pickle.load(file)
        while True:
            try:
                rows = pickle.load(file)
            except EOFError:
                break
            started = time.perf_counter()
            store(q, name, columns, types, rows)
            seconds += time.perf_counter() - started
started = time.perf_counter()
c.commit() if "oracledb" in sys.modules else None
print(seconds + time.perf_counter() - started)
"""
_STORE = {
    # Rows as one JSON parameter: executemany sends a statement a row, and bulk_copy changes values (and a double has no
    # bulk load).
    "sqlserver": """
def store(q, name, columns, types, rows):
    native = {"int": "bigint", "bool": "bit", "decimal": "decimal(38,8)", "float": "float(53)", "date": "date",
              "time": "time(6)", "datetime": "datetime2(6)", "instant": "datetimeoffset(6)", "uuid": "uniqueidentifier"}
    quoted = ", ".join(f"[{column}]" for column in columns)
    fields = ", ".join(f"[c{n}] {native.get(type_, 'nvarchar(max)')} '$[{n}]'" for n, type_ in enumerate(types))
    picked = ", ".join(f"CONVERT(varbinary(max), [c{n}], 2)" if type_ == "bytes" else f"[c{n}]"
                       for n, type_ in enumerate(types))
    rows = [[json.dumps(v) if type(v) is dict else v.hex() if type(v) is bytes else v for v in row] for row in rows]
    statement = f"INSERT INTO [dbo].[{name}] ({quoted}) SELECT {picked} FROM OPENJSON(@rows) WITH ({fields})"
    q.execute("EXEC sp_executesql %s, N'@rows nvarchar(max)', @rows = %s", (statement, json.dumps(rows, default=str)))
""",
    "oracle": """
def store(q, name, columns, types, rows):
    quoted = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join(f":{n}" for n in range(1, len(rows[0]) + 1))
    plain = {dict: json.dumps, uuid.UUID: str, datetime.time: str, bool: int}
    rows = [tuple(plain.get(type(v), lambda v: v)(v) for v in row)
            for row in rows]
    kinds = {"float": oracledb.DB_TYPE_BINARY_DOUBLE, "datetime": oracledb.DB_TYPE_TIMESTAMP,
             "instant": oracledb.DB_TYPE_TIMESTAMP_TZ}
    q.setinputsizes(*[kinds.get(type_) for type_ in types])
    q.executemany(f'INSERT INTO "{name}" ({quoted}) VALUES ({marks})', rows)
""",
}


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    few = max(rows // _FRACTION, 1)
    for name in _CONNECT:
        yield f"query {name} --format jsonl", partial(_query, servers, name, few)
        yield f"seed {name}", partial(_seed, servers, name, few)


def _named(servers: Servers, what: str, name: str) -> str:
    with servers.adapter(name) as adapter:
        return f"{what} (double)" if "double" in adapter.ping().product else what


def _query(servers: Servers, name: str, rows: int) -> Case:
    seeded(servers, name, rows)
    url = servers.target(name).url(reveal=True)
    ours = [sys.executable, "-m", "dbfleet", "query", name, 'select * from "orders"', "--format", "jsonl"]
    return Case(
        _named(servers, f"query {name} --format jsonl", name), 1.5, ours=lambda: command(ours),
        theirs=lambda: script(_CONNECT[name] + _READ, url), peak_mb=100,
    )  # fmt: skip


def _seed(servers: Servers, name: str, rows: int) -> Case:
    seeded(servers, name, rows)
    url = servers.target(name).url(reveal=True)
    files = _ready(name, rows)
    ours = [sys.executable, "-m", "dbfleet", "seed", name, "--rows", str(rows), "--quiet"]

    def theirs() -> Run:
        return script(_CONNECT[name] + _STORE[name] + _ROWS, url, *files)

    return Case(
        _named(servers, f"seed {name}", name), 1.5, ours=lambda: command(ours), theirs=theirs,
        before=lambda: _recreate(servers, name), peak_mb=100,
    )  # fmt: skip


def _ready(name: str, rows: int) -> list[str]:
    """The shop's rows for the driver: a pickle a collection of (name, columns, types), then batches of 1000."""
    import pickle

    shop = datasets.load("shop")
    files = []
    for schema in _schemas():
        file = _folder(name) / f"{schema.name}.pickle"
        with file.open("wb") as out:
            pickle.dump((schema.name, schema.names, [column.type.value for column in schema.columns]), out)
            for batch in shop.batches(schema.name, seed=0, rows=rows, batch_size=1000):
                pickle.dump(batch, out)
        files.append(str(file))
    return files
