"""What Oracle's native lane says of a schema: the statements of its outline, by a golden file. Statements only: the
dictionary's rows are written after Oracle's reference, and no Oracle Database has run what comes of them.

After a change that is meant: DBFLEET_WRITE_GOLDEN=1 pytest tests/unit/test_oracle_native.py; read the difference.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.literals import literals
from dbfleet.engines.oracle.native import catalog, names, needs, outline, take, values, views
from dbfleet.engines.oracle.types import Described, Native, read, spelled
from dbfleet.engines.oracle.values import binders
from dbfleet.outline import STAGES, Outline, Step
from dbfleet.values import Type

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.unit.oracle_dictionary import SCHEMA, Dictionary  # noqa: E402
from tests.unit.oracle_schema import dictionary  # noqa: E402

GOLDEN = ROOT / "tests/engines/golden/oracle_native.sql"


def said(asked: Dictionary, version: int = 23) -> Outline:
    going, _ = catalog.carried(asked)
    return outline.outline(asked, version, SCHEMA, going, everything=True, view_names=views.names(asked))


def test_the_outline_is_the_golden_one() -> None:
    asked = dictionary()
    found = said(asked)
    names.names(asked, [(catalog.CONSTRAINT, "X"), (catalog.INDEX, "X")], [])
    parts = ["-- Written by tests/unit/test_oracle_native.py: the outline of the schema in oracle_schema.py.",
             "-- No Oracle Database has run these statements."]  # fmt: skip
    for stage in STAGES:
        parts.append(f"\n-- {stage}")
        for step in found.steps:
            if step.stage == stage:
                whose = f"{step.collection}: " if step.collection else ""
                needed = f", needed by {', '.join(step.needed_by)}" if step.needed_by else ""
                parts.append(f"-- {whose}{step.words}{needed}")
                parts += [f"{take.in_words(step, step.text, {})};"] if step.text else []
    parts += ["\n-- left", *(f"-- {text}" for text in found.left)]
    parts += ["\n-- how a column is read and written natively"]
    for native in values.as_it_is(tables.find("TYPES", asked)).columns.values():
        parts.append(f"-- {native.column.native}: {tables.select_expression(native)} <- {spelled([native])[0]}")
    parts += ["\n-- the dictionary's queries", *(f"{text};" for text in sorted(asked.asked))]
    text = "\n".join(parts) + "\n"
    if os.environ.get("DBFLEET_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_every_type_of_the_closed_set_has_every_value_natively() -> None:
    asked = dictionary()
    table = tables.find("OURS", asked)
    schema = values.native(tables.describe(table, asked), table)
    assert schema.native
    assert {column.name: (column.type, column.native, column.shown) for column in schema.columns} == {
        "id": (Type.INT, "NUMBER(19)", None),
        "good": (Type.TEXT, "NUMBER(1)", Type.BOOL),
        "day": (Type.TEXT, "DATE", Type.DATE),
        "doc": (Type.TEXT, "CLOB", Type.JSON),
    }


def own(type_: str, **more: Any) -> Native:
    table = tables.Table("T", False, None, {"C": read(Described("C", type_, **more))})
    return values.as_it_is(table).column("C")


@pytest.mark.parametrize(
    ("native", "text", "binds"),
    [
        (own("DATE"), "-0044-03-15 00:00:00", ["-0044-03-15 00:00:00"]),
        (own("DATE", comment="dbfleet:date"), "2024-02-29", ["2024-02-29 00:00:00"]),
        (own("DATE", comment="dbfleet:date"), "2024-02-29 13:00:00", ["2024-02-29 13:00:00"]),
        (own("NUMBER", precision=1, scale=0, comment="dbfleet:bool"), "t", ["1"]),
        (own("NUMBER", precision=1, scale=0, comment="dbfleet:bool"), "-7", ["-7"]),
        (own("TIMESTAMP(9)", scale=9), "2024-02-29 13:05:00.123456789", ["2024-02-29 13:05:00.123456789"]),
        (own("TIMESTAMP(3) WITH LOCAL TIME ZONE", scale=3), "2024-02-29 13:05:00.123Z",
         ["2024-02-29 13:05:00.123+00:00"]),
        (own("TIMESTAMP(0) WITH TIME ZONE", scale=0), "2024-02-29 13:05:00-05:30",
         ["2024-02-29 13:05:00-05:30", "-05:30"]),
        (own("TIMESTAMP(0) WITH TIME ZONE", scale=0), "2024-10-27 00:30:00Z Europe/Berlin",
         ["2024-10-27 00:30:00+00:00", "Europe/Berlin"]),
    ],
)  # fmt: skip
def test_a_native_text_is_bound_by_what_its_expression_takes(native: Native, text: str, binds: list[str]) -> None:
    made = [make(text) for make in binders(native.column, native)]
    assert made == binds
    assert native.writes.count("{}") == len(binds)


def test_statements_have_the_same_expressions() -> None:
    natives = [own("DATE"), own("TIMESTAMP(0) WITH TIME ZONE", scale=0), own("CLOB"), own("BLOB"), own("NUMBER")]
    spell = literals([native.column for native in natives], natives)
    row = ("-0044-03-15 00:00:00", "2024-10-27 00:30:00Z Europe/Berlin", "", b"", Decimal("9" * 39))
    assert [spell(place, value) for place, value in enumerate(row)] == [
        "TO_DATE('-0044-03-15 00:00:00', 'SYYYY-MM-DD HH24:MI:SS')",
        "TO_TIMESTAMP_TZ('2024-10-27 00:30:00+00:00', 'SYYYY-MM-DD HH24:MI:SSTZH:TZM') AT TIME ZONE 'Europe/Berlin'",
        "EMPTY_CLOB()",
        "EMPTY_BLOB()",
        "9" * 39,
    ]
    assert spell(2, "{}") == "TO_CLOB('{}')"


def step_of(found: Outline, words: str) -> Step:
    return next(step for step in found.steps if step.words == words)


def test_another_name_is_spelled_wherever_it_stands() -> None:
    found = said(dictionary())
    called = {"OURS": "Theirs", "CUSTOMERS": "C2", f"{catalog.CONSTRAINT}.CUSTOMERS_PK": f"{catalog.CONSTRAINT}.PK_1"}
    assert take.in_words(*texts(found, "sequence of id"), called).startswith('CREATE SEQUENCE "dbfleet:Theirs.id" ')
    assert '"id" NUMBER(19) DEFAULT "dbfleet:Theirs.id".NEXTVAL' in take.in_words(*texts(found, "table OURS"), called)
    assert take.in_words(*texts(found, "foreign key ORDERS_CUSTOMER"), called).startswith(
        'ALTER TABLE "ORDERS" ADD CONSTRAINT "ORDERS_CUSTOMER" FOREIGN KEY ("CUSTOMER") REFERENCES "C2" ("ID")'
    )
    key = next(step for step in found.steps if (step.collection, step.words) == ("CUSTOMERS", "primary key"))
    assert take.in_words(key, key.text, called) == 'ALTER TABLE "C2" ADD CONSTRAINT "PK_1" PRIMARY KEY ("ID")'


def texts(found: Outline, words: str) -> tuple[Step, str]:
    step = step_of(found, words)
    return step, step.text


def test_names_are_free_or_those_of_what_goes() -> None:
    asked = dictionary()
    makes = [(catalog.CONSTRAINT, "CUSTOMERS_PK"), (catalog.INDEX, "CUSTOMERS_PK"), (catalog.INDEX, "NEW")]
    assert names.names(asked, makes, []) == {
        (catalog.CONSTRAINT, "CUSTOMERS_PK"): "constraint.CUSTOMERS_PK_1",
        (catalog.INDEX, "CUSTOMERS_PK"): "index.CUSTOMERS_PK_1",
        (catalog.INDEX, "NEW"): "index.NEW",
    }
    assert names.names(asked, makes, ["CUSTOMERS"])[makes[0]] == "constraint.CUSTOMERS_PK"
    (found,) = names.names(lambda text: [("é" * 64, "T")], [(catalog.INDEX, "é" * 64)], []).values()
    assert len(found.removeprefix("index.").encode()) <= 128


def test_what_a_server_lacks_is_told() -> None:
    steps = said(dictionary()).steps
    whys = {step.words: why for step in steps if (why := needs.lacking(dictionary(), 19, steps).get(step.mark))}
    assert whys == {
        "type BOOLEAN": "a server has from version 23 on",
        "type XMLTYPE": "is not carried",
        "type JSON": "is not carried",
        "type VECTOR": "is not carried",
        "immutable rows": "are not carried",
    }
    narrow = dictionary(characters="WE8MSWIN1252")
    told = {step.words: why for step in steps if (why := needs.lacking(narrow, 23, steps).get(step.mark))}
    assert told["character set AL32UTF8"] == "has characters that the sink's WE8MSWIN1252 may lack"
    from_narrow = said(narrow).steps
    assert not [step for step in from_narrow if "WE8" in step.words and step.mark in needs.lacking(narrow, 23, steps)]


def test_an_older_dictionary_is_not_asked_for_what_it_has_not() -> None:
    asked = dictionary()
    said(asked, 18)
    assert catalog.DOMAINS not in asked.asked
    assert catalog.IMMUTABLE not in asked.asked


def test_the_outline_of_what_was_made_by_it_has_the_same_steps() -> None:
    """Names that the server has given are none of the table's."""
    one, other = dictionary(), dictionary()
    customers = other.tables["CUSTOMERS"]
    renamed = [replace(each, name=f"SYS_C9{number}") if not each.named else each
               for number, each in enumerate(customers.constraints)]  # fmt: skip
    other.tables["CUSTOMERS"] = replace(customers, constraints=renamed)
    pairs = [outline.outline(asked, 23, SCHEMA, ["CUSTOMERS"], everything=False) for asked in (one, other)]
    assert {step.text for step in pairs[0].steps} == {step.text for step in pairs[1].steps}
