"""How other programs write rows as text: dialects that are asked for or guessed, in hostile input, and back again."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import decode, json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbfleet import readers, registry
from dbfleet.dialect import Dialect, asked
from dbfleet.engines.mongodb.documents import Layout
from dbfleet.errors import Unsupported, UsageError
from dbfleet.fleet import Fleet
from dbfleet.formats import _exact
from dbfleet.ops import _dump_files as files
from dbfleet.ops.dump import dump, stream
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.ops.load import load
from dbfleet.rules import parsed
from dbfleet.values import JSON_NULL, Column, Row, Schema, Type


def read(data: bytes, format: str = "csv", *, rules: tuple[str, ...] = (), guess: bool = True, **words: Any) -> Any:
    """The columns, the rows and what was told of an input of somebody's, as `load` reads it."""
    with load_inputs.find(
        "-", collection="t", format=format or None, stdin=io.BytesIO(data), dialect=asked(**words),
        rules=[parsed(rule) for rule in rules],
    ) as (found,):  # fmt: skip
        schema = found.settle(None)
        with found.open() as stream:
            batches = found.reader.rows(stream, found.name, schema, False, found.dialect, found._rules())
            rows = [row for batch in batches for row in batch]
    return [(column.name, str(column.type)) for column in schema.columns], rows, list(found.told)


def rows_of(data: bytes, format: str = "csv", **words: Any) -> list[Row]:
    rows: list[Row] = read(data, format, **words)[1]
    return rows


# --- csv and tsv ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words", "rows"),
    [
        (b'a,b\n1,\n2,""\n', {}, [(1, None), (2, "")]),
        (b"a,b\n1,\n2,x\n", {"null": ["x"]}, [(1, ""), (2, None)]),
        (b"a,b\nx,\n2,x\n", {"null": ["x"]}, [(None, ""), (2, None)]),
        (b"a,b\n,x\n2,y\n", {"null": ["NULL"]}, [(None, "x"), (2, "y")]),
        (b'a,b\n1,NULL\n2,"NULL"\n', {"null": ["NULL"]}, [(1, None), (2, "NULL")]),
        (b'a,b\n1,NULL\n2,"NULL"\n3,z\n', {"null": ["NULL", '"NULL"']}, [(1, None), (2, None), (3, "z")]),
        (b"a,b\n1,-\n2,\n3,?\n4,z\n", {"null": ["", "-", "?"]}, [(1, None), (2, None), (3, None), (4, "z")]),
        (b'a,b\n1,"x\ny,""z"""\r\n2,y\n', {}, [(1, 'x\ny,"z"'), (2, "y")]),
        (b"a;b\n1;'x;''y'''\n", {"delimiter": ";", "quote": "'"}, [(1, "x;'y'")]),
        (b'a|b\n1|5" disk\n', {"delimiter": "|", "quote": "none"}, [(1, '5" disk')]),
        (b'a,b\n1,"x\\"y\\\\"\n2,p\\,q\n', {"escape": "\\"}, [(1, 'x"y\\'), (2, "p,q")]),
        (b'a,b\n1,"C:\\dir"\n2,"""\n"\n', {"escape": "\\"}, [(1, "C:\\dir"), (2, '"\n')]),
        (b"a,b\n1,p\\\nq\n2,r\n", {"escape": "\\"}, [(1, "p\nq"), (2, "r")]),
        (b'a,b\n1,"x""y"\n', {"escape": '"'}, [(1, 'x"y')]),
        (b'a,b\n1,\\N\n2,"\\\\N"\n3,\n', {"escape": "\\"}, [(1, None), (2, "\\N"), (3, None)]),
        (b"a,b\n1,\\N\n3,\n", {"escape": "\\", "null": ["\\N"]}, [(1, None), (3, "")]),
        (b"a\tb\n1\tx\0y\n", {"delimiter": "tab"}, [(1, "x\0y")]),
        (b"a,b\nyes,1\nNo,2\n", {"true": ["YES"], "false": ["no"]}, [(True, 1), (False, 2)]),
        (b"a,b\n1,0\n0,2\n", {"true": ["1"], "false": ["0"]}, [(1, 0), (0, 2)]),
        (b"a;b\n1,5;x,y\n-0,25;3\n", {"decimal": ","}, [(Decimal("1.5"), "x,y"), (Decimal("-0.25"), "3")]),
        (b"a;b\n1.5;1\n2,5;2\n", {"decimal": ","}, [("1.5", 1), ("2,5", 2)]),
        (b"1,x\n2,y\n", {"names": ["n", "m"]}, [(1, "x"), (2, "y")]),
        (b"a,b\n\xef\xbb\xbfc,1\n", {}, [("\ufeffc", 1)]),
        (b"a\n\n1\n", {}, [(None,), (1,)]),
    ],
)
def test_cells_are_what_the_dialect_says(data: bytes, words: dict[str, Any], rows: list[Row]) -> None:
    assert rows_of(data, **words) == rows


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"a\tb\n1\tx\\ty\\nz\\\\\n\\N\t\n", [(1, "x\ty\nz\\"), (None, "")]),
        (b'a\tb\n\t"x"\n2\t\\\\N\n', [(None, '"x"'), (2, "\\N")]),
        (b"a\tb\n1\tp\\\nq\n", [(1, "p\nq")]),
        (b"a\tb\r\n1\tx\r\n", [(1, "x")]),
    ],
)
def test_tsv_is_read_as_it_is_written(data: bytes, rows: list[Row]) -> None:
    assert rows_of(data, "tsv") == rows


