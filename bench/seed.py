"""Rows in: `seed`, generation included, against each engine's own loader fed with ready files of the same rows."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.measure import Case, NotRun, Run, command, script
from bench.query import _mysql_client, _psql, rows_of, seeded
from bench.servers import STATE, Servers
from dbfleet import datasets
from dbfleet.engines.postgres.types import RELATIONAL
from dbfleet.sql.relational import create_statements
from dbfleet.values import Schema

_REACH = {
    "postgres": 1.2, "mysql": 2.0, "mariadb": 2.0, "mongodb": 1.5, "redis": 3.0,
    "couchdb": 1.5, "cassandra": 1.5, "neo4j": 1.5,
}  # fmt: skip


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    for name in _REACH:
        yield f"seed {name}", partial(_case, servers, name, rows_of(name, rows))


def _case(servers: Servers, name: str, rows: int) -> Case:
    seeded(servers, name, rows)
    theirs, empty = _RIVALS[name](servers, name, rows)
    return Case(
        f"seed {name}",
        _REACH[name],
        ours=lambda: command([sys.executable, "-m", "dbfleet", "seed", name, "--rows", str(rows), "--quiet"]),
        theirs=theirs,
        before=empty,
    )


def _schemas() -> list[Schema]:
    return list(datasets.load("shop").schemas())


def _recreate(servers: Servers, name: str) -> None:
    """Empty collections, as dbfleet makes them: both sides write into the same tables."""
    with servers.adapter(name) as adapter:
        for schema in reversed(_schemas()):
            adapter.drop(schema.name)
        for schema in _schemas():
            adapter.create(schema)


def _together(runs: Iterator[Run]) -> Run:
    taken = list(runs)
    return Run(sum(run.seconds for run in taken), max(run.peak_mb for run in taken))


def _folder(name: str) -> Path:
    folder = STATE / "ready" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _postgres(servers: Servers, name: str, rows: int) -> tuple[Callable[[], Run], Callable[[], None]]:
    """Both make the tables first, and keys and references when the rows are there."""
    import subprocess

    psql = [*_psql(servers), "-q", "-c"]
    files = {schema.name: _folder(name) / f"{schema.name}.csv" for schema in _schemas()}
    for collection, file in files.items():
        with file.open("wb") as out:
            subprocess.run([*psql, rf'\copy "{collection}" to stdout csv'], stdout=out, check=True)
    makes = [text for each in _schemas() for text in create_statements(each, RELATIONAL, constraints_later=True)]
    keys = [f'alter table "{each.name}" add primary key ({_listed(each.key)})' for each in _schemas()]
    references = [
        f'alter table "{each.name}" add foreign key ({_listed(to.columns)}) '
        f'references "{to.collection}" ({_listed(to.keys)})'
        for each in _schemas()
        for to in each.references
    ]

    def theirs() -> Iterator[Run]:
        yield command([*psql, "; ".join(makes)])
        for table, file in files.items():
            yield command([*psql, rf'\copy "{table}" from stdin csv'], stdin=file)
        yield command([*psql, "; ".join([*keys, *references])])

    def empty() -> None:
        with servers.adapter(name) as adapter:
            for schema in reversed(_schemas()):
                adapter.drop(schema.name)

    return lambda: _together(theirs()), empty


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _mysql(servers: Servers, name: str, rows: int) -> tuple[Callable[[], Run], Callable[[], None]]:
    """The client's --batch output is LOAD DATA's own format but for NULL, which is written \\N by the statement."""
    import subprocess

    client = _mysql_client(servers, name, "mariadb" if name == "mariadb" else "mysql")
    files = {}
    for schema in _schemas():
        file = files[schema.name] = _folder(name) / f"{schema.name}.tsv"
        fields = ", 0x09, ".join(
            # Binary: the columns' collations do not mix.
            f"cast(coalesce({_escaped(column.name, column.type.value)}, 0x5C4E) as binary)"
            for column in schema.columns
        )
        with file.open("wb") as out:
            subprocess.run(
                [*client, "--batch", "--quick", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", "-e",
                 f"select concat({fields}) from `{schema.name}`"], stdout=out, check=True)  # fmt: skip

    def load(schema: Schema, file: Path) -> Run:
        targets = ", ".join(
            f"@c{place}" if column.type.value == "bytes" else f"`{column.name}`"
            for place, column in enumerate(schema.columns)
        )
        sets = ", ".join(
            f"`{column.name}` = unhex(@c{place})"
            for place, column in enumerate(schema.columns)
            if column.type.value == "bytes"
        )
        statement = f"load data local infile '/dev/stdin' into table `{schema.name}` character set utf8mb4 ({targets})"
        return command(
            [
                *client,
                "--local-infile=1",
                "--default-character-set=utf8mb4",
                "-e",
                statement + (f" set {sets}" if sets else ""),
            ],
            stdin=file,
        )

    return (
        lambda: _together(load(schema, files[schema.name]) for schema in _schemas()),
        lambda: _recreate(servers, name),
    )


def _escaped(name: str, type_: str) -> str:
    if type_ == "bytes":
        return f"hex(`{name}`)"
    if type_ not in ("text", "json"):
        return f"`{name}`"
    text = f"`{name}`"
    for plain, marked in (
        ("0x5C", "0x5C5C"),
        ("0x09", "0x5C74"),
        ("0x0A", "0x5C6E"),
        ("0x0D", "0x5C72"),
        ("0x00", "0x5C30"),
    ):
        text = f"replace({text}, {plain}, {marked})"
    return text


_INSERT_MANY = """
import itertools, sys, time, bson, pymongo
client = pymongo.MongoClient(sys.argv[1], authSource="admin")
seconds = 0.0
for path in sys.argv[2:]:
    collection = client["dbfleet"][path.rsplit("/", 1)[1].removesuffix(".bson")]
    with open(path, "rb") as file:
        documents = bson.decode_file_iter(file)
        while batch := list(itertools.islice(documents, 1000)):
            started = time.perf_counter()
            collection.insert_many(batch, ordered=False)
            seconds += time.perf_counter() - started
