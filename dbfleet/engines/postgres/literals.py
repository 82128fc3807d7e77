"""Values as literals of SQL; and, with them, changes of rows as statements and a condition as a part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import Change, Condition, Part
from dbfleet.engines.postgres.encode import holds_nul, plain
from dbfleet.engines.postgres.tables import Execute, Table, Tables
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.values import Column, Schema, Type

_IDENTITY: Final = """
SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND a.attidentity = 'a' LIMIT 1
"""
"""Whether a column is always generated as identity."""


def statements(
    execute: Execute, tables: Tables, schema: Schema, table: Table, changes: Iterable[Change]
) -> Iterator[str]:
    """The changes as statements; a generated column is left out, and an identity column takes the row's value."""
    computed = frozenset(name for name in schema.names if table.column(name).generated)
    identity = execute(_IDENTITY, tables.split(schema.name))
    spelling = Spelling(
        table.sql, LEXIS.quote, _of_table(tables, schema, table), computed=computed,
        before_values=" OVERRIDING SYSTEM VALUE" if identity else "",
    )  # fmt: skip
    yield from change_statements(schema, changes, spelling)


def chosen(tables: Tables, schema: Schema, table: Table, condition: Condition) -> Part | None:
    """The part that the condition chooses; None where a value of it has no literal."""
    return condition_part(schema, condition, LEXIS.quote, _of_table(tables, schema, table))


def _of_table(tables: Tables, schema: Schema, table: Table) -> Callable[[int, Any], str]:
    return _literals(schema.columns, tables.arrays(schema, table))


def _literals(columns: Sequence[Column], arrays: Sequence[bool]) -> Callable[[int, Any], str]:
    """A function that spells a value by its column's place. The literal takes the type of the column that it is put
    into."""
    plan = [plain(column, array) for column, array in zip(columns, arrays, strict=True)]

    def literal(place: int, value: Any) -> str:
        text = plan[place](value)
        type_ = columns[place].type
        if type_ is Type.INT or (type_ is Type.DECIMAL and value.is_finite()):
            return text
        if "\0" in text:
            raise holds_nul(columns[place].name)
        text = text.replace("'", "''")
        # E'…' says the same whatever standard_conforming_strings is.
        return "E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"

    return literal
