"""copy between two databases of one engine, everything as it is, against the engine's own tools: all collections of the
shop, on one server. The tools run where the server does, in its container if it has one."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.measure import Case, NotRun, Run, command, script
from bench.query import seeded
from bench.servers import Servers
from dbfleet import registry
from dbfleet.target import Target

_OTHER = "bench_native"
_BARE_BSON = """
import sys
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

raw = CodecOptions(document_class=RawBSONDocument)
with MongoClient(sys.argv[1], authSource="admin") as a, MongoClient(sys.argv[2], authSource="admin") as b:
    source, sink = a.get_default_database(codec_options=raw), b.get_database(sys.argv[3], codec_options=raw)
    for name in source.list_collection_names():
        batch = []
        for document in source[name].find(batch_size=5000):
            batch.append(document)
            if len(batch) == 5000:
                sink[name].insert_many(batch, ordered=False)
                batch = []
        if batch:
            sink[name].insert_many(batch, ordered=False)
"""
_DUMP_RESTORE = """
import sys
import redis

source, sink = redis.Redis.from_url(sys.argv[1]), redis.Redis.from_url(sys.argv[2])


def moved(keys):
    with source.pipeline(transaction=False) as reading, sink.pipeline(transaction=False) as writing:
        for key in keys:
            reading.dump(key).pttl(key)
        found = reading.execute()
        for key, value, ttl in zip(keys, found[::2], found[1::2]):
            writing.restore(key, max(ttl, 0), value)
        writing.execute()


keys = []
for key in source.scan_iter(count=1000):
    keys.append(key)
    if len(keys) == 1000:
        moved(keys)
        keys = []
moved(keys)
"""
_CASSANDRA_LOOP = """
import sys, urllib.parse as u
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import SimpleStatement, tuple_factory

p, other = u.urlsplit(sys.argv[1]), sys.argv[2]
c = Cluster([p.hostname], port=p.port, auth_provider=PlainTextAuthProvider(p.username, p.password))
source, sink = c.connect(p.path[1:]), c.connect(other)
source.row_factory, source.default_timeout, sink.default_timeout = tuple_factory, 120, 120
for name, table in c.metadata.keyspaces[p.path[1:]].tables.items():
    sink.execute(table.as_cql_query().replace(p.path[1:] + ".", other + ".", 1))
    columns = list(table.columns)
    said = ", ".join(columns)
    into = sink.prepare(f"INSERT INTO {name} ({said}) VALUES ({', '.join('?' * len(columns))})")
    rows = source.execute(SimpleStatement(f"SELECT {said} FROM {name}", fetch_size=5000))
    # A page at a time: its loop would wait in the driver's own thread for the page that this thread is to bring.
    while True:
        execute_concurrent_with_args(sink, into, rows.current_rows, concurrency=128)
        if not rows.has_more_pages:
            break
        rows.fetch_next_page()
c.shutdown()
"""
_REPLICATOR = """
import json, sys, urllib.request as r, urllib.parse as u

def asked(url, method="GET", body=None):
    p = u.urlsplit(url)
    data = json.dumps(body).encode() if body is not None else None
    request = r.Request(p._replace(netloc=f"{p.hostname}:{p.port}").geturl(), data, method=method)
    request.add_header("Content-Type", "application/json")
    if p.username:
        import base64
        login = f"{u.unquote(p.username)}:{u.unquote(p.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with r.urlopen(request, timeout=600) as answer:
        return json.load(answer)

source, sink = sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/")
for name in asked(source + "/_all_dbs"):
    if not name.startswith("_"):
        asked(sink + "/_replicate", "POST",
              {"source": f"{source}/{name}", "target": f"{sink}/{name}", "create_target": True})
