"""Keyspaces with every type, kind of key, collection and index that the documentation of CQL lists, and what the server
itself says of one."""

from __future__ import annotations

from typing import Any

_BYTES = {
    "ascii": "ascii", "bigint": "bigint", "boolean": "boolean", "date": "date", "decimal": "decimal",
    "double": "double", "duration": "duration", "float": "float", "inet": "inet", "int": "int",
    "smallint": "smallint", "text": "text", "time": "time", "timestamp": "timestamp", "timeuuid": "timeuuid",
    "tinyint": "tinyint", "uuid": "uuid", "varint": "varint",
}  # fmt: skip
"""Types whose bytes the server shows, by a function TYPEAsBlob."""

_SCALARS = ", ".join(f"v_{name} {name}" for name in [*_BYTES, "blob"])
_EXTREMES = {
    "ascii": ("''", "'plain ~'"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "blob": ("0x", "0x00ff"),
    "boolean": ("true", "false"),
    "date": ("'-5877641-06-23'", "4294967295"),
    "decimal": ("blobAsDecimal(0xfffffe0cff)", "0.00"),
    "double": ("NaN", "-0.0"),
    "duration": ("1y2mo3w4d5h6m7s8ms9us10ns", "-89h4m48s"),
    "float": ("-Infinity", "1.4E-45"),
    "inet": ("'255.255.255.255'", "'2001:db8::ff00:42:8329'"),
    "int": ("-2147483648", "blobAsInt(0x)"),
    "smallint": ("-32768", "32767"),
    "text": ("''", "'it''s \U0001f600 \u0000'"),
    "time": ("'13:30:54.234567890'", "'23:59:59.999999999'"),
    "timestamp": ("-9223372036854775808", "9223372036854775807"),
    "timeuuid": ("50554d6e-29bb-11e5-b345-feff819cdc9f", "blobAsTimeuuid(0x)"),
    "tinyint": ("-128", "127"),
    "uuid": ("50554d6e-29bb-41e5-b345-feff819cdc9f", "00000000-0000-0000-0000-000000000000"),
    "varint": ("123456789012345678901234567890", "-1"),
}


def _row(table: str, number: int, place: int) -> str:
    names = ", ".join(f"v_{name}" for name in _EXTREMES)
    values = ", ".join(each[place] for each in _EXTREMES.values())
    return f"INSERT INTO {table} (id, {names}) VALUES ({number}, {values})"


_OWN_TYPES = [
    "CREATE TYPE inner (x int, y frozen<list<text>>)",
    'CREATE TYPE "Outer" (i frozen<inner>, "a ""b" text, d duration)',
    "CREATE TYPE addr (n tinyint)",  # in hexadecimal its name has digits alone
    "CREATE TYPE alone (n tinyint)",
]
_OPTIONS = """WITH CLUSTERING ORDER BY (c DESC, "D" ASC) AND comment = 'it''s
) WITH memtable = ''x''\n    AND mine MASKED WITH y' AND gc_grace_seconds = 77
 AND default_time_to_live = 86400 AND compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 99}
 AND compression = {'class': 'DeflateCompressor', 'chunk_length_in_kb': 64} AND speculative_retry = '95p'
 AND caching = {'keys': 'NONE', 'rows_per_partition': '12'} AND bloom_filter_fp_chance = 0.05 AND cdc = true
 AND read_repair = 'NONE' AND additional_write_policy = 'ALWAYS' AND crc_check_chance = 0.5
 AND memtable_flush_period_in_ms = 3600000 AND min_index_interval = 64 AND max_index_interval = 4096
 AND incremental_backups = false"""

KINDS: dict[str, list[str]] = {
    "types": [
        f"CREATE TABLE scalars (id int PRIMARY KEY, {_SCALARS})",
        _row("scalars", 1, 0),
        _row("scalars", 2, 1),
        "INSERT INTO scalars (id) VALUES (3)",
        "INSERT INTO scalars (id, v_decimal, v_varint) "
        "VALUES (4, blobAsDecimal(0x0000000201), blobAsVarint(0x00000007))",
        *[f"INSERT INTO scalars (id, v_{name}) VALUES ({5 + number}, blobAs{name.capitalize()}(0x))"
          for number, name in enumerate(("bigint", "boolean", "decimal", "double", "float", "inet", "timestamp",
                                         "uuid", "varint"))],
    ],
    "collections": [
        *_OWN_TYPES,
        """CREATE TABLE nested (id int PRIMARY KEY, l list<int>, s set<time>, m map<timestamp, blob>,
           fl frozen<list<frozen<set<int>>>>, lm list<frozen<map<text, frozen<tuple<int, text>>>>>, t tuple<int, text>,
           ft frozen<tuple<duration, inet>>, v vector<float, 3>, vt vector<text, 2>, u "Outer", fu frozen<"Outer">,
           lu list<frozen<"Outer">>, mu map<frozen<inner>, decimal>, sv set<frozen<vector<int, 2>>>,
           vu vector<frozen<addr>, 2>)""",
        """INSERT INTO nested (id, l, s, m, fl, lm, t, ft, v, vt, u, fu, lu, mu, sv, vu) VALUES (1, [2, 1, 2],
           {'23:59:59.999999999', '00:00:00.000000001'}, {'2020-01-01T00:00:00.001Z': 0x}, [{3, 1}, {}],
           [{'a': (1, null)}], (null, 'x'), (1mo2d, '::1'), [1.5, NaN, -0.0], ['', 'b'],
           {i: {x: 1, y: ['z']}, "a ""b": null}, {i: null, d: 3ns}, [{"a ""b": ''}], {{x: 1}: 1.10, {x: 0}: 1.1},
           {[1, 2]}, [{n: 1}, {n: null}])""",
        "UPDATE nested SET l = l + [7], m[1] = 0xff, u.d = 1h WHERE id = 2",
        "INSERT INTO nested (id, fl, t, fu) VALUES (3, [], (null, null), {x: 1})".replace("{x: 1}", "{d: 1s}"),
    ],
    "keys": [
        """CREATE TABLE orders ("P" text, q int, c timestamp, "D" timeuuid, "select" text, st text static,
           sm map<text, int> static, PRIMARY KEY (("P", q), c, "D"))""" + _OPTIONS,
        *[f"""INSERT INTO orders ("P", q, c, "D", "select", st) VALUES ('{p}', {q}, {c},
              50554d6e-29bb-11e5-b345-feff819cdc9{d}, 'v', 's{p}')"""
          for p, q, c, d in (("a", 1, 5, "f"), ("a", 1, 5, "0"), ("a", 1, -7, "f"), ("", 2, 0, "1"))],
        """UPDATE orders SET sm = {'only': 1} WHERE "P" = 'static' AND q = 3""",
        """INSERT INTO orders ("P", q, st) VALUES ('static', 4, '')""",
        "CREATE TABLE pairs (a frozen<tuple<int, text>>, b frozen<map<text, int>>, c decimal, PRIMARY KEY (a, b, c)) "
        "WITH comment = 'dbfleet: not a schema'",
        "INSERT INTO pairs (a, b, c) VALUES ((1, null), {'k': 1}, 1.0)",
        "INSERT INTO pairs (a, b, c) VALUES ((1, null), {}, -0.00)",
        'CREATE TABLE "CamelCase" (id varint PRIMARY KEY, gone text, "Kept" text)',
        'ALTER TABLE "CamelCase" DROP gone',
        """INSERT INTO "CamelCase" (id, "Kept") VALUES (-5, 'k')""",
    ],
    "indexes": [
        "CREATE TABLE searched (p int, c int, s text static, t text, m map<text, int>, l list<text>, "
        "f frozen<set<int>>, v vector<float, 3>, n int, PRIMARY KEY (p, c))",
        "INSERT INTO searched (p, c, s, t, m, l, f, v, n) "
        "VALUES (1, 1, 's', 'Text', {'k': 1}, ['x'], {1}, [1, 2, 3], 9)",
        "INSERT INTO searched (p, c, t, v) VALUES (1, 2, 'other', [3, 2, 1])",
        "CREATE INDEX by_s ON searched (s)",
        'CREATE INDEX "By keys" ON searched (keys(m))'.replace("By keys", "By_Keys"),
        "CREATE INDEX ON searched (entries(m))",
        "CREATE INDEX by_l ON searched (values(l))",
        "CREATE INDEX by_f ON searched (full(f))",
        "CREATE INDEX by_c ON searched (c)",
        "CREATE INDEX by_v ON searched (v) USING 'sai' WITH OPTIONS = {'similarity_function': 'dot_product'}",
        "CREATE CUSTOM INDEX by_t ON searched (t) USING 'StorageAttachedIndex' "
        "WITH OPTIONS = {'case_sensitive': 'false', 'normalize': 'true'}",
    ],
    "nothing": [
        "CREATE TABLE hollow (id uuid PRIMARY KEY)",
        "CREATE TABLE bare (p int, c int, PRIMARY KEY (p, c))",
        "INSERT INTO bare (p, c) VALUES (1, 2)",
    ],
}  # fmt: skip


def said(adapter: Any) -> tuple[list[str], dict[str, list[tuple[Any, ...]]]]:
    """The server's own statements for the keyspace, and of each table its rows as JSON and as bytes."""
    keyspace = adapter.target.database
    statements = [text for *_, text in _rows(adapter, f"DESCRIBE KEYSPACE {keyspace}")]
    return sorted(text.replace(f"{keyspace}.", "").replace(keyspace, "KEYSPACE") for text in statements), {
        table: rows(adapter, table) for table in adapter.collections()
    }


def rows(adapter: Any, table: str) -> list[tuple[Any, ...]]:
    """The table's rows: the bytes of each value whose type has a function for that, the others as the server writes
    them in JSON."""
    columns = _rows(
        adapter,
        "SELECT column_name, type FROM system_schema.columns WHERE keyspace_name = "
        f"'{adapter.target.database}' AND table_name = '{table}'",
    )
    quoted = [('"' + name.replace('"', '""') + '"', type_) for name, type_ in columns]
    blobs = ", ".join(f"{type_}AsBlob({name})" for name, type_ in quoted if type_ in _BYTES)
    others = ", ".join(name for name, type_ in quoted if type_ not in _BYTES)
    found = [_rows(adapter, f'SELECT {what} FROM "{table}"') for what in (blobs, others and f"JSON {others}") if what]
    return [sum(each, ()) for each in zip(*found, strict=True)]


def _rows(adapter: Any, statement: str) -> list[tuple[Any, ...]]:
    return list(adapter._session.rows(statement))
