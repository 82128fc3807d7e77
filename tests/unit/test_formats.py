"""Every type and every edge in every format, to the byte: machine-readable output is an API."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dbfleet import formats
from dbfleet.adapter import ResultColumn
from dbfleet.errors import UsageError
from dbfleet.formats import Plain
from dbfleet.values import JSON_NULL, Type, decimal_text


def written(name: str, *results: Plain) -> str:
    return b"".join(formats.encode(name, results)).decode()


def of(columns: str, *rows: Sequence[Any], types: Mapping[str, Type] | None = None) -> Plain:
    return Plain([ResultColumn(each, (types or {}).get(each)) for each in columns.split()], [list(map(tuple, rows))])


def documents(*found: Mapping[str, Any]) -> Plain:
    return Plain([ResultColumn("document")], [[(each,)] for each in found], documents=True)


# --- one value ---

# The value, in JSON, and as a cell.
VALUES: list[tuple[Any, str, str]] = [
    (True, "true", "true"),
    (False, "false", "false"),
    (0, "0", "0"),
    (-(2**63), "-9223372036854775808", "-9223372036854775808"),
    (2**200, str(2**200), str(2**200)),
    (Decimal("12.50"), "12.5", "12.5"),
    (Decimal("1E+3"), "1000", "1000"),
    (Decimal("1E-7"), "0.0000001", "0.0000001"),
    (Decimal("-0.00"), "0", "0"),
    (Decimal("100"), "100", "100"),
    (Decimal("1" * 40 + ".5"), "1" * 40 + ".5", "1" * 40 + ".5"),
    (Decimal("NaN"), '"NaN"', "NaN"),
    (Decimal("-Infinity"), '"-Infinity"', "-Infinity"),
    (0.1, "0.1", "0.1"),
    (1.0, "1.0", "1.0"),
    (-0.0, "-0.0", "-0.0"),
    (1e300, "1e+300", "1e+300"),
    (5e-324, "5e-324", "5e-324"),
    (float("nan"), '"NaN"', "NaN"),
    (float("inf"), '"Infinity"', "Infinity"),
    (float("-inf"), '"-Infinity"', "-Infinity"),
    ("plain", '"plain"', "plain"),
    ("grün 日本 🎉", '"grün 日本 🎉"', "grün 日本 🎉"),
    (b"\x00\xff", '"AP8="', "AP8="),
    (bytearray(b"ab"), '"YWI="', "YWI="),
    (date(2024, 2, 29), '"2024-02-29"', "2024-02-29"),
    (date(1, 1, 1), '"0001-01-01"', "0001-01-01"),
    (time(13, 5), '"13:05:00"', "13:05:00"),
    (time(13, 5, 0, 250000), '"13:05:00.25"', "13:05:00.25"),
    (datetime(2024, 2, 29, 13, 5), '"2024-02-29T13:05:00"', "2024-02-29T13:05:00"),
    (datetime(2024, 2, 29, 13, 5, 0, 120), '"2024-02-29T13:05:00.00012"', "2024-02-29T13:05:00.00012"),
    (datetime(2024, 2, 29, 13, 5, tzinfo=UTC), '"2024-02-29T13:05:00Z"', "2024-02-29T13:05:00Z"),
    (datetime(2024, 2, 29, 13, 5, 0, 500000, UTC), '"2024-02-29T13:05:00.5Z"', "2024-02-29T13:05:00.5Z"),
    (
        datetime(2024, 2, 29, 13, 5, tzinfo=timezone(timedelta(hours=2))),
        '"2024-02-29T11:05:00Z"',
        "2024-02-29T11:05:00Z",
    ),
    (UUID("ABCDEF00-0000-0000-0000-000000000001"), *["abcdef00-0000-0000-0000-000000000001"] * 2),
    ({}, "{}", "{}"),
    ([1, [2, {"a": None}]], '[1,[2,{"a":null}]]', '[1,[2,{"a":null}]]'),
    ((1, 2), "[1,2]", "[1,2]"),
    (JSON_NULL, "null", "null"),
    (timedelta(hours=30), '"1 day, 6:00:00"', "1 day, 6:00:00"),  # outside the closed set: its own text
]
VALUES = [(v, f'"{j}"' if isinstance(v, UUID) else j, c) for v, j, c in VALUES]


@pytest.mark.parametrize(("value", "in_json", "cell"), VALUES, ids=lambda each: repr(each)[:30])
def test_a_value_is_written_in_full(value: Any, in_json: str, cell: str) -> None:
    assert written("jsonl", of("v", [value])) == f'{{"v":{in_json}}}\n'
    assert written("json", of("v", [value])) == f'[\n{{"v":{in_json}}}\n]\n'
    assert written("tsv", of("v", [value])) == f"v\n{cell}\n"
    assert next(csv.reader(io.StringIO(written("csv", of("v", [value])).split("\n", 1)[1]))) == [cell]
    assert written("markdown", of("v", [value])).splitlines()[2] == f"| {cell} |"
    assert written("table", of("v", [value])).splitlines()[2].strip() == cell


@pytest.mark.parametrize(("value", "in_json", "cell"), VALUES, ids=lambda each: repr(each)[:30])
def test_a_value_inside_a_document_is_written_alike(value: Any, in_json: str, cell: str) -> None:
    assert written("jsonl", of("v", [{"deep": [value]}])) == f'{{"v":{{"deep":[{in_json}]}}}}\n'


def test_maps_and_sequences_of_any_kind_are_nested() -> None:
    class Odd(dict):  # type: ignore[type-arg]
        pass

    row = [MappingProxyType({"a": 1}), Odd(b=2), range(3), {7}]
    assert written("jsonl", of("a b c d", row)) == '{"a":{"a":1},"b":{"b":2},"c":[0,1,2],"d":[7]}\n'


def test_a_subclass_is_written_as_what_it_is() -> None:
    class Long(int):
        def __repr__(self) -> str:
            return "Long()"

    class Name(str):
        pass

    assert written("jsonl", of("a b", [Long(5), Name("x")])) == '{"a":5,"b":"x"}\n'
    assert written("csv", of("a b", [Long(5), Name("x,y")])) == 'a,b\n5,"x,y"\n'


def test_values_are_written_by_what_they_are_and_not_by_what_the_column_says() -> None:
    rows = of("n", [1], ["one"], [None], [1.5], [b"x"], types={"n": Type.INT})
    assert written("jsonl", rows) == '{"n":1}\n{"n":"one"}\n{"n":null}\n{"n":1.5}\n{"n":"eA=="}\n'
    assert written("csv", rows) == "n\n1\none\n\n1.5\neA==\n"


def test_half_a_surrogate_pair_is_shown_and_reads_back() -> None:
    assert json.loads(written("jsonl", of("t", ["a\ud83d"]))) == {"t": "a\ud83d"}
    assert written("csv", of("t", ["a\ud83d"])) == "t\na\\ud83d\n"


# --- NULL, empty text, and what must be escaped ---


def test_null_and_empty_text_differ_in_every_format() -> None:
    row = of("a b", [None, ""])
    assert written("jsonl", row) == '{"a":null,"b":""}\n'
    assert written("csv", row) == 'a,b\n,""\n'
    assert written("tsv", row) == "a\tb\n\\N\t\n"
    assert written("markdown", row) == "| a | b |\n| --- | --- |\n| NULL |  |\n"
    assert written("table", row).splitlines()[2] == 'NULL │ ""'


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("two\nlines", '"two\nlines"'),
        ("a\rb", '"a\rb"'),
        (" padded ", " padded "),
        ("a\tb", "a\tb"),
        ("'", "'"),
        ("NULL", "NULL"),
        ("\\N", "\\N"),
    ],
)
def test_csv_quotes_what_rfc_4180_says(text: str, cell: str) -> None:
    assert written("csv", of("t x", [text, 1])) == f"t,x\n{cell},1\n"


def test_csv_headers_are_quoted_like_cells() -> None:
    rows = Plain([ResultColumn("a,b"), ResultColumn(""), ResultColumn("count(*)")], [])
    assert written("csv", rows) == '"a,b","",count(*)\n'


def test_tsv_escapes_what_would_break_a_line() -> None:
    assert written("tsv", of("t", ["a\tb\nc\rd\\e"], ["\\N"])) == "t\na\\tb\\nc\\rd\\\\e\n\\\\N\n"


def test_markdown_escapes_pipes_and_line_ends() -> None:
    rows = of("t", ["a|b"], ["a\\|b"], ["x\r\ny\nz"], ["C:\\dir"])
    assert written("markdown", rows).splitlines()[2:] == [
        "| a\\|b |",
        "| a\\\\\\|b |",
        "| x<br>y<br>z |",
        "| C:\\dir |",
    ]


def test_markdown_aligns_numbers_where_the_type_is_known() -> None:
    rows = of("n t", types={"n": Type.DECIMAL, "t": Type.TEXT})
    assert written("markdown", rows) == "| n | t |\n| ---: | --- |\n"


def test_a_json_column_is_nested_in_json_and_json_text_in_cells() -> None:
    rows = of("j", [{"a": [1, Decimal("2.50")]}], ["text"], [JSON_NULL], [None], types={"j": Type.JSON})
    assert written("jsonl", rows) == '{"j":{"a":[1,2.5]}}\n{"j":"text"}\n{"j":null}\n{"j":null}\n'
    assert written("csv", rows) == 'j\n"{""a"":[1,2.5]}"\n"""text"""\nnull\n\n'


# --- rows, columns, results ---


@pytest.mark.parametrize("name", formats.names())
def test_an_empty_result_has_its_header_and_no_rows(name: str) -> None:
    expected = {
        "jsonl": "",
        "json": "[]\n",
        "csv": "a,b\n",
        "tsv": "a\tb\n",
        "markdown": "| a | b |\n| --- | --- |\n",
        "table": "a │ b\n──┼──\n",
    }
    assert written(name, of("a b")) == expected[name]


def test_names_that_repeat_lose_no_value() -> None:
    rows = of("a a b a_2 a", [1, 2, 3, 4, 5])
    assert written("jsonl", rows) == '{"a":1,"a_2":2,"b":3,"a_2_2":4,"a_3":5}\n'
    assert written("csv", rows) == "a,a,b,a_2,a\n1,2,3,4,5\n"


def test_a_name_may_hold_anything() -> None:
    name = '{a}"\\\n{{b}} %s \U0001f600'
    rows = Plain([ResultColumn(name)], [[(1,)]])
    assert json.loads(written("jsonl", rows)) == {name: 1}
    assert next(csv.reader(io.StringIO(written("csv", rows)))) == [name]


def test_hundreds_of_columns_are_written() -> None:
    names = [f"c{place}" for place in range(1500)]
    rows = Plain([ResultColumn(name) for name in names], [[tuple(range(1500))]])
    assert json.loads(written("jsonl", rows)) == dict(zip(names, range(1500), strict=True))


def test_several_results_follow_each_other() -> None:
    results = (of("a", [1]), of("b", [2], [3]))
    assert written("jsonl", *results) == '{"a":1}\n{"b":2}\n{"b":3}\n'
    assert written("json", *results) == '[\n{"a":1},\n{"b":2},\n{"b":3}\n]\n'
    assert written("csv", *results) == "a\n1\n\nb\n2\n3\n"
    assert written("tsv", *results) == "a\n1\n\nb\n2\n3\n"
    assert written("markdown", *results).split("\n\n")[1].startswith("| b |")
    assert written("table", *results) == "a\n─\n1\n\nb\n─\n2\n3\n"


def test_batches_are_written_as_they_come() -> None:
    """One batch in memory: the first one's bytes are there before the second is asked for."""
    asked = []

    def batches() -> Iterable[list[tuple[int]]]:
        for number in range(3):
            asked.append(number)
            yield [(number,)]

    for name in ("jsonl", "json", "csv", "tsv", "markdown"):
        asked.clear()
        chunks = iter(formats.encode(name, [Plain([ResultColumn("n")], batches())]))
        text = b""
        while b"0" not in text:
            text += next(chunks)
        assert asked == [0], name


