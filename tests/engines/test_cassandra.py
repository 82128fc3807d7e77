"""What Cassandra and its driver do that surprises, and what the adapter promises beyond the contract."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.engines.cassandra.write import Writing
from dbfleet.errors import AuthFailed, NotFound, StatementError, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops.query import query
from dbfleet.ops.shell import shell
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type

pytestmark = pytest.mark.engines("cassandra")

ID = Column("id", Type.INT, nullable=False)


def rows(adapter: Adapter, statement: str, **params: object) -> list[Row]:
    with adapter.query(statement, params) as result:
        return [row for batch in result for row in batch]


def scanned(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted(row for batch in adapter.scan(schema) for row in batch)


def test_first_key_column_is_the_partition_and_the_others_cluster(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("line", Type.INT, False), Column("v", Type.TEXT), Column("order_id", Type.INT, False))
    made(Schema(name, columns, ("order_id", "line")))
    found = rows(
        adapter,
        "SELECT column_name, kind FROM system_schema.columns WHERE keyspace_name = :k AND table_name = :t",
        k=adapter.target.database,
        t=name,
    )
    assert dict(found) == {"order_id": "partition_key", "line": "clustering", "v": "regular"}


def test_timestamps_are_truncated_and_come_back_to_the_millisecond(adapter: Adapter, made: Make, name: str) -> None:
    """The driver binds and reads them through floats: .998993 for .999 in the year 9999."""
    schema = made(Schema(name, (ID, Column("at", Type.INSTANT)), ("id",)))
    values = [datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), datetime(1969, 12, 31, 23, 59, 59, 500001, UTC)]
    adapter.write(schema, [list(enumerate(values))])
    assert [row[1].microsecond for row in scanned(adapter, schema)] == [999000, 500000]


@pytest.mark.parametrize("stored", [False, True])
def test_repeated_keys_are_found_however_far_apart(adapter: Adapter, made: Make, name: str, stored: bool) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    if stored:
        adapter.write(schema, [[(-1, "x")]])
    batches = [[(number, "first") for number in range(start, start + 500)] for start in range(0, 3000, 500)]
    written = adapter.write(schema, [*batches, [(7, "second"), (2999, "second"), (3000, "new")]])
    assert sorted(each.row for each in written.rejected) == [(7, "second"), (2999, "second")]
    assert written.rows == 3001
    assert list(adapter.get(schema, [(7,)])) == [(7, "first")]


def test_later_parts_of_a_copy_are_not_looked_for(
    adapter: Adapter, made: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IF NOT EXISTS costs four times the plain statement."""
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    sent: list[int] = []
    carefully = Writing.send_carefully

    def watched(self: Writing, rows: list[tuple[Row, Row]]) -> None:
        sent.append(len(rows))
        carefully(self, rows)

    monkeypatch.setattr(Writing, "send_carefully", watched)
    adapter.write(schema, [[(-1, "x")]])
    adapter.write(schema, [[(number, "looked for") for number in range(10)]])
    assert adapter.write(schema, [[(number, "not") for number in range(10, 500)]], alone=True).rows == 490
    assert [number for number in sent if number] == [10]
    assert [each.row for each in adapter.write(schema, [[(600, "a"), (600, "b")]], alone=True).rejected] == [(600, "b")]
    assert adapter.count(name) == 502


def test_insert_leaves_no_tombstones_and_upsert_does_clear(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(1, None), (2, "x")]])
    found = rows(adapter, f"SELECT id, writetime(v) FROM {name}")
    assert {row[0]: row[1] is None for row in found} == {1: True, 2: False}
    adapter.write(schema, [[(2, None)]], mode="upsert")
    assert scanned(adapter, schema) == [(1, None), (2, None)]


