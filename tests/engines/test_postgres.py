"""PostgreSQL's own surprises, on the real server."""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.engines.postgres.types import RELATIONAL
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.fleet import Fleet
from dbfleet.ops.digest import digest
from dbfleet.ops.query import Told, query
from dbfleet.sql.relational import Reflector
from dbfleet.target import Target
from dbfleet.values import JSON_NULL, Column, Reference, Row, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("postgres")

ID = Column("id", Type.INT, False)


def run(adapter: Adapter, text: str, params: dict[str, object] | None = None) -> list[list[Row]]:
    """The rows of each statement."""
    found = []
    result = adapter.query(text, params)
    while result is not None:
        found.append([row for batch in result for row in batch])
        result = result.following()  # type: ignore[assignment]
    return found


def value(adapter: Adapter, expression: str, params: dict[str, object] | None = None) -> Any:
    return run(adapter, f"select {expression}", params)[0][0][0]


@pytest.fixture
def zoo(adapter: Adapter) -> Iterator[str]:
    """A schema of the database for a test alone."""
    run(adapter, "drop schema if exists dbfleet_zoo cascade; create schema dbfleet_zoo")
    yield "dbfleet_zoo"
    run(adapter, "rollback; drop schema dbfleet_zoo cascade")


# --- values outside the closed set ---


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'infinity'::date", "infinity"),
        ("'0044-03-15 BC'::date", "0044-03-15 BC"),
        ("'20000-01-01'::timestamp", "20000-01-01 00:00:00"),
        ("'-infinity'::timestamptz", "-infinity"),
        ("'24:00'::time", "24:00:00"),
        ("'12:00+02'::timetz", "12:00:00+02"),
        ("'1 day 2 hours'::interval", "1 day 02:00:00"),
        ("int4range(1, 5)", "[1,5)"),
        ("point(1, 2)", "(1,2)"),
        ("inet '10.0.0.1/8'", "10.0.0.1/8"),
        ("b'101'", "101"),
        ("'a'::char(3)", "a  "),
        ("array[1, 2, null]", [1, 2, None]),
        ("array[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("'[0:1]={7,8}'::int[]", [7, 8]),
        ("""array['a b', 'c"d', 'e\\f', null, 'NULL', '']""", ["a b", 'c"d', "e\\f", None, "NULL", ""]),
        ("array[1.50, 'NaN']::numeric[]", [Decimal("1.50"), "NaN"]),
        ("array['2020-01-01'::date]", ["2020-01-01"]),
        ("row(1, 'x')", {"f1": 1, "f2": "x"}),
        ("'null'::jsonb", JSON_NULL),
        ("'{\"n\": 12345678901234567890.10}'::json", {"n": Decimal("12345678901234567890.10")}),
        ("0.1::real", 0.1),
        ("'NaN'::numeric", Decimal("NaN")),
        ("null", None),
    ],
)
def test_a_query_gives_every_type(adapter: Adapter, expression: str, expected: object) -> None:
    found = value(adapter, expression)
    assert type(found) is type(expected)
    assert found == expected or str(found) == str(expected) == "NaN"


def test_nested_values_come_as_json_wherever_they_can(adapter: Adapter, zoo: str) -> None:
    run(
        adapter,
        f"""set search_path = {zoo}; create type mood as enum ('sad', 'ok');
        create type addr as (street text, zip int[]);
        create table t (id int, m mood[], a addr, n numeric[])""",
    )
    insert = "insert into dbfleet_zoo.t values (1, '{sad,ok}', row('rue x', '{1,2}'), '{1.5,NULL}')"
    rows = [(1, ["sad", "ok"], {"street": "rue x", "zip": [1, 2]}, [Decimal("1.5"), None])]
    assert run(adapter, f"{insert} returning *") == [rows]
    assert run(adapter, "select * from dbfleet_zoo.t") == [rows]
    # EXECUTE cannot be wrapped: arrays of built-in types are parsed here, what only the server knows is its text.
    found = run(adapter, "prepare p as select * from dbfleet_zoo.t; execute p; deallocate p")
    assert found[1] == [(1, "{sad,ok}", '("rue x","{1,2}")', [Decimal("1.5"), None])]
    run(adapter, "reset search_path")