# --- documents ---


def test_documents_are_json_as_they_are() -> None:
    found = [{"_id": 1, "a": Decimal("2.50")}, {"_id": 2, "b": {"at": datetime(2024, 1, 1, tzinfo=UTC)}}, {}]
    lines = '{"_id":1,"a":2.5}\n{"_id":2,"b":{"at":"2024-01-01T00:00:00Z"}}\n{}\n'
    assert written("jsonl", documents(*found)) == lines


def test_many_documents_of_one_shape_are_written_like_few() -> None:
    found = [{"_id": n, "a": {"n": [n]}, "t": None if n % 2 else "x"} for n in range(50)] + [{"_id": 50}]
    lines = written("jsonl", documents(*found)).splitlines()
    assert [json.loads(line) for line in lines] == found


def test_documents_have_the_union_of_their_fields_as_columns() -> None:
    found = documents({"_id": 1, "a": 2}, {"_id": 2, "b": {"x": 1}}, {"a": None, "_id": 3})
    assert written("csv", found) == '_id,a,b\n1,2,\n2,,"{""x"":1}"\n3,,\n'
    assert written("tsv", found) == '_id\ta\tb\n1\t2\t\\N\n2\t\\N\t{"x":1}\n3\t\\N\t\\N\n'


def test_a_field_that_comes_late_is_in_the_header() -> None:
    batches = [[({"_id": n},)] for n in range(3000)] + [[({"_id": 0, "late": 1},)]]
    found = Plain([ResultColumn("document")], batches, documents=True)
    assert written("csv", found).splitlines()[0] == "_id,late"


