"""MySQL's and MariaDB's own surprises, on the real servers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dbfleet import formats, registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import (
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.target import Target
from dbfleet.values import JSON_NULL, Batch, Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("mysql", "mariadb")

ID = Column("id", Type.INT, False)
PAIR = (ID, Column("v", Type.TEXT))


def run(adapter: Adapter, text: str, params: dict[str, object] | None = None) -> list[list[Row]]:
    """The rows of each result."""
    found = []
    result: Any = adapter.query(text, params)
    while result is not None:
        found.append([row for batch in result for row in batch])
        result = result.following()
    return found


def value(adapter: Adapter, expression: str, params: dict[str, object] | None = None) -> Any:
    return run(adapter, f"select {expression}", params)[0][0][0]


def rows_of(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted((row for batch in adapter.scan(schema) for row in batch), key=repr)


def is_mariadb(adapter: Adapter) -> bool:
    return adapter.ping().product == "MariaDB"


@pytest.fixture
def foreign(adapter: Adapter, target: Target, name: str) -> Iterator[Any]:
    """Make a table by its DDL (`{t}` is its name); gives the name. Dropped after the test."""
    made = []

    def make(columns: str, rows: str = "", *, suffix: str = "", options: str = "") -> str:
        table = name + suffix
        made.append(table)
        run(adapter, f"create table `{table}` ({columns.replace('{t}', table)}) {options}")
        if rows:
            run(
                adapter,
                f"set session sql_mode = ''; insert into `{table}` values {rows}; set session sql_mode = default",
            )
        return table

    yield make
    with registry.connect(target) as cleaner:
        for table in reversed(made):
            cleaner.drop(table)


# --- types that dbfleet did not make ----------------------------------------------------------------------------------


ZOO = """
    id int unsigned not null auto_increment primary key, tiny tinyint, flag tinyint(1), huge bigint unsigned,
    filled int(6) zerofill, price decimal(65,30), ratio float, exact double, born year, b1 bit(1), b12 bit(12),
    kind enum('a','b,c','d''e'), tags set('x','y','z'), code char(4), note tinytext character set latin1, raw binary(4),
    photo mediumblob, day date, span time(3), at datetime, seen timestamp(3) null, doc json,
    next_tiny int as (tiny + 1) stored
"""
ZOO_ROW = """
    (7, -128, 1, 18446744073709551615, 42, 0.000000000000000000000000000001, 16777217, 0.1, 1901, b'1', b'101010101010',
    'd''e', 'x,z', 'ab', 'Grüße', x'00ff', x'0001027f80ff', '2024-02-29', '13:05:00.250', '2024-02-29 13:05:00',
    '2024-02-29 13:05:00.123', '{"a": [1, 2.50, null]}', default),
    (8, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, default)