@pytest.mark.parametrize(
    ("data", "words", "said"),
    [
        (b"a,b\n1,2\n3\n", {}, "line 3: 1 cells where the header has 2"),
        (b"1,2\n3\n", {"header": False}, "line 2: 1 cells where the first line has 2"),
        (b'a,b\n\n\n1,"x\ny"\n\n1,2,3\n', {}, "line 7: 3 cells"),
        (b"a,b\n1,2\r3,4\n", {}, "line 2: 3 cells"),
        (b"a,b\n1,5;x\n", {"names": ["x"]}, "line 1: 2 cells where there are 1 columns: x"),
        (b'a,b\n1,"2\n3,4\n', {}, "line 2: a quote opens here"),
        (b'a,b\n1,2"\n', {}, "line 2: a quote opens here"),
        (b'a,b\n1,2"3"\n', {}, "line 2, column 3: a quote inside"),
        ("a,b\né,2\nx,".encode() + b"\xe9\n", {}, "line 3, column 3: not UTF-8, byte 0xe9"),
        ("a,b\n".encode("utf-16") + b"\x00\xd8\x00\x00", {}, "line 2, column 1: not utf-16"),
        (b"a,b\n\x81,1\n", {"encoding": "cp1252"}, "line 2, column 1: not cp1252, byte 0x81"),
        (b"", {}, "is empty"),
        (b"a,\n1,2\n", {}, "column 2 has no name"),
        (b"a,b\n1,2\n", {"rules": ("c: type=text",)}, "there is no column c"),
        (
            b"a,b\n31/02/2020,2\n",
            {"rules": ("a: date=%d/%m/%Y",)},
            "line 2, column a: '31/02/2020': day is out of range",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(data: bytes, words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(data, **words)
    assert said in caught.value.message


def test_a_wrong_cell_is_told_with_the_line_in_which_its_record_begins() -> None:
    schema = Schema("t", (Column("a", Type.INT), Column("b", Type.TEXT)))
    data = b'a,b\n\n1,"x\n\ny"\n\nz,w\n'
    with pytest.raises(UsageError, match="f, line 7, column a: 'z' is not of type int"):
        list(readers.get("csv").rows(io.BytesIO(data), "f", schema, False))


def test_a_cell_of_a_hundred_megabytes_is_a_cell() -> None:
    size = 100 << 20
    data = b'a,b\n1,"' + b'x""' * (size // 3) + b'"\n2,y\n'
    schema = Schema("t", (Column("a", Type.INT), Column("b", Type.TEXT)))
    found = [row for batch in readers.get("csv").rows(io.BytesIO(data), "f", schema, False) for row in batch]
    assert [(a, len(b)) for a, b in found] == [(1, 2 * (size // 3)), (2, 1)]


# --- what is guessed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "rows", "told"),
    [
        ("ä,b\nö,1\n".encode(), [("ö", 1)], []),
        ("ä,b\nö,1\n".encode("utf-8-sig"), [("ö", 1)], []),
        ("ä,b\nö,1\n".encode("utf-16"), [("ö", 1)], ["read as utf-16"]),
        ("a,b\nö,1\n".encode("utf-16-le"), [("ö", 1)], ["read as utf-16-le"]),
        ("a,b\nö,1\n".encode("utf-16-be"), [("ö", 1)], ["read as utf-16-be"]),
        ("ä,b\nö,1\n".encode("utf-32"), [("ö", 1)], ["read as utf-32"]),
        ("ä,b\n€,1\n".encode("cp1252"), [("€", 1)], ["read as cp1252"]),
        ("ä,b\nö\x81,1\n".encode("latin-1"), [("ö\x81", 1)], ["read as iso8859-1"]),
        (b"a,b\n" + b"x,1\n" * 200_000 + b"\xe4,2\n", None, ["read as cp1252"]),
        (b"a;b\n1;x,y\n", [(1, "x,y")], ["; stands between cells"]),
        (b"a\tb\n1\tx\n", [(1, "x")], ["a tab stands between cells"]),
        (b"a;b\n1\n", [(1,)], []),
        (b"sep=;\na;b\n1;2\n", [(1, 2)], []),
        (b"1,x\n2,y\n", [(1, "x"), (2, "y")], ["line 1 is a row, as '1' names no column"]),
        (b"x,2020-01-01\n", [("x", date(2020, 1, 1))], ["line 1 is a row"]),
        (b"land,2019,2020\nDE,1,2\n", [("DE", 1, 2)], []),
        (b"land,1/22/20\nDE,1\n", [("DE", 1)], []),
    ],
)
def test_how_a_file_is_written_is_guessed_and_told(data: bytes, rows: list[Row] | None, told: list[str]) -> None:
    _, found, said = read(data)
    assert rows is None or found == rows
    assert len(said) == len(told)
    assert all(part in text and "says otherwise" in text for part, text in zip(told, said, strict=True))


def test_lines_of_old_macs_are_told() -> None:
    columns, rows, told = read(b'a,b\r1,"x\ry"\r2,z\r')
    assert (columns, rows) == ([("a", "int"), ("b", "text")], [(1, "x\ny"), (2, "z")])
    assert "lines end with a carriage return alone" in told[0]
    assert read(b"a,b\n1,x\ry\n")[1:] == ([(1, "x\ry")], [])


def test_what_is_said_is_not_guessed() -> None:
    columns, rows, told = read(b"1;2,5\n", header=True, delimiter=",", encoding="ascii")
    assert (columns, rows, told) == ([("1;2", "text"), ("5", "text")], [], [])


# --- json -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b'[{"a":1},\n {"a":2.5,"b":{"c":[]}}]\n', [(Decimal(1), None), (Decimal("2.5"), {"c": []})]),
        (b'{"a":1}{"a":2}\n\n{"a":\n3}', [(1,), (2,), (3,)]),
        ('[{"a":"ä"}]'.encode("utf-16"), [("ä",)]),
        (b'[ {"a" : "]},{[" } ] ', [("]},{[",)]),
        (b'[{"a":"' + b"x" * 600_000 + b'"},{"a":"y"}]', [("x" * 600_000,), ("y",)]),
    ],
)
def test_json_arrays_are_read(data: bytes, rows: list[Row]) -> None:
    assert rows_of(data, "json") == rows


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'[{"a":1}', "line 1, column 9: the array does not end"),
        (b'[{"a":1} {"a":2}]', "column 10: '{' where , or ] ends"),
        (b'[{"a":1},]', "column 10: no object begins here"),
        (b"[1]", "column 2: no object begins here"),
        (b'[{"a":1}]\n3', "line 2, column 1: something stands behind the array"),
        (b'[{"a":1},\n\n{"a":tru}]', "line 3, column 6: no JSON"),
        (b'[{"a":1},\n{"b":"x', "line 2, column 6: no JSON: unterminated string"),
        (b'[{"a":1},\n{"b":"\xe9"}]', "line 2, column 7: not UTF-8"),
        (b'[{"a":1},\n{"b":"\\ud800"}]', "line 2: \\ud800 is half of a surrogate pair"),
        (b'[{"a":' + b"[" * 100_000 + b"]", "line 1, column 2: nested too deep"),
    ],
)
def test_a_broken_array_is_told_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(data, "json")
    assert said in caught.value.message


def test_an_array_streams() -> None:
    """Not more of it is read than what is asked for."""
    taken = 0

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            nonlocal taken
            taken += 1
            return b'{"a":1},' * 1000 if taken > 1 else b"["

    batches = readers.get("json").rows(Endless(), "f", Schema("t", (Column("a", Type.INT),)), False)  # type: ignore[arg-type]
    assert len(next(iter(batches))) == 1000
    assert taken < 100


# --- Extended JSON ----------------------------------------------------------------------------------------------------

_EXPORTED = b"""
{"_id":{"$oid":"507F1F77BCF86CD799439011"},"when":{"$date":"2020-01-02T03:04:05.678Z"},"n":{"$numberLong":"5"},
 "price":{"$numberDecimal":"1.50"},"bin":{"$binary":{"base64":"AAE=","subType":"00"}},"mixed":{"$oid":"507f1f77bcf86cd799439011"},
 "u":{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"04"}},"in":{"since":{"$date":{"$numberLong":"0"}},"n":{"$numberInt":"7"}}}
{"_id":{"$oid":"507f1f77bcf86cd799439012"},"when":{"$date":1577934245678},"n":6,"price":2.25,"mixed":"x",
 "re":{"$regularExpression":{"pattern":"a","options":""}}}
"""


@pytest.mark.parametrize("data", [_EXPORTED, b"[" + _EXPORTED.strip().replace(b"}}}\n", b"}}},\n") + b"]"])
def test_mongoexports_values_are_what_they_stand_for(data: bytes) -> None:
    with load_inputs.find("-", collection="t", stdin=io.BytesIO(data), format="ejson") as (found,):
        schema = found.settle(None)
        assert schema.key == ("_id",)
        assert found.spec is registry.spec("mongodb")
        types = {column.name: (str(column.type), column.native) for column in schema.columns}
        assert types == {
            "_id": ("text", "objectId"), "when": ("instant", None), "n": ("int", None), "price": ("decimal", None),
            "bin": ("bytes", None), "mixed": ("json", "bson (Extended JSON)"), "u": ("uuid", None),
            "in": ("json", "bson (Extended JSON)"), "re": ("json", "bson (Extended JSON)"),
        }  # fmt: skip
        with found.open() as stream:
            (rows,) = found.reader.rows(stream, "f", schema, False, found.dialect)
    first = dict(zip(schema.names, rows[0], strict=True))
    assert first["_id"] == "507f1f77bcf86cd799439011"
    assert first["when"] == datetime(2020, 1, 2, 3, 4, 5, 678000, tzinfo=UTC) == rows[1][1]
    assert (first["n"], first["price"], first["bin"]) == (5, Decimal("1.50"), b"\0\1")
    assert str(first["u"]) == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert first["in"] == {"since": {"$date": {"$numberLong": "0"}}, "n": 7}
    assert first["mixed"] == {"$oid": "507f1f77bcf86cd799439011"}


def test_mongodb_gets_its_own_types_back() -> None:
    with load_inputs.find("-", collection="t", stdin=io.BytesIO(_EXPORTED), format="ejson") as (found,):
        schema = found.settle(None)
        with found.open() as stream:
            (rows,) = found.reader.rows(stream, "f", schema, False, found.dialect)
    documents, _ = Layout(schema).encoder().encode(rows)
    options = json_util.JSONOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)
    lines = _EXPORTED.decode().strip().replace("\n ", " ").split("\n")
    expected = [json_util.loads(line, json_options=options) for line in lines]
    codec = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD)
    made = [decode(document, codec) for document in documents]
    for document, original in zip(made, expected, strict=True):
        original["price"] = Decimal128(str(original["price"]))  # decimals and doubles in one column
        assert document == original


