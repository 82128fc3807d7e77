""" "exact" is a claim about every value that the source's column can hold: what of them is refused, what is changed and
what does not count is said, made anew and in a column that is there, by the engines' own specs."""

from __future__ import annotations

import math
import pickle

import pytest

from dbfleet import registry
from dbfleet.fidelity import coarse_of, coarsened, coarser, kept, kept_in, marked
from dbfleet.narrow import is_single, single
from dbfleet.values import Column, Type


def column(type_: Type, native: str | None = None, **sizes: object) -> Column:
    return Column("x", type_, native=native, **sizes)  # type: ignore[arg-type]


INT, TEXT, FLOAT, JSON = (column(each) for each in (Type.INT, Type.TEXT, Type.FLOAT, Type.JSON))


@pytest.mark.parametrize(
    ("source", "sink", "made", "told"),
    [
        ("couchdb", "postgres", INT, "exact or refused: up to 64 bits"),
        ("redis", "mysql", INT, "exact or refused: up to 64 bits"),
        ("postgres", "mysql", INT, "exact: None"),
        ("mongodb", "couchdb", INT, "exact: None"),
        ("mysql", "postgres", column(Type.DECIMAL, "bigint(20) unsigned", precision=20, scale=0), "exact: None"),
        (
            "postgres", "mysql", column(Type.DECIMAL, "numeric"),
            "exact or refused: up to 35 digits before the point and 30 behind it",
        ),
        ("cassandra", "oracle", column(Type.DECIMAL, "decimal"), "exact or refused: up to 38 digits"),
        ("postgres", "sqlserver", column(Type.DECIMAL, "numeric(12,2)", precision=12, scale=2), "exact: None"),
        ("mysql", "mariadb", column(Type.DECIMAL), "exact: None"),
        ("mysql", "oracle", column(Type.DECIMAL, precision=65, scale=30), "exact or refused: up to 38 digits"),
        (
            "mysql",
            "sqlserver",
            column(Type.DECIMAL, precision=65, scale=30),
            "exact or refused: up to 32 digits before the point and 6 behind it",
        ),
        (
            "postgres",
            "mysql",
            column(Type.DECIMAL, precision=80, scale=2),
            "as text: decimal, as text: it has more digits",
        ),
        ("postgres", "mariadb", column(Type.DECIMAL, precision=65, scale=30), "exact: None"),
        ("mysql", "postgres", TEXT, "exact or refused: no U+0000"),
        ("couchdb", "postgres", JSON, "exact or refused: no U+0000"),
        ("postgres", "mysql", JSON, "exact or refused: no number that is no double"),
        ("postgres", "mariadb", JSON, "exact: None"),
        ("postgres", "mysql", FLOAT, "exact or refused: no NaN and no infinity"),
        ("sqlserver", "mysql", FLOAT, "exact: None"),
        ("postgres", "sqlserver", FLOAT, "exact or refused: no NaN and no infinity, none nearer to zero than 2.2e-308"),
    ],
)  # fmt: skip
def test_what_a_column_that_is_made_refuses_is_said(source: str, sink: str, made: Column, told: str) -> None:
    found = kept(made, registry.spec(source), registry.spec(sink))
    assert f"{found.keeping}: {found.note}" == told


@pytest.mark.parametrize(
    ("source", "sink", "told"),
    [
        ("postgres", "mysql", None),  # its keys have 2,700 bytes, these 3,072
        ("sqlite", "mysql", "up to 3,072 bytes in a key"),
        ("sqlite", "cassandra", "no empty text in a key, up to 65,535 bytes in a key"),
        (
            "sqlite", "sqlserver",
            "no key that differs from another in blanks at its end, up to 900 bytes in a key",
        ),
    ],
)  # fmt: skip
def test_what_a_key_refuses_is_said_of_keys_alone(source: str, sink: str, told: str | None) -> None:
    specs = registry.spec(source), registry.spec(sink)
    assert kept(TEXT, *specs, keyed=True).note == told
    assert kept(TEXT, *specs).keeping == "exact"


