"""Changes of rows as the INSERT, UPDATE and DELETE that SQL and CQL have in common; in what engines differ is data: a
`Spelling`. An UPDATE names the columns that change and, of the others, those that it would set by itself. One statement
a change, one line where no value has a line's end in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dbfleet.adapter import Change
from dbfleet.errors import Unsupported
from dbfleet.values import TEXT_OF, Column, Row, Schema


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one table's statements are spelt: its name and its columns' in the language, the literal of a value that is
    not NULL by its column's place, what says that the key's column at a place has a value where `=` does not do, the
    columns that the server computes, what stands before VALUES, the columns that an UPDATE sets by itself if it does
    not name them, those that no UPDATE can set, and those that no INSERT can."""

    table: str
    quote: Callable[[str], str]
    literal: Callable[[int, Any], str]
    same: Callable[[int, Any], str] | None = None
    computed: frozenset[str] = frozenset()
    before_values: str = ""
    touched: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()


def changed(columns: Sequence[Column], change: Change) -> list[int]:
    """The places at which the row before and the row after have different canonical texts."""
    before, after = change.before, change.after
    assert before is not None
    assert after is not None
    found = []
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old is None or new is None:
            if old is not new:
                found.append(place)
        elif (text_of := TEXT_OF[columns[place].type])(old) != text_of(new):
            found.append(place)
    return found


def key_of(schema: Schema, change: Change) -> Row:
    """The key of the row that changes, in key order."""
    row = change.before if change.before is not None else change.after
    assert row is not None
    return tuple([row[place] for place in schema.key_indexes])


def statements(schema: Schema, changes: Iterable[Change], spelling: Spelling) -> Iterator[str]:
    """The statements, each with its semicolon. Unsupported, by name, for a column that none can set."""
    quote, table, literal = spelling.quote, spelling.table, spelling.literal
    written = [place for place, name in enumerate(schema.names) if name not in spelling.computed]
    names = ", ".join(quote(schema.names[place]) for place in written)

    def cell(place: int, value: Any) -> str:
        return "NULL" if value is None else literal(place, value)

    def same(place: int, value: Any) -> str:
        return spelling.same(place, value) if spelling.same else f"{quote(schema.names[place])} = {cell(place, value)}"

    for change in changes:
        before, after = change.before, change.after
        if before is None:
            assert after is not None
            for name in sorted(spelling.counted.intersection(schema.names)):
                raise Unsupported(
                    f"column {name} of {schema.name} counts by itself, and the server takes no other value in an INSERT"
                )
            cells = ", ".join([cell(place, after[place]) for place in written])
            yield f"INSERT INTO {table} ({names}){spelling.before_values} VALUES ({cells});"
            continue
        where = " AND ".join([same(place, before[place]) for place in schema.key_indexes])
        if after is None:
            yield f"DELETE FROM {table} WHERE {where};"
            continue
        places = [place for place in changed(schema.columns, change) if schema.names[place] not in spelling.computed]
        for place in places:
            if schema.names[place] in spelling.fixed:
                raise Unsupported(f"column {schema.names[place]} of {schema.name} counts by itself: no UPDATE sets it")
        if places:
            more = [
                place for place, name in enumerate(schema.names) if name in spelling.touched and place not in places
            ]
            sets = ", ".join(
                f"{quote(schema.names[place])} = {cell(place, after[place])}" for place in [*places, *more]
            )
            yield f"UPDATE {table} SET {sets} WHERE {where};"