def test_extended_json_is_recognised_and_told() -> None:
    line = b'{"_id":{"$oid":"507f1f77bcf86cd799439011"},"a":1}\n'
    columns, _, told = read(line, "")
    assert columns[0] == ("_id", "text")
    assert "Extended JSON" in told[0]
    assert read(line, "jsonl")[0][0] == ("_id", "json")
    assert read(b'{"a":{"$date":5,"b":1},"c":"$oid"}\n', "")[2] == []


# --- packed input ----------------------------------------------------------------------------------------------------


def test_packed_input_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard", reason="an extra is not installed")
    data = b"a,b\n1,x\n"
    for packed in (gzip.compress(data), zstandard.compress(data), gzip.compress(data[:4]) + gzip.compress(data[4:])):
        assert rows_of(packed) == [(1, "x")]
        (tmp_path / "t.csv").write_bytes(packed)
        with files.opened(tmp_path / "t.csv") as stream:
            assert stream.read() == data
    with pytest.raises(UsageError, match="damaged or cut off"):
        read(gzip.compress(data * 1000)[:-20])
    with pytest.raises(UsageError, match="packed by zip"):
        read(b"PK\x03\x04....")


def test_parquet_comes_through_a_pipe_too() -> None:
    pytest.importorskip("pyarrow", reason="an extra is not installed")
    schema = Schema("t", (Column("a", Type.INT), Column("b", Type.TEXT)))
    data = b"".join(_exact.encode("parquet", schema, [[(1, "x"), (2, None)]]))
    assert rows_of(data, "parquet") == [(1, "x"), (2, None)]