def test_foreign_types_are_described_and_carried(adapter: Adapter, zoo: str) -> None:
    run(
        adapter,
        f"""create domain {zoo}.pos as int check (value > 0); create type {zoo}.mood as enum ('sad', 'ok');
        create table {zoo}.t (id int generated always as identity primary key, p {zoo}.pos, m {zoo}.mood, i interval,
          arr int[], g int generated always as (id * 2) stored, c char(5), ts timestamp(3), o oid, d date)""",
    )
    schema = adapter.describe(f"{zoo}.t")
    found = {column.name: (column.type, column.remark) for column in schema.columns}
    assert found == {
        "id": (Type.INT, None),
        "p": (Type.INT, None),
        "m": (Type.TEXT, f"{zoo}.mood, as text"),
        "i": (Type.TEXT, "interval, as text"),
        "arr": (Type.JSON, "integer[], as json"),
        "g": (Type.INT, "generated"),
        "c": (Type.TEXT, None),
        "ts": (Type.DATETIME, None),
        "o": (Type.INT, None),
        "d": (Type.DATE, None),
    }
    assert schema.column("c").length == 5
    assert schema.column("ts").fraction_digits == 3
    assert schema.column("c").native == "character(5)"
    row = (7, 3, "ok", "1 mon", [1, None, 3], 14, "ab   ", datetime(2020, 1, 1, 0, 0, 0, 999000), 9, None)
    changed = (*row[:7], row[7].replace(microsecond=999999), *row[8:])
    # The identity takes the row's value, a generated column is computed, an array is an array again, and time is cut,
    # where the server would round it to the next second.
    assert adapter.write(schema, [[changed]]).rows == 1
    assert list(adapter.scan(schema)) == [[row]]
    assert adapter.write(schema, [[(*row[:4], [], *row[5:])]], mode="upsert").rows == 1
    assert list(adapter.get(schema, [(7,)])) == [(*row[:4], [], *row[5:])]
    run(adapter, f"update {zoo}.t set d = 'infinity'")
    with pytest.raises(StatementError, match="column d holds infinity") as refused:
        list(adapter.scan(schema))
    assert refused.value.engine == "postgres"
    assert adapter.count(f"{zoo}.t") == 1


def test_a_schema_by_the_catalog_is_that_of_reflection(adapter: Any, zoo: str) -> None:
    """SQLAlchemy's inspector reads the same of every table whose types both know."""
    run(
        adapter,
        f"""create domain {zoo}.pos as int not null check (value > 0);
        create table {zoo}."odd ""name" ("a.b" int, "C d" text not null, e bigint, primary key ("C d", "a.b"));
        create table {zoo}.kinds (a smallint, b int not null, c bigint, d numeric, e numeric(12, 2), f numeric(5),
          g real, h float8, i text, j varchar(20), k varchar, l char(5), m bytea, n date, o time, p time(3), q
          timestamp, r timestamp(0), s timestamptz, t timestamptz(2), u uuid, v json, w jsonb, x bool, y oid,
          z int generated always as (a * 2) stored);
        create table {zoo}.refers (id int primary key, x text, y int, self int references {zoo}.refers,
          foreign key (x, y) references {zoo}."odd ""name" on delete cascade deferrable initially deferred);
        create table {zoo}.parts (id int, at date, primary key (id, at)) partition by range (at);
        create table {zoo}.parts_1 partition of {zoo}.parts for values from ('2020-01-01') to ('2021-01-01');
        create table {zoo}.parts_2 partition of {zoo}.parts for values from ('2021-01-01') to ('2022-01-01');
        create table {zoo}.at (id int, d date, foreign key (id, d) references {zoo}.parts);
        create view {zoo}.seen as select * from {zoo}.kinds;
        create materialized view {zoo}.held as select 1::int as one;
        comment on column {zoo}.kinds.i is 'dbfleet:decimal(40,3)'; comment on column {zoo}.kinds.k is 'theirs';
        comment on table {zoo}.refers is 'dbfleet:{{"edge":true}}'""",
    )
    reflector = Reflector(RELATIONAL, adapter._session.connection, use_native_hstore=False)
    names = [name for name in adapter.collections() if name.startswith(f"{zoo}.")]
    assert len(names) == 7
    for name in names:
        theirs = reflector.describe(name, split_name=adapter._tables.split, join_name=adapter._tables.joined)
        # Its name of a type leaves some words out.
        ours, theirs = (
            replace(each, columns=tuple(replace(column, native=None) for column in each.columns))
            for each in (adapter.describe(name), theirs)
        )
        if name == f"{zoo}.at":  # it takes the constraints that the server keeps for each partition for references
            assert ours.references == (Reference(("id", "d"), f"{zoo}.parts", ("id", "at")),)
            assert len(theirs.references) == 3
            theirs = replace(theirs, references=ours.references)
        assert ours == theirs
    run(adapter, f"create table {zoo}.d (p {zoo}.pos)")
    assert adapter.describe(f"{zoo}.d").column("p").nullable is False


