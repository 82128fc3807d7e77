"""What Oracle's dictionary says of indexes and defaults that dbfleet did not make, in the dictionary's own spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dbfleet.engines import _oracle_extras as oracle
from dbfleet.engines._oracle_tables import Table
from dbfleet.engines._oracle_types import Described, read
from dbfleet.extras import Default, Identity, Index

COLUMNS = (
    Described("ID", "NUMBER", precision=19, scale=0, nullable="N"),
    Described("CODE", "VARCHAR2", char_length=20, char_used="C"),
    Described("PRICE", "NUMBER", precision=12, scale=2),
    Described("RATIO", "BINARY_DOUBLE"),
    Described("GOOD", "BOOLEAN"),
    Described("DAY", "DATE", comment="dbfleet:date"),
    Described("AT", "DATE"),
    Described("SEEN", "TIMESTAMP(6) WITH TIME ZONE", scale=6),
    Described("UTC", "TIMESTAMP(6)", scale=6, comment="dbfleet:instant"),
    Described("DOC", "CLOB", comment="dbfleet:json"),
)
TABLE = Table("ORDERS", False, None, {each.name: read(each) for each in COLUMNS})


def found(**answers: Sequence[Sequence[Any]]) -> Any:
    by_text = {getattr(oracle, name): rows for name, rows in answers.items()}
    return oracle.extras(lambda text, values: by_text.get(text, ()), TABLE)


@pytest.mark.parametrize(
    ("column", "text", "default"),
    [
        ("CODE", "'it''s'\n", "it's"),
        ("CODE", "('x')", "x"),
        ("PRICE", "-0.25", "-0.25"),
        ("PRICE", "'1.5'", "1.5"),
        ("RATIO", "1.5e-3D", "0.0015"),
        ("GOOD", "TRUE", "true"),
        ("DAY", "date '2024-02-29'", "2024-02-29"),
        ("DAY", "TRUNC( SYSDATE )", None),
        ("AT", "sysdate", None),
        ("AT", "DATE'2024-02-29'", "2024-02-29T00:00:00"),
        ("AT", "TIMESTAMP '2024-02-29 13:05:00'", "2024-02-29T13:05:00"),
        ("SEEN", "systimestamp(3)", None),
        ("SEEN", "TIMESTAMP '2024-02-29 13:05:00 +02:00'", "2024-02-29T11:05:00Z"),
        ("UTC", "SYS_EXTRACT_UTC(SYSTIMESTAMP)", None),
        ("UTC", "TIMESTAMP '2024-02-29 13:05:00.5'", "2024-02-29T13:05:00.5Z"),
    ],
)
def test_a_default_that_is_a_value_or_the_moment_comes_along(column: str, text: str, default: str | None) -> None:
    assert found(DEFAULTS=[(column, "NO", text)]).has == (Default(column, default),)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("CODE", "USER"),
        ("CODE", "007"),
        ("CODE", "'a' || 'b'"),
        ("CODE", "q'[x]'"),
        ("PRICE", "1 + 1"),
        ("PRICE", "'many'"),
        ("DOC", "'{}'"),
        ("AT", "'2024-02-29 13:05:00'"),
        ("AT", "TRUNC(SYSDATE)"),
        ("AT", "TO_DATE('2024', 'YYYY')"),
        ("SEEN", "TIMESTAMP '2024-02-29 13:05:00'"),
        ("SEEN", "TIMESTAMP '2024-02-29 13:05:00 Europe/Berlin'"),
        ("UTC", "SYSTIMESTAMP"),
        ("UTC", "TIMESTAMP '2024-02-29 13:05:00 +02:00'"),
    ],
)
def test_a_default_that_depends_on_who_inserts_is_left(column: str, text: str) -> None:
    extras = found(DEFAULTS=[(column, "NO", text)])
    assert (extras.has, extras.left) == ((), (f"default of {column}, an expression: {text}",))


@pytest.mark.parametrize(
    "text",
    [
        '"APP"."ISEQ$$_95196".nextval',
        '"APP"."dbfleet:ORDERS.ID"."NEXTVAL"',
        "ORDERS_SEQ.NEXTVAL",
        "app.orders_seq.nextval",
    ],
)
def test_what_counts_up_is_an_identity(text: str) -> None:
    assert found(DEFAULTS=[("ID", "NO", text), ("CODE", "NO", "NULL")]).has == (Identity("ID"),)


def test_a_default_for_what_is_null_is_told() -> None:
    extras = found(DEFAULTS=[("CODE", "YES", "'x'")])
    assert (extras.has, extras.left) == ((Default("CODE", "x"),), ("default of CODE for what is NULL",))


def test_indexes_over_columns_come_along_and_others_are_left() -> None:
    extras = found(
        CONSTRAINTS=[
            ("C", "PRICE_OK", "ENABLED", None, "price > 0", "PRICE"),
            ("C", "SYS_C1", "ENABLED", None, '"ID" IS NOT NULL', "ID"),
            ("C", "SYS_C2", "ENABLED", None, '"DOC" IS JSON', "DOC"),
            ("P", "SYS_C3", "ENABLED", "ORDERS_PK", None, "ID"),
            ("U", "OFF", "DISABLED", None, None, "PRICE"),
            ("U", "SYS_C4", "ENABLED", "SYS_C4", None, "CODE"),
            ("U", "BY_TWO", "ENABLED", "WIDER", None, "CODE"),
            ("U", "BY_TWO", "ENABLED", "WIDER", None, "PRICE"),
        ],
        INDEXES=[
            ("BITS", "NONUNIQUE", "BITMAP", "VALID", "CODE"),
            ("BROKEN", "NONUNIQUE", "NORMAL", "UNUSABLE", "CODE"),
            ("DOWN", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "PRICE"),
            ("DOWN", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "SYS_NC00011$"),
            ("ORDERS_PK", "UNIQUE", "NORMAL", "VALID", "ID"),
            ("SYS_C4", "UNIQUE", "NORMAL", "VALID", "CODE"),
            ("UP", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "SYS_NC00012$"),
            ("WHEN", "UNIQUE", "FUNCTION-BASED NORMAL", "VALID", "SYS_NC00013$"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "PRICE"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "CODE"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "AT"),
        ],
        EXPRESSIONS=[("DOWN", 2, '"CODE"'), ("UP", 1, 'UPPER("CODE")'), ("WHEN", 1, 'SYS_EXTRACT_UTC("SEEN")')],
        TRIGGERS=[("STAMP",)],
    )
    assert extras.has == (
        Index("ORDERS_CODE_key", ("CODE",), True),
        Index("BY_TWO", ("CODE", "PRICE"), True),
        Index("DOWN", ("PRICE", "CODE")),
        Index("WHEN", ("SEEN",), True),
        Index("WIDER", ("PRICE", "CODE", "AT")),
    )
    assert extras.left == (
        "check PRICE_OK: price > 0",
        "unique constraint OFF, which is disabled",
        "index BITS, of kind BITMAP",
        "index BROKEN, which is unusable",
        "index UP, over an expression",
        "trigger STAMP",
    )


def test_each_column_has_a_sequence_of_its_own() -> None:
    assert oracle.sequence_name("orders", "id") == "dbfleet:orders.id"
    pairs = [("a.b", "c"), ("a", "b.c"), ("t" * 100, "c" * 100), ("t" * 100, "c" * 99)]
    names = {oracle.sequence_name(*pair) for pair in pairs}
    assert len(names) == 4
    assert all(len(name.encode()) <= 128 for name in names)


def test_only_its_own_sequences_go_with_a_table() -> None:
    rows = [
        ("ID", "NO", '"APP"."dbfleet:ORDERS.ID"."NEXTVAL"'),
        ("PRICE", "NO", '"APP"."dbfleet:ORDERS.ID"."NEXTVAL"'),
        ("CODE", "NO", "ORDERS_SEQ.NEXTVAL"),
        ("AT", "NO", "SYSDATE"),
    ]
    assert oracle.own_sequences(lambda text, values: rows, TABLE) == ['DROP SEQUENCE "dbfleet:ORDERS.ID"']
    assert oracle.own_sequences(lambda text, values: rows, replace(TABLE, is_view=True)) == []