"""


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield "native postgres, pg_dump -Fc", partial(_postgres, servers, rows, two=False)
    yield "native postgres, pg_dump -Fd -j2", partial(_postgres, servers, rows, two=True)
    yield "native mysql, mysqldump", partial(_mysqldump, servers, rows)
    yield "native mysql, mydumper", partial(_mydumper, servers, rows)
    yield "native mongodb, raw BSON", partial(_mongodb, servers, rows)
    yield "native redis, DUMP and RESTORE", partial(_redis, servers, rows)
    yield "native sqlite, .dump", partial(_sqlite, rows)
    yield "native cassandra, the driver's loop", partial(_cassandra, servers, rows // 10)
    yield "native couchdb, its replicator", partial(_couchdb, servers, rows // 10)


def _copied(source: str, sink: str, *options: str) -> Run:
    return command([sys.executable, "-m", "dbfleet", "--quiet", "copy", source, sink, *options])


def _beside(target: Target, database: str = _OTHER) -> Target:
    """Another database on the same server."""
    return replace(target, database=database)


def _there(servers: Servers, name: str, program: str) -> tuple[list[str], list[str]]:
    """What runs a shell where the server is and has this program; and how clients are told the server's address."""
    target, container = servers.target(name), servers.container(name)
    if container:
        return ["docker", "exec", "-i", container, "sh", "-c"], ["-h", "127.0.0.1"]
    if shutil.which(program) is None:
        raise NotRun(f"{program} is neither on PATH nor in a container")
    return ["sh", "-c"], ["-h", "127.0.0.1", "-P" if "mysql" in program else "-p", str(target.port)]


def _postgres(servers: Servers, rows: int, *, two: bool) -> Case:
    import psycopg

    seeded(servers, "postgres", rows)
    target, (shell, address) = servers.target("postgres"), _there(servers, "postgres", "pg_dump")
    user = shlex.join([*address, "-U", str(target.user)])
    password = f"export PGPASSWORD={shlex.quote(target.password or '')}; "
    dump, restore = f"pg_dump {user} -Z0", f"pg_restore {user} -d {_OTHER} --no-owner"
    text = f"{dump} -Fc {target.database} | {restore}"
    if two:
        text = f"f=$(mktemp -d) && {dump} -Fd -j2 -f $f/d {target.database} && {restore} -j2 $f/d && rm -r $f"

    def empty() -> None:
        with psycopg.connect(target.url(reveal=True), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_OTHER} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {_OTHER} TEMPLATE template0")
            connection.execute("CHECKPOINT")

    name = f"native postgres, pg_dump {'-Fd -j2' if two else '-Fc'}"
    return Case(
        name, 1.1, lambda: _copied("postgres", _beside(target).url(reveal=True)),
        lambda: command([*shell, password + text]), empty, peak_mb=150,
    )  # fmt: skip


def _mysql_empty(servers: Servers) -> None:
    if container := servers.container("mysql"):  # where the fleet's account has rights on its own database alone
        made = f"DROP DATABASE IF EXISTS {_OTHER}; CREATE DATABASE {_OTHER}; GRANT ALL ON {_OTHER}.* TO 'dbfleet'@'%'"
        text = f'MYSQL_PWD="$(cat "$MYSQL_ROOT_PASSWORD_FILE")" mysql -u root -e "{made}"'
        command(["docker", "exec", container, "sh", "-c", text])
        return
    with servers.adapter("mysql") as adapter:
        adapter.query(f"DROP DATABASE IF EXISTS {_OTHER}")
        adapter.query(f"CREATE DATABASE {_OTHER}")


def _mysqldump(servers: Servers, rows: int) -> Case:
    seeded(servers, "mysql", rows)
    target, (shell, address) = servers.target("mysql"), _there(servers, "mysql", "mysqldump")
    # mysqldump flushes tables, which the fleet's account may not in a container; root has the same password there.
    user = shlex.join([*address, "-u", "root" if servers.container("mysql") else str(target.user)])
    text = (
        f"export MYSQL_PWD={shlex.quote(target.password or '')}; "
        f"mysqldump {user} --single-transaction --no-tablespaces {target.database} | mysql {user} {_OTHER}"
    )
    return Case(
        "native mysql, mysqldump", 0.7, lambda: _copied("mysql", _beside(target).url(reveal=True)),
        lambda: command([*shell, text]), lambda: _mysql_empty(servers), peak_mb=150,
    )  # fmt: skip


def _mydumper(servers: Servers, rows: int) -> Case:
    """Debian's mydumper and myloader run on this machine, with two threads."""
    for program in ("mydumper", "myloader"):
        if shutil.which(program) is None:
            raise NotRun(f"{program} is not on PATH")
    seeded(servers, "mysql", rows)
    target = servers.target("mysql")
    user = shlex.join(["-h", "127.0.0.1", "-P", str(target.port), "-u", str(target.user), "-p", target.password or ""])
    text = (
        f"f=$(mktemp -d) && mydumper {user} -t 2 --no-locks -B {target.database} -o $f && "
        f"myloader {user} -t 2 -B {_OTHER} -d $f && rm -r $f"
    )
    return Case(
        "native mysql, mydumper", 1.2, lambda: _copied("mysql", _beside(target).url(reveal=True)),
        lambda: command(["sh", "-c", text]), lambda: _mysql_empty(servers), peak_mb=150,
    )  # fmt: skip