def test_columns_are_read_as_the_schema_says(adapter: Adapter, zoo: str) -> None:
    run(adapter, f"create table {zoo}.t (a int, b numeric, c interval); insert into {zoo}.t values (1, 2.50, '1 day')")
    schema = Schema(f"{zoo}.t", (Column("a", Type.TEXT), Column("b", Type.TEXT), Column("c", Type.TEXT)))
    assert list(adapter.scan(schema)) == [[("1", "2.50", "1 day")]]
    wider = Schema(f"{zoo}.t", (Column("a", Type.DECIMAL),))
    assert list(adapter.scan(wider)) == [[(Decimal(1),)]]
    with pytest.raises(NotFound, match="no column x"):
        list(adapter.scan(Schema(f"{zoo}.t", (Column("x", Type.INT),))))


def test_too_many_decimals_are_refused_not_rounded(adapter: Adapter, zoo: str) -> None:
    schema = Schema(f"{zoo}.t", (ID, Column("n", Type.DECIMAL, precision=10, scale=2)), ("id",))
    adapter.create(schema)
    assert adapter.write(schema, [[(1, Decimal("1.10000")), (2, Decimal("1E+3")), (3, None)]]).rows == 3
    for fine in ("1.101", "1E-3", "-0.009"):
        with pytest.raises(StatementError, match="2 decimals"):
            adapter.write(schema, [[(4, Decimal("1")), (5, Decimal(fine))]])
    assert adapter.count(schema.name) == 3


def test_text_that_it_cannot_hold_is_refused_by_name(adapter: Adapter, zoo: str) -> None:
    schema = Schema(f"{zoo}.t", (ID, Column("v", Type.TEXT)), ("id",))
    adapter.create(schema)
    for batch in ([(1, "a\0b")], [(1, "a\0"), (2, "x\\y")], [(1, None), (2, "\0")]):
        with pytest.raises(StatementError, match="U\\+0000"):
            adapter.write(schema, [batch])
    with pytest.raises(StatementError, match="surrogate"):
        adapter.write(schema, [[(1, "\ud800")]])
    assert adapter.count(schema.name) == 0


# --- names ---


def test_tables_of_other_schemas_have_qualified_names(adapter: Adapter, zoo: str) -> None:
    schema = Schema(f"{zoo}.orders", (ID, Column("parent", Type.INT)), ("id",),
                    (Reference(("parent",), f"{zoo}.orders", ("id",)),))  # fmt: skip
    adapter.create(schema)
    assert f"{zoo}.orders" in adapter.collections()
    assert adapter.describe(f"{zoo}.orders").references == schema.references
    dotted = Schema(f"{zoo}.a.b", (ID,), ("id",))
    adapter.create(dotted)
    assert f"{zoo}.a.b" in adapter.collections()
    assert run(adapter, f'select * from {zoo}."a.b"') == [[]]
    adapter.drop(f"{zoo}.orders")
    with pytest.raises(NotFound):
        adapter.count(f"{zoo}.orders")


def test_search_path_of_the_url_makes_its_names_plain(adapter: Adapter, target: Target, zoo: str) -> None:
    adapter.create(Schema(f"{zoo}.t", (ID,), ("id",)))
    for option in ("search_path", "schema"):
        with closing(registry.connect(target.with_(options={**target.options, option: zoo}))) as inside:
            assert "t" in inside.collections()
            assert inside.count("t") == 0
            assert run(inside, "select * from t") == [[]]


def test_a_name_that_the_server_would_cut_is_refused(adapter: Adapter, zoo: str) -> None:
    for schema in (Schema("é" * 32, (ID,)), Schema(f"{zoo}.t", (Column("é" * 32, Type.INT),))):
        with pytest.raises(Unsupported, match="63 bytes"):
            adapter.create(schema)
    adapter.create(Schema(f"{zoo}." + "é" * 31, (ID,)))
    assert f"{zoo}." + "é" * 31 in adapter.collections()