"""


def test_native_types_are_described_and_read(adapter: Adapter, foreign: Any) -> None:
    schema = adapter.describe(foreign(ZOO, ZOO_ROW))
    expected = {
        "id": Type.INT, "tiny": Type.INT, "flag": Type.BOOL, "huge": Type.DECIMAL, "filled": Type.INT,
        "price": Type.DECIMAL,
        "ratio": Type.FLOAT, "exact": Type.FLOAT, "born": Type.INT, "b1": Type.BOOL, "b12": Type.INT, "kind": Type.TEXT,
        "tags": Type.TEXT, "code": Type.TEXT, "note": Type.TEXT, "raw": Type.BYTES, "photo": Type.BYTES,
        "day": Type.DATE, "span": Type.TIME, "at": Type.DATETIME, "seen": Type.INSTANT, "doc": Type.JSON,
        "next_tiny": Type.INT,
    }  # fmt: skip
    assert {column.name: column.type for column in schema.columns} == expected
    assert schema.column("kind").note == "enum, as text"
    assert schema.column("next_tiny").remark == "generated"
    assert schema.column("at").fraction_digits == 0
    assert "unsigned" in (schema.column("huge").native or "")
    row = dict(zip(schema.names, rows_of(adapter, schema)[0], strict=True))
    assert row["huge"] == 2**64 - 1
    assert row["filled"] == 42
    assert row["price"] == Decimal("0.000000000000000000000000000001")
    assert row["ratio"] == 16777216.0  # a FLOAT is sent with 6 digits, 16777200, and holds more
    assert (row["born"], row["b1"], row["b12"], row["flag"]) == (1901, True, 0b101010101010, True)
    assert (row["kind"], row["tags"], row["note"]) == ("d'e", "x,z", "Grüße")
    assert (row["raw"], row["photo"]) == (b"\0\xff\0\0", b"\0\1\2\x7f\x80\xff")
    assert row["seen"] == datetime(2024, 2, 29, 13, 5, 0, 123000, tzinfo=UTC)
    assert row["span"] == time(13, 5, 0, 250000)
    assert row["doc"] == {"a": [1, Decimal("2.5"), None]}
    assert rows_of(adapter, schema)[1][1:] == (None,) * (len(schema.columns) - 1)


def test_foreign_table_takes_its_own_rows_back(adapter: Adapter, foreign: Any) -> None:
    """BIT, SET, YEAR, zerofill, a generated column: what was read is written as it was."""
    schema = adapter.describe(foreign(ZOO, ZOO_ROW))
    rows = rows_of(adapter, schema)
    for mode in ("insert", "upsert"):
        twin = replace(schema, name=foreign(ZOO, suffix=f"_{mode}"))
        assert adapter.write(twin, [rows], mode=mode).rows == 2  # type: ignore[arg-type]
        assert rows_of(adapter, twin) == rows


def test_foreign_table_can_be_made_again_by_us(adapter: Adapter, foreign: Any, made: Make) -> None:
    schema = adapter.describe(foreign(ZOO, ZOO_ROW))
    copied = replace(schema, name=f"{schema.name}_ours")
    made(replace(copied, columns=tuple(replace(c, native=None, note=None) for c in copied.columns)))
    rows = [row for row in rows_of(adapter, schema) if row[3] is None]  # 2**64 - 1 is beyond a BIGINT
    adapter.write(copied, [rows])
    assert rows_of(adapter, adapter.describe(copied.name)) == rows


SHAPES = (
    "POINT(8.5 47.25)",
    "LINESTRING(0 0,1 1,2.5 -3)",
    "POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))",
    "MULTIPOINT(1 2,3 4)",
    "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
    "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
    "POINT(1e-300 -1.7976931348623157e+308)",
)


def test_geometry_is_carried_as_text_with_its_reference_system(adapter: Adapter, foreign: Any) -> None:
    table = foreign("id int primary key, shape geometry")
    schema = adapter.describe(table)
    assert (schema.column("shape").type, schema.column("shape").note) == (Type.TEXT, "geometry, as text")
    rows = [*enumerate(SHAPES), (100, "SRID=4326;POINT(8.5 47.25)"), (101, None)]
    adapter.write(schema, [rows])
    assert rows_of(adapter, schema) == sorted(rows, key=repr)
    with pytest.raises(ConstraintViolated):
        adapter.write(schema, [[(102, "no shape")]])
    assert value(adapter, f"st_x(shape) from `{table}` where id = 0") == 8.5
    assert dict(run(adapter, f"select id, shape from `{table}`")[0]) == dict(rows)


def test_what_no_type_can_hold_is_refused_by_a_scan_and_shown_by_a_query(adapter: Adapter, foreign: Any) -> None:
    table = foreign(
        "id int primary key, d date, at datetime, t time, flag tinyint(1)",
        "(1, '0000-00-00', null, null, 0), (2, null, '2024-00-00 01:02:03', null, 1),"
        "(3, null, null, '-101:02:03', null), (4, null, null, '838:59:59', 5)",
    )
    schema = adapter.describe(table)
    for column, shown in (("d", "0000-00-00"), ("at", "2024-00-00 01:02:03"), ("t", "-101:02:03"), ("flag", "5")):
        narrow = Schema(table, (schema.column("id"), schema.column(column)), ("id",))
        with pytest.raises(Unsupported, match=rf"{column}.*{shown}"):
            rows_of(adapter, narrow)
    assert run(adapter, f"select * from `{table}` order by id")[0] == [
        (1, "0000-00-00", None, None, False),
        (2, None, "2024-00-00 01:02:03", None, True),
        (3, None, None, "-101:02:03", None),
        (4, None, None, "838:59:59", 5),
    ]


@pytest.mark.parametrize("word", ["csv", "jsonl"])
def test_encoded_gives_what_the_formats_make_of_odd_values_too(adapter: Adapter, foreign: Any, word: str) -> None:
    odd = foreign(
        "id int primary key, d date, at datetime(2), t time(1), flag tinyint(1), n int(5) zerofill, y year, s text, "
        "b bit(3)",
        "(1, '0000-00-00', '2024-00-00 01:02:03', '-101:02:03', 5, 7, 2024, '', b'101'),"
        "(2, '2024-02-29', '2024-02-29 10:00:00.50', '10:00:00', 1, 70, 0, 'a\"b,c\\\\d\\n', b'0'),"
        "(3, '2024-02-29', '2024-02-29 10:00:00', '10:20:30.5', 0, 700, 1999, '\\0é😀\\t', null),"
        "(4, null, null, null, null, null, null, null, null)",
    )
    zoo = foreign(ZOO, ZOO_ROW, suffix="_zoo")
    shapes = foreign("id int primary key, shape geometry", "(1, st_geomfromtext('POINT(1 2)')), (2, null)", suffix="_s")
    fast = adapter.encoded  # type: ignore[attr-defined]
    for statement in (
        f"select * from `{odd}` order by id",
        f"select * from `{zoo}` order by id",
        f"select id, huge, price from `{zoo}` order by id",
        f"select * from `{shapes}` order by id",
        f"select * from `{odd}` where id = 4",
        f"select s from `{odd}` order by id",
        f'select id a, id a, n `x%y"`, null z from `{odd}`',
        f"select sum(id), avg(id), 1/3, 1e300, -0e0, 1.10, now() > 0, 'x', x'00ff' from `{odd}`",
        f"select * from `{odd}` where false",
        f"show full columns from `{odd}`",
    ):
        with adapter.query(statement) as result:
            plain = b"".join(formats.encode(word, [result]))
        assert b"".join(fast(statement, None, word)) == plain, statement


def test_encoded_is_for_one_statement_that_gives_rows(adapter: Adapter) -> None:
    fast = adapter.encoded  # type: ignore[attr-defined]
    for statement in ("select 1; select 2", "set @x = 1", "select 1 into @x", "delete from dbfleet_nowhere", "do 1"):
        assert fast(statement, None, "csv") is None
    assert b"".join(fast("with a as (select :n as n) select * from a", {"n": 5}, "jsonl")) == b'{"n":5}\n'
    half = fast("select 1 union all select 2", None, "csv")
    next(half)
    half.close()
    assert value(adapter, "3") == 3


def test_json_of_a_table_that_mariadb_made_is_known_by_its_check(adapter: Adapter, foreign: Any) -> None:
    table = foreign("id int primary key, doc json, `odd ``name` json not null", "(1, '[1]', '{\"a\": \"b\"}')")
    schema = adapter.describe(table)
    assert [column.type for column in schema.columns] == [Type.INT, Type.JSON, Type.JSON]
    assert rows_of(adapter, schema) == [(1, [1], {"a": "b"})]
    assert run(adapter, f"select * from `{table}`")[0] == [(1, [1], {"a": "b"})]


@pytest.mark.parametrize(
    "document",
    [{"n": Decimal("0.1234567890123456789")}, [2**64], [10**30 + 1], {"a": [Decimal("1e400")]}],
)
def test_number_in_json_is_kept_exactly_or_refused(adapter: Adapter, made: Make, name: str, document: Any) -> None:
    schema = made(Schema(name, (ID, Column("doc", Type.JSON)), ("id",)))
    rows: Batch = [(1, {"fine": [1.5, 2**63 - 1, "12345678901234567890123"]}), (2, document)]
    if is_mariadb(adapter):
        adapter.write(schema, [rows])
        assert dict(run(adapter, f"select * from `{name}`")[0])[2] == document
        return
    with pytest.raises(ConstraintViolated, match="doc"):
        adapter.write(schema, [rows])
    assert adapter.count(name) == 0
    assert adapter.write(schema, [rows[:1]]).rows == 1


def test_columns_of_a_query_are_typed_as_their_table_says(adapter: Adapter, made: Make, name: str) -> None:
    types = (Type.BOOL, Type.INSTANT, Type.UUID, Type.JSON, Type.DECIMAL)
    schema = made(Schema(name, (ID, *(Column(f"c_{each}", each) for each in types)), ("id",)))
    at = datetime(2024, 1, 1, tzinfo=UTC)
    row = (1, True, at, UUID(int=7), JSON_NULL, Decimal("1.5"))
    adapter.write(schema, [[row]])
    with adapter.query(f"select x.*, c_bool + 1 as sum from `{name}` as x") as result:
        assert [column.type for column in result.columns] == [Type.INT, *types, Type.INT]
        assert [each for batch in result for each in batch] == [(*row, 2)]
    run(adapter, f"create temporary table dbfleet_tmp select * from `{name}`")  # another connection cannot see it
    assert len(run(adapter, "select * from dbfleet_tmp")[0]) == 1
    run(adapter, "drop temporary table dbfleet_tmp")


# --- names, keys, widths ----------------------------------------------------------------------------------------------


def test_get_finds_the_key_itself_where_the_collation_finds_its_like(adapter: Adapter, foreign: Any) -> None:
    table = foreign(
        "k varchar(20) primary key, v int", "('a', 1), ('é', 2)",
        options="character set utf8mb4 collate utf8mb4_unicode_ci",
    )  # fmt: skip
    schema = adapter.describe(table)
    assert list(adapter.get(schema, [("A",), ("e",), ("é",)])) == [("é", 2)]


def test_text_keys_without_a_length_share_what_an_index_holds(adapter: Adapter, made: Make, name: str) -> None:
    text = Column("k", Type.TEXT, False)
    single = made(Schema(name, (text, Column("v", Type.INT)), ("k",)))
    assert adapter.write(single, [[("😀" * 768, 1)]]).rows == 1
    with pytest.raises(ConstraintViolated):
        adapter.write(single, [[("x" * 769, 1)]])
    pair = made(Schema(f"{name}_2", (text, replace(text, name="l"), ID), ("k", "l", "id")))
    adapter.write(pair, [[("é" * 380, "ü" * 380, 1)]])
    assert [column.length for column in adapter.describe(pair.name).columns] == [None, None, None]


def test_many_long_texts_fit_into_one_table(adapter: Adapter, made: Make, name: str) -> None:
    columns = tuple(Column(f"c{number}", Type.TEXT, length=2000) for number in range(30))
    schema = made(Schema(name, (ID, *columns), ("id",)))
    row = (1, *("é" * 2000 for _ in columns))
    adapter.write(schema, [[row]])
    assert rows_of(adapter, schema) == [row]
    assert [column.length for column in adapter.describe(name).columns[1:]] == [2000] * 30


def test_decimal_beyond_65_digits_is_kept_as_its_digits(adapter: Adapter, made: Make, name: str) -> None:
    columns = (
        ID,
        Column("wide", Type.DECIMAL, precision=80, scale=40),
        Column("full", Type.DECIMAL, precision=65, scale=30),
    )
    schema = made(Schema(name, columns, ("id",)))
    row = (1, Decimal("1" * 40 + "." + "2" * 40), Decimal("-" + "9" * 35 + "." + "9" * 30))
    adapter.write(schema, [[row]])
    found = adapter.describe(name)
    assert (found.column("wide").type, found.column("wide").precision, found.column("wide").scale) == (
        Type.DECIMAL,
        80,
        40,
    )
    assert rows_of(adapter, found) == [row]


# --- writing: nothing is left out or changed in silence ---------------------------------------------------------------


@pytest.fixture(params=["load", "insert"])
def writer(request: pytest.FixtureRequest, target: Target) -> Iterator[Adapter]:
    """Both ways of writing: LOAD DATA LOCAL, and INSERT for servers that forbid LOCAL files."""
    options = {**target.options, "local_infile": "on" if request.param == "load" else "off"}
    with registry.connect(replace(target, options=options)) as found:
        yield found


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("varchar(3)", "'four'"),
        ("tinyint", "300"),
        ("int unsigned", "-1"),
        ("int not null", "null"),
        ("decimal(5,2)", "1.005"),
        ("enum('a','b')", "'c'"),
        ("set('a','b')", "'a,c'"),
        ("year", "1800"),
        ("varchar(9) character set latin1", "'日本'"),
        ("timestamp null", "'1969-01-01'"),
        ("json", "'no json'"),
        ("int, unique (v)", "1"),
        ("int, constraint check (v < 2)", "2"),
        ("date", "'2024-02-30'"),
    ],
)
def test_value_that_a_column_cannot_hold_is_refused_and_nothing_is_written(
    writer: Adapter, foreign: Any, column: str, bad: str
) -> None:
    """LOAD DATA LOCAL would cut, clip, zero or skip these with a warning."""
    table = foreign(f"id int primary key, v {column}")
    good = {"int": 1, "tiny": 1, "deci": 1, "year": 2000, "time": "2000-01-01", "json": "[]", "date": "2000-01-01"}
    text = good.get(column[:4] if column[:4] in good else column[:3], "a")
    schema = Schema(table, (ID, Column("v", Type.TEXT)), ("id",))
    rows: Batch = [(number, f"{text}") for number in range(1 if "unique" in column else 50)]
    rows.append((99, None if bad == "null" else bad.strip("'")))
    with pytest.raises(ConstraintViolated) as caught:
        writer.write(schema, [rows])
    assert str(caught.value)
    assert writer.count(table) == 0
    assert writer.write(schema, [rows[:1]]).rows == 1


def test_time_fractions_are_cut_never_rounded(writer: Adapter, foreign: Any) -> None:
    table = foreign("id int primary key, at datetime(3), t time, seen timestamp(1) null")
    last = datetime(2024, 12, 31, 23, 59, 59, 999999)
    schema = Schema(
        table,
        (ID, Column("at", Type.DATETIME), Column("t", Type.TIME), Column("seen", Type.INSTANT)),
        ("id",),
    )
    writer.write(schema, [[(1, last, last.time(), last.replace(tzinfo=UTC))]])
    assert rows_of(writer, schema) == [
        (1, last.replace(microsecond=999000), time(23, 59, 59), last.replace(microsecond=900000, tzinfo=UTC))
    ]


def test_zero_and_given_numbers_stay_in_an_auto_increment_column(writer: Adapter, foreign: Any) -> None:
    schema = Schema(foreign("id int auto_increment primary key, v text"), PAIR, ("id",))
    writer.write(schema, [[(0, "zero"), (-5, "minus"), (7, "seven")]])
    assert rows_of(writer, schema) == [(-5, "minus"), (0, "zero"), (7, "seven")]


def test_upsert_leaves_what_refers_to_the_row(writer: Adapter, foreign: Any, name: str) -> None:
    """REPLACE would delete the parent, and with it the children."""
    parent = foreign("id int primary key, v text", "(1, 'old')")
    child = foreign(
        f"id int primary key, p int, foreign key (p) references `{parent}` (id) on delete cascade",
        "(1, 1)",
        suffix="_c",
    )
    writer.write(Schema(parent, PAIR, ("id",)), [[(1, "new"), (2, "more")]], mode="upsert")
    assert writer.count(child) == 1
    assert rows_of(writer, Schema(parent, PAIR, ("id",))) == [(1, "new"), (2, "more")]


def test_upsert_never_takes_a_row_of_another_key(writer: Adapter, foreign: Any) -> None:
    """ON DUPLICATE KEY UPDATE would change row 1, which has the same email."""
    schema = Schema(foreign("id int primary key, v varchar(50) unique", "(1, 'a@x')"), PAIR, ("id",))
    for rows in ([(2, "a@x")], [(5, "same"), (6, "same")]):
        with pytest.raises(ConstraintViolated):
            writer.write(schema, [rows], mode="upsert")
        assert rows_of(writer, schema) == [(1, "a@x")]


def test_rows_may_refer_to_rows_of_the_same_table_that_come_later(writer: Adapter, made: Make, name: str) -> None:
    columns = (ID, Column("boss", Type.INT))
    schema = made(Schema(name, columns, ("id",), (Reference(("boss",), name, ("id",)),)))
    writer.write(schema, [[(1, 3), (2, 1)], [(3, None)]])
    writer.write(schema, [[(4, 5), (5, 4)]], mode="upsert")
    assert writer.count(name) == 5
    for mode in ("insert", "upsert"):
        with pytest.raises(ConstraintViolated, match=r"boss.*77"):
            writer.write(schema, [[(8, 9), (9, 77)]], mode=mode)  # type: ignore[arg-type]
    assert writer.count(name) == 5
    assert value(writer, "@@foreign_key_checks") == 1


def test_table_without_transactions_says_what_stayed(writer: Adapter, foreign: Any) -> None:
    schema = Schema(foreign("id int primary key, v text", options="engine=myisam"), PAIR, ("id",))
    with pytest.raises(ConstraintViolated) as caught:
        writer.write(schema, [[(1, "a"), (1, "b")]])
    assert "transactions" in (caught.value.hint or "")


def test_half_a_surrogate_pair_is_refused_by_its_column(writer: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    with pytest.raises(ConstraintViolated, match="column v"):
        writer.write(schema, [[(1, "fine")], [(2, "\ud83d")]])
    assert writer.count(name) == 0


def test_row_that_is_larger_than_a_packet(writer: Adapter, made: Make, name: str) -> None:
    """LOAD DATA takes it in pieces; an INSERT of it is refused before the server ends the connection."""
    schema = made(Schema(name, PAIR, ("id",)))
    most = int(value(writer, "@@max_allowed_packet"))
    row = (1, "é" * (most // 2))
    if writer.target.options["local_infile"] == "on":
        assert writer.write(schema, [[row]]).rows == 1
        assert rows_of(writer, schema) == [row]
        return
    with pytest.raises(ConstraintViolated) as caught:
        writer.write(schema, [[row]])
    assert "max_allowed_packet" in (caught.value.hint or "")
    assert writer.write(schema, [[(1, "x")]]).rows == 1


def test_column_that_the_table_lacks_is_not_found(writer: Adapter, made: Make, name: str) -> None:
    made(Schema(name, PAIR, ("id",)))
    with pytest.raises(NotFound, match="nope"):
        writer.write(Schema(name, (ID, Column("nope", Type.TEXT)), ("id",)), [[(1, "x")]])


def test_write_of_several_pieces_is_one_transaction(adapter: Adapter, made: Make, name: str, monkeypatch: Any) -> None:
    from dbfleet.engines._mysql import pipe

    monkeypatch.setattr(pipe, "PIECE_BYTES", 5000)
    schema = made(Schema(name, PAIR, ("id",)))
    batches = [[(number, "x" * 100) for number in range(start, start + 70)] for start in range(0, 2100, 70)]
    with pytest.raises(ConstraintViolated, match="Duplicate"):
        adapter.write(schema, [*batches, [(5, "again")]])
    assert adapter.count(name) == 0
    assert adapter.write(schema, batches).rows == 2100
    assert adapter.write(schema, batches, mode="upsert").rows == 2100


def test_connection_that_dies_under_a_write_is_unavailable(connect: Connect, made: Make, name: str) -> None:
    """Neither side waits for the other: the pipe breaks, and the server's error is the error."""
    schema = made(Schema(name, PAIR, ("id",)))
    victim, killer = connect(), connect()
    number = value(victim, "connection_id()")
    batches = range(0, 10_000_000, 1000)
    pulled = []

    def source() -> Iterator[Batch]:
        for start in batches:
            pulled.append(start)
            yield [(start + each, "x" * 200) for each in range(1000)]
            if start == 5000:
                run(killer, f"kill {number}")

    with pytest.raises(Unavailable):
        victim.write(schema, source())
    assert len(pulled) < len(batches) / 10, "the source is not read to its end when nobody takes its rows"
    assert killer.count(name) == 0


