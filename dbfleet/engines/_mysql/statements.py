"""Changes of rows as statements, and a condition as a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dbfleet.adapter import Change, Condition, Part
from dbfleet.engines._mysql import tables
from dbfleet.engines._mysql.fast.ordered import is_single
from dbfleet.engines._mysql.parts import exactly
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.values import Schema


def statements(session: Session, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements. Where the collation of a key takes different texts for equal, its bytes are compared
    too."""
    with session.translated():
        table = session.table(schema)
    folding = tables.folding(session.rows, schema)

    def same(place: int, value: Any) -> str:
        name, text = LEXIS.quote(schema.names[place]), table.literal(place, value)
        equal = f"{name} = {text}"
        return f"{equal} AND {exactly(name)} = {exactly(text)}" if schema.names[place] in folding else equal

    computed = frozenset(schema.names) - frozenset(table.written)
    spelling = Spelling(
        LEXIS.quote(schema.name), LEXIS.quote, table.literal, same, computed, touched=frozenset(table.touched)
    )
    with session.translated():
        yield from change_statements(schema, changes, spelling)


def chosen(session: Session, schema: Schema, condition: Condition) -> Part | None:
    """The part that the condition chooses. None where it asks of a FLOAT, of which none is 0.1 to the server."""
    with session.translated():
        table = session.table(schema)
    if any(is_single(schema.column(name)) for name in condition.columns):
        return None
    return condition_part(schema, condition, LEXIS.quote, table.literal)