def test_views_partitions_and_materialized_views(adapter: Adapter, zoo: str) -> None:
    run(
        adapter,
        f"""create table {zoo}.p (id int primary key, v text) partition by range (id);
        create table {zoo}.p1 partition of {zoo}.p for values from (0) to (500);
        create table {zoo}.p2 partition of {zoo}.p for values from (500) to (1000);
        insert into {zoo}.p select i, i::text from generate_series(0, 999) i;
        create view {zoo}.v as select id, upper(v) as u from {zoo}.p;
        create materialized view {zoo}.m as select * from {zoo}.p;
        create temp table t_emp (a int)""",
    )
    names = [name for name in adapter.collections() if name.startswith(zoo)]
    assert names == [f"{zoo}.m", f"{zoo}.p", f"{zoo}.v"]
    assert "t_emp" not in adapter.collections()
    for name in names:
        schema = adapter.describe(name)
        assert schema.key == (("id",) if name.endswith(".p") else ())
        parts = adapter.split(schema, 3)
        assert len(parts) == {"p": 3, "v": 1, "m": 3}[name[-1]]
        rows = [row for part in parts for batch in adapter.scan(schema, part) for row in batch]
        assert sorted(row[0] for row in rows) == list(range(1000))
    for name in (f"{zoo}.v", f"{zoo}.m", f"{zoo}.p"):
        adapter.drop(name)
    assert not [name for name in adapter.collections() if name.startswith(zoo)]


def test_drop_of_what_others_depend_on_is_refused(adapter: Adapter, zoo: str) -> None:
    run(adapter, f"create table {zoo}.t (id int primary key); create view {zoo}.v as select * from {zoo}.t")
    with pytest.raises(ConstraintViolated, match="depend"):
        adapter.drop(f"{zoo}.t")


# --- parts ---


@pytest.mark.parametrize("kind", ["skewed", "text", "compound", "keyless", "instant"])
def test_parts_are_of_even_size(adapter: Adapter, zoo: str, kind: str) -> None:
    key, columns, rows = {
        "skewed": ("id", "id bigint", "case when i % 100 = 0 then i * 1000000007::bigint else -i end"),
        "text": ("id", "id text collate \"C\"", "md5(i::text)"),
        "compound": ("a, b", "a text, b int", "'x' || i % 3, i"),
        "keyless": ("", "id int", "i"),
        "instant": ("id", "id timestamptz", "'2020-01-01'::timestamptz + i * interval '1.000001 s'"),
    }[kind]  # fmt: skip
    primary = f", primary key ({key})" if key else ""
    run(
        adapter,
        f"create table {zoo}.t ({columns}, pad text{primary}); "
        f"insert into {zoo}.t select {rows}, repeat('x', 100) from generate_series(1, 60000) i",
    )
    schema = adapter.describe(f"{zoo}.t")
    parts = adapter.split(schema, 4)
    assert len(parts) == 4
    sizes = [sum(len(batch) for batch in adapter.scan(schema, part)) for part in parts]
    assert sum(sizes) == 60000
    assert min(sizes) > 10000
    whole = digest_rows(schema.columns, adapter.scan(schema))
    found = [digest_rows(schema.columns, adapter.scan(schema, part)) for part in parts]
    assert sum(found[1:], found[0]) == whole


def test_a_key_with_nulls_is_not_split(adapter: Adapter, zoo: str) -> None:
    run(
        adapter,
        f"create table {zoo}.t (id int unique); insert into {zoo}.t select nullif(i, 5) from generate_series(1, 9) i",
    )
    assert adapter.split(Schema(f"{zoo}.t", (Column("id", Type.INT),), ("id",)), 3) == [{}]


def test_a_key_longer_than_its_column_is_not_found(adapter: Adapter, zoo: str) -> None:
    """A cast to varchar(3) would cut it to one that is there."""
    run(adapter, f"create table {zoo}.t (k varchar(3) primary key, c char(3)); insert into {zoo}.t values ('abc', 'a')")
    schema = adapter.describe(f"{zoo}.t")
    assert list(adapter.get(schema, [("abcd",), ("abc",)])) == [("abc", "a  ")]


# --- snapshots ---