@pytest.mark.parametrize(
    ("note", "keeping"),
    [
        ("interval, as text", "as text"),
        ("int[], as json", "as text"),
        ("bits, as a number", "as text"),
        ("rowversion, as bytes", "as text"),
        ("geography, as WKT text", "as text"),
        ("a counter, as a plain number", "as text"),
        ("as text", "as text"),
        ("double, int, as float", "as text"),
        ("date, objectId as Extended JSON", "as text"),
        ("time with time zone, as text", "as text"),
        ("date, as text: infinity, 24:00:00 or a year outside 1 to 9999 is among its values", "as text"),
        ("json, as its value: spaces, order and repeated keys go", "rounded"),
        ("nanoseconds are cut to microseconds", "rounded"),
        ("digits of a second after the sixth are cut", "rounded"),
        ("the seventh digit of a second is not read", "rounded"),
        ("its zone is left, the instant is kept", "rounded"),
        ("twice in a document, the last value of it", "rounded"),
        ("by a sample of 1000 keys", "exact or refused"),
        ("by a sample of the documents", "exact or refused"),
        ("string, symbol, as text, by a sample of the documents", "as text"),
        ("in steps of 1/300 second", "exact"),
        ("Neo4j's element id", "exact"),
    ],
)
def test_what_is_cut_is_not_called_text(note: str, keeping: str) -> None:
    made = column(Type.TEXT, note=note)
    assert kept(made, registry.spec("mongodb"), registry.spec("mariadb")).keeping == keeping


@pytest.mark.parametrize(
    ("source", "made", "sink", "there", "told"),
    [
        ("postgres", column(Type.INT, "bigint"), "postgres", column(Type.INT, "smallint"), "up to 16 bits"),
        ("postgres", column(Type.INT, "smallint"), "postgres", column(Type.INT, "integer"), None),
        ("mysql", column(Type.INT, "int(10) unsigned"), "postgres", column(Type.INT, "integer"), "up to 32 bits"),
        ("postgres", column(Type.INT, "oid"), "mysql", column(Type.INT, "int unsigned"), None),
        ("postgres", INT, "mysql", column(Type.INT, "tinyint(3) unsigned"), "from 0 to 255"),
        (
            "postgres", INT, "mariadb", column(Type.DECIMAL, "bigint(20) unsigned", precision=20, scale=0),
            "from 0 to 18,446,744,073,709,551,615",
        ),
        ("postgres", INT, "oracle", column(Type.INT, "NUMBER(5)"), "from -99,999 to 99,999"),
        ("postgres", INT, "cassandra", column(Type.DECIMAL, "varint"), "whole numbers"),
        ("postgres", column(Type.DECIMAL, precision=18, scale=0), "mysql", column(Type.INT, "bigint"), None),
        ("postgres", INT, "mysql", column(Type.DECIMAL, precision=10, scale=2), "up to 8 digits"),
        (
            "postgres", column(Type.DECIMAL, precision=12, scale=4),
            "mysql", column(Type.DECIMAL, precision=12, scale=2),
            "up to 10 digits before the point and 2 behind it",
        ),
        ("postgres", TEXT, "mysql", column(Type.TEXT, "varchar(20)", length=20), "up to 20 characters"),
        ("postgres", TEXT, "mysql", column(Type.TEXT, "text"), "up to 65,535 bytes"),
        ("postgres", column(Type.TEXT, length=20), "mysql", column(Type.TEXT, "varchar(20)", length=20), None),
        ("postgres", column(Type.INSTANT), "mysql", column(Type.INSTANT, "timestamp(6)"), "moments from 1970 to 2038"),
        ("sqlite", FLOAT, "postgres", column(Type.FLOAT, "real"), "24 bits of precision"),
        ("mysql", column(Type.FLOAT, "float"), "postgres", column(Type.FLOAT, "real"), None),
    ],
)  # fmt: skip
def test_what_a_column_that_is_there_refuses_is_said(
    source: str, made: Column, sink: str, there: Column, told: str | None
) -> None:
    found = kept_in(there, made, registry.spec(source), registry.spec(sink))
    assert (found.keeping, found.note) == ("exact or refused" if told else "exact", told)