def test_rows_of_one_partition_are_batched_within_the_servers_limit(adapter: Adapter, made: Make, name: str) -> None:
    """A batch above 50 KiB is refused by the server."""
    columns = (ID, Column("line", Type.INT, False), Column("v", Type.TEXT))
    schema = made(Schema(name, columns, ("id", "line")))
    batch: list[Row] = [(1, line, "x" * 3000) for line in range(200)]
    assert adapter.write(schema, [batch]).rows == 200
    assert adapter.write(schema, [[(2, 0, "y" * 200_000)]]).rows == 1
    assert adapter.count(name) == 201


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("[1, 2]", "list<int>", [1, 2]),
        ("{'b', 'a'}", "set<text>", ["a", "b"]),
        ("{'a': 1, 'b': 2}", "map<text, int>", {"a": 1, "b": 2}),
        ("(1, 'x')", "tuple<int, text>", [1, "x"]),
        ("'10.0.0.1'", "inet", "10.0.0.1"),
        ("1mo2d", "duration", "1mo2d0ns"),
        ("12345678901234567890123", "varint", 12345678901234567890123),
    ],
)
def test_types_of_other_peoples_tables(adapter: Adapter, name: str, expression: str, type_: str, value: Any) -> None:
    list(adapter.query(f"CREATE TABLE {name} (id int PRIMARY KEY, v {type_})"))
    try:
        list(adapter.query(f"INSERT INTO {name} (id, v) VALUES (1, {expression})"))
        assert rows(adapter, f"SELECT v FROM {name}") == [(value,)]
        schema = adapter.describe(name)
        assert schema.key == ("id",)
        assert scanned(adapter, schema) == [(1, value)]
    finally:
        adapter.drop(name)


def test_several_statements_and_a_batch_as_one(adapter: Adapter, made: Make, name: str) -> None:
    made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    text = f"""BEGIN BATCH INSERT INTO {name} (id, v) VALUES (1, 'a;b'); INSERT INTO {name} (id, v) VALUES (2, 'c');
               APPLY BATCH; -- ; a comment
               SELECT v FROM {name} WHERE id = 1;"""
    with adapter.query(text) as first:
        assert list(first) == []
        second = first.following()
        assert second is not None
        assert [row for batch in second for row in batch] == [("a;b",)]


def test_consistency(target: Target, adapter: Adapter) -> None:
    with registry.connect(target.with_(options={"consistency": "local_one"})) as one:
        assert one.ping().version
    with pytest.raises(UsageError):
        registry.connect(target.with_(options={"consistency": "most"}))


def test_consistency_of_one_statement(fleet: Fleet, target: Target, adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID,), ("id",)))
    adapter.write(schema, [[(1,)]])
    statement = f"SELECT id FROM {name}"

    def ask(level: str) -> list[Row]:
        with query(fleet, [(target, None)], statement, options={"consistency": level}) as answers:
            return [row for rows in answers for batch in rows for row in batch]

    assert ask("quorum") == [(1,)]
    with pytest.raises(Unavailable, match="consistency"):
        ask("THREE")  # one node: the level has reached the server
    with pytest.raises(UsageError, match="most"):
        ask("most")


def test_missing_keyspace_is_made_only_with_create(target: Target, name: str) -> None:
    away = target.with_(database=name, create=False, managed=False)
    with pytest.raises(AuthFailed):
        registry.connect(away)
    with registry.connect(away.with_(create=True)) as adapter:
        assert adapter.collections() == []
        list(adapter.query(f"DROP KEYSPACE {name}"))


def test_closed_port_and_errors(target: Target, adapter: Adapter) -> None:
    with pytest.raises(Unavailable):
        registry.connect(target.with_(port=1), timeout_s=3)
    with pytest.raises(NotFound):
        adapter.query("SELECT * FROM nowhere")
    with pytest.raises(StatementError) as caught:
        adapter.query("SELECT nothing FROM system.local")
    assert caught.value.code == "2200"


def test_shell_in_the_container_is_logged_in(fleet: Fleet, target: Target) -> None:
    if fleet.record(target.name).get("runtime") != "docker":
        pytest.skip("no such runtime in this run")
    command = shell(fleet, target.name)
    assert command is not None
    assert target.password
    assert target.password not in " ".join(command.argv)
    ran = subprocess.run(
        command.argv,
        input="SELECT keyspace_name FROM system_schema.keyspaces;\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert "dbfleet" in ran.stdout