def test_write_that_waits_for_a_lock_can_be_cancelled(connect: Connect, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    holder, writer = connect(), connect()
    run(holder, f"lock tables `{name}` write")
    timer = threading.Timer(0.5, writer.cancel)
    timer.start()
    try:
        with pytest.raises(StatementError, match="stopped"):
            writer.write(schema, [[(1, "x" * 3_000_000)]])
    finally:
        timer.join()
        run(holder, "unlock tables")
    assert writer.write(schema, [[(1, "x")]]).rows == 1


@pytest.mark.parametrize("where", ["query", "scan", "write"])
def test_signal_interrupts_at_once_and_the_connection_stays_usable(
    connect: Connect, made: Make, name: str, where: str
) -> None:
    """The driver waits in C, where no handler of Python runs: so it does on a thread of its own. Every statement here
    waits for a lock that is held until it has ended: only the signal ends it."""
    schema = made(Schema(name, PAIR, ("id",)))
    adapter, holder = connect(), connect()
    run(holder, f"lock tables `{name}` write")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    works = {
        "query": lambda: run(adapter, f"select count(*) from `{name}`"),
        "scan": lambda: list(adapter.scan(schema)),
        "write": lambda: adapter.write(schema, [[(1, "x" * 3_000_000)]]),
    }
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            works[where]()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        run(holder, "unlock tables")
    assert value(adapter, "1") == 1
    assert adapter.count(name) == 0


# --- statements -------------------------------------------------------------------------------------------------------


def test_statements_give_their_results_one_after_another(adapter: Adapter, foreign: Any) -> None:
    table = foreign("id int primary key, v text")
    result: Any = adapter.query(
        f"insert into `{table}` values (1, 'a;b'), (2, ''); "
        f"update `{table}` set v = 'x' where id = 9; select id from `{table}`"
    )
    affected, columns = [], []
    while result is not None:
        affected.append(result.affected)
        columns.append([column.name for column in result.columns])
        list(result)
        result = result.following()
    assert affected == [2, 0, None]
    assert columns == [[], [], ["id"]]
    with pytest.raises(StatementError), adapter.query("select 1; selec 2") as first:
        first.following()
    assert value(adapter, "1") == 1


def test_procedure_gives_all_its_results(adapter: Adapter, name: str) -> None:
    run(
        adapter,
        f"create procedure `{name}`() begin select 1 as a union all select 2; select 'x' as b, null as c; end;",
    )
    try:
        assert run(adapter, f"call `{name}`(); select 3") == [[(1,), (2,)], [("x", None)], [(3,)]]
        with adapter.query(f"call `{name}`()"):
            pass
        assert value(adapter, "1") == 1
    finally:
        run(adapter, f"drop procedure `{name}`")


def test_warnings_come_beside_rows_that_are_read_as_bytes(adapter: Any) -> None:
    assert b"".join(adapter.encoded("select 1 / 0 as x", {}, "csv")).startswith(b"x\n")
    assert [message for message in adapter.messages if "Division by 0" in message]
    assert b"".join(adapter.encoded("select 1 as x", {}, "csv")) == b"x\n1\n"
    assert adapter.messages == []


def test_warnings_come_as_messages(adapter: Adapter, foreign: Any) -> None:
    table = foreign("id int primary key, v varchar(3)")
    with adapter.query(f"insert ignore into `{table}` values (1, 'long text')") as result:
        list(result)
    assert result.affected == 1
    assert "v" in result.messages[0]
    with adapter.query("select cast('12x' as signed)") as result:
        assert list(result) == [[(12,)]]
    assert any("12x" in message for message in result.messages)
    with adapter.query("drop table if exists dbfleet_nowhere") as result:
        assert result.affected is None
        assert result.messages


@pytest.mark.parametrize(
    ("given", "back"),
    [
        (None, None),
        ('it\'s \\ "x" \0 😀', 'it\'s \\ "x" \0 😀'),
        (-(2**63), -(2**63)),
        (Decimal("-1.50"), Decimal("-1.50")),
        (1.5e300, 1.5e300),
        (b"\0'\\\xff", b"\0'\\\xff"),
        (True, 1),
        (date(1, 2, 3), "0001-02-03"),
    ],
)
def test_params_are_values_of_their_type(adapter: Adapter, given: object, back: object) -> None:
    assert value(adapter, ":p", {"p": given}) == back


def test_params_stand_where_values_stand(adapter: Adapter) -> None:
    text = "select ':p' a, \":p\" b, `c:p` c from (select 1 `c:p`) x where 1 = :p -- :p\nlimit :n"
    assert run(adapter, text, {"p": 1, "n": 5})[0] == [(":p", ":p", 1)]
    assert value(adapter, "5--:n", {"n": 1}) == 6
    with pytest.raises(UsageError):
        adapter.query("select :a", {"b": 1})


def test_statement_of_a_user_reads_no_file_of_this_machine(adapter: Adapter, foreign: Any) -> None:
    table = foreign("v text")
    with pytest.raises(StatementError, match="file of this machine"):
        run(adapter, f"load data local infile '/etc/passwd' into table `{table}`")
    assert adapter.count(table) == 0
    assert adapter.write(Schema(table, (Column("v", Type.TEXT),)), [[("x",)]]).rows == 1
    with pytest.raises(StatementError):
        run(adapter, f"load data local infile '/etc/passwd' into table `{table}`")


def test_statement_while_a_result_is_read_is_an_error_with_a_hint(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x" * 1000) for number in range(2000)]])
    scan = adapter.scan(schema, batch_size=10)
    next(scan)
    with pytest.raises(StatementError) as caught:
        adapter.count(name)
    assert "close" in (caught.value.hint or "")
    assert sum(len(batch) for batch in scan) == 1990


def test_statement_means_what_it_means_in_the_servers_own_client(adapter: Adapter, made: Make, name: str) -> None:
    before = value(adapter, "@@sql_mode")
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(1, "x")]])
    assert value(adapter, "@@sql_mode") == before
    assert value(adapter, "@@time_zone") == "+00:00"
    assert value(adapter, '"text"') == "text"