def _mongodb(servers: Servers, rows: int) -> Case:
    from pymongo import MongoClient

    seeded(servers, "mongodb", rows)
    target = servers.target("mongodb")
    urls = target.url(reveal=True), _beside(target).url(reveal=True)

    def empty() -> None:
        with MongoClient[dict[str, object]](urls[0], authSource="admin") as client:
            client.drop_database(_OTHER)

    return Case(
        "native mongodb, raw BSON", 0.9, lambda: _copied("mongodb", urls[1]),
        lambda: script(_BARE_BSON, urls[0], urls[0], _OTHER), empty, peak_mb=200,
    )  # fmt: skip


def _redis(servers: Servers, rows: int) -> Case:
    import redis

    seeded(servers, "redis", rows)
    target = servers.target("redis")
    urls = target.url(reveal=True), _beside(target, "9").url(reveal=True)

    def empty() -> None:
        with redis.Redis.from_url(urls[1]) as client:
            client.flushdb()

    return Case(
        "native redis, DUMP and RESTORE", 0.5, lambda: _copied("redis", urls[1]),
        lambda: script(_DUMP_RESTORE, *urls), empty, peak_mb=150,
    )  # fmt: skip


def _sqlite(rows: int) -> Case:
    program = shutil.which("sqlite3")
    if program is None:
        raise NotRun("sqlite3 is not on PATH")
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-bench-"))
    source, sink = folder / "a.db", folder / "b.db"
    command([sys.executable, "-m", "dbfleet", "--quiet", "seed", f"sqlite:///{source}", "--rows", str(rows)])
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")

    def empty() -> None:
        for path in folder.glob("b.db*"):
            path.unlink()

    return Case(
        "native sqlite, .dump", 0.7, lambda: _copied(f"sqlite:///{source}", f"sqlite:///{sink}"),
        lambda: command(["sh", "-c", 'sqlite3 "$1" .dump | sqlite3 "$2"', "sh", str(source), str(sink)]), empty,
        peak_mb=150,
    )  # fmt: skip


def _cassandra(servers: Servers, rows: int) -> Case:
    """A tenth of the rows: a row takes ten times as long as elsewhere."""
    seeded(servers, "cassandra", rows)
    target = servers.target("cassandra")
    urls = target.url(reveal=True), _beside(target).url(reveal=True)

    def empty() -> None:
        with servers.adapter("cassandra") as adapter:
            adapter.query(f"DROP KEYSPACE IF EXISTS {_OTHER}")
            adapter.query(
                f"CREATE KEYSPACE {_OTHER} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            )

    return Case(
        "native cassandra, the driver's loop", 1.2, lambda: _copied("cassandra", urls[1]),
        lambda: script(_CASSANDRA_LOOP, urls[0], _OTHER), empty, peak_mb=250,
    )  # fmt: skip


def _couchdb(servers: Servers, rows: int) -> Case:
    """Between two real servers, which are given: the images' stand-in is nothing to measure with."""
    given = os.environ.get("DBFLEET_BENCH_COUCHDB", "").split()
    if len(given) != 2:
        raise NotRun("DBFLEET_BENCH_COUCHDB='URL URL' names two CouchDB servers whose databases may be dropped")
    source, sink = given
    command([sys.executable, "-m", "dbfleet", "seed", source, "--rows", str(rows), "--reset", "--yes", "--quiet"])

    def empty() -> None:
        with registry.connect(servers.fleet.target(sink)) as adapter:
            for name in list(adapter.collections()):
                adapter.drop(name)
        time.sleep(1.5)  # a database that is made in the second in which it was dropped may fail on a busy server

    plain = [url.replace("couchdb://", "http://", 1) for url in given]
    return Case(
        "native couchdb, its replicator", 1.2, lambda: _copied(source, sink), lambda: script(_REPLICATOR, *plain),
        empty, peak_mb=250,
    )  # fmt: skip