def test_snapshot_can_be_shared(adapter: Any, target: Target, zoo: str) -> None:
    schema = Schema(f"{zoo}.t", (ID,), ("id",))
    adapter.create(schema)
    adapter.write(schema, [[(1,)]])
    with closing(registry.connect(target)) as other, closing(registry.connect(target)) as writer:
        with adapter.snapshot():
            assert adapter.count(schema.name) == 1
            writer.write(schema, [[(2,)]])
            adapter.describe(schema.name)  # reflection leaves the transaction alone
            with other.snapshot(exported=adapter.snapshot_id):  # type: ignore[attr-defined]
                assert other.count(schema.name) == adapter.count(schema.name) == 1
        assert adapter.count(schema.name) == other.count(schema.name) == 2


# --- statements ---


def test_an_error_is_told_with_its_line_hint_and_detail(adapter: Adapter, zoo: str) -> None:
    with pytest.raises(StatementError, match=r'at or near "y" \(line 4: select .x. frm y z\)') as caught:
        run(adapter, "select 1;\n\n-- a comment\nselect 'x' frm y z;\n")
    assert caught.value.code == "42601"
    with pytest.raises(StatementError) as hinted:
        run(adapter, "select nope()")
    assert "explicit type casts" in (hinted.value.hint or "")
    run(adapter, f"create table {zoo}.t (id int primary key)")
    with pytest.raises(ConstraintViolated, match=r"Key \(id\)=\(1\) already exists") as twice:
        run(adapter, f"insert into {zoo}.t values (1), (1)")
    assert twice.value.code == "23505"
    with pytest.raises(AlreadyExists):
        run(adapter, f"create table {zoo}.t (id int)")
    with pytest.raises(StatementError, match="COPY t, line 2, column id"):
        adapter.write(Schema(f"{zoo}.t", (Column("id", Type.TEXT),)), [[("1",), ("x",)]])


def test_each_statement_is_committed_by_itself(adapter: Adapter, zoo: str) -> None:
    run(adapter, f"create table {zoo}.t (id int)")
    with pytest.raises(StatementError):
        run(adapter, f"insert into {zoo}.t values (1); select 1/0")
    assert adapter.count(f"{zoo}.t") == 1
    run(adapter, f"begin; insert into {zoo}.t values (2); rollback")
    assert adapter.count(f"{zoo}.t") == 1
    with adapter.query(f"begin; insert into {zoo}.t values (3)") as first:
        second = first.following()
    assert second is not None
    assert second.affected == 1
    assert "without COMMIT" in second.messages[0]
    run(adapter, "rollback; vacuum")


def test_notices_are_messages(adapter: Adapter) -> None:
    result = adapter.query("do $$ begin raise notice 'hello %', 1; raise warning 'w'; end $$")
    assert list(result) == []
    assert result.messages == ["NOTICE: hello 1", "WARNING: w"]


def test_parameters_have_their_types(adapter: Adapter) -> None:
    assert value(adapter, ":a::int + 1", {"a": "5"}) == 6
    assert value(adapter, ":a * 20000", {"a": 20000}) == 400000000  # no smallint
    assert value(adapter, ":a + 1", {"a": 2**40}) == 2**40 + 1
    given: list[object] = [2**70, Decimal("1.50"), 0.1, True, b"\0x", date(2020, 1, 1), time(1, 2, 3),
                           datetime(2020, 1, 1, tzinfo=UTC), UUID(int=5), {"a": [1, None]}, [1, "x"], None]  # fmt: skip
    for each in given:
        assert value(adapter, ":a", {"a": each}) == each
    # One name is one parameter: the same expression twice is the same expression.
    assert run(adapter, "select date_trunc(:u, t), count(*) from (values (now())) v(t) group by date_trunc(:u, t)",
               {"u": "year"})[0][0][1] == 1  # fmt: skip
    with pytest.raises(StatementError, match="NUL"):
        value(adapter, ":a", {"a": "x\0y"})


def test_copy_to_the_client_is_no_query(adapter: Adapter, zoo: str) -> None:
    run(adapter, f"create table {zoo}.t (id int); insert into {zoo}.t select generate_series(1, 100000)")
    for text in (f"copy {zoo}.t to stdout", f"copy {zoo}.t from stdin"):
        with pytest.raises(Unsupported, match="COPY"):
            run(adapter, text)
    assert value(adapter, "1") == 1


