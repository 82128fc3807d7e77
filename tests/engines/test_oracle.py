"""Oracle's and its driver's own surprises. They run where `--url oracle://…` names a server, real or double."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import AuthFailed, NotFound, StatementError, Unsupported, UsageError
from dbfleet.extras import Default, Identity, Index
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("oracle")

ID = Column("id", Type.INT, False)
PAIR = (ID, Column("v", Type.TEXT))


def rows_of(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted(row for batch in adapter.scan(schema) for row in batch)


def run(adapter: Adapter, text: str, params: dict[str, object] | None = None) -> list[list[Row]]:
    """The rows of each result."""
    found = []
    result: Any = adapter.query(text, params)
    while result is not None:
        found.append([row for batch in result for row in batch])
        result = result.following()
    return found


def test_wrong_password_and_wrong_service_are_a_wrong_login(target: Target) -> None:
    from dataclasses import replace

    for wrong in (replace(target, password="nope"), replace(target, user="nobody"), replace(target, database="NOPE")):
        with pytest.raises(AuthFailed):
            registry.connect(wrong)


def test_unknown_url_option_is_a_usage_error(target: Target) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="shema"):
        registry.connect(replace(target, options={"shema": "APP"}))


def test_refused_rows_are_named_with_the_servers_reason(adapter: Adapter, made: Make, name: str) -> None:
    columns = (ID, Column("n", Type.DECIMAL, True, precision=5, scale=2), Column("v", Type.TEXT, False, length=3))
    schema = made(Schema(name, columns, ("id",)))
    rows = [
        (1, Decimal("1.5"), "a"),
        (1, None, "again"),
        (2, Decimal(1000), "b"),
        (3, None, "four"),
        (4, None, ""),
        (5, Decimal("NaN"), "c"),
        (6, None, "d"),
    ]
    written = adapter.write(schema, [rows])
    assert written.rows == 2
    reasons = {entry.row[0]: entry.reason for entry in written.rejected if entry.row[0] != 1}
    assert sorted(reasons) == [2, 3, 4, 5]
    assert "ORA-01438" in reasons[2]
    assert "ORA-12899" in reasons[3]
    assert "ORA-01400" in reasons[4], "empty text is NULL"
    assert "NaN" in reasons[5]
    assert [row[0] for row in rows_of(adapter, schema)] == [1, 6]


@pytest.mark.parametrize("type_", [Type.TEXT, Type.BYTES])
def test_upsert_of_long_values(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    """Beyond 32767 bytes the driver binds a LONG, which MERGE does not take."""
    schema = made(Schema(name, (ID, Column("v", type_), Column("w", Type.TEXT, length=5)), ("id",)))
    long: Any = "é" * 70_000 if type_ is Type.TEXT else bytes(range(256)) * 300
    short: Any = "s" if type_ is Type.TEXT else b"s"
    adapter.write(schema, [[(1, short, "a")]])
    written = adapter.write(schema, [[(1, long, "b"), (2, long, "c"), (2, short, "d")]], mode="upsert")
    assert (written.rows, written.rejected) == (3, [])
    assert rows_of(adapter, schema) == [(1, long, "b"), (2, short, "d")]


def test_upsert_names_the_rows_that_the_server_refuses(adapter: Adapter, made: Make, name: str) -> None:
    for suffix, type_ in (("lob", Type.JSON), ("plain", Type.INT)):
        columns = (ID, Column("w", Type.TEXT, length=3), Column("v", type_))
        schema = made(Schema(f"{name}_{suffix}", columns, ("id",)))
        adapter.write(schema, [[(1, "old", 1)]])
        written = adapter.write(schema, [[(1, "long", 2), (2, "new", 2), (3, "long", 3)]], mode="upsert")
        assert [entry.row[0] for entry in written.rejected] == [1, 3]
        assert written.rows == 1
        assert rows_of(adapter, schema) == [(1, "old", 1), (2, "new", 2)]


def test_write_that_breaks_off_leaves_nothing(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))

    def source() -> Any:
        yield [(1, "x")]
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError):
        adapter.write(schema, source())
    assert adapter.count(name) == 0


def test_numbers_and_moments_of_a_query_keep_their_digits(adapter: Adapter, made: Make, name: str) -> None:
    columns = (ID, Column("n", Type.DECIMAL), Column("at", Type.DATETIME), Column("seen", Type.INSTANT))
    schema = made(Schema(name, columns, ("id",)))
    exact = Decimal("123456789012345678901234567890.12345678")
    moment = datetime(2024, 2, 29, 23, 59, 58, 123456)
    zoned = datetime(2024, 2, 29, 1, 0, 0, 5, timezone(timedelta(hours=5, minutes=30)))
    adapter.write(schema, [[(1, exact, moment, zoned)]])
    with adapter.query(f'select * from "{name}"') as result:
        types = [column.type for column in result.columns]
        names = [column.name for column in result.columns]
        ((row,),) = list(result)
    assert row == (1, exact, moment, zoned.astimezone(UTC))
    assert types == [Type.INT, Type.DECIMAL, Type.DATETIME, Type.INSTANT]
    assert names == ["id", "n", "at", "seen"]


def test_parameters_of_every_type(adapter: Adapter) -> None:
    values: list[object] = [
        7,
        True,
        1.5,
        Decimal("0.1"),
        "x",
        datetime(2024, 1, 1, 0, 0, 0, 5),
        b"\0",
        [1, {"a": None}],
    ]
    got = [run(adapter, "select :size from dual", {"size": value})[0][0][0] for value in values]
    assert got == [7, 1, 1.5, Decimal("0.1"), "x", values[5], b"\0", '[1,{"a":null}]']
    assert run(adapter, "select :n from dual", {"n": None}) == [[(None,)]]


def test_text_of_several_statements_runs_one_by_one(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    text = f"""insert into "{name}" ("id", "v") values (1, 'a;b');
    begin null; end;
    /
    select "id" from "{name}"; -- done
    """
    assert run(adapter, text) == [[], [], [(1,)]]
    assert rows_of(adapter, schema) == [(1, "a;b")]


def test_text_with_its_own_transaction_can_take_it_back(
    adapter: Adapter, connect: Connect, made: Make, name: str
) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    insert = f'insert into "{name}" ("id") values'
    run(adapter, f"{insert} (1); rollback; {insert} (2); commit")
    assert rows_of(connect(), schema) == [(2, None)]


def test_error_tells_the_line(adapter: Adapter) -> None:
    with pytest.raises(NotFound, match=r"line 3: from nowhere") as caught:
        adapter.query("select 1 from dual;\nselect 1\nfrom nowhere").following()
    assert caught.value.code == "ORA-00942"
    assert "quotes" in (caught.value.hint or "")


def test_snapshot_sees_one_moment(adapter: Adapter, connect: Connect, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(1, "a")]])
    with adapter.snapshot():  # type: ignore[attr-defined]
        before = digest_rows(schema.columns, adapter.scan(schema))
        connect().write(schema, [[(2, "b")]])
        assert digest_rows(schema.columns, adapter.scan(schema)) == before
        with pytest.raises(StatementError):
            adapter.query(f'delete from "{name}"')
    assert adapter.count(name) == 2


def test_name_with_a_double_quote_is_unsupported(adapter: Adapter, name: str) -> None:
    for schema in (Schema(f'{name}"', (ID,)), Schema(name, (Column('a"b', Type.INT),)), Schema(f"{name}\0", (ID,))):
        with pytest.raises(Unsupported):
            adapter.create(schema)


def test_drop_of_a_table_that_others_refer_to_is_refused(adapter: Adapter, made: Make, name: str) -> None:
    parent = made(Schema(name, (ID,), ("id",)))
    made(Schema(f"{name}_c", PAIR, ("id",), (Reference(("id",), parent.name, ("id",)),)))
    with pytest.raises(StatementError):
        adapter.drop(parent.name)
    assert parent.name in adapter.collections()


# --- indexes, defaults and identities ---


def extended(adapter: Adapter) -> Any:
    """The adapter, which has extras."""
    return adapter


def test_index_of_a_moment_or_downwards_is_one_over_the_column(adapter: Adapter, made: Make, name: str) -> None:
    """The dictionary has an expression there."""
    schema = made(Schema(name, (*PAIR[:1], Column("at", Type.INSTANT), Column("n", Type.INT)), ("id",)))
    extended(adapter).add_extra(schema, Index(f"{name}_at", ("at", "n")))
    adapter.query(f'create index "{name}_down" on "{name}" ("n" desc, "id")')
    assert extended(adapter).extras(name).has == (Index(f"{name}_at", ("at", "n")), Index(f"{name}_down", ("n", "id")))


def test_unique_index_takes_partly_null_keys_for_the_same(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("a", Type.INT), Column("b", Type.INT)), ("id",)))
    extended(adapter).add_extra(schema, Index(f"{name}_u", ("a", "b"), True))
    written = adapter.write(schema, [[(1, None, None), (2, None, None), (3, 1, None), (4, 2, None), (5, 1, None)]])
    assert [entry.row[0] for entry in written.rejected] == [5]
    assert f"{name}_u" in written.rejected[0].reason


def test_what_takes_no_index_says_so(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    with pytest.raises(Unsupported, match="CLOB"):
        extended(adapter).add_extra(schema, Index(f"{name}_v", ("v",)))
    with pytest.raises(StatementError, match="ORA-01408"):
        extended(adapter).add_extra(schema, Index(f"{name}_id", ("id",)))
    with pytest.raises(NotFound):
        extended(adapter).add_extra(schema, Index(f"{name}_x", ("x",)))
    with pytest.raises(NotFound):
        extended(adapter).extras(f"{name}_not_there")


def test_sequence_of_an_identity_goes_with_its_table(adapter: Adapter, made: Make, name: str) -> None:
    schema = Schema(name, (ID, Column("v", Type.TEXT, length=5)), ("id",))
    for _ in range(2):
        made(schema)
        adapter.write(schema, [[(7, "old")]])
        extended(adapter).add_extra(schema, Identity("id"))
        adapter.query(f'insert into "{name}" ("v") values (\'new\')')
        assert rows_of(adapter, schema) == [(7, "old"), (8, "new")]
        adapter.drop(name)
        with pytest.raises(NotFound, match="ORA-02289"):
            adapter.query(f'drop sequence "dbfleet:{name}.id"')
    made(schema)  # a sequence that somebody's own DROP TABLE left is in nobody's way
    adapter.query(f'create sequence "dbfleet:{name}.id" start with 1000')
    extended(adapter).add_extra(schema, Identity("id"))
    adapter.query(f'insert into "{name}" ("v") values (\'new\')')
    assert rows_of(adapter, schema) == [(1, "new")]
    assert extended(adapter).extras(name).has == (Identity("id"),)


def test_default_is_what_an_upsert_gives_too(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT, length=5), Column("n", Type.INT)), ("id",)))
    extended(adapter).add_extra(schema, Default("n", "-3"))
    part = Schema(name, schema.columns[:2], ("id",))
    adapter.write(part, [[(1, "a")]])
    adapter.write(part, [[(1, "b"), (2, "c")]], mode="upsert")
    assert rows_of(adapter, schema) == [(1, "b", -3), (2, "c", -3)]


def test_default_that_oracle_does_not_keep_is_refused(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    for text in ("", "a\0b", "é" * 2001):
        with pytest.raises(Unsupported):
            extended(adapter).add_extra(schema, Default("v", text))
    extended(adapter).add_extra(schema, Default("v", "é" * 2000))
    assert extended(adapter).extras(name).has == (Default("v", "é" * 2000),)


def test_sequence_goes_on_behind_rows_that_brought_their_own_values(adapter: Any, name: str) -> None:
    schema = Schema(name, (Column("id", Type.INT, False), Column("v", Type.INT)), ("id",))
    adapter.create(schema)
    try:
        adapter.add_extra(schema, Identity("id"))
        adapter.write(schema, [[(1, 1), (41, 2)]])
        assert adapter.count_on(name) == []
        adapter.query(f'insert into "{name}" ("v") values (3)').close()
        assert max(row[0] for batch in adapter.scan(schema) for row in batch) >= 42
        assert adapter.extras(name).left == ()
        assert not [text for text in adapter.left() if name in text]
        assert adapter.lost([name, f"{name}_nowhere"]) == []
    finally:
        adapter.drop(name)
