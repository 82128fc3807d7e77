"""Changes of rows as INSERT, UPDATE and DELETE, as SQL and CQL have them in common. Where engines differ, a `Spelling`
says how.

Each change is one statement, on one line unless a value holds a line end. An UPDATE sets the columns that change, and
those that the server would otherwise set by itself.
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
    """How the statements of one table are spelt.

    `table` is its name in the language, and `quote` gives that of a column. `literal` writes a value that is not NULL,
    given its column's place; `same` writes the comparison of a key column with a value, where `=` is not right.
    `computed` columns are computed by the server. `before_values` is text that goes before VALUES. `touched` columns
    are set by an UPDATE that does not name them; `fixed` ones can be set by no UPDATE, `counted` ones by no INSERT.
    """

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
    """The places at which the rows before and after have different canonical texts."""
    before, after = change.before, change.after
    assert before is not None
    assert after is not None
    places = []
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old is None or new is None:
            if old is not new:
                places.append(place)
        elif (text_of := TEXT_OF[columns[place].type])(old) != text_of(new):
            places.append(place)
    return places


def key_of(schema: Schema, change: Change) -> Row:
    """The key of the row that changes, in key order."""
    row = change.before if change.before is not None else change.after
    assert row is not None
    return tuple([row[place] for place in schema.key_indexes])


def statements(schema: Schema, changes: Iterable[Change], spelling: Spelling) -> Iterator[str]:
    """The statements, each with its semicolon. Unsupported, with the column's name, where a change needs a column to be
    set that no statement can set."""
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
