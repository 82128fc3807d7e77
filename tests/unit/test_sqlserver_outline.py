"""What SQL Server's outline says of a catalog with everything, statement by statement, is what the golden file holds.

No server has run them. The rows of the catalog views are written after Microsoft's documentation; the file is for
somebody who knows SQL Server. After a change that is meant: DBFLEET_WRITE_GOLDEN=1 pytest
tests/unit/test_sqlserver_outline.py, and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.engines.sqlserver.adapter import SqlServerAdapter
from dbfleet.engines.sqlserver.native.names import in_words
from dbfleet.engines.sqlserver.native.values import variant_literal, variant_value
from dbfleet.errors import Unsupported
from dbfleet.outline import Outline, Step
from dbfleet.target import Target
from dbfleet.values import Type

GOLDEN = Path(__file__).parents[1] / "engines/golden/sqlserver_outline.sql"
Rows = list[tuple[Any, ...]]
ORDERS, ITEMS, FACTS, VIEW = 100, 200, 300, 400
CI = "Latin1_General_100_CI_AS_SC_UTF8"
USUAL = "SQL_Latin1_General_CP1_CI_AS"

_SIZES = {
    # max_length, precision, scale, as sys.columns has them
    "bit": (1, 1, 0), "tinyint": (1, 3, 0), "smallint": (2, 5, 0), "int": (4, 10, 0), "bigint": (8, 19, 0),
    "decimal": (17, 38, 10), "numeric": (9, 12, 2), "money": (8, 19, 4), "smallmoney": (4, 10, 4),
    "float": (8, 53, 0), "real": (4, 24, 0), "date": (3, 10, 0), "time": (5, 16, 7), "datetime2": (8, 27, 7),
    "datetimeoffset": (10, 34, 7), "datetime": (8, 23, 3), "smalldatetime": (4, 16, 0), "char": (10, 0, 0),
    "varchar": (50, 0, 0), "nchar": (20, 0, 0), "nvarchar": (-1, 0, 0), "text": (16, 0, 0), "ntext": (16, 0, 0),
    "binary": (8, 0, 0), "varbinary": (-1, 0, 0), "image": (16, 0, 0), "uniqueidentifier": (16, 0, 0),
    "xml": (-1, 0, 0), "hierarchyid": (892, 0, 0), "geometry": (-1, 0, 0), "geography": (-1, 0, 0),
    "sql_variant": (8016, 0, 0), "timestamp": (8, 0, 0), "json": (-1, 0, 0),
}  # fmt: skip
_TEXTS = ("char", "varchar", "nchar", "nvarchar", "text", "ntext")


def column(table: int, name: str, word: str, *, users: str = "", nullable: bool = False, collation: str | None = None,
           size: tuple[int, int, int] | None = None, **flags: Any) -> tuple[Any, ...]:  # fmt: skip
    """A row of `catalog._COLUMNS`."""
    length, precision, scale = size or _SIZES[word]
    return (
        table, name, "dbo" if users else "sys", users or word, bool(users), word, length, precision, scale, nullable,
        collation or (USUAL if word in _TEXTS else None), flags.get("column_set", False), flags.get("sparse", False),
        flags.get("guid", False), flags.get("document", False), flags.get("schemas", 0),
    )  # fmt: skip


COLUMNS: Rows = [
    column(ORDERS, "id", "bigint"),
    column(ORDERS, "year", "int"),
    column(ORDERS, "code", "varchar", collation=CI),
    column(ORDERS, "phone", "nvarchar", users="Phone", nullable=True, size=(40, 0, 0)),
    column(ORDERS, "state]s", "char", size=(3, 0, 0)),
    column(ORDERS, "customer", "bigint", nullable=True),
    column(ORDERS, "total", "decimal", size=(9, 12, 2)),
    column(ORDERS, "twice", "decimal", size=(9, 14, 2)),
    column(ORDERS, "seen", "datetime2", nullable=True),
    column(ORDERS, "note", "nvarchar", nullable=True, size=(200, 0, 0)),
    column(ORDERS, "own", "uniqueidentifier", guid=True),
    column(ORDERS, "doc", "xml", nullable=True, schemas=65536, document=True),
    column(ORDERS, "number", "int"),
    *(column(ITEMS, f"a {word}", word, nullable=True) for word in _SIZES if word != "timestamp"),
    column(ITEMS, "float24", "real", nullable=True, sparse=True),
    column(ITEMS, "version", "timestamp"),
    column(ITEMS, "all of them", "xml", nullable=True, column_set=True),
    column(FACTS, "day", "date"),
    column(FACTS, "n", "bigint"),
]


def index(table: int, number: int, name: str | None, kind: str, *, unique: int = 0, primary: int = 0,
          constraint: int = 0, disabled: int = 0, only: str | None = None, ignoring: int = 0, fill: int = 0,
          padded: int = 0, by_row: int = 1, by_page: int = 1, space: int = 1) -> tuple[Any, ...]:  # fmt: skip
    """A row of `catalog._INDEXES`."""
    return (table, number, name, kind, unique, primary, constraint, disabled, only, ignoring, fill, padded, by_row,
            by_page, space)  # fmt: skip


INDEXES: Rows = [
    index(ORDERS, 1, "PK_orders", "CLUSTERED", unique=1, primary=1, fill=80, padded=1, space=65601),
    index(ORDERS, 2, "UQ_orders_code", "NONCLUSTERED", unique=1, constraint=1, ignoring=1, space=2),
    index(ORDERS, 3, "by_note", "NONCLUSTERED", only="([note] IS NOT NULL AND [total]>(0.00))", by_row=0, by_page=0),
    index(ORDERS, 4, "off", "NONCLUSTERED", disabled=1),
    index(ORDERS, 5, "columns", "NONCLUSTERED COLUMNSTORE", only="([total]>(0))", space=65601),
    index(ORDERS, 6, "UQ__orders__72E12F1B", "NONCLUSTERED", unique=1, constraint=1),
    index(ORDERS, 256000, "in_doc", "XML"),
    index(ITEMS, 0, None, "HEAP"),
    index(ITEMS, 2, "PK__items__3213E83F", "NONCLUSTERED", unique=1, primary=1),
    index(ITEMS, 384000, "places", "SPATIAL"),
    index(FACTS, 1, "cci", "CLUSTERED COLUMNSTORE"),
]
OF_INDEXES: Rows = [
    # table, index, column, key_ordinal, is_included_column, is_descending_key, partition_ordinal
    (ORDERS, 1, "id", 1, 0, 1, 0), (ORDERS, 1, "year", 2, 0, 0, 1), (ORDERS, 2, "code", 1, 0, 0, 0),
    (ORDERS, 3, "total", 0, 1, 0, 0), (ORDERS, 3, "note", 1, 0, 0, 0), (ORDERS, 3, "state]s", 2, 0, 1, 0),
    (ORDERS, 4, "customer", 1, 0, 0, 0), (ORDERS, 5, "total", 0, 0, 0, 0), (ORDERS, 5, "year", 0, 0, 0, 1),
    (ORDERS, 6, "number", 1, 0, 0, 0),
    (ORDERS, 256000, "doc", 1, 0, 0, 0), (ITEMS, 2, "a bigint", 1, 0, 0, 0), (ITEMS, 384000, "a geometry", 1, 0, 0, 0),
    (FACTS, 1, "day", 0, 0, 0, 0), (FACTS, 1, "n", 0, 0, 0, 0),
]  # fmt: skip
ANSWERS: dict[str, Rows] = {
    "SELECT SCHEMA_NAME()": [("dbo",)],
    "SELECT s.name FROM sys.schemas": [("dbo",), ("sales",)],
    "DATABASEPROPERTYEX": [(USUAL,)],
    "SELECT t.object_id, s.name, t.name, t.temporal_type": [
        (ORDERS, "sales", "orders", 0, 0, 0, 0), (ITEMS, "dbo", "items", 0, 0, 0, 0),
        (FACTS, "dbo", "facts", 0, 0, 0, 0),
        (1, "dbo", "with_a_past", 2, 0, 0, 0), (2, "dbo", "past", 1, 0, 0, 0), (3, "dbo", "in_memory", 0, 1, 0, 0),
        (4, "dbo", "elsewhere", 0, 0, 1, 0), (5, "dbo", "files", 0, 0, 0, 1), (6, "dbo", "in_a_ledger", 0, 0, 0, 0),
        (7, "dbo", "nodes", 0, 0, 0, 0), (8, "dbo", "encrypted", 0, 0, 0, 0), (9, "dbo", "_dbfleet_1", 0, 0, 0, 0),
    ],
    "t.is_node = 1": [(7,)],
    "t.ledger_type <> 0": [(6,)],
    "c.encryption_type IS NOT NULL": [(8,)],
    "SELECT c.object_id, c.name, y.name": COLUMNS,
    "SELECT c.object_id, c.name, c.definition": [
        (ORDERS, "twice", "([total]*(2))", True, False), (ORDERS, "seen", "(sysdatetime())", False, True),
    ],
    "CONVERT(nvarchar(40), c.seed_value)": [(ORDERS, "id", "1000", "5", "1050", True)],
    "c.masking_function FROM": [(ORDERS, "note", "partial(1,\"xx'x\",0)")],
    "d.is_system_named FROM": [
        (ORDERS, "code", "DF_code", "('it''s')", False),
        (ORDERS, "own", "DF__orders__own__4D94879B", "(newsequentialid())", True),
        (ORDERS, "number", "DF_number", "(NEXT VALUE FOR [sales].[numbers])", False),
        (ORDERS, "total", "DF_total", "([dbo].[usual]())", False),
    ],
    "FROM sys.check_constraints": [
        (ORDERS, "CK_total", "([total]>=(0))", False, False, False, False),
        (ORDERS, "CK__orders__year__3E52440B", "([year]>(1900))", True, False, False, False),
        (ORDERS, "CK_old", "([code]<>'')", False, False, True, True),
        (ORDERS, "CK__orders__off", "([total]<(10))", True, True, True, False),
    ],
    "SELECT x.xml_collection_id": [(65536, "sales", "OrderForms")],
    "i.fill_factor": INDEXES,
    "SELECT k.object_id, k.index_id, c.name": OF_INDEXES,
    "FROM sys.key_constraints": [(ORDERS, 6, True), (ITEMS, 2, True)],
    "p.data_compression IN": [(ORDERS, 3, "PAGE"), (ITEMS, 0, "ROW"), (FACTS, 1, "COLUMNSTORE_ARCHIVE"),
                            (ORDERS, 1, "ROW"), (ORDERS, 1, "PAGE")],
    "f.delete_referential_action_desc": [
        (ORDERS, 901, "FK_orders_customers", False, "CASCADE", "SET_NULL", False, False, False),
        (ORDERS, 902, "FK__orders__off", True, "NO_ACTION", "SET_DEFAULT", True, True, True),
        (ITEMS, 903, "FK__items__orders", True, "NO_ACTION", "NO_ACTION", False, True, False),
    ],
    "WHERE k.parent_object_id IN (": [
        (901, "customer", "dbo", "customers", "id"), (902, "phone", "dbo", "phones", "number"),
        (903, "a bigint", "sales", "orders", "id"), (903, "a int", "sales", "orders", "year"),
    ],
    "p.class = 1 AND p.major_id IN": [
        (ORDERS, "MS_Description", "nvarchar", "What was\\\nordered", None),
        (ORDERS, "MS_Description", "varchar", "its code", "code"), (ORDERS, "since", "date", "2020-01-01", None),
    ],
    "p.class = 1 AND o.parent_object_id IN": [(ORDERS, "why", "nvarchar", "it's so", "CK_total")],
    "p.class = 7": [(ORDERS, "why", "nvarchar", "for reports", "by_note")],
    "p.class IN (3, 6, 10, 20, 21)": [("MS_Description", 3), ("owner", 6)],
    "SELECT p.name, 1 FROM": [("MS_Description", 1)],
    "p.class = 1 AND p.major_id = 401": [("MS_Description",)],
    "b.user_type_id = t.system_type_id": [
        ("dbo", "Phone", "nvarchar", 40, 0, 0, True), ("dbo", "Unused", "int", 4, 10, 0, False),
    ],
    "q.last_used_value IS NULL": [("dbo", "lone")],
    "q.start_value": [
        ("sales", "numbers", "int", 10, "5", "2", "-2147483648", "2147483647", True, True, 50, "41"),
        ("dbo", "lone", "decimal", 20, "-1", "-1", "-99999999999999999999", "-1", False, False, None, "-1"),
    ],
    "FROM sys.partition_functions AS f": [(65540, "by_year", True, "int", 4, 10, 0, None)],
    "FROM sys.partition_range_values": [(65540, "int|10|0|4||2020"), (65540, "int|10|0|4||2021")],
    "FROM sys.destination_data_spaces": [(65601, "PRIMARY"), (65601, "OLD"), (65601, "PRIMARY")],
    "SELECT s.data_space_id, s.name": [(65601, "years", "by_year")],
    "FROM sys.filegroups": [(1, "PRIMARY", True), (2, "FAST", False)],
    "r.type IN ('FN'": [(905, ORDERS, "dbo", "usual")],
    "FROM sys.triggers AS g": [("stamp",)],
    "t.lock_escalation <> 0": [("AUTO",)],
    "c.system_type_id = 189": [("version",)],
    "m.uses_ansi_nulls": [
        (VIEW, "sales", "late", "-- who\nCREATE  VIEW late AS SELECT o.id FROM sales.open_orders AS o", True, True),
        (401, "sales", "open_orders",
         "create view [sales].[old name] (id) with schemabinding as select id from sales.orders", True, True),
        (402, "dbo", "hidden", None, True, True),
        (403, "dbo", "of old", "CREATE VIEW [of old] AS SELECT 1 AS a", True, False),
    ],
    "SELECT d.referencing_id, d.referenced_id": [(VIEW, 401), (401, ORDERS)],
    "SELECT i.name FROM sys.indexes AS i WHERE i.object_id = 401": [("by_id",)],
    "o.is_ms_shipped = 0 AND o.parent_object_id = 0": [
        ("V", "sales", "late"), ("P", "dbo", "clean"), ("SO", "sales", "numbers"), ("SO", "dbo", "lone"),
        ("SO", "dbo", "dbfleet:x:id"), ("SN", "dbo", "elsewhere"),
    ],
}  # fmt: skip
_ALONE = {
    "t.ledger_type <> 0": "SELECT t.object_id",
    "t.is_node = 1": "SELECT t.object_id",
    "FROM sys.triggers AS g": "= 100",
    "t.lock_escalation <> 0": "= 200",
    "c.system_type_id = 189": "c.object_id = 200",
}
"""What else a statement must hold for such an answer."""


class Wire:
    """Answers by what a statement contains, and keeps what it was sent."""

    closed = False

    def __init__(self, **more: Rows) -> None:
        self.sent: list[str] = []
        self._more = more

    def rows(self, statement: str) -> Rows:
        self.sent.append(statement)
        if statement.startswith("SELECT o.object_id, o.name, RTRIM"):
            number = {"N'orders'": ORDERS, "N'items'": ITEMS, "N'facts'": FACTS}
            name = next((each for each in number if each in statement), "")
            return [(number.get(name, VIEW), name[2:-1], "U" if name else "V", None)]
        for part, found in {**self._more, **ANSWERS, **self._more}.items():
            if part in statement and _ALONE.get(part, "") in statement:
                return found
        return []

    def run(self, statement: str) -> int:
        self.sent.append(statement)
        return 0


def opened(**more: Rows) -> tuple[SqlServerAdapter, Wire]:
    wire = Wire(**more)
    made: Any = wire
    return SqlServerAdapter(registry.spec("sqlserver"), Target("s", "sqlserver", "sqlserver"), made), wire


@pytest.fixture
def outline() -> Outline:
    return opened()[0].outline(
        ["sales.orders", "items", "facts"], everything=True, views=["sales.late", "sales.open_orders"]
    )


def test_tables_of_other_kinds_do_not_go_as_they_are() -> None:
    assert opened()[0].native_collections() == ["facts", "items", "sales.orders"]


def test_outline_is_the_golden_one(outline: Outline) -> None:
    server, _ = opened()
    tables = server._tables
    parts = [
        "-- Written by tests/unit/test_sqlserver_outline.py: tables of everything, step by step. No server has run it."
    ]
    stage = ""
    for step in outline.steps:
        if step.stage != stage:
            stage = step.stage
            parts.append(f"\n-- {stage}")
        needed = f" (for {', '.join(step.needed_by)})" if step.needed_by else ""
        whose = f"{step.collection}: " if step.collection else ""
        parts.append(f"-- {whose}{step.words}{needed}")
        parts.append(f"{in_words(tables, step.text, {})};" if step.text else "-- (the server has it, or lacks it)")
    parts.append("\n-- what stays")
    parts += [f"-- {text}" for text in outline.left]
    parts.append("\n-- how values are read, and stored")
    schema = server.native("items")
    parts += _forms(server)
    assert "version" not in schema.names
    text = "\n".join(parts) + "\n"
    if os.environ.get("DBFLEET_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def _forms(server: SqlServerAdapter) -> list[str]:
    found = []
    for row in COLUMNS:
        if row[0] == ITEMS and row[1].startswith("a "):
            described = _columns(row)
            wire = Wire(**{"SELECT c.name, COALESCE": [described]})
            made: Any = wire
            one = SqlServerAdapter(server.spec, server.target, made)
            schema = one.native("items")
            native = one._session.table_of(schema).columns[row[1]]
            (kept,) = schema.columns
            shown = f", shown as {kept.shown}" if kept.shown else ""
            found.append(f"-- {native.native}: {kept.type}{shown}\n--   read {native.select}")
            found.append(f"--   stored {native.from_json.format('value')} of {native.json_type}")
    return found


def _columns(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row as `tables._COLUMNS` has it."""
    return (*(row[place] for place in (1, 5, 6, 7, 8, 9, 10)), False, False, 0, False, None)


