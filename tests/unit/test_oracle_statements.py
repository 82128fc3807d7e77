"""Every statement that the Oracle adapter sends, as it arrives at the server, is the one in the golden file.

The file is for somebody who knows Oracle: the wire double proves how the driver is used, and nothing about its SQL.
After a change that is meant: DBFLEET_WRITE_GOLDEN=1 pytest tests/unit/test_oracle_statements.py; read the difference.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from dbfleet import registry
from dbfleet.adapter import Adapter, Change, Condition, Part
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.engines.oracle.types import _EXPRESSIONS, Described, read, select_expression
from dbfleet.extras import Default, Extra, Identity, Index
from dbfleet.fleet import Fleet
from dbfleet.values import Column, Reference, Schema, Type

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.doubles.oracle.running import running  # noqa: E402

GOLDEN = ROOT / "tests/engines/golden/oracle_statements.sql"

ID = Column("id", Type.INT, False)
SPEC = registry.spec("oracle")
WIDE = wide_schema("wide", SPEC)
CUSTOMERS = Schema("customers", (ID, Column("code", Type.TEXT, False, length=20), Column("since", Type.DATE)), ("id",))
ORDERS = Schema(
    "Order Details",
    (
        ID,
        Column("line", Type.INT, False),
        Column("customer_id", Type.INT, False),
        Column("price", Type.DECIMAL, False, precision=12, scale=2),
        Column("it's", Type.TEXT, length=1000),
        Column("long", Type.TEXT, length=3000),
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
KEYS = [
    Schema(f"by {type_.value}", (Column("k", type_, False), Column("v", Type.INT)), ("k",))
    for type_ in (Type.TEXT, Type.BYTES, Type.INSTANT, Type.UUID, Type.DECIMAL)
]
TWO_TEXTS = Schema("by two texts", (Column("a", Type.TEXT, False), Column("b", Type.TEXT, False)), ("a", "b"))
WHEN = datetime(2024, 2, 29, tzinfo=UTC)
MOMENTS = {
    "c_date": ("2024-02-29", None),
    "c_datetime": ("2024-02-29T13:05:00", None),
    "c_instant": ("2024-02-29T13:05:00Z", None),
}


def drain(adapter: Adapter, statement: str, params: dict[str, object] | None = None) -> None:
    with adapter.query(statement, params) as result:
        for _ in result:
            pass


def snapshot(adapter: Adapter) -> None:
    with adapter.snapshot():  # type: ignore[attr-defined]
        adapter.count("customers")


def chosen(adapter: Adapter) -> Part:
    since = Condition("<", column="since", value=WHEN.date())
    asked = Condition("or", (Condition("not", (since,)), Condition("null", column="since")))
    return adapter.narrow(CUSTOMERS, asked) or {}  # type: ignore[attr-defined, no-any-return]


def print_changes(adapter: Adapter) -> None:
    changes = [Change(None, row) for row in wide_rows(SPEC, 7) if len(row[6] or b"") <= 2000]
    changes = [Change(None, (100 + number, *change.after[1:])) for number, change in enumerate(changes) if change.after]
    details = [Change(DETAILS[0], (*DETAILS[0][:4], "it's", None, WHEN, None)), Change(DETAILS[1], None)]
    for schema, each in ((WIDE, changes), (ORDERS, details)):
        for statement in adapter.statements(schema, each):
            drain(adapter, statement)


def give(adapter: Adapter, schema: Schema, extra: Extra) -> None:
    adapter.add_extra(schema, extra)  # type: ignore[attr-defined]


INDEXES = (Index("by price", ("price", "line")), Index("by hash", ("hash", "id"), True), Index("by moment", ("at",)))
DEFAULTS = (
    Default("c_bool", "true"),
    Default("c_int", "-7"),
    Default("c_decimal", "0.10"),
    Default("c_float", "1.5"),
    Default("c_text", "it's"),
    Default("c_time", "13:05:00"),
    Default("c_uuid", "00000000-0000-0000-0000-000000000001"),
    *(Default(name, text) for name, texts in MOMENTS.items() for text in texts),
)
DETAILS = [(number, 0, 1, Decimal(1), "x", "y", WHEN, b"z") for number in range(6)]
STEPS: list[tuple[str, Callable[[Adapter], object]]] = [
    ("ping", lambda adapter: adapter.ping()),
    ("identity", lambda adapter: adapter.identity()),  # type: ignore[attr-defined]
    ("collections", lambda adapter: adapter.collections()),
    ("create: a column of each type", lambda adapter: adapter.create(WIDE)),
    ("create: a key", lambda adapter: adapter.create(CUSTOMERS)),
    ("create: a compound key, a reference, a partition", lambda adapter: adapter.create(ORDERS)),
    ("create: an edge", lambda adapter: adapter.create(FOLLOWS)),
    ("create: keys of other types", lambda adapter: [adapter.create(each) for each in (*KEYS, TWO_TEXTS)]),
    ("describe", lambda adapter: adapter.describe("Order Details")),
    ("count", lambda adapter: adapter.count("Order Details")),
    ("write: insert", lambda adapter: adapter.write(CUSTOMERS, [[(1, "a", None)], [(2, "b", None)]])),
    ("write: insert with LOBs", lambda adapter: adapter.write(WIDE, [wide_rows(SPEC, 20)])),
    ("write: upsert", lambda adapter: adapter.write(CUSTOMERS, [[(1, "c", None)]], mode="upsert")),
    ("write: upsert of what is all key", lambda adapter: adapter.write(FOLLOWS, [[(1, 2)]], mode="upsert")),
    ("write: upsert with LOBs", lambda adapter: adapter.write(ORDERS, [DETAILS], mode="upsert")),
    ("scan", lambda adapter: [list(adapter.scan(each)) for each in (CUSTOMERS, ORDERS, WIDE)]),
    ("split", lambda adapter: [adapter.split(each, 3) for each in (CUSTOMERS, ORDERS)]),
    ("scan: a part of a key", lambda adapter: list(adapter.scan(CUSTOMERS, {"from": ["1"], "below": ["2"]}))),
    (
        "scan: a part of a compound key",
        lambda adapter: list(adapter.scan(ORDERS, {"from": ["1", "0"], "below": ["4", "0"]})),
    ),
    ("get", lambda adapter: list(adapter.get(CUSTOMERS, [(1,)]))),
    ("get: up to ten keys", lambda adapter: list(adapter.get(CUSTOMERS, [(1,), (2,)]))),
    ("get: by a compound key", lambda adapter: list(adapter.get(ORDERS, [(1, 0)]))),
    ("scan: what a condition chooses", lambda adapter: list(adapter.scan(CUSTOMERS, chosen(adapter)))),
    ("delete", lambda adapter: [adapter.delete(CUSTOMERS, [(8,)]), adapter.delete(ORDERS, [(8, 0), (9, 0)])]),
    ("statements: changes as they are printed, and run by query", print_changes),
    ("extras: an index, a unique one", lambda adapter: [give(adapter, ORDERS, each) for each in INDEXES]),
    ("extras: defaults", lambda adapter: [give(adapter, WIDE, each) for each in DEFAULTS]),
    ("extras: the moment in a key, in UTC", lambda adapter: give(adapter, KEYS[2], Default("k", None))),
    ("extras: an identity", lambda adapter: give(adapter, CUSTOMERS, Identity("id"))),
    ("extras", lambda adapter: adapter.extras("Order Details")),  # type: ignore[attr-defined]
    ("count_on: behind the rows", lambda adapter: adapter.count_on("customers")),  # type: ignore[attr-defined]
    ("left: what the schema has", lambda adapter: adapter.left()),  # type: ignore[attr-defined]
    ("lost: what goes with a table", lambda adapter: adapter.lost(["customers"])),  # type: ignore[attr-defined]
    ("snapshot", snapshot),
    ("query: a parameter", lambda adapter: drain(adapter, "select :date from dual;", {"date": "x"})),
    ("query: a column with a time zone", lambda adapter: drain(adapter, 'select "id", "at" from "Order Details"')),
    ("query: PL/SQL", lambda adapter: drain(adapter, "begin null; end;\n/\n")),
    ("drop", lambda adapter: [adapter.drop(name) for name in ("follows", "Order Details", "customers")]),
]


def test_statements_are_the_golden_ones(tmp_path: Path) -> None:
    log = tmp_path / "statements"
    log.touch()
    parts = ["-- Written by tests/unit/test_oracle_statements.py: every statement that the Oracle adapter sends."]
    with running(tmp_path, statements=log) as url:
        fleet = Fleet.open("golden", environ={"DBFLEET_STATE_DIR": str(tmp_path), "DBFLEET_CONFIG": ""})
        with registry.connect(fleet.target(url)) as adapter:
            seen = _section(parts, "connect", log, 0)
            for title, step in STEPS:
                step(adapter)
                seen = _section(parts, title, log, seen)
    parts.append("\n-- scan: how a column of a foreign type is read")
    parts += [f"{select_expression(read(Described('c', each)))}  -- {each}" for each in _EXPRESSIONS]
    text = "\n".join(parts) + "\n"
    if os.environ.get("DBFLEET_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def _section(parts: list[str], title: str, log: Path, seen: int) -> int:
    lines = log.read_text().splitlines()
    parts.append(f"\n-- {title}")
    told: set[str] = set()
    for line in lines[seen:]:
        found = json.loads(line)
        binds = f"  -- binds: {', '.join(found['binds'])}" if found["binds"] else ""
        text = found["text"].rstrip()
        statement = f"{text}{'' if text.endswith(';') else ';'}{binds}"
        if statement not in told:
            told.add(statement)
            parts.append(statement)
    return len(lines)