@pytest.mark.parametrize(
    ("sink", "there", "told"),
    [
        ("sqlserver", column(Type.DATETIME, "datetime", fraction_digits=3, note="in steps of 1/300 second"),
         "3 digits of a second"),
        ("sqlserver", column(Type.TEXT, "char(5)", length=5), "blanks at its end are padding"),
        ("sqlserver", column(Type.DATETIME, "smalldatetime", fraction_digits=0), "0 digits of a second"),
        ("sqlserver", column(Type.BYTES, "binary(4)", length=4), "shorter values are filled up with zero bytes"),
        ("postgres", column(Type.TEXT, "inet", note="inet, as text"), "as inet writes it"),
    ],
)  # fmt: skip
def test_what_a_column_that_is_there_changes_is_rounded(sink: str, there: Column, told: str) -> None:
    found = kept_in(there, column(there.type), registry.spec("mysql"), registry.spec(sink))
    assert (found.keeping, found.note) == ("rounded", told)


def test_a_time_in_steps_is_not_exact_for_milliseconds() -> None:
    there = column(Type.DATETIME, "datetime", fraction_digits=3, note="in steps of 1/300 second")
    found = kept_in(there, column(Type.DATETIME, fraction_digits=3), registry.spec("mysql"), registry.spec("sqlserver"))
    assert (found.keeping, found.note) == ("rounded", "in steps of 1/300 second")


@pytest.mark.parametrize(
    ("engines", "natives", "coarse"),
    [
        (("postgres", "mysql"), ("real", "double"), "single"),
        (("postgres", "mysql"), ("double precision", "float"), "single"),
        (("oracle", "cassandra"), ("BINARY_FLOAT", "float static"), "single"),
        (("postgres", "mysql"), ("double precision", "double"), None),
    ],
)
def test_a_float_is_compared_as_the_side_that_is_a_real(
    engines: tuple[str, str], natives: tuple[str, str], coarse: str | None
) -> None:
    specs = registry.spec(engines[0]), registry.spec(engines[1])
    columns = column(Type.FLOAT, natives[0]), column(Type.FLOAT, natives[1])
    assert coarse_of(columns, specs) == coarse


@pytest.mark.parametrize(
    ("engines", "natives", "coarse"),
    [
        (("postgres", "mysql"), ("character(5)", "varchar(5)"), "padded"),
        (("oracle", "sqlserver"), ("CHAR(5 BYTE)", "nchar(5)"), "padded"),
        (("postgres", "mysql"), ("character varying(5)", "varchar(5)"), None),
        (("postgres", "mysql"), ('"char"', "text"), None),
        (("sqlite", "mongodb"), ("char(32)", "string"), None),
    ],
)
def test_blanks_at_the_end_do_not_count_where_a_side_is_a_char(
    engines: tuple[str, str], natives: tuple[str, str], coarse: str | None
) -> None:
    specs = registry.spec(engines[0]), registry.spec(engines[1])
    columns = column(Type.TEXT, natives[0]), column(Type.TEXT, natives[1])
    assert coarse_of(columns, specs) == coarse


def test_the_side_that_keeps_less_is_named() -> None:
    specs = registry.spec("postgres"), registry.spec("mysql")
    assert coarser((column(Type.FLOAT, "real"), column(Type.FLOAT, "double")), specs) == (0, "24 bits of precision")
    assert coarser((column(Type.FLOAT, "real"), column(Type.FLOAT, "float")), specs) is None
    padded = column(Type.TEXT, "varchar(5)"), column(Type.TEXT, "character(5)")
    assert coarser(padded, (specs[1], specs[0])) == (1, "blanks at its end are padding")


def test_what_does_not_count_is_cut_off() -> None:
    cut = coarsened((column(Type.FLOAT, coarse="single"), marked(column(Type.TEXT, "char(5)"), registry.spec("mysql"))))
    assert cut is not None
    assert cut((0.10000000149011612, "ab  \t  ")) == (0.1, "ab  \t")
    assert cut((1e300, "")) == (1e300, "")
    assert cut((None, None)) == (None, None)
    assert coarsened((FLOAT, TEXT)) is None


@pytest.mark.parametrize("value", [0.1, 0.0, -0.0, 16777216.0, 3.4028235e38, 1e-45, math.inf, -math.inf])
def test_a_float_of_32_bits_is_its_shortest_text(value: float) -> None:
    assert single(value) == value
    assert is_single(value)


@pytest.mark.parametrize("value", [0.123456789, 16777217.0, 1e39, 1e-60])
def test_a_float_that_32_bits_change_is_none(value: float) -> None:
    assert not is_single(value)


def test_specs_travel_between_processes() -> None:
    for name in registry.names():
        pickle.dumps(registry.spec(name))