def test_the_session_stays_in_utc_for_ours(adapter: Adapter, zoo: str) -> None:
    schema = Schema(f"{zoo}.t", (Column("at", Type.INSTANT),))
    adapter.create(schema)
    adapter.write(schema, [[(datetime(2020, 6, 1, tzinfo=UTC),)]])
    found = run(adapter, f"set timezone = 'Europe/Berlin'; select at::text, at from {zoo}.t")
    assert found[1] == [("2020-06-01 02:00:00+02", datetime(2020, 6, 1, tzinfo=UTC))]
    ((row,),) = adapter.scan(schema)
    assert row[0].tzinfo is UTC


def test_a_connection_gives_one_result_at_a_time(adapter: Adapter) -> None:
    with adapter.query("select generate_series(1, 100000)", batch_size=10) as result:
        next(iter(result))
        with pytest.raises(StatementError, match="another statement"):
            adapter.ping()
    adapter.ping()
    rows = iter(adapter.query("select generate_series(1, 100000)", batch_size=10))
    next(rows)
    del rows, result  # forgotten, not closed
    adapter.ping()


def test_following_a_half_read_result_goes_on(adapter: Adapter) -> None:
    with adapter.query("select generate_series(1, 1000000); select 2", batch_size=10) as first:
        next(iter(first))
        second = first.following()
        assert second is not None
        assert list(second) == [[(2,)]]
        assert second.following() is None


# --- the fast path ---

EVERY = """
select i as id, 'a' || chr(9) || '"q", \\' || chr(10) || 'ü😀' as "te""xt", '' as empty, null::text as nothing,
  (array['NaN', 'Infinity', '-Infinity', '1.50', '-0.00', '1e30', '0.000001'])[i]::numeric as n,
  (array['NaN', 'Infinity', '-0', '1', '1e15', '1234567890123456.5', '1e16'])[i]::float8 as f,
  (array['1e-5', '0.0001', '1e300', '123456789012345.6', '999999999999999.9', '5e-324', '0.1'])[i]::float8 as g,
  (array['1e6', '0.1', '1e-5', '123456.7', '-0', 'NaN', '3.4e38'])[i]::real as r,
  (array['infinity', '0044-03-15 BC', '2024-02-29', '20000-01-01', '0001-01-01', '9999-12-31', null])[i]::date as d,
  (array['infinity', '0044-03-15 BC', '2024-02-29 13:05:00.25', '20000-01-01', '0001-01-01',
         '9999-12-31 23:59:59.999999', null])[i]::timestamp as ts,
  (array['infinity', '0044-03-15 BC', '2024-02-29 13:05:00.25+05:30', '20000-01-01', '0001-01-01 00:00+00',
         '9999-12-31 23:59:59.999999+00', null])[i]::timestamptz as tz,
  (array['24:00', '00:00', '13:05:00.250', '23:59:59.999999', null, '01:00', '00:00:00.000001'])[i]::time as t,
  i % 2 = 0 as b, decode(repeat('ab', i * 20), 'hex') as bytes, gen_random_uuid()::text = '' as v,
  ('00000000-0000-0000-0000-00000000000' || i)::uuid as u, 'a'::char(4) as c, i * interval '1.5 hours' as iv,
  int4range(i, i + 5) as rg, ' ' as space, '\\.' as dot, 'x,y' as comma
from generate_series(1, 7) i order by id desc
"""


DOCUMENTS = """
select i, 'a,' || i as t,
  case when i % 2 = 0 then jsonb_build_object('z', i, 'aa', array[1.50, null], 'b', 'q"ü,') end as j,
  '' as empty, 'a'::char(3) as c, ' "'::char(3) as d, null as n, row(1, 'x,y') as r, int4range(i, i + 5) as rg,
  i / 2.0 as x,
  'null'::jsonb as jn, '[1, 2, "x"]'::json as js, array['2020-01-01'::date] as arr, '2020-01-01'::timestamptz as tz,
  1::float8 as f, true as b, 'x' || chr(10) || chr(13) as nl, decode('ff', 'hex') as by, ''::bytea as nb
from generate_series(1, 1500) i
"""


