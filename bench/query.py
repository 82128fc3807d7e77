"""Rows out: CSV against each client's own, JSON Lines against the driver's rows through json.dumps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

from bench.measure import Case, command, script
from bench.servers import Servers

_STATEMENT = "select * from orders"

# What people write: the driver's rows, streamed, a JSON object a line, everything unknown by str.
_LOOPS = {
    "postgres": """
import json, sys, psycopg
with psycopg.connect(sys.argv[1]) as c, c.cursor("x") as q:
    q.itersize = 1000
    q.execute("select * from orders")
    names = None
    out = open("/dev/null", "w")
    for row in q:
        names = names or [d[0] for d in q.description]
        out.write(json.dumps(dict(zip(names, row)), default=str) + "\\n")
""",
    "mysql": """
import json, sys, urllib.parse as u, mysql.connector
p = u.urlsplit(sys.argv[1])
c = mysql.connector.connect(host=p.hostname, port=p.port, user=p.username, password=p.password, database=p.path[1:])
q = c.cursor(buffered=False)
q.execute("select * from orders")
names = q.column_names
out = open("/dev/null", "w")
for row in q:
    out.write(json.dumps(dict(zip(names, row)), default=str) + "\\n")
""",
    "mongodb": """
import json, sys, pymongo
out = open("/dev/null", "w")
client = pymongo.MongoClient(sys.argv[1], authSource="admin")
for document in client["dbfleet"].orders.find():
    out.write(json.dumps(document, default=str) + "\\n")
""",
    "redis": """
import json, sys, redis
r = redis.Redis.from_url(sys.argv[1], decode_responses=True)
words = sys.argv[2].split()
out = open("/dev/null", "w")
names = [word for last, word in zip(words, words[1:]) if last == "GET"]
values = iter(r.execute_command(*words))
for row in zip(*[values] * len(names)):
    out.write(json.dumps(dict(zip(names, row)), default=str) + "\\n")
""",
    "couchdb": """
import json, sys, urllib.parse as u, requests
p = u.urlsplit(sys.argv[1])
s = requests.Session()
s.auth = (p.username, p.password)
out = open("/dev/null", "w")
start = None
while True:
    query = {"include_docs": "true", "limit": 1001, **({"startkey": json.dumps(start)} if start else {})}
    rows = s.get(f"http://{p.hostname}:{p.port}/orders/_all_docs", params=query).json()["rows"]
    for row in rows[:1000]:
        out.write(json.dumps(row["doc"], default=str) + "\\n")
    if len(rows) < 1001:
        break
    start = rows[-1]["id"]
""",
    "cassandra": """
import json, sys, urllib.parse as u
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement, dict_factory
p = u.urlsplit(sys.argv[1])
c = Cluster([p.hostname], port=p.port, auth_provider=PlainTextAuthProvider(p.username, p.password))
session = c.connect(p.path[1:])
session.row_factory = dict_factory
out = open("/dev/null", "w")
for row in session.execute(SimpleStatement("select * from orders", fetch_size=5000)):
    out.write(json.dumps(row, default=str) + "\\n")
c.shutdown()
""",
    "neo4j": """
import json, sys, urllib.parse as u, neo4j
p = u.urlsplit(sys.argv[1])
out = open("/dev/null", "w")
with neo4j.GraphDatabase.driver(f"bolt://{p.hostname}:{p.port}", auth=(p.username, p.password)) as driver:
    with driver.session(database=p.path[1:]) as session:
        for record in session.run("MATCH (x:orders) RETURN properties(x)"):
            out.write(json.dumps(record[0], default=str) + "\\n")
""",
    "sqlite": """
import json, sys, sqlite3
c = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///"))
c.row_factory = sqlite3.Row
out = open("/dev/null", "w")
for row in c.execute("select * from orders"):
    out.write(json.dumps(dict(row), default=str) + "\\n")
""",
}
_LOOPS["mariadb"] = _LOOPS["mysql"]
_GETS = " ".join(
    f"GET orders:*->{name}" for name in ("customer_id", "status", "channel", "gift", "total", "ordered_at")
)
_STATEMENTS = {
    "mongodb": "db.orders.find()",
    "redis": f"SORT orders BY nosort GET # {_GETS}",
    "couchdb": "GET /orders/_all_docs?include_docs=true",
    "neo4j": "MATCH (x:orders) RETURN x",
}
_SLOW = {"couchdb": 10, "cassandra": 10, "neo4j": 10}
"""Engines that hold a tenth of the orders: a million take a quarter of an hour."""


def cases(servers: Servers, rows: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield (
        "query postgres --format csv",
        lambda: _csv(
            servers,
            rows,
            "postgres",
            2.0,
            lambda: [*_psql(servers), "--csv", "-v", "FETCH_COUNT=1000", "-c", _STATEMENT],
        ),
    )
    yield (
        "query mariadb --format csv",
        lambda: _csv(
            servers,
            rows,
            "mariadb",
            4.0,
            lambda: [*_mysql_client(servers, "mariadb", "mariadb"), "--batch", "--quick", "-e", _STATEMENT],
        ),
    )
    for engine in _LOOPS:
        yield f"query {engine} --format jsonl", partial(_jsonl, servers, rows_of(engine, rows), engine)


def rows_of(name: str, rows: int) -> int:
    return max(rows // _SLOW.get(name, 1), 1)


def seeded(servers: Servers, name: str, rows: int) -> None:
    """The target holds the shop with this many orders."""
    with servers.adapter(name) as adapter:
        if "orders" in adapter.collections() and adapter.count("orders") == rows:
            return
    command([sys.executable, "-m", "dbfleet", "seed", name, "--rows", str(rows), "--reset", "--yes", "--quiet"])


def _query(name: str, form: str) -> list[str]:
    return [sys.executable, "-m", "dbfleet", "query", name, _STATEMENTS.get(name, _STATEMENT), "--format", form]


def _psql(servers: Servers) -> list[str]:
    return [*servers.client("postgres", "psql"), servers.target("postgres").url(reveal=True)]


def _mysql_client(servers: Servers, name: str, program: str) -> list[str]:
    target, argv = servers.target(name), servers.client(name, program)
    inside = argv[0] == "docker"
    where = [] if inside else ["-h", "127.0.0.1", "-P", str(target.port)]
    if inside:
        argv = [*argv[:3], "-e", f"MYSQL_PWD={target.password}", *argv[3:]]
    return [*argv, *where, "-u", str(target.user), str(target.database)]


def _csv(servers: Servers, rows: int, name: str, reach: float, theirs: Callable[[], list[str]]) -> Case:
    seeded(servers, name, rows)
    argv = theirs()
    return Case(
        f"query {name} --format csv", reach, ours=lambda: command(_query(name, "csv")),
        theirs=lambda: command(argv), peak_mb=100,
    )  # fmt: skip


def _jsonl(servers: Servers, rows: int, name: str) -> Case:
    seeded(servers, name, rows)
    url = servers.target(name).url(reveal=True)
    return Case(
        f"query {name} --format jsonl", 1.5 if name in _SLOW else 1.0, ours=lambda: command(_query(name, "jsonl")),
        theirs=lambda: script(_LOOPS[name], url, _STATEMENTS.get(name, _STATEMENT)), peak_mb=100,
    )  # fmt: skip