def test_a_name_that_another_table_has_is_spelled_anew(outline: Outline) -> None:
    server, _ = opened(
        **{"WHERE s.name = N'dbo'": [("PK_orders", 50, 49), ("UQ_orders_code", 51, ORDERS), ("x", 49, 0)]}
    )
    makes = [each for step in outline.steps if step.collection == "sales.orders" for each in step.makes]
    final = server.names(makes, "sales.orders", "orders", ["orders"])
    assert {final[each].partition(".")[2] for each in makes} >= {"PK_orders_1", "UQ_orders_code", "CK_total", "DF_code"}
    called = {"sales.orders": "orders"} | {f"{space}.{name}": final[space, name] for space, name in makes}
    key = next(step for step in outline.steps if step.words == "primary key PK_orders")
    assert in_words(server._tables, key.text, called).startswith(
        "ALTER TABLE [dbo].[orders] ADD CONSTRAINT [PK_orders_1] PRIMARY KEY CLUSTERED ([id] DESC, [year])"
    )
    waiting = called | {"constraint of sales.PK_orders": "_dbfleet_1_0", "sales.orders": "_dbfleet_1"}
    assert "[_dbfleet_1] ADD CONSTRAINT [_dbfleet_1_0] PRIMARY" in in_words(server._tables, key.text, waiting)


