"""What the SQL Server adapter makes of catalogs that the wire double has not: computed and IDENTITY columns, broken
views, tables that cannot be replaced. The catalog's rows are given; what is sent is looked at. No server."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Change
from dbfleet.engines.sqlserver.adapter import SqlServerAdapter
from dbfleet.engines.sqlserver.encode import PROBE, SENT
from dbfleet.errors import ConstraintViolated, StatementError, Unsupported
from dbfleet.target import Target

Rows = list[tuple[Any, ...]]
COLUMNS: Rows = [
    ("code", "nvarchar", 40, 0, 0, False, "Latin1_General_100_BIN2", False, False, 0, False, None),
    ("n", "int", 4, 10, 0, False, None, True, False, 0, False, None),
    ("price", "int", 4, 10, 0, True, None, False, False, 0, False, None),
    ("twice", "int", 4, 10, 0, True, None, False, True, 0, False, None),
    ("since", "datetime2", 8, 27, 7, False, None, False, False, 1, False, None),
    ("sparse ones", "xml", -1, 0, 0, True, None, False, False, 0, True, None),
]
WRITTEN = ("code", "n", "price")


class Wire:
    """Answers by what a statement contains, and keeps what it was sent."""

    closed = False

    def __init__(self, answers: dict[str, Rows | Exception], key: str = "code") -> None:
        self.sent: list[str] = []
        self._answers: dict[str, Rows | Exception] = {
            PROBE: [(SENT,)],
            "SELECT SCHEMA_NAME()": [("dbo",)],
            "SELECT o.object_id, o.name": [(7, "t", "U", None)],
            "SELECT c.name, COALESCE": COLUMNS,
            "i.is_primary_key = 1": [(key,)],
            "DATABASEPROPERTYEX": [("SQL_Latin1_General_CP1_CI_AS",)],
            **answers,
        }

    def rows(self, statement: str) -> Rows:
        self.sent.append(statement)
        for part, found in self._answers.items():
            if part in statement:
                if isinstance(found, Exception):
                    raise found
                return found
        return []

    def run(self, statement: str) -> int:
        self.rows(statement)
        return 0


def opened(answers: dict[str, Rows | Exception], key: str = "code") -> tuple[SqlServerAdapter, Wire]:
    wire = Wire(answers, key)
    made: Any = wire
    return SqlServerAdapter(registry.spec("sqlserver"), Target("s", "sqlserver", "sqlserver"), made), wire


def sent(wire: Wire, word: str) -> str:
    (found,) = (statement for statement in wire.sent if word in statement)
    return found


def test_what_the_server_computes_is_generated_and_never_written() -> None:
    server, wire = opened({})
    schema = server.describe("t")
    generated = {column.name for column in schema.columns if column.generated}
    assert generated == {"twice", "since", "sparse ones"}
    assert schema.column("n").note is None
    server.write(schema, [[("a", 5, 10, 20, None, None)]])
    insert = sent(wire, "INSERT INTO [dbo].[t]")
    assert f"([{'], ['.join(WRITTEN)}]) SELECT" in insert
    assert '[["a",5,10]]' in insert


def test_identity_takes_the_rows_values_and_gets_its_own_back() -> None:
    server, wire = opened({})
    server.write(server.describe("t"), [[("a", 5, 10, None, None, None)]])
    on, insert, off = (
        next(place for place, statement in enumerate(wire.sent) if word in statement)
        for word in ("IDENTITY_INSERT [dbo].[t] ON", "INSERT INTO", "IDENTITY_INSERT [dbo].[t] OFF")
    )
    assert on < insert < off


def test_upsert_sets_no_identity_and_asks_first_whether_one_would_have_to_change() -> None:
    server, wire = opened({})
    schema = server.describe("t")
    server.write(schema, [[("a", 5, 10, None, None, None)]], mode="upsert")
    upsert = sent(wire, "UPDATE t SET")
    assert "UPDATE t SET t.[price] = s.[price] FROM" in upsert
    assert wire.sent.index(sent(wire, "WHERE t.[n] <> s.[n]")) < wire.sent.index(upsert)


def test_upsert_that_would_change_an_identity_is_refused_by_name_and_nothing_is_written() -> None:
    server, wire = opened({"WHERE t.[n] <> s.[n]": [("n",)]})
    with pytest.raises(StatementError, match="column n of t is an IDENTITY"):
        server.write(server.describe("t"), [[("a", 5, 10, None, None, None)]], mode="upsert")
    assert not [statement for statement in wire.sent if "UPDATE t" in statement or "INSERT INTO" in statement]
    assert "ROLLBACK" in wire.sent[-1] or "OFF" in wire.sent[-1]


def test_identity_that_is_the_key_is_not_asked_about() -> None:
    server, wire = opened({}, key="n")
    server.write(server.describe("t"), [[("a", 5, 10, None, None, None)]], mode="upsert")
    assert "UPDATE t SET t.[code] = s.[code], t.[price] = s.[price] FROM" in sent(wire, "UPDATE t SET")
    assert not [statement for statement in wire.sent if "<> s.[n]" in statement]


def test_printed_changes_leave_out_what_is_computed_and_refuse_to_set_an_identity() -> None:
    server, _ = opened({})
    schema = server.describe("t")
    before, after = ("a", 5, 10, 20, None, None), ("a", 5, 11, 22, None, None)
    assert list(server.statements(schema, [Change(before, after)])) == [
        "UPDATE [dbo].[t] SET [price] = 11 WHERE [code] = N'a' AND DATALENGTH([code]) = DATALENGTH(N'a');"
    ]
    on, insert, off = server.statements(schema, [Change(None, after)])
    assert insert == "INSERT INTO [dbo].[t] ([code], [n], [price]) VALUES (N'a', 5, 11);"
    assert (on, off) == ("SET IDENTITY_INSERT [dbo].[t] ON;", "SET IDENTITY_INSERT [dbo].[t] OFF;")
    with pytest.raises(Unsupported, match="column n of t counts by itself"):
        list(server.statements(schema, [Change(before, ("a", 6, *after[2:]))]))


def server_error(number: int, words: str) -> Exception:
    kind = type("MSSQLDatabaseException", (Exception,), {"__module__": "pymssql._mssql", "number": number})
    found: Exception = kind((number, words.encode()))
    return found


def test_broken_view_is_no_collection_and_is_told() -> None:
    views: Rows = [("dbo", "gone"), ("dbo", "kept from us"), ("dbo", "seen")]
    answers: dict[str, Rows | Exception] = {
        "AND o.is_ms_shipped = 0": views,
        "FROM [dbo].[gone]": server_error(208, "Invalid object name 'dbo.old'."),
        "FROM [dbo].[kept from us]": server_error(229, "The SELECT permission was denied"),
        "o.is_ms_shipped = 0 AND": [("V", *view) for view in views],
    }
    server, _ = opened(answers)
    assert server.collections() == ["kept from us", "seen"]
    assert [text for text in server.left() if text.startswith("view")] == [
        "view gone, which cannot be read: Invalid object name 'dbo.old'.",
        "view kept from us: its rows come as a table",
        "view seen: its rows come as a table",
    ]


def test_what_goes_with_a_replaced_table_is_told_by_name() -> None:
    server, _ = opened(
        {
            "FROM sys.triggers": [("stamp",)],
            "FROM sys.database_permissions": [(1,)],
            "FROM sys.computed_columns": [("twice", "([price]*(2))", False)],
            "p.class = 1 AND p.major_id = 7": [("MS_Description", "code")],
        }
    )
    assert server.lost(["t"]) == [
        "t: generated column twice, ([price]*(2))",
        "t: trigger stamp",
        "t: comment of code",
        "t: privileges",
    ]


@pytest.mark.parametrize(
    ("asked", "rows", "told"),
    [
        ("FROM sys.sql_expression_dependencies", [("dbo", "seen", 7)], "bound to by dbo.seen (to t)"),
        ("WHERE k.referenced_object_id IN (7)", [("dbo", "child", 7)], "dbo.child refers to t by a foreign key"),
        ("WHERE t.object_id IN (7)", [(7, 2, False, False)], "t keeps its past"),
        ("WHERE t.object_id IN (7)", [(7, 0, True, False)], "t is in memory"),
        ("WHERE t.object_id IN (7)", [(7, 0, False, True)], "t is an external table"),
    ],
)
def test_what_stands_in_the_way_of_a_replace_is_refused_before_it(asked: str, rows: Rows, told: str) -> None:
    server, wire = opened({asked: rows})
    with pytest.raises(ConstraintViolated) as caught:
        server.lost(["t"])
    assert told in caught.value.message
    assert not [statement for statement in wire.sent if not statement.startswith("SELECT")]


def test_a_table_that_is_not_there_loses_nothing() -> None:
    server, _ = opened({"SELECT o.object_id, o.name": []})
    assert server.lost(["t"]) == []
