"""What an engine's catalogue tells, put together: a table's schema and its extras. The engine says how it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from dbfleet.extras import Extra, Extras, Index
from dbfleet.native import BOUNDS, beyond
from dbfleet.sql.defaults import read_default
from dbfleet.sql.relational import table_comment
from dbfleet.values import Column, Reference, Schema

Ask = Callable[..., list[Any]]
"""Runs a statement of the engine's, with values to bind, and gives its rows."""


def schema(
    name: str, columns: Sequence[Column], key: Sequence[str], references: Iterable[Reference], comment: str | None
) -> Schema:
    """The table's schema. The comment that dbfleet wrote beside the table (`ddl.comment_statements`) says whether it is
    an edge, how it is partitioned, and which references to itself are not enforced. References are in the order of
    their columns."""
    kept = table_comment(comment)
    loose = [Reference(tuple(own), name, tuple(keys)) for own, keys in kept.get("references", ())]
    order = [column.name for column in columns]
    known = sorted([*loose, *references], key=lambda each: [order.index(column) for column in each.columns])
    edge, partition = bool(kept.get("edge")), tuple(kept.get("partition", ()))
    return Schema(name, tuple(columns), tuple(key), tuple(known), edge, partition)


def in_bounds(schema: Schema, ask: Ask, quote: Callable[[str], str]) -> Schema:
    """The schema, in which a column of dates or times that holds one which Python does not have is of text. The server
    looks at all values, in one pass."""
    timed = [column for column in schema.columns if column.type in BOUNDS]
    if not timed:
        return schema
    tests = [
        "max(CASE WHEN {} NOT BETWEEN '{}' AND '{}' THEN 1 ELSE 0 END)".format(quote(column.name), *BOUNDS[column.type])
        for column in timed
    ]
    (answers,) = ask(f"SELECT {', '.join(tests)} FROM {quote(schema.name)}")
    outside = {column.name for column, is_outside in zip(timed, answers, strict=True) if is_outside}
    return replace(
        schema,
        columns=tuple(
            beyond(column, (column.native or column.type).lower()) if column.name in outside else column
            for column in schema.columns
        ),
    )


def extras(
    schema: Schema, indexes: Iterable[Index], defaults: Iterable[Sequence[Any]], checks: Iterable[str]
) -> Extras:
    """The table's extras; what has no record is told in words. An index without columns is one over an expression.
    `defaults` are a column's name and its default in the server's words, or None. `checks` are the server's words."""
    indexed = list(indexes)
    found: list[Extra] = [index for index in indexed if index.columns]
    words = [f"generated column {each.name}: its values come" for each in schema.columns if each.generated]
    words += [f"index {index.name}, over an expression" for index in indexed if not index.columns]
    words += [f"a check: {text}" for text in checks]
    for name, text in defaults:
        if text is None or text.upper() == "NULL":
            continue
        if default := read_default(schema.column(name), text):
            found.append(default)
        else:
            words.append(f"default of {name}, an expression: {text}")
    return Extras(tuple(found), tuple(words))