def test_source_and_sink_may_keep_the_server_waiting(adapter: Adapter) -> None:
    """The defaults, 30 and 60 seconds, end a LOAD DATA whose source is slow and a scan whose sink is."""
    assert int(value(adapter, "@@net_read_timeout")) >= 3600
    assert int(value(adapter, "@@net_write_timeout")) >= 3600


def test_snapshot_sees_one_moment(connect: Connect, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    reader, writer = connect(), connect()
    writer.write(schema, [[(1, "before")]])
    with reader.snapshot():  # type: ignore[attr-defined]
        writer.write(schema, [[(2, "after")]])
        assert rows_of(reader, schema) == [(1, "before")]
        half = reader.scan(schema, batch_size=1)
        next(half)
        half.close()  # type: ignore[attr-defined]
        assert rows_of(reader, schema) == [(1, "before")]
        with pytest.raises(DbfleetError):
            reader.write(schema, [[(3, "no")]])
    assert len(rows_of(reader, schema)) == 2
    assert reader.write(schema, [[(3, "yes")]]).rows == 1


# --- coming and going -------------------------------------------------------------------------------------------------


def test_ping_tells_mariadb_from_mysql_whatever_the_url_says(target: Target) -> None:
    products = set()
    for engine in ("mysql", "mariadb"):
        with registry.connect(replace(target, engine=engine, scheme=engine)) as adapter:
            info = adapter.ping()
            products.add(info.product)
            assert ("MariaDB" in str(value(adapter, "version()"))) == (info.product == "MariaDB")
            assert adapter.spec.name == engine
    assert len(products) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, AuthFailed),
        ({"user": "nobody_here"}, AuthFailed),
        ({"database": "dbfleet_nowhere"}, AuthFailed),
        ({"port": 1}, Unavailable),
        ({"host": "nowhere.invalid"}, Unavailable),
        ({"options": {"sslmod": "x"}}, UsageError),
        ({"options": {"ssl_mode": "perhaps"}}, UsageError),
        ({"options": {"charset": "latin1"}}, UsageError),
    ],
)
def test_connect_that_cannot_work(target: Target, change: dict[str, Any], error: type[DbfleetError]) -> None:
    with pytest.raises(error) as caught:
        registry.connect(replace(target, **change), timeout_s=3)
    assert caught.value.engine or isinstance(caught.value, UsageError)
    assert (target.password or "\0") not in str(caught.value)