print(seconds)
"""


def _mongodb(servers: Servers, name: str, rows: int) -> tuple[Callable[[], Run], Callable[[], None]]:
    import pymongo
    from bson.raw_bson import RawBSONDocument

    url = servers.target(name).url(reveal=True)
    files = []
    client = pymongo.MongoClient(url, authSource="admin", document_class=RawBSONDocument)
    for schema in _schemas():
        file = _folder(name) / f"{schema.name}.bson"
        with file.open("wb") as out:
            for document in client["dbfleet"][schema.name].find():
                out.write(document.raw)
        files.append(str(file))
    client.close()
    return lambda: script(_INSERT_MANY, url, *files), lambda: _recreate(servers, name)


def _redis(servers: Servers, name: str, rows: int) -> tuple[Callable[[], Run], Callable[[], None]]:
    """Every key of the seeded database as the command that makes it, a row's own commands one after another."""
    import redis

    target = servers.target(name)
    file = _folder(name) / "commands.resp"
    client = redis.Redis(host="127.0.0.1", port=target.port or 0, password=target.password)
    with file.open("wb") as out:
        for keys in _chunks(client.scan_iter(count=5000), 2000):
            pipe = client.pipeline(transaction=False)
            for key in keys:
                pipe.type(key)
            kinds = pipe.execute()
            for key, kind in zip(keys, kinds, strict=True):
                if kind == b"hash":
                    pipe.hgetall(key)
                elif kind == b"zset":
                    pipe.zrange(key, 0, -1, withscores=True)
                elif kind == b"set":
                    pipe.smembers(key)
                else:
                    pipe.get(key)
            for key, kind, value in zip(keys, kinds, pipe.execute(), strict=True):
                for parts in _commands(key, kind, value):
                    out.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
    client.close()
    argv = servers.client(name, "redis-cli")
    login = {"REDISCLI_AUTH": target.password or ""}
    where = ["-p", str(target.port)]
    if argv[0] == "docker":
        argv, where = [*argv[:3], "-e", f"REDISCLI_AUTH={target.password}", *argv[3:]], []

    def empty() -> None:
        with redis.Redis(host="127.0.0.1", port=target.port or 0, password=target.password) as each:
            each.flushall()
            time.sleep(1)

    return lambda: command([*argv, *where, "--pipe"], stdin=file, env=login), empty


def _commands(key: bytes, kind: bytes, value: object) -> Iterator[list[bytes]]:
    if kind == b"hash" and isinstance(value, dict):
        yield [b"HSET", key, *(part for pair in value.items() for part in pair)]
    elif kind == b"zset" and isinstance(value, list):
        for member, score in value:
            yield [b"ZADD", key, repr(score).encode(), member]
    elif kind == b"set" and isinstance(value, set):
        for member in value:
            yield [b"SADD", key, member]
    elif isinstance(value, bytes):
        yield [b"SET", key, value]
    else:
        raise NotRun(f"a key of an unknown kind: {key!r}")