def test_what_the_sink_lacks_is_named(outline: Outline) -> None:
    more: dict[str, Rows] = {
        "COLLATIONPROPERTY": [(None,)], "DATABASEPROPERTYEX": [("Finnish_Swedish_CI_AS",)],
        "SELECT s.name, o.name FROM sys.objects": [("dbo", "another")],
    }  # fmt: skip
    server, _ = opened(**more)
    lacking = server.lacking(outline.steps)
    told = {step.words: lacking[step.mark] for step in outline.steps if step.mark in lacking}
    assert told == {
        f"collation {CI}": "is not on the server", f"collation {USUAL}": "is not on the server",
        f"database collation {USUAL}": "is not that of the sink", "function dbo.usual": "is not in the sink",
        "XML schema collection sales.OrderForms": "is not in the sink", "server type json": "is of later servers",
    }  # fmt: skip


def taken(step: Step, **more: Rows) -> tuple[bool, list[str]]:
    server, wire = opened(**more)
    done = server.take(step, {})
    return done, [each for each in wire.sent if not each.startswith("SELECT")]


def test_a_shared_step_is_taken_once_and_another_one_of_its_name_is_refused(outline: Outline) -> None:
    phone = next(step for step in outline.steps if step.kind == "type")
    assert taken(phone) == (False, [])
    assert taken(phone, **{"b.user_type_id = t.system_type_id": []}) == (
        True, ["CREATE TYPE [dbo].[Phone] FROM nvarchar(20) NULL"],
    )  # fmt: skip
    with pytest.raises(Unsupported, match=r"type dbo\.Phone is there already and is another one"):
        taken(phone, **{"b.user_type_id = t.system_type_id": [("dbo", "Phone", "nvarchar", 60, 0, 0, True)]})