def test_tls_is_spoken_where_the_url_asks_for_it(adapter: Adapter, target: Target) -> None:
    if run(adapter, "show variables like 'have_ssl'")[0] == [("have_ssl", "DISABLED")]:  # MariaDB before 11.4
        with pytest.raises(Unavailable, match="no TLS"):
            registry.connect(replace(target, options={"ssl_mode": "required"}))
        return
    for mode, encrypted in (("required", True), ("disabled", False)):
        with registry.connect(replace(target, options={"ssl-mode": mode})) as adapter:
            assert bool(run(adapter, "show session status like 'Ssl_cipher'")[0][0][1]) is encrypted
    with pytest.raises(Unavailable):  # nobody vouches for the server's certificate
        registry.connect(replace(target, options={"sslmode": "verify_identity", "ssl_ca": "/etc/hostname"}))


def test_half_read_scan_of_a_large_table_closes_at_once(connect: Connect) -> None:
    adapter = connect()
    with closing(iter(adapter.query("with recursive n as (select 1 i union all select i + 1 from n where i < 900) "
                                    "select a.i, b.i, repeat('x', 500) from n a, n b"))) as batches:  # fmt: skip
        next(batches)
    assert value(adapter, "1") == 1
    sent = int(run(adapter, "show session status like 'Bytes_sent'")[0][0][1])
    assert sent < 900 * 900 * 500 / 4, "the rest of it was not read"