def _chunks(keys: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == size:
            yield chunk
            chunk = []
    yield chunk


# The driver's own fastest loop, fed with ready rows: argv is the URL, then a pickle of (name, columns, key, batches) a
# collection. Only the writing is timed.
_HEAD = """
import json, pickle, sys, time, urllib.parse as u
p = u.urlsplit(sys.argv[1])
seconds = 0.0
def ready():
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            head = pickle.load(file)
            while True:
                try:
                    yield *head, pickle.load(file)
                except EOFError:
                    break
"""
_COUCHDB = (
    _HEAD
    + """
import requests
s = requests.Session()
s.auth = (p.username, p.password)
for name, columns, key, rows in ready():
    documents = [{"_id": ":".join(str(row[columns.index(k)]) for k in key),
                  **{c: v if v is None or type(v) in (int, bool, str, dict, float) else str(v)
                     for c, v in zip(columns, row)}} for row in rows]
    started = time.perf_counter()
    body = json.dumps({"docs": documents}).encode()
    s.post(f"http://{p.hostname}:{p.port}/{name}/_bulk_docs", data=body,
           headers={"Content-Type": "application/json"}).raise_for_status()
    seconds += time.perf_counter() - started
print(seconds)
"""
)
_CASSANDRA = (
    _HEAD
    + """
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.concurrent import execute_concurrent_with_args
c = Cluster([p.hostname], port=p.port, auth_provider=PlainTextAuthProvider(p.username, p.password))
session = c.connect(p.path[1:])
prepared = {}
for name, columns, key, rows in ready():
    marks = ", ".join("?" * len(columns))
    if name not in prepared:
        prepared[name] = session.prepare(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})")
    rows = [tuple(json.dumps(v) if isinstance(v, dict) else v for v in row) for row in rows]
    started = time.perf_counter()
    execute_concurrent_with_args(session, prepared[name], rows, concurrency=128)
    seconds += time.perf_counter() - started
c.shutdown()
print(seconds)
"""
)
_NEO4J = (
    _HEAD
    + """
import neo4j
with neo4j.GraphDatabase.driver(f"bolt://{p.hostname}:{p.port}", auth=(p.username, p.password)) as driver:
    with driver.session(database=p.path[1:]) as session:
        for name, columns, key, rows in ready():
            rows = [{c: v if v is None or type(v) not in (__import__("decimal").Decimal, dict, __import__("uuid").UUID)
                     else str(v) for c, v in zip(columns, row)} for row in rows]
            started = time.perf_counter()
            session.run(sys_statement(name), rows=rows).consume()
            seconds += time.perf_counter() - started
print(seconds)
""".replace(
        "sys_statement(name)",
        "{'follows': FOLLOWS, 'orders': ORDERS}.get(name, 'UNWIND $rows AS r CREATE (x:`' + name + '`) SET x = r')",
    )
)
_NEO4J = _NEO4J.replace(
    "import neo4j\n",
    """import neo4j
FOLLOWS = ("UNWIND $rows AS r MATCH (a:customers {id: r.follower_id}), (b:customers {id: r.followed_id}) "
           "CREATE (a)-[x:follows]->(b) SET x = r")
ORDERS = ("UNWIND $rows AS r MATCH (c:customers {id: r.customer_id}) CREATE (x:orders)-[:CUSTOMER]->(c) SET x = r")
""",
    1,
)


def _by_driver(code: str, servers: Servers, name: str, rows: int) -> tuple[Callable[[], Run], Callable[[], None]]:
    shop = datasets.load("shop")
    files = []
    for schema in _schemas():
        file = _folder(name) / f"{schema.name}.pickle"
        with file.open("wb") as out:
            pickle.dump((schema.name, schema.names, schema.key), out)
            size = 10_000 if name == "neo4j" else 1000
            for batch in shop.batches(schema.name, seed=0, rows=rows, batch_size=size):
                pickle.dump(batch, out)
        files.append(str(file))
    url = servers.target(name).url(reveal=True)
    return lambda: script(code, url, *files), lambda: _recreate(servers, name)


_Rival = Callable[[Servers, str, int], tuple[Callable[[], Run], Callable[[], None]]]
_RIVALS: dict[str, _Rival] = {
    "postgres": _postgres,
    "mysql": _mysql,
    "mariadb": _mysql,
    "mongodb": _mongodb,
    "redis": _redis,
    "couchdb": partial(_by_driver, _COUCHDB),
    "cassandra": partial(_by_driver, _CASSANDRA),
    "neo4j": partial(_by_driver, _NEO4J),
}
