"""DDL without SQLAlchemy, for an engine without a dialect there: CREATE TABLE, COMMENT ON, indexes and defaults. The
engine says how a column is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Default, Index
from dbfleet.sql.relational import comment_of
from dbfleet.sql.text import text_literal
from dbfleet.values import VALUE_OF, Column, Reference, Schema


def table_lines(
    schema: Schema,
    quote: Callable[[str], str],
    declare: Callable[[Column], str],
    *,
    references: Sequence[Reference] | None = None,
) -> Iterator[str]:
    """The lines between the parentheses of CREATE TABLE, without commas: the columns, the key, and the references (the
    schema's own, unless others are given). A key column is NOT NULL, whatever the schema says."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(map(quote, names))

    for column in schema.columns:
        needed = column.name in schema.key or not column.nullable
        yield f"{quote(column.name)} {declare(column)}{' NOT NULL' if needed else ''}"
    if schema.key:
        yield f"PRIMARY KEY ({listed(schema.key)})"
    for reference in schema.references if references is None else references:
        columns, keys = listed(reference.columns), listed(reference.keys)
        yield f"FOREIGN KEY ({columns}) REFERENCES {quote(reference.collection)} ({keys})"


def comment_statements(
    schema: Schema,
    quote: Callable[[str], str],
    comment: Callable[[Column], str | None],
    *,
    loose: Sequence[Reference] = (),
) -> Iterator[str]:
    """COMMENT ON statements that keep what CREATE TABLE cannot say: the `comment` of each column that needs one, and
    beside the table whether it is an edge, its partition, and the references to itself that the engine is not to
    enforce (`loose`). `catalog.schema` reads the table's comment back."""
    table = quote(schema.name)
    references = [(each.columns, each.keys) for each in loose]
    said = {"edge": schema.edge, "partition": schema.partition, "references": references}
    if kept := {word: value for word, value in said.items() if value}:
        yield f"COMMENT ON TABLE {table} IS {text_literal(comment_of(kept))}"
    for column in schema.columns:
        text = comment(column)
        if text is not None:
            yield f"COMMENT ON COLUMN {table}.{quote(column.name)} IS {text_literal(text)}"


def extra_statement(
    schema: Schema,
    extra: AnyExtra,
    quote: Callable[[str], str],
    literal: Callable[[int, Any], str],
    *,
    now: str = "CURRENT_TIMESTAMP",
) -> str:
    """The statement that gives the table an index or a default. `literal` writes a value, given its column's place;
    `now` is the moment of the insert. Unsupported for any other extra: standard SQL gives it only to a new table."""
    table = quote(schema.name)
    if isinstance(extra, Index):
        unique = "UNIQUE " if extra.unique else ""
        return f"CREATE {unique}INDEX {quote(extra.name)} ON {table} ({', '.join(map(quote, extra.columns))})"
    if not isinstance(extra, Default):
        raise Unsupported(f"{extra}: only a new table can have it")
    place = schema.names.index(extra.column)
    value = now if extra.text is None else literal(place, VALUE_OF[schema.columns[place].type](extra.text))
    return f"ALTER TABLE {table} ALTER COLUMN {quote(extra.column)} SET DEFAULT {value}"