@pytest.mark.parametrize("word", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("text", "params"),
    [
        (EVERY, {}),
        ("select 1 as a, 2 as a", {}),
        ("values (1, 'x'), (2, null)", {}),
        ("with x as (select 1 as a) select * from x where a = :a -- the end", {"a": "1"}),
        (
            "select :t as t, :n as n, :d as d, :i::int as i",
            {"t": "it's \\ $1 :x", "n": -1, "d": date(2020, 1, 1), "i": "7"},
        ),
        ("select i from generate_series(1, 3000) i where false", {}),
        ("select i, -i as j from generate_series(1, 3000) i order by 2", {}),
        ("select '' as a", {}),
        ("select null as a", {}),
        ("select 1 as \"it's, \"\"a\"\"\"", {}),
        ("select '{\"b\": [1.50, null], \"a\": \"é\"}'::jsonb as j, array[1, 2] as r", {}),
        (DOCUMENTS, {}),
        ("select '{\"b\": 1, \"a\": [1e5, 1.0, 0.00001, 48.5, 12345678901234567890.10, \"\"]}'::json as j", {}),
        ("select null::jsonb as j", {}),
    ],
)  # fmt: skip
def test_encoded_is_what_the_formats_make(adapter: Any, word: str, text: str, params: dict[str, object]) -> None:
    from dbfleet import formats

    chunks = adapter.encoded(text, params, word)
    if chunks is None:
        pytest.skip("declined for this schema")
    quick = b"".join(chunks)
    with adapter.query(text, params) as result:
        plain = b"".join(formats.encode(word, [result]))
    assert quick.decode().split("\n") == plain.decode().split("\n")


def test_every_type_has_the_fast_path(adapter: Any) -> None:
    for text in (EVERY, DOCUMENTS):
        for word in ("csv", "jsonl"):
            assert adapter.encoded(text, {}, word) is not None


@pytest.mark.parametrize(
    "text",
    [
        "select 1; select 2",
        "create table dbfleet_never (a int)",
        "with x as (insert into dbfleet_t0 values (1) returning a) select * from x",
        "insert into dbfleet_t0 values (1) returning a",
        "select 1 into dbfleet_never",
        "explain select 1",
        "select from dbfleet_t0",
    ],
)
def test_what_cannot_be_encoded_has_not_run(adapter: Any, text: str) -> None:
    run(adapter, "drop table if exists dbfleet_t0; create table dbfleet_t0 (a int)")
    try:
        assert adapter.encoded(text, {}, "csv") is None
        assert adapter.count("dbfleet_t0") == 0
        assert "dbfleet_never" not in adapter.collections()
    finally:
        adapter.drop("dbfleet_t0")


def test_encoded_runs_a_statement_once_and_keeps_its_order(adapter: Any, zoo: str) -> None:
    run(adapter, f"create sequence {zoo}.s")
    text = f"select nextval('{zoo}.s')::float8 as a, nextval('{zoo}.s')::real as b from generate_series(1, 2500)"
    for word in ("csv", "jsonl"):
        b"".join(adapter.encoded(text, {}, word))
    assert value(adapter, f"last_value from {zoo}.s") == 10000


def test_encoded_tells_its_errors(adapter: Any) -> None:
    with pytest.raises(StatementError, match=r"line 2"):
        adapter.encoded("select 1\n, frm x y", {}, "csv")
    with pytest.raises(StatementError, match="division by zero") as caught:
        list(adapter.encoded("select 1 / (i - 900) as a, 2 as b from generate_series(1, 1000) i", {}, "csv"))
    assert caught.value.engine == "postgres"
    chunks = adapter.encoded("select i, i from generate_series(1, 10000000) i", {}, "csv")
    next(chunks)
    chunks.close()
    with pytest.raises(UsageError):
        adapter.encoded("select :x", {}, "csv")
    assert value(adapter, "1") == 1


# --- connections ---


def refused(target: Target, **changes: Any) -> DbfleetError:
    with pytest.raises(DbfleetError) as caught:
        registry.connect(target.with_(**changes), timeout_s=3).close()
    assert target.password is None or target.password not in str(caught.value)
    return caught.value


def test_connections_that_are_refused_say_why(target: Target) -> None:
    assert isinstance(refused(target, port=1), Unavailable)
    assert isinstance(refused(target, database="dbfleet_nowhere"), AuthFailed)
    if target.password:
        assert isinstance(refused(target, password="wrong @:/?#%"), AuthFailed)
        assert isinstance(refused(target, user="nobody_here"), AuthFailed)
    assert isinstance(refused(target, host="dbfleet.invalid"), Unavailable)
    unknown = refused(target, options={"sslmod": "require"})
    assert isinstance(unknown, UsageError)
    assert unknown.hint == "did you mean sslmode?"
    assert isinstance(refused(target, options={"sslmode": "nonsense"}), UsageError)