def test_a_pipe_with_a_path_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = gzip.compress(b"a,b\n1,x\n")
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    try:
        with load_inputs.find(str(pipe), collection="t", format="csv") as (found,):
            schema = found.settle(None)
            with found.open() as stream:
                assert list(found.reader.rows(stream, "f", schema, False, found.dialect)) == [[(1, "x")]]
    finally:
        writer.join()


_PIECES = [
    "a", ",", ";", '"', "\\", "1", ".5", "NULL", "\\N", "é", "\ufeff", "{", "}", "[", "]", ":", '"a":', '{"a":1}', "|",
    '{"$oid":"x"}', '{"$date":', "true", "sep=", " ", "\t", "\n", "\r", "\r\n", "\0", "2020-01-02", "'",
]  # fmt: skip
_JUNK = st.lists(st.sampled_from([*map(str.encode, _PIECES), b"\xff", b"\xe4"]), max_size=30).map(b"".join)


@given(
    data=_JUNK,
    format=st.sampled_from(["csv", "tsv", "jsonl", "json", "ejson"]),
    going_on=st.booleans(),
    words=st.fixed_dictionaries(
        {},
        optional={
            "delimiter": st.sampled_from([";", "tab", "|"]),
            "quote": st.sampled_from(["'", '"', "none"]),
            "escape": st.sampled_from(["\\", "none"]),
            "header": st.booleans(),
            "decimal": st.sampled_from([",", "."]),
            "null": st.sampled_from([["NULL"], [""], ['""', "a"]]),
            "encoding": st.sampled_from(["utf-8", "utf-16", "latin-1", "shift_jis"]),
        },
    ),
)
@settings(max_examples=400, deadline=None)
def test_junk_is_read_or_refused_in_words(data: bytes, format: str, going_on: bool, words: dict[str, Any]) -> None:
    if format not in ("csv", "tsv"):
        words = {name: value for name, value in words.items() if name == "encoding"}
    failures: dict[str, Any] | None = {} if going_on else None
    try:
        with load_inputs.find("-", collection="t", format=format, stdin=io.BytesIO(data), dialect=asked(**words),
                              failures=failures) as (found,):  # fmt: skip
            schema = found.settle(None)
            with ExitStack() as stack:
                for batch in found.batches(stack, schema):
                    assert all(len(row) == len(schema.columns) for row in batch)
    except UsageError:
        pass  # it is told, in words


