"""Fast paths: their result is that of the plain path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dbfleet.abilities import ENCODINGS, Digests, EncodesScans, Encoding, Ordered, ReadsLines, WritesLines
from dbfleet.adapter import WHOLE, Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Make
from dbfleet.errors import ConstraintViolated, StatementError, Unavailable
from dbfleet.formats import _exact
from dbfleet.spec import Capability
from dbfleet.values import TEXT_OF, Column, Digest, Row, Schema, Type, digest_rows


def _without(schema: Schema, rows: list[Row], *types: Type) -> tuple[Schema, list[Row]]:
    """The schema and its rows without the columns of these types."""
    kept = [place for place, column in enumerate(schema.columns) if column.type not in types]
    columns = tuple(schema.columns[place] for place in kept)
    return Schema(schema.name, columns, schema.key), [tuple(row[place] for place in kept) for row in rows]


def _given(chunks: Iterator[bytes] | None) -> Iterator[bytes]:
    """The chunks; skips the test where they are None: a schema of every type may be declined (test_abilities says where
    not)."""
    if chunks is None:
        pytest.skip("declined for this schema")
    return chunks


@pytest.fixture(params=["every type", "no json"])
def filled(request: pytest.FixtureRequest, adapter: Adapter, made: Make, name: str) -> Schema:
    """A collection with every example of every type. It is also made without json, as servers render the other types
    themselves."""
    types = (Type.JSON,) if request.param == "no json" else ()
    schema, rows = _without(wide_schema(name, adapter.spec), wide_rows(adapter.spec, 500), *types)
    adapter.write(made(schema), [rows])
    return schema


def test_server_digest_is_that_of_the_scan(adapter: Adapter, filled: Schema) -> None:
    assert needed(adapter, Digests).digest(filled) == digest_rows(filled.columns, adapter.scan(filled))


@pytest.mark.parametrize("format", ENCODINGS.values())
def test_encoded_scan_is_what_the_scan_gives(adapter: Adapter, filled: Schema, format: Encoding) -> None:
    chunks = _given(needed(adapter, EncodesScans).encoded_scan(filled, format))
    plain = b"".join(_exact.encode(format, filled, adapter.scan(filled)))
    assert sorted(b"".join(chunks).splitlines()) == sorted(plain.splitlines())


@pytest.mark.parametrize("format", ENCODINGS.values())
def test_encoded_scan_tells_the_digest_of_what_it_gives(adapter: Adapter, filled: Schema, format: Encoding) -> None:
    digests: list[Digest] = []
    chunks = _given(needed(adapter, EncodesScans).encoded_scan(filled, format, digests.append))
    plain = b"".join(_exact.encode(format, filled, adapter.scan(filled)))
    assert sorted(b"".join(chunks).splitlines()) == sorted(plain.splitlines())
    assert sum(digests, Digest()) == digest_rows(filled.columns, adapter.scan(filled))


def test_half_read_encoded_scan_can_be_closed(adapter: Adapter, filled: Schema) -> None:
    chunks: Any = _given(needed(adapter, EncodesScans).encoded_scan(filled, "jsonl"))
    next(chunks)
    chunks.close()
    assert adapter.count(filled.name) == sum(map(len, adapter.scan(filled)))


def test_large_collection_is_encoded_as_it_is_scanned(adapter: Adapter, made: Make, name: str) -> None:
    """A fast path may read a large collection in another way than a small one, for example by ranges of its pages."""
    encode = needed(adapter, EncodesScans).encoded_scan
    schema, rows = _without(wide_schema(name, adapter.spec), wide_rows(adapter.spec, 8000), Type.JSON)
    adapter.write(made(schema), [rows[start : start + 1000] for start in range(0, len(rows), 1000)])
    digests: list[Digest] = []
    chunks = _given(encode(schema, "jsonl", digests.append))
    plain = b"".join(_exact.encode("jsonl", schema, adapter.scan(schema)))
    assert sorted(b"".join(chunks).splitlines()) == sorted(plain.splitlines())
    assert sum(digests, Digest()) == digest_rows(schema.columns, adapter.scan(schema))


# --- lines ---


def _line(schema: Schema, row: Row) -> bytes:
    """A row as a line, written plainly by the rules of dbfleet/lines.py."""
    cells = []
    for column, value in zip(schema.columns, row, strict=True):
        text = "\\N" if value is None else _cell(column.type, value)
        cells.append(text)
    return ("\t".join(cells) + "\n").encode()


_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _cell(type_: Type, value: Any) -> str:
    text = TEXT_OF[type_](value)
    if type_ is Type.BOOL:
        return "t" if value else "f"
    if type_ is Type.BYTES:
        return "\\\\x" + bytes(value).hex()
    if type_ in (Type.DATETIME, Type.INSTANT):
        return text.replace("T", " ").replace("Z", "+00")
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _stored(adapter: Adapter, schema: Schema) -> Digest:
    return digest_rows(schema.columns, adapter.scan(schema))


def test_lines_are_those_in_order(adapter: Adapter, filled: Schema) -> None:
    lines, ordered = needed(adapter, ReadsLines).lines, needed(adapter, Ordered).ordered
    # One after the other: a connection reads the rows of one statement at a time.
    readings = [_given(lines(filled)), _given(ordered(filled))]
    sides = [sorted(b"".join(chunks).split(b"\n")) for chunks in readings]
    assert sides[0] == sides[1]
    parts = [chunk for part in adapter.split(filled, 3) for chunk in _given(lines(filled, part))]
    assert sorted(b"".join(parts).split(b"\n")) == sides[0]


@pytest.mark.parametrize("key", [("at", "name"), ("name", "id"), ()], ids=["date and text", "text and int", "no key"])
def test_lines_are_the_rows_whatever_the_key(adapter: Adapter, made: Make, name: str, key: tuple[str, ...]) -> None:
    lines = needed(adapter, ReadsLines).lines
    if not key and Capability.KEYLESS not in adapter.spec.capabilities:
        pytest.skip("undeclared by the spec")
    columns = (
        Column("id", Type.INT, False),
        Column("name", Type.TEXT, False, length=20),
        Column("at", Type.DATE, False),
        Column("n", Type.INT),
    )
    schema = made(Schema(name, columns, key))
    assert b"".join(lines(schema) or ()) == b""
    rows: list[Row] = [
        (number, f"n\t{number} é", date(2024, 2, 1 + number % 28), None if number % 3 else 2**40 + number)
        for number in range(300)
    ]
    adapter.write(schema, [rows])
    expected = sorted(_line(schema, row) for row in rows)
    for parts in ([WHOLE], adapter.split(schema, 3)):
        read = [chunk for part in parts for chunk in _given(lines(schema, part))]
        assert sorted(b"".join(read).splitlines(keepends=True)) == expected


def test_lines_written_are_the_rows_written(adapter: Adapter, made: Make, name: str) -> None:
    write: Any = needed(adapter, WritesLines).write_lines
    schema, rows = _without(wide_schema(name, adapter.spec), wide_rows(adapter.spec, 400), Type.JSON)
    plain, fast = made(schema), made(replace(schema, name=f"{name}_lines"))
    rows += [(1000 + number, *([None] * (len(schema.columns) - 1))) for number in range(3)]
    texts = [place for place, column in enumerate(schema.columns) if column.type is Type.TEXT]
    for number, text in enumerate(
        ["\\N", "\\", "\\\\f", "\f\v\b", "a\\vb", "", "\\.", "+00", "t", "x\x1ay", "\x0c\\f"]
    ):
        rows.append(
            tuple(text if place in texts else value for place, value in enumerate((2000 + number, *rows[0][1:])))
        )
    adapter.write(plain, [rows])
    chunks = [b"".join(_line(schema, row) for row in rows[start : start + 50]) for start in range(0, len(rows), 50)]
    written = write(fast, iter(chunks), mode="insert")
    if written is None:
        pytest.skip("declined for this schema")
    assert (written.rows, written.rejected) == (len(rows), [])
    assert _stored(adapter, fast) == _stored(adapter, plain)
    assert write(fast, iter(chunks), mode="upsert").rows == len(rows)
    assert _stored(adapter, fast) == _stored(adapter, plain)


def test_lines_that_are_refused_leave_nothing(adapter: Adapter, made: Make, name: str) -> None:
    write: Any = needed(adapter, WritesLines).write_lines
    schema = made(Schema(name, (Column("id", Type.INT, False), Column("n", Type.INT)), ("id",)))
    with pytest.raises(ConstraintViolated):
        write(schema, iter([b"1\t1\n2\t2\n", b"1\t3\n"]), mode="insert")
    assert adapter.count(name) == 0
    with pytest.raises(StatementError):
        write(schema, iter([b"1\t1\n", b"2\tnothing\n"]), mode="insert")
    assert adapter.count(name) == 0

    def broken() -> Iterator[bytes]:
        yield b"7\t7\n"
        raise Unavailable("the source died", target="elsewhere")

    with pytest.raises(Unavailable) as caught:
        write(schema, broken(), mode="insert")
    assert caught.value.target == "elsewhere"
    assert adapter.count(name) == 0
    assert write(schema, iter([b"1\t1\n", b"", b"2\t\\N\n"]), mode="insert").rows == 2
    assert write(schema, iter([b"1\t5\n3\t3\n3\t4\n"]), mode="upsert").rows == 3
    assert sorted(row for batch in adapter.scan(schema) for row in batch) == [(1, 5), (2, None), (3, 4)]


def test_lines_are_taken_into_columns_of_the_types_that_the_spec_names(adapter: Adapter, made: Make, name: str) -> None:
    write = needed(adapter, WritesLines).write_lines
    taken = set()
    for type_ in Type:
        columns = (Column("id", Type.INT, False), Column("v", type_))
        schema = made(Schema(f"{name}_{type_}", columns, ("id",)))
        if write(schema, iter([b"1\t\\N\n"])) is not None:
            taken.add(type_)
    assert taken == adapter.spec.line_types
