"""What Oracle's dictionary says of indexes and defaults that dbfleet did not make, in the dictionary's own spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Change
from dbfleet.engines.oracle import extras as oracle
from dbfleet.engines.oracle import left as leaving
from dbfleet.engines.oracle.tables import NAMES, Table, broken_views
from dbfleet.engines.oracle.types import Described, read
from dbfleet.engines.oracle.write import Writer
from dbfleet.errors import ConstraintViolated, StatementError, Unsupported
from dbfleet.extras import Default, Identity, Index
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.values import Column, Schema, Type

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


def asking(**answers: Sequence[Sequence[Any]]) -> Any:
    by_text = {getattr(oracle if hasattr(oracle, name) else leaving, name): rows for name, rows in answers.items()}
    return lambda text, values: by_text.get(text, ())


def found(table: Table = TABLE, **answers: Sequence[Sequence[Any]]) -> Any:
    return oracle.extras(asking(**answers), table)


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
            ("BITS", "NONUNIQUE", "BITMAP", "VALID", "VISIBLE", "ASC", "CODE"),
            ("BROKEN", "NONUNIQUE", "NORMAL", "UNUSABLE", "VISIBLE", "ASC", "CODE"),
            ("DOWN", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "VISIBLE", "ASC", "PRICE"),
            ("DOWN", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "VISIBLE", "DESC", "SYS_NC00011$"),
            ("ORDERS_PK", "UNIQUE", "NORMAL", "VALID", "VISIBLE", "ASC", "ID"),
            ("SYS_C4", "UNIQUE", "NORMAL", "VALID", "VISIBLE", "ASC", "CODE"),
            ("UP", "NONUNIQUE", "FUNCTION-BASED NORMAL", "VALID", "VISIBLE", "ASC", "SYS_NC00012$"),
            ("WHEN", "UNIQUE", "FUNCTION-BASED NORMAL", "VALID", "INVISIBLE", "ASC", "SYS_NC00013$"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "VISIBLE", "ASC", "PRICE"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "VISIBLE", "ASC", "CODE"),
            ("WIDER", "NONUNIQUE", "NORMAL/REV", "N/A", "VISIBLE", "ASC", "AT"),
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
        "of index DOWN, its descending order",
        "index UP, over an expression",
        "of index WHEN, that the server does not use it",
        "of index WIDER, that its keys are reversed",
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


# --- what no record holds ---

VIRTUAL = Described("TWICE", "NUMBER", precision=19, scale=0, virtual="YES", expression=9)
HIDDEN = Described("SECRET", "NUMBER", precision=19, scale=0, hidden="YES")
COUNTED = Described("N", "NUMBER", precision=19, scale=0, nullable="N", expression=20, generation="ALWAYS")
XML = Described("DOC2", "XMLTYPE", virtual="YES")


def table(*more: Described, **changes: Any) -> Table:
    columns = {**TABLE.columns, **{each.name: read(each) for each in more}}
    return replace(TABLE, columns=columns, **changes)


def test_a_column_with_an_expression_is_generated_and_no_other_is() -> None:
    natives = [read(each) for each in (VIRTUAL, HIDDEN, COUNTED, XML, replace(XML, expression=30))]
    assert [native.generated for native in natives] == [True, False, False, False, False]
    assert [native.column.generated for native in natives] == [True, *[False] * 4]
    extras = found(table(VIRTUAL), DEFAULTS=[("TWICE", "NO", '"PRICE"*2 ')])
    assert (extras.has, extras.left) == ((), ('generated column TWICE, "PRICE"*2: its values come',))


@pytest.mark.parametrize(
    ("sequence", "on_null", "left"),
    [
        ([(1, 20, 21, 1, 99)], "NO", ()),
        ([(10, 20, 21, 1, 99)], "YES", ("that ID counts by 10", "that ID counts for what is NULL")),
        ([], "NO", ()),
    ],
)
def test_what_counts_up_comes_and_how_is_told(sequence: Any, on_null: str, left: tuple[str, ...]) -> None:
    extras = found(DEFAULTS=[("ID", on_null, '"APP"."ISEQ$$_9".nextval')], SEQUENCE=sequence)
    assert (extras.has, extras.left) == ((Identity("ID"),), left)


def test_a_sequence_in_an_expression_or_into_a_text_is_no_identity() -> None:
    rows = [("ID", "NO", '"APP"."S"."NEXTVAL"*10'), ("CODE", "NO", "S.NEXTVAL")]
    assert found(DEFAULTS=rows).left == (
        'default of ID, an expression: "APP"."S"."NEXTVAL"*10', "default of CODE, an expression: S.NEXTVAL"
    )  # fmt: skip


def of(kind: str, name: str, rule: str | None = None, *, deferrable: bool = False, deferred: bool = False,
       status: str = "ENABLED", validated: str = "VALIDATED", outside: bool = False) -> tuple[Any, ...]:  # fmt: skip
    return (
        kind, name, rule, "DEFERRABLE" if deferrable else "NOT DEFERRABLE", "DEFERRED" if deferred else "IMMEDIATE",
        status, validated, "OTHER" if outside else "APP", "PARENTS_PK", "YES" if outside else "NO",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"CONSTRAINTS": [of("R", "F", "CASCADE")]}, "of foreign key F, on delete cascade"),
        (
            {"CONSTRAINTS": [of("R", "F", "SET NULL", deferrable=True, deferred=True)]},
            "of foreign key F, on delete set null and that it is deferrable and initially deferred",
        ),
        (
            {"CONSTRAINTS": [of("R", "F", "NO ACTION", status="DISABLED", validated="NOT VALIDATED")]},
            "of foreign key F, that it is disabled",
        ),
        (
            {"CONSTRAINTS": [of("R", "F", "NO ACTION", validated="NOT VALIDATED")]},
            "of foreign key F, that nobody has checked it",
        ),
        ({"CONSTRAINTS": [of("R", "F", "NO ACTION", outside=True)]}, "foreign key F, to PARENTS_PK of OTHER"),
        ({"CONSTRAINTS": [of("P", "K", deferrable=True)]}, "of the key, that it is deferrable"),
        ({"CONSTRAINTS": [of("P", "K", status="DISABLED")]}, "of the key, that it is disabled"),
        ({"CONSTRAINTS": [of("U", "U1", deferrable=True)]}, "of unique constraint U1, that it is deferrable"),
        ({"CONSTRAINTS": [of("P", "K"), of("R", "F", "NO ACTION")]}, None),
        ({"KIND": [("IOT", "N", None, "NO")]}, "that it is organized by its key"),
        ({"KIND": [(None, "Y", None, "NO")]}, "that it is temporary: its rows are each session's own"),
        ({"KIND": [(None, "N", "C1", "NO")]}, "its place in cluster C1"),
        ({"KIND": [(None, "N", None, "YES")]}, "that it is read only"),
        ({"KIND": [(None, "N", None, "NO")]}, None),
        ({"VIEWED": [("ORDERS",)]}, "that it is a materialized view: its rows come as a table"),
        ({"EXTERNAL": [("ORACLE_LOADER",)]}, "that it is an external table: its rows come as a table"),
        ({"PARTITIONS": [("RANGE", "AT"), ("RANGE", "ID")]}, "partitions by range (AT, ID)"),
        ({"TRIGGERS": [("STAMP",)]}, "trigger STAMP"),
        ({"POLICIES": [("OWN_ROWS",)]}, "policy OWN_ROWS"),
        ({"COMMENTS": [("CODE", "what it is"), ("DAY", "dbfleet:date")]}, "comment of CODE"),
        ({"PRIVILEGES": [("PUBLIC",), ("SCOTT",)]}, "privileges"),
    ],
)
def test_what_no_record_holds_is_left_by_name(answers: dict[str, Any], told: str | None) -> None:
    by_text = {getattr(leaving, name): rows for name, rows in answers.items()}
    extras = oracle.extras(lambda text, values: by_text.get(text, ()), TABLE)
    assert (extras.has, extras.left) == ((), (told,) if told else ())


def test_what_the_table_itself_says_is_left_by_name() -> None:
    assert found(table(comment="dbfleet:{}")).left == ()
    assert found(table(HIDDEN, COUNTED, comment="orders of the shop")).left == (
        "that N is always generated as identity", "that SECRET is invisible", "comment of the table"
    )  # fmt: skip
    assert found(table(is_view=True)).left == ("that it is a view: its rows come as a table",)


def test_what_the_schema_has_besides_its_tables_is_told_by_name() -> None:
    ask = asking(
        OBJECTS=[
            ("DATABASE LINK", "FAR"), ("MATERIALIZED VIEW", "DAILY"), ("PACKAGE", "BILLING"),
            ("SEQUENCE", "ISEQ$$_9"), ("SEQUENCE", "NUMBERS"), ("SEQUENCE", "dbfleet:orders.id"), ("SYNONYM", "O"),
            ("VIEW", "GONE"), ("VIEW", "SEEN"),
        ],
        EVENTS=[("AT_LOGON",)],
    )  # fmt: skip
    assert leaving.of_schema(lambda text, *_: ask(text, ()), {"GONE": "ORA-04063"}) == [
        "database link FAR",
        "materialized view DAILY: its rows come as a table",
        "package BILLING",
        "sequence NUMBERS",
        "synonym O",
        "view GONE, which cannot be read: ORA-04063",
        "view SEEN: its rows come as a table",
        "trigger AT_LOGON, of no table",
    ]


def test_what_goes_with_a_table_is_told_and_a_materialized_view_is_refused() -> None:
    ask = asking(DEFAULTS=[("TWICE", "NO", "1")], TRIGGERS=[("STAMP",)])
    assert oracle.lost(ask, table(VIRTUAL)) == ["generated column TWICE, 1", "trigger STAMP"]
    with pytest.raises(ConstraintViolated, match="ORDERS is a materialized view"):
        oracle.lost(asking(VIEWED=[("ORDERS",)]), TABLE)


def test_a_view_that_cannot_be_read_is_broken_and_one_that_is_kept_from_us_is_not() -> None:
    wrong = {"GONE": "ORA-04063", "OURS NOT": "ORA-01031"}

    def ask(text: str) -> list[Any]:
        if text == NAMES:
            return [("T", "TABLE"), *((name, "VIEW") for name in (*wrong, "SEEN"))]
        name = text.split('"')[1]
        if name in wrong:
            raise StatementError(f"{name} has errors", code=wrong[name])
        return []

    assert broken_views(ask) == {"GONE": "GONE has errors"}


# --- counters ---

ISEQ, OWN = '"APP"."ISEQ$$_9".nextval', '"APP"."dbfleet:ORDERS.ID"."NEXTVAL"'


@pytest.mark.parametrize(
    ("text", "sequence", "last", "start"),
    [
        (ISEQ, (1, 0, 1, 1, 99), 41, 42),
        (ISEQ, (1, 0, 42, 1, 99), 41, None),
        (ISEQ, (1, 0, 1, 1, 99), None, None),
        (ISEQ, (1, 20, 41, 1, 99), 30, 41),  # the next may be anything from 21 on
        (ISEQ, (1, 20, 41, 1, 99), 20, None),
        (ISEQ, (10, 0, 1, 1, 99), 41, 51),
        (ISEQ, (-1, 0, -1, -99, -1), -41, -42),
        (ISEQ, (-1, 20, -41, -99, -1), -30, -41),
        (OWN, (1, 0, 1, 1, 99), 41, 42),
        ("orders_seq.NEXTVAL", (1, 0, 1, 1, 99), 41, 42),
    ],
)
def test_counter_goes_on_behind_the_rows_and_never_back(
    text: str, sequence: tuple[int, ...], last: int | None, start: int | None
) -> None:
    done: list[str] = []
    asked = {"ISEQ": ["ISEQ$$_9", "APP"], '"APP"."dbf': ["dbfleet:ORDERS.ID", "APP"], "orders": ["ORDERS_SEQ", None]}

    def ask(statement: str, values: Sequence[Any] = ()) -> list[Any]:
        if statement == oracle.DEFAULTS:
            return [("ID", "NO", text), ("CODE", "NO", "'x'")]
        if statement == oracle.SEQUENCE:
            assert values == next(found for word, found in asked.items() if word in text)
            return [sequence]
        assert statement == f'SELECT {"MAX" if sequence[0] > 0 else "MIN"}("ID") FROM "ORDERS"'
        return [(last,)]

    assert list(oracle.count_on(ask, done.append, TABLE)) == []
    identity = f'ALTER TABLE "ORDERS" MODIFY ("ID" GENERATED BY DEFAULT AS IDENTITY (START WITH {start} INCREMENT BY '
    name = {OWN: '"APP"."dbfleet:ORDERS.ID"', "orders_seq.NEXTVAL": '"ORDERS_SEQ"'}.get(text)
    wanted = f"ALTER SEQUENCE {name} RESTART START WITH {start}" if name else f"{identity}{sequence[0]}))"
    assert done == ([wanted] if start is not None else [])


def test_counter_for_what_is_null_stays_one_and_one_that_cannot_be_set_is_told() -> None:
    done: list[str] = []

    def refuse(statement: str) -> None:
        done.append(statement)
        raise StatementError("insufficient privileges")

    def ask(statement: str, values: Sequence[Any] = ()) -> list[Any]:
        answers: dict[str, list[Any]] = {oracle.DEFAULTS: [("ID", "YES", ISEQ)], oracle.SEQUENCE: [(1, 0, 1, 1, 99)]}
        return answers.get(statement, [(5,)])

    assert list(oracle.count_on(ask, refuse, TABLE)) == [
        "the counter of ID is behind its last value: insufficient privileges"
    ]
    assert "GENERATED BY DEFAULT ON NULL AS IDENTITY (START WITH 6 INCREMENT BY 1)" in done[0]


@pytest.mark.parametrize(
    ("sequence", "told"),
    [
        ([], 'the counter of ID, "APP"."ISEQ$$_9".nextval, stays where it was'),
        ([(1, 0, 1, 1, 41)], "the counter of ID ends before its last value: it has none behind 41"),
    ],
)
def test_counter_that_has_no_value_behind_is_told(sequence: list[Any], told: str) -> None:
    ask = asking(DEFAULTS=[("ID", "NO", ISEQ)], SEQUENCE=sequence)
    done: list[str] = []
    answered = lambda text, values=(): [(41,)] if text.startswith("SELECT MAX") else ask(text, values)  # noqa: E731
    assert list(oracle.count_on(answered, done.append, TABLE)) == [told]
    assert done == []


def test_identity_that_is_always_generated_is_left_alone() -> None:
    ask = asking(DEFAULTS=[("N", "NO", ISEQ)], SEQUENCE=[(1, 0, 1, 1, 99)])
    done: list[str] = []
    assert list(oracle.count_on(ask, done.append, table(COUNTED))) == []
    assert done == []


# --- what is written ---

WITH_COUNTED = Schema("ORDERS", tuple(native.column for native in table(COUNTED, VIRTUAL).columns.values()), ("ID",))


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_identity_that_takes_no_rows_values_is_refused_by_name_before_a_row(mode: Any) -> None:
    with pytest.raises(Unsupported, match="column N of ORDERS is GENERATED ALWAYS AS IDENTITY") as caught:
        Writer(None, table(COUNTED), WITH_COUNTED, mode, registry.spec("oracle"))
    assert caught.value.hint == 'ALTER TABLE "ORDERS" MODIFY ("N" GENERATED BY DEFAULT AS IDENTITY)'


def test_a_schema_without_that_identity_is_written() -> None:
    schema = Schema("ORDERS", (TABLE.columns["ID"].column, read(VIRTUAL).column), ("ID",))
    writer = Writer(None, table(COUNTED, VIRTUAL), schema, "insert", registry.spec("oracle"))
    assert [native.name for native in writer._shape.natives] == ["ID"]


def test_printed_changes_refuse_to_set_what_only_the_server_counts() -> None:
    schema = Schema("T", (Column("ID", Type.INT, False), Column("N", Type.INT), Column("V", Type.INT)), ("ID",))
    spelling = Spelling('"T"', lambda name: f'"{name}"', lambda _, value: str(value), fixed=frozenset({"N"}),
                        counted=frozenset({"N"}))  # fmt: skip
    told = list(change_statements(schema, [Change((1, 2, 3), (1, 2, 4)), Change((1, 2, 3), None)], spelling))
    assert told == ['UPDATE "T" SET "V" = 4 WHERE "ID" = 1;', 'DELETE FROM "T" WHERE "ID" = 1;']
    for change in (Change((1, 2, 3), (1, 5, 3)), Change(None, (1, 2, 3))):
        with pytest.raises(Unsupported, match="column N of T counts by itself"):
            list(change_statements(schema, [change], spelling))
