"""Rows of a schema as a dump holds them: readers/ reads back every value as it was.

A dump is written as the formats write it, with one difference in JSON Lines: a json column that is NULL is left out,
because `null` stands for the JSON value null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.dialect import FORMATS as DIALECTS
from dbfleet.formats import Page, Plain, _dialect, get
from dbfleet.formats._values import AS_JSON, ByType, compiled, quoted, to_bytes
from dbfleet.values import Batch, Schema, Type

FORMATS: Final = ("jsonl", "csv", "tsv", "json", "parquet")
"""The formats in which a dump can be written."""


def encode(name: str, schema: Schema, batches: Iterable[Batch], dialect: Dialect = AS_USUAL) -> Iterator[bytes]:
    """The rows in this format and dialect, in chunks of a batch."""
    if name == "parquet":
        from dbfleet.formats._parquet import encode as parquet  # here, as pyarrow is an extra

        yield from parquet(schema, batches)
    elif name in DIALECTS and dialect.given:
        yield from _dialect.encode(schema, batches, dialect.settled(name))
    elif dialect.encoding not in (None, "utf-8"):
        encoded = _dialect.encoder(dialect.encoding or "", schema.name)
        yield from (encoded(chunk.decode()) for chunk in encode(name, schema, batches))
    elif name == "json":
        yield from _array(encode("jsonl", schema, batches))
    elif name == "jsonl" and any(column.type is Type.JSON for column in schema.columns):
        loop = _loop(schema)
        for batch in batches:
            yield to_bytes(loop(batch))
    else:
        columns = [ResultColumn(column.name, column.type) for column in schema.columns]
        yield from get(name).encode([Plain(columns, batches)], Page())


def _array(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Objects, each on a line of its own, as one array."""
    opening = b"[\n"
    for chunk in lines:
        if chunk:
            # JSON escapes newlines, so the only ones end an object.
            yield opening + chunk[:-1].replace(b"\n", b",\n")
            opening = b",\n"
    yield b"[]\n" if opening == b"[\n" else b"\n]\n"


def _loop(schema: Schema) -> Callable[[Batch], str]:
    """A function that writes rows as objects without the json columns that are NULL: the name and the comma of such a
    column are written with its value."""
    tables: list[ByType] = [AS_JSON]
    pieces, used = ["{"], []
    solid = False  # whether a field that is never left out comes before
    for column in schema.columns:
        comma = "," if solid else ""
        name = f"{quoted(column.name)}:"
        if column.type is Type.JSON:
            # Before the first solid field, the comma is written after the value; a last one is cut below.
            tables.append(_left_out(comma + name, "" if solid else ","))
            used.append(len(tables) - 1)
        else:
            pieces[-1] += comma + name
            used.append(0)
            solid = True
        pieces.append("")
    pieces[-1] += "}\n"
    # Without the cache of `compiled`: these tables are made for this call alone.
    loop = compiled.__wrapped__(tuple(pieces), tuple(used), tuple(tables))
    if solid:
        return loop
    # With json columns alone, a line may end in a comma. The only newline that is not escaped ends an object.
    return lambda rows: loop(rows).replace(",}\n", "}\n")


def _left_out(before: str, behind: str) -> ByType:
    def field(value: Any) -> str:
        return f"{before}{AS_JSON[type(value)](value)}{behind}"

    return ByType({type(None): lambda value: ""}, nested=field, other=field)
