"""Every statement that the SQL Server adapter sends, as it arrives at the server, is the one in the golden file.

The file is for somebody who knows SQL Server: the wire double proves how the driver is used, and little about its SQL.
After a change that is meant: DBFLEET_WRITE_GOLDEN=1 pytest tests/unit/test_sqlserver_statements.py, and read the diff.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from dbfleet import registry
from dbfleet.adapter import Adapter, Change, Condition, Part, Swap
from dbfleet.conformance.examples import wide_schema
from dbfleet.engines.sqlserver.encode import PROBE, SENT
from dbfleet.engines.sqlserver.types import _FROM_JSON, _JSON_TYPE, _SELECT
from dbfleet.errors import ConstraintViolated
from dbfleet.extras import Default, Identity, Index
from dbfleet.fleet import Fleet
from dbfleet.values import TEXT_OF, Column, Reference, Row, Schema, Type

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.doubles.sqlserver.running import running  # noqa: E402

GOLDEN = ROOT / "tests/engines/golden/sqlserver_statements.sql"

ID = Column("id", Type.INT, False)
WIDE = wide_schema("wide", registry.spec("sqlserver"))
CUSTOMERS = Schema("customers", (ID, Column("code", Type.TEXT, False, length=20), Column("since", Type.DATE)), ("id",))
ORDERS = Schema(
    "sales.Order [Details]",
    (
        ID,
        Column("line", Type.TEXT, False),
        Column("customer_id", Type.INT, False),
        Column("price", Type.DECIMAL, False, precision=12, scale=2),
        Column("it's", Type.TEXT, length=5000),
        Column("at", Type.INSTANT, fraction_digits=3),
        Column("hash", Type.BYTES, length=16),
    ),
    ("id", "line"),
    (Reference(("customer_id",), "customers", ("id",)),),
    partition=("id",),
)
FOLLOWS = Schema(
    "follows",
    (Column("src", Type.INT, False), Column("dst", Type.INT, False)),
    ("src", "dst"),
    (Reference(("src",), "customers", ("id",)), Reference(("dst",), "customers", ("id",))),
    edge=True,
)
GIVEN = Schema("given", (ID, *(Column(each.type.value, each.type) for each in WIDE.columns[1:])), ("id",))
KEYS = [
    Schema(f"by {type_.value}", (Column("k", type_, False), Column("v", Type.INT)), ("k",))
    for type_ in (Type.TEXT, Type.BYTES, Type.INSTANT, Type.UUID, Type.DECIMAL, Type.DATE)
]
WHEN = datetime(2024, 2, 29, 1, 2, 3, 999999, tzinfo=UTC)
DETAILS: list[Row] = [(number, "a", 1, Decimal("9.99"), "it's\n", WHEN, b"z") for number in range(3)]
WIDE_ROW: Row = (
    1, True, 2**63 - 1, Decimal("1.5"), 0.1, "back\\slash", b"\0\xff", WHEN.date(), WHEN.time(),
    WHEN.replace(tzinfo=None), WHEN, UUID(int=1), {"a": [1, None]},
)  # fmt: skip


def drain(adapter: Adapter, statement: str, params: dict[str, object] | None = None) -> None:
    result = adapter.query(statement, params)
    while result is not None:
        for _ in result:
            pass
        result = result.following()  # type: ignore[assignment]


def as_literals(adapter: Adapter) -> None:
    adapter._session.reads_json = False  # type: ignore[attr-defined]
    adapter.write(WIDE, [[(2, *WIDE_ROW[1:]), (3, *[None] * 12)]])
    adapter._session.reads_json = True  # type: ignore[attr-defined]


def refused(adapter: Adapter) -> None:
    try:
        adapter.write(CUSTOMERS, [[(1, "again", None)]])
    except ConstraintViolated:
        return
    raise AssertionError


def chosen(adapter: Adapter) -> Part:
    since = Condition("<", column="since", value=WHEN.date())
    asked = Condition("or", (Condition("not", (since,)), Condition("null", column="since")))
    return adapter.narrow(CUSTOMERS, asked) or {}  # type: ignore[attr-defined, no-any-return]


def print_changes(adapter: Adapter) -> None:
    details = [Change(DETAILS[0], (*DETAILS[0][:3], Decimal("-1.5"), None, WHEN, b"")), Change(DETAILS[1], None)]
    for schema, changes in ((WIDE, [Change(None, (9, *WIDE_ROW[1:]))]), (ORDERS, details)):
        for statement in adapter.statements(schema, changes):
            drain(adapter, statement)


def index_customers(adapter: Adapter) -> None:
    adapter.add_extra(CUSTOMERS, Index("since", ("since", "code")))  # type: ignore[attr-defined]
    adapter.add_extra(CUSTOMERS, Index("Code]s", ("code", "since"), True))  # type: ignore[attr-defined]


def give_defaults(adapter: Adapter) -> None:
    adapter.create(GIVEN)
    for column, value in zip(GIVEN.columns[1:], WIDE_ROW[1:], strict=True):
        text = "back\\\nslash" if column.type is Type.TEXT else TEXT_OF[column.type](value)
        adapter.add_extra(GIVEN, Default(column.name, text))  # type: ignore[attr-defined]
    for type_ in (Type.DATE, Type.DATETIME, Type.INSTANT):
        adapter.add_extra(GIVEN, Default(type_.value, None))  # type: ignore[attr-defined]
    adapter.add_extra(GIVEN, Default("text", "it's"))  # type: ignore[attr-defined]


def swap_two(adapter: Any) -> None:
    (reference,) = ORDERS.references
    customers = replace(CUSTOMERS, name="_dbfleet_new_1")
    orders = replace(ORDERS, name="_dbfleet_new_2", references=(replace(reference, collection=customers.name),))
    adapter.drop("follows")
    for each in (customers, orders):
        adapter.create(each)
    adapter.add_extra(customers, Index("staged", ("since",)))
    adapter.add_extra(orders, Identity("id"))
    adapter.swap([Swap(customers, "customers", {"staged": "by since"}), Swap(orders, ORDERS.name)])
    adapter.create(FOLLOWS)
    assert adapter.leftovers() == []
    assert adapter.describe(ORDERS.name).references == ORDERS.references
    assert [each for each in adapter.extras(ORDERS.name).has if isinstance(each, Identity)] == [Identity("id")]


def swap_refused(adapter: Any) -> None:
    staged = replace(CUSTOMERS, name="_dbfleet_new_3")
    adapter.create(staged)
    with contextlib.suppress(ConstraintViolated):
        adapter.swap([Swap(staged, "customers")])
        raise AssertionError("it went")
    assert adapter.leftovers() == [staged.name]
    adapter.drop(staged.name)


STEPS: list[tuple[str, Callable[[Adapter], object]]] = [
    ("ping", lambda adapter: adapter.ping()),
    ("identity", lambda adapter: adapter.identity()),  # type: ignore[attr-defined]
    ("collections", lambda adapter: adapter.collections()),
    ("create: a column of each type", lambda adapter: adapter.create(WIDE)),
    ("create: a key", lambda adapter: adapter.create(CUSTOMERS)),
    ("query: DDL, untouched", lambda adapter: drain(adapter, "create schema sales")),
    ("create: a compound key, a reference, a partition", lambda adapter: adapter.create(ORDERS)),
    ("create: an edge", lambda adapter: adapter.create(FOLLOWS)),
    ("create: keys of other types", lambda adapter: [adapter.create(each) for each in KEYS]),
    ("describe", lambda adapter: adapter.describe("follows")),
    ("count", lambda adapter: adapter.count(ORDERS.name)),
    ("write: insert", lambda adapter: adapter.write(CUSTOMERS, [[(1, "a", None)], [(2, "b", None), (3, "c", None)]])),
    ("write: insert of an existing key", refused),
    ("write: insert, every type", lambda adapter: adapter.write(WIDE, [[WIDE_ROW]])),
    ("write: insert of U+0000", lambda adapter: adapter.write(CUSTOMERS, [[(4, "a\0b", None)]])),
    ("write: insert, as literals", as_literals),
    ("write: upsert", lambda adapter: adapter.write(ORDERS, [DETAILS], mode="upsert")),
    ("write: upsert of what is all key", lambda adapter: adapter.write(FOLLOWS, [[(1, 2)]], mode="upsert")),
    ("scan", lambda adapter: [list(adapter.scan(each)) for each in (ORDERS, WIDE)]),
    ("split", lambda adapter: [adapter.split(each, 3) for each in (CUSTOMERS, ORDERS)]),
    ("scan: a part of a key", lambda adapter: list(adapter.scan(CUSTOMERS, {"from": ["1"], "below": ["2"]}))),
    (
        "scan: a part of a compound key",
        lambda adapter: list(adapter.scan(ORDERS, {"from": ["1", "a'b"], "below": ["4", ""]})),
    ),
    ("get", lambda adapter: list(adapter.get(CUSTOMERS, [(1,)]))),
    ("get: by a compound key", lambda adapter: list(adapter.get(ORDERS, [(1, "a"), (2, "b")]))),
    ("scan: what a condition chooses", lambda adapter: list(adapter.scan(CUSTOMERS, chosen(adapter)))),
    ("delete", lambda adapter: [adapter.delete(CUSTOMERS, [(8,)]), adapter.delete(ORDERS, [(8, "a"), (9, "b")])]),
    ("statements: changes as they are printed, and run by query", print_changes),
    ("query: batches", lambda adapter: drain(adapter, "print 'x'; select 1 as a;\nGO 2\nselect 2 as b")),
    ("query: parameters", lambda adapter: drain(adapter, "select :n as n, :t as t", {"n": 1, "t": "it's"})),
    ("extras: indexes", index_customers),
    ("extras: what a table has", lambda adapter: adapter.extras("customers")),  # type: ignore[attr-defined]
    ("extras: a default of each type, the moment in place of three, another text", give_defaults),
    ("extras: what counts up", lambda adapter: adapter.add_extra(ORDERS, Identity("id"))),  # type: ignore[attr-defined]
    ("count_on: behind the rows", lambda adapter: adapter.count_on(ORDERS.name)),  # type: ignore[attr-defined]
    ("left: what the database has", lambda adapter: adapter.left()),  # type: ignore[attr-defined]
    ("lost: what goes with a table", lambda adapter: adapter.lost(["follows"])),  # type: ignore[attr-defined]
    ("swap: two tables, into another schema, an index, what counts up", swap_two),
    ("swap: refused, as another table refers to what would go", swap_refused),
    ("drop", lambda adapter: [adapter.drop(name) for name in ("follows", ORDERS.name, "nowhere")]),
]


def test_statements_are_the_golden_ones(tmp_path: Path) -> None:
    log = tmp_path / "statements"
    log.touch()
    parts = [
        "-- Written by tests/unit/test_sqlserver_statements.py: every statement that the SQL Server adapter sends."
    ]
    with running(tmp_path, statements=log) as url:
        fleet = Fleet.open("golden", environ={"DBFLEET_STATE_DIR": str(tmp_path), "DBFLEET_CONFIG": ""})
        target = fleet.target(url).with_(database="made", create=True)
        with registry.connect(target) as adapter:
            seen = _section(parts, "connect, to a database that is missing", log, 0)
            for title, step in STEPS:
                step(adapter)
                seen = _section(parts, title, log, seen)
    parts.append("\n-- scan: how a column of a foreign type is read")
    parts += [f"{read.format('[c]')}  -- {word}" for word, read in _SELECT.items()]
    parts.append("\n-- write: what OPENJSON gives for a column of a type, and how that is stored; others as they are")
    parts += [f"{type_}: {_FROM_JSON.get(word, '{}').format('[c0]')}  -- {word}" for word, type_ in _JSON_TYPE.items()]
    text = "\n".join(parts) + "\n"
    if os.environ.get("DBFLEET_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


_LOOKS_UP = ("SELECT s.name FROM sys.schemas", "SELECT o.object_id", "SELECT c.name, COALESCE")
LOOKED_UP = "-- (a table is looked up, as above)"


def _section(parts: list[str], title: str, log: Path, seen: int) -> int:
    lines = log.read_text().splitlines()
    parts.append(f"\n-- {title}")
    for line in dict.fromkeys(lines[seen:]):
        text = json.loads(line).rstrip()
        if text == PROBE:
            text = text.replace("x" * (len(SENT) - 5), "xxx… (4100 of them)")
        text = re.sub(r"(object_id|major_id|parent_id) = \d{4}\b", r"\1 = 1234", text)
        text = re.sub(r"((?:PK|FK|DF)__.{1,9}?__)[0-9A-F]{16}", r"\1…", text)
        text = re.sub(r"(_object_id|object_id|referenced_id) (NOT IN|IN) \([\d, ]+\)", r"\1 \2 (1234)", text)
        text = re.sub(r"\[(DF__\w+?__)[0-9A-F]{8}\]", r"[\1…]", text)
        text = text if text.endswith(";") else f"{text};"
        if text.startswith(_LOOKS_UP):
            shape = re.sub(r"N'[^']*'", "", text)
            text = LOOKED_UP if any(shape == re.sub(r"N'[^']*'", "", each) for each in parts) else text
        if text != LOOKED_UP or parts[-1] != LOOKED_UP:
            parts.append(text)
    return len(lines)