def test_options_of_the_url_reach_the_server(target: Target) -> None:
    options = {"application_name": "zoo keeper", "options": "-c work_mem=7MB"}
    with closing(registry.connect(target.with_(options=options))) as found:
        assert value(found, "current_setting('application_name')") == "zoo keeper"
        assert value(found, "current_setting('work_mem')") == "7MB"


def test_a_killed_connection_is_unavailable(adapter: Adapter, target: Target) -> None:
    with closing(registry.connect(target)) as victim:
        pid = value(victim, "pg_backend_pid()")
        scan = iter(victim.query("select generate_series(1, 10000000)"))
        next(scan)
        run(adapter, f"select pg_terminate_backend({pid})")
        with pytest.raises(Unavailable):
            list(scan)
        with pytest.raises(Unavailable):
            victim.ping()


def test_close_stops_what_runs(adapter: Adapter, target: Target) -> None:
    other = registry.connect(target)
    pid = value(other, "pg_backend_pid()")

    def sleep() -> None:
        with pytest.raises(DbfleetError):
            run(other, "select pg_sleep(60)")

    def running() -> Any:
        return value(adapter, f"count(*) from pg_stat_activity where pid = {pid} and state = 'active'")

    thread = threading.Thread(target=sleep)
    thread.start()
    # It sleeps: one that is active may only be parsed, and then there is nothing to cancel for a moment.
    while not value(adapter, f"count(*) from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep'"):
        clock.sleep(0.05)
    other.cancel()
    thread.join(10)
    assert not thread.is_alive()
    assert not running()
    result = other.query("select pg_sleep(0.001) from generate_series(1, 1000000)", batch_size=1)
    next(iter(result))
    assert running()
    other.close()
    deadline = clock.monotonic() + 10
    while running() and clock.monotonic() < deadline:
        clock.sleep(0.05)
    assert not running()


def test_upsert_needs_a_key(adapter: Adapter, zoo: str) -> None:
    schema = Schema(f"{zoo}.t", (ID,))
    adapter.create(schema)
    with pytest.raises(Unsupported, match="no key"):
        adapter.write(schema, [[(1,)]], mode="upsert")


def test_a_table_without_columns_is_no_collection(adapter: Adapter, name: str) -> None:
    list(adapter.query(f"create table {name} ()"))
    try:
        assert name not in adapter.collections()
        with pytest.raises(NotFound, match="has no columns"):
            adapter.describe(name)
    finally:
        list(adapter.query(f"drop table {name}"))


def test_notices_are_told_beside_rows_that_the_server_renders(fleet: Fleet, target: Target) -> None:
    statement = "select dbfleet_noticed(n) as n from generate_series(1, 2) as n"
    with registry.connect(target) as adapter:
        list(
            adapter.query(
                "create or replace function dbfleet_noticed(n int) returns int language plpgsql as "
                "$$ begin raise notice 'row %', n; return n; end $$"
            )
        )
    told: list[Told] = []
    try:
        with query(fleet, [(target, None)], statement, fast="jsonl", tell=told.append) as answers:
            assert answers.encoded is not None
            assert b"".join(answers.encoded) == b'{"n":1}\n{"n":2}\n'
        assert [message for each in told for message in each.messages] == ["NOTICE: row 1", "NOTICE: row 2"]
    finally:
        with registry.connect(target) as adapter:
            list(adapter.query("drop function dbfleet_noticed(int)"))


def test_a_digest_goes_on_behind_a_collection_that_the_server_cannot_read(
    fleet: Fleet, target: Target, adapter: Adapter, name: str
) -> None:
    """The error ends PostgreSQL's transaction, and with it the moment that the others would be read at."""
    list(adapter.query(f"create table {name}_c (id int primary key)"))
    list(adapter.query(f"create view {name}_b as select 1 / count(*) as x from {name}_c"))
    try:
        found: list[str] = []

        def listen() -> None:
            for record in digest(fleet, target):
                found.append(record.collection)  # noqa: PERF401 - what was given before the error counts

        with pytest.raises(StatementError, match="division by zero") as caught:
            listen()
        assert caught.value.message.startswith(f"{name}_b: ")
        assert f"{name}_c" in found
    finally:
        list(adapter.query(f"drop table {name}_c cascade"))
