"""Changes of rows as statements, and a condition as a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbfleet.adapter import Change, Condition, Part
from dbfleet.engines.sqlserver.encode import same_key, spelt
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.tables import with_types
from dbfleet.engines.sqlserver.types import LEXIS
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.values import Schema


def statements(session: Session, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements. Around an INSERT into a table with an IDENTITY that takes the row's value."""
    table = session.table_of(schema)
    with session.translated():
        natives = with_types(table, schema.columns)
        computed = frozenset(native.column.name for native in natives if native.computed)
        identity = frozenset(native.column.name for native in natives if native.identity)
        spelling = Spelling(
            table.sql, LEXIS.quote, spelt(natives), same_key(natives), computed=computed, fixed=identity
        )
        for statement in change_statements(schema, changes, spelling):
            if identity and statement.startswith("INSERT"):
                yield f"SET IDENTITY_INSERT {table.sql} ON;"
                yield statement
                yield f"SET IDENTITY_INSERT {table.sql} OFF;"
            else:
                yield statement


def chosen(session: Session, schema: Schema, condition: Condition) -> Part | None:
    """The part that the condition chooses; None where a value of it has no literal."""
    with session.translated():
        natives = with_types(session.table_of(schema), schema.columns)
    return condition_part(schema, condition, LEXIS.quote, spelt(natives))
