"""The checks of an adapter's abilities, as functions: the suite calls them, and so do the tests of the suite.

Each returns in words what is wrong, one text for each ability; nothing where all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, TypeVar

import pytest

from dbfleet import formats
from dbfleet.abilities import (
    ALL,
    ENCODINGS,
    Encodes,
    EncodesScans,
    Narrows,
    Ordered,
    ReadsLines,
    WritesLines,
    able,
    members,
)
from dbfleet.adapter import Adapter, Condition
from dbfleet.formats import _exact
from dbfleet.spec import EngineSpec
from dbfleet.values import Column, Row, Schema, Type, digest_rows

A = TypeVar("A")


def needed(adapter: Adapter, ability: type[A]) -> A:
    """The adapter, typed as one with the ability. Skips the test where its spec does not declare it."""
    having = able(adapter, ability)
    if having is None:
        pytest.skip("undeclared by the spec")
    return having


def _there(adapter_class: type, ability: type) -> bool:
    """Whether the class, or one of its bases that is no Protocol, defines all members of the ability."""
    making = [each for each in adapter_class.__mro__ if not getattr(each, "_is_protocol", False)]
    return all(any(name in vars(each) for each in making) for name in members(ability))


def absent(spec: EngineSpec, adapter_class: type) -> list[str]:
    """Abilities that the spec declares and the adapter's class does not have."""
    return [
        f"{ability.__name__} is declared, and {adapter_class.__name__} does not define {', '.join(members(ability))}"
        for ability in ALL
        if ability in spec.abilities and not _there(adapter_class, ability)
    ]


def undeclared(spec: EngineSpec, adapter_class: type) -> list[str]:
    """Abilities that the adapter's class has and the spec does not declare."""
    return [
        f"{adapter_class.__name__} defines {', '.join(members(ability))}, and {ability.__name__} is not declared"
        for ability in ALL
        if ability not in spec.abilities and _there(adapter_class, ability)
    ]


# --- abilities that may decline: not for a plain schema --------------------------------------------------------------


def plain_schema(name: str) -> Schema:
    """A schema that no engine has a reason to decline: a key of one integer, and columns of the usual types."""
    columns = (
        Column("id", Type.INT, nullable=False),
        Column("name", Type.TEXT, length=50),
        Column("price", Type.DECIMAL, precision=10, scale=2),
        Column("good", Type.BOOL),
        Column("born", Type.DATE),
        Column("at", Type.INSTANT, fraction_digits=3),
    )
    return Schema(name, columns, ("id",))


_AT: Final = datetime(2024, 3, 1, 7, tzinfo=UTC)
PLAIN_ROWS: Final[list[Row]] = [
    (number, f"name {number}", Decimal(number) / 4, number % 2 == 0, date(2024, 2, 29), _AT) for number in range(1, 41)
]


def _lines(chunks: Iterator[bytes]) -> list[bytes]:
    return sorted(b"".join(chunks).splitlines())


def _encodes(adapter: Adapter, schema: Schema) -> Iterator[str]:
    statement = adapter.spec.examples["all"].format(collection=schema.name)
    for word in adapter.spec.encodings:
        chunks = needed(adapter, Encodes).encoded(statement, {}, ENCODINGS[word])
        if chunks is None:
            yield f"encoded declines {word} of {statement}"
            continue
        made = _lines(chunks)
        with adapter.query(statement) as result:
            if made != _lines(formats.encode(word, [result])):
                yield f"encoded gives another {word} of {statement} than query"


def _encodes_scans(adapter: Adapter, schema: Schema) -> Iterator[str]:
    for word in adapter.spec.encodings:
        chunks = needed(adapter, EncodesScans).encoded_scan(schema, ENCODINGS[word])
        if chunks is None:
            yield f"encoded_scan declines {word}"
        elif _lines(chunks) != _lines(_exact.encode(word, schema, adapter.scan(schema))):
            yield f"encoded_scan gives another {word} than scan"


def _ordered(adapter: Adapter, schema: Schema) -> Iterator[str]:
    chunks = needed(adapter, Ordered).ordered(schema)
    if chunks is None:
        yield "ordered declines"
    elif [int(line.split(b"\t")[0]) for line in b"".join(chunks).splitlines()] != [row[0] for row in PLAIN_ROWS]:
        yield "ordered does not give each key once, in their order"


def _narrows(adapter: Adapter, schema: Schema) -> Iterator[str]:
    part = needed(adapter, Narrows).narrow(schema, Condition("<=", column="id", value=7))
    if part is None:
        yield "narrow declines"
    elif sorted(row[0] for batch in adapter.scan(schema, part) for row in batch) != [*range(1, 8)]:
        yield "narrow gives other rows than those that the condition chooses"


def _reads_lines(adapter: Adapter, schema: Schema) -> Iterator[str]:
    chunks = needed(adapter, ReadsLines).lines(schema)
    if chunks is None:
        yield "lines declines"
    elif len(b"".join(chunks).splitlines()) != len(PLAIN_ROWS):
        yield "lines does not give each row once"


def _writes_lines(adapter: Adapter, schema: Schema) -> Iterator[str]:
    line = b"41\tname 41\t10.25\tf\t2024-02-29\t2024-03-01 00:00:00+00\n"
    written = needed(adapter, WritesLines).write_lines(schema, iter([line]))
    if written is None:
        yield "write_lines declines"
    elif [row[:3] for row in adapter.get(schema, [(41,)])] != [(41, "name 41", Decimal("10.25"))]:
        yield "write_lines stores another row than the line's"
    adapter.delete(schema, [(41,)])


MAY_DECLINE: Final[Mapping[type, Callable[[Adapter, Schema], Iterator[str]]]] = {
    Encodes: _encodes,
    EncodesScans: _encodes_scans,
    Ordered: _ordered,
    Narrows: _narrows,
    ReadsLines: _reads_lines,
    WritesLines: _writes_lines,
}


def declined(adapter: Adapter, ability: type, schema: Schema) -> list[str]:
    """What is wrong with a declared ability on a plain schema that holds PLAIN_ROWS: that it declines, or that its
    result differs from that of the plain way."""
    return list(MAY_DECLINE[ability](adapter, schema))


def filled(adapter: Adapter, schema: Schema) -> Schema:
    """The plain schema, with its rows written; every engine gives them back as they are."""
    adapter.write(schema, [PLAIN_ROWS])
    assert digest_rows(schema.columns, adapter.scan(schema)) == digest_rows(schema.columns, [PLAIN_ROWS])
    return schema