_CELL = st.text(st.sampled_from("ab,;|\t\"'\\\n\r N€n"), min_size=1, max_size=8)


@given(
    cells=st.lists(st.tuples(_CELL, _CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from("\"'"),
    escape=st.sampled_from([None, "\\"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=300, deadline=None)
def test_what_pythons_csv_writes_is_read_as_it_was(
    cells: list[Row], delimiter: str, quote: str, escape: str | None, quoting: Any, end: str
) -> None:
    if quoting == csv.QUOTE_NONE:
        escape = "\\"  # without it there is no way
    if quoting not in (csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC):  # it writes a carriage return bare, which ends a line
        cells = [tuple(cell.replace("\r", "") or "x" for cell in row) for row in cells]
    out = io.StringIO()
    csv.writer(
        out, delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=escape is None, quoting=quoting,
        lineterminator=end,
    ).writerows(cells)  # fmt: skip
    dialect = asked(delimiter="tab" if delimiter == "\t" else delimiter, names=["a", "b"], escape=escape or "none",
                    quote="none" if quoting == csv.QUOTE_NONE else quote)  # fmt: skip
    schema = Schema("t", (Column("a", Type.TEXT), Column("b", Type.TEXT)))
    stream = io.BytesIO(out.getvalue().encode())
    found = [row for batch in readers.get("csv").rows(stream, "f", schema, False, dialect) for row in batch]
    assert found == cells


# --- what means nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"delimiter": "ab"}, "--delimiter 'ab' is not one sign"),
        ({"delimiter": ""}, "--delimiter '' is not one sign"),
        ({"delimiter": "x"}, "is not one sign"),
        ({"quote": "\n"}, "is not one sign"),
        ({"encoding": "utf-9"}, "no encoding of text is called 'utf-9'"),
        ({"encoding": "base64"}, "no encoding of text"),
        ({"decimal": ";"}, "is none of . and ,"),
        ({"true": ["a"], "false": ["A"]}, "means both true and false"),
        ({"names": ["a", "a"]}, "names 'a' twice"),
        ({"names": ["a"], "header": True}, "without a header"),
    ],
)
def test_options_that_mean_nothing_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(**words)


@pytest.mark.parametrize(
    ("format", "words", "said"),
    [
        ("jsonl", {"delimiter": ";"}, "jsonl has no --delimiter"),
        ("parquet", {"encoding": "utf-8"}, "parquet has no --encoding"),
        ("parquet", {"rules": ("a: type=text",)}, "it has no --rule"),
        ("csv", {"quote": ","}, "is both"),
        ("csv", {"delimiter": '"'}, "is both"),
    ],
)
def test_options_that_the_format_has_not_are_refused(format: str, words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(b"a,b\n1,2\n", format, **words)


# --- dump and load ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_in(tmp_path)


def fleet_in(folder: Path) -> Fleet:
    fleet = Fleet.open(environ={"DBFLEET_STATE_DIR": str(folder / "state"), "DBFLEET_CONFIG": ""}, directory=folder)
    fleet.made_state()
    return fleet


@contextmanager
def filled(fleet: Fleet, schema: Schema, rows: list[Row]) -> Iterator[None]:
    with registry.connect(fleet.target("sqlite").with_(create=True)) as adapter:
        adapter.create(schema)
        adapter.write(schema, [rows])
    yield


_ALL = Schema(
    "all",
    (Column("t", Type.TEXT), Column("n", Type.DECIMAL), Column("f", Type.FLOAT), Column("b", Type.BOOL),
     Column("j", Type.JSON), Column("w", Type.TEXT), Column("y", Type.BYTES)),
)  # fmt: skip
_TEXT = (
    st.none()
    | st.text(st.sampled_from("ab,;|\t\"'\\\n\r\0N éx€"), max_size=6)
    | st.sampled_from(["NULL", "\\N", "true"])
)
_ROW = st.tuples(
    _TEXT,
    st.none() | st.decimals(-100, 100, places=3, allow_nan=False),
    st.none() | st.floats(),
    st.none() | st.booleans(),
    st.sampled_from([None, JSON_NULL, "a,b", {"x": 'y"\n'}, [1]]),
    _TEXT,
    st.none() | st.binary(max_size=3),
)


@given(
    rows=st.lists(_ROW, max_size=5),
    format=st.sampled_from(["csv", "tsv", "json", "jsonl"]),
    words=st.fixed_dictionaries(
        {},
        optional={
            "delimiter": st.sampled_from([";", "tab", "|", " "]),
            "quote": st.sampled_from(["'", '"']),
            "escape": st.sampled_from(["\\", "~", "none"]),
            "header": st.booleans(),
            "decimal": st.sampled_from([",", "."]),
            "null": st.sampled_from([["NULL"], ["\\N"], ["a"], ["-"]]),
            "true": st.just(["ja"]),
            "false": st.just(["nein"]),
            "encoding": st.sampled_from(["utf-8", "utf-16", "utf-16-le", "gb18030"]),
        },
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_dumped_in_a_dialect_is_loaded_as_it_was(rows: list[Row], format: str, words: dict[str, Any]) -> None:
    if format in ("json", "jsonl"):
        words = {name: value for name, value in words.items() if name == "encoding"}
    dialect = asked(**words)
    if dialect.decimal == dialect.settled(format).delimiter:
        return
    with tempfile.TemporaryDirectory() as folder:
        fleet = fleet_in(Path(folder))
        with filled(fleet, _ALL, rows):
            try:
                (record,) = dump(
                    fleet, fleet.target("sqlite"), directory=Path(folder) / "d", format=format, dialect=dialect
                )
            except Unsupported:
                assert "escape" in words or format == "tsv"
                return
            with load_inputs.find(str(Path(folder) / "d")) as inputs:
                (back,) = load(fleet, fleet.target("sqlite"), inputs, mode="replace", verify=True)
        assert (back.rows, back.digest, back.verified) == (len(rows), record.digest, True)


def test_a_dump_says_its_dialect_and_an_older_dbfleet_would_refuse_it(fleet: Fleet, tmp_path: Path) -> None:
    with filled(fleet, Schema("p", (Column("a", Type.TEXT),)), [("x",)]):
        list(dump(fleet, fleet.target("sqlite"), directory=tmp_path / "d", format="csv", dialect=asked(delimiter=";")))
        list(dump(fleet, fleet.target("sqlite"), directory=tmp_path / "e", format="csv"))
    found = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert (found["dbfleet_dump"], found["dialect"]) == (2, {"delimiter": ";"})
    found = json.loads((tmp_path / "e" / "manifest.json").read_text())
    assert (found["dbfleet_dump"], found.get("dialect")) == (1, None)
    with pytest.raises(UsageError, match="says itself how it is read"), \
         load_inputs.find(str(tmp_path / "d"), dialect=asked(delimiter=";")):  # fmt: skip
        pass


def test_one_collection_streams_in_a_dialect(fleet: Fleet) -> None:
    schema = Schema("p", (Column("a", Type.TEXT), Column("n", Type.DECIMAL), Column("b", Type.BOOL)))
    dialect = asked(delimiter=";", decimal=",", true=["ja"], null=["NULL"], encoding="cp1252")
    rows: list[Row] = [("é;", Decimal("1.5"), True), (None, None, False), ("NULL", Decimal(2), None), ("", None, None)]
    with filled(fleet, schema, rows), \
         stream(fleet, fleet.target("sqlite"), "p", format="csv", dialect=dialect) as chunks:  # fmt: skip
        assert b"".join(chunks).decode("cp1252").split("\n") == [
            "a;n;b", '"é;";1,5;ja', "NULL;NULL;false", '"NULL";2;NULL', '"";NULL;NULL', "",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("€", {"encoding": "latin-1"}, r"t holds '€' \(U\+20AC\), which iso8859-1 has not"),
        ("a,b", {"quote": "none"}, "'a,b' cannot be written without quotes"),
        ("NULL", {"quote": "none", "escape": "~", "null": ["NULL"]}, "is the word for NULL"),
    ],
)
def test_what_a_dialect_cannot_write_is_refused(text: str, words: dict[str, Any], said: str) -> None:
    schema = Schema("t", (Column("a", Type.TEXT), Column("b", Type.TEXT)))
    with pytest.raises(Unsupported, match=said):
        list(_exact.encode("csv", schema, [[(text, "x")]], asked(**words)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"null": ["a", "b"]}, "NULL is written in one way"),
        ({"null": ["a,b"]}, "has a sign in it"),
        ({"decimal": ","}, "stands both between cells and in numbers"),
        ({"names": ["a"]}, "of a file that is read"),
    ],
)
def test_a_dump_that_could_not_be_read_back_is_refused(fleet: Fleet, tmp_path: Path, words: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(dump(fleet, fleet.target("sqlite"), directory=tmp_path / "d", format="csv", dialect=asked(**words)))


def test_nothing_is_open_in_a_settled_dialect() -> None:
    assert all(getattr(Dialect().settled("csv"), name) is not None for name in Dialect.__dataclass_fields__)