def test_a_sequence_never_goes_back(outline: Outline) -> None:
    counter = next(step for step in outline.steps if step.words == "where sequence sales.numbers counts on")
    assert counter.text == "ALTER SEQUENCE [sales].[numbers] RESTART WITH 43"
    assert taken(counter) == (False, [])
    there = ("sales", "numbers", "int", 10, "5", "2", "0", "99", False, True, None)
    assert taken(counter, **{"q.start_value": [(*there, "5")]}) == (True, [counter.text])
    assert taken(counter, **{"q.start_value": [(*there, "77")]}) == (False, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int|10|0|4||5", "CONVERT(int, N'5')"),
        ("numeric|12|3|9||1.250", "CONVERT(numeric(12,3), N'1.250')"),
        ("nvarchar|0|0|20|Latin1_General_CI_AS|it's | so",
         "CONVERT(nvarchar(10), N'it''s | so' COLLATE Latin1_General_CI_AS)"),
        ("varchar|0|0|0|Latin1_General_CI_AS|", "CONVERT(varchar(1), N'' COLLATE Latin1_General_CI_AS)"),
        ("varbinary|0|0|3||0A0B", "CONVERT(varbinary(3), 0x0A0B)"),
        ("float|53|0|8||1.0000000000000000e-001", "CONVERT(float(53), N'1.0000000000000000e-001')"),
        ("datetime|23|3|8||2024-01-01 00:00:00.997", "CONVERT(datetime, N'2024-01-01 00:00:00.997', 121)"),
        ("datetimeoffset|34|7|10||2024-01-01T00:00:00.1234567+02:00",
         "CONVERT(datetimeoffset(7), N'2024-01-01T00:00:00.1234567+02:00', 126)"),
        ("uniqueidentifier|0|0|16||6F9619FF-8B86-D011-B42D-00C04FC964FF",
         "CONVERT(uniqueidentifier, N'6F9619FF-8B86-D011-B42D-00C04FC964FF')"),
    ],
)  # fmt: skip
def test_a_variant_is_made_of_its_own_type(text: str, expected: str) -> None:
    assert variant_value(text) == expected
    assert variant_literal(text) == f"CONVERT(sql_variant, {expected})"


def test_rows_with_a_variant_go_as_literals() -> None:
    row = column(ITEMS, "v", "sql_variant", nullable=True)
    server, wire = opened(**{"SELECT c.name, COALESCE": [_columns(column(ITEMS, "id", "int")), _columns(row)]})
    schema = server.native("items")
    assert [each.type for each in schema.columns] == [Type.INT, Type.TEXT]
    server.write(schema, [[(1, "int|10|0|4||5"), (2, None)]])
    insert = next(each for each in wire.sent if each.startswith("INSERT"))
    assert insert == (
        "INSERT INTO [dbo].[items] ([id], [v]) SELECT [c0], [c1] FROM (VALUES (CAST(N'1' AS int), "
        "CONVERT(sql_variant, CONVERT(int, N'5'))), (CAST(N'2' AS int), CAST(NULL AS sql_variant))) AS r ([c0], [c1])"
    )