@pytest.mark.parametrize("name", ["csv", "tsv", "markdown", "table", "jsonl"])
def test_no_documents_are_no_text(name: str) -> None:
    assert written(name, documents()) == ""


# --- names ---


def test_formats_are_found_by_file_name() -> None:
    assert formats.names() == ("csv", "json", "jsonl", "markdown", "table", "tsv")
    for name in formats.names():
        assert formats.get(name).name == name


def test_an_unknown_format_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        formats.get("jsnl")
    assert caught.value.hint == "did you mean jsonl?"


# --- what is written reads back ---

plain_text = some.text(some.characters(exclude_categories=["Cs"]))
values = some.one_of(
    some.none(), some.booleans(), some.integers(), plain_text, some.floats(allow_nan=False, allow_infinity=False),
    some.decimals(allow_nan=False, allow_infinity=False), some.binary(), some.dates(), some.times(),
    some.datetimes(), some.datetimes(timezones=some.just(UTC)), some.uuids(),
)  # fmt: skip
rows_of_three = some.lists(some.tuples(values, values, values), max_size=8)


@given(rows_of_three)
def test_jsonl_reads_back(rows: list[tuple[Any, ...]]) -> None:
    lines = written("jsonl", of("a b c", *rows)).split("\n")[:-1]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        found = json.loads(line, parse_float=Decimal)
        for value, back in zip(row, found.values(), strict=True):
            assert back == _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            text = value.replace(tzinfo=None).isoformat()
            return (text.rstrip("0") if "." in text else text) + ("Z" if value.tzinfo else "")
        case time():
            return value.isoformat().rstrip("0") if value.microsecond else value.isoformat()
        case date() | UUID():
            return str(value)
        case float():
            return Decimal(repr(value))
        case Decimal():
            return Decimal(decimal_text(value))
    return value


@given(some.lists(some.tuples(plain_text, plain_text), max_size=8))
def test_csv_reads_back(rows: list[tuple[str, str]]) -> None:
    text = written("csv", of("a b", *rows))
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [["a", "b"], *map(list, rows)]


@given(some.lists(some.tuples(plain_text, plain_text), max_size=8))
def test_tsv_reads_back(rows: list[tuple[str, str]]) -> None:
    def back(cell: str) -> str:
        out, characters = "", iter(cell)
        for each in characters:
            out += {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[next(characters)] if each == "\\" else each
        return out

    lines = written("tsv", of("a b", *rows)).split("\n")[1:-1]
    assert [tuple(map(back, line.split("\t"))) for line in lines] == rows


@given(rows_of_three)
def test_no_format_fails_on_any_value(rows: list[tuple[Any, ...]]) -> None:
    for name in formats.names():
        assert written(name, of("a b c", *rows)).count("\n") >= len(rows)
