"""Tables by the dictionary: what there is, the statements that make and drop them, and the ranges of their keys.

The dictionary is asked through its ALL_ views for the connection's current schema, so that `?schema=APP` works for
somebody else's tables. A reference to another schema is not described, but told with what is left (oracle.left). Every
statement stands in tests/engines/golden/oracle_statements.sql.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import EMPTY, NAME_BYTES, Described, Native, made, read, select_expression, spelled
from dbfleet.errors import NotFound, StatementError, Unsupported
from dbfleet.sql.conditions import where
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Reference, Row, Schema, Type

Ask = Callable[..., Sequence[Row]]

OWNER: Final = "owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
NAMES: Final = f"SELECT table_name, table_type FROM all_tab_comments WHERE {OWNER} AND table_type IN ('TABLE', 'VIEW')"
TABLE: Final = f"SELECT table_type, comments FROM all_tab_comments WHERE {OWNER} AND table_name = :1"
COLUMNS: Final = (
    "SELECT c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, c.data_precision, c.data_scale, "
    "c.nullable, c.virtual_column, m.comments, c.hidden_column, c.default_length, g.generation_type "
    "FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner "
    "AND m.table_name = c.table_name AND m.column_name = c.column_name "
    "LEFT JOIN all_tab_identity_cols g ON g.owner = c.owner "
    "AND g.table_name = c.table_name AND g.column_name = c.column_name "
    f"WHERE c.{OWNER} AND c.table_name = :1 AND c.user_generated = 'YES' ORDER BY c.column_id, c.internal_column_id"
)
"""The columns that a user made. An invisible one is hidden, but holds values too."""
KEYS: Final = (
    "SELECT c.constraint_type, c.constraint_name, k.column_name, p.table_name, p.column_name FROM all_constraints c "
    "JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name "
    "LEFT JOIN all_cons_columns p ON p.owner = c.owner AND c.r_owner = c.owner "
    "AND p.constraint_name = c.r_constraint_name AND p.position = k.position "
    f"WHERE c.{OWNER} AND c.table_name = :1 AND c.constraint_type IN ('P', 'R') "
    "ORDER BY c.constraint_name, k.position"
)

HOUSEKEEPING: Final = ("BIN$", "MLOG$_", "RUPD$_", "DR$", "SYS_IOT_OVER_", "ISEQ$$_")
MARK: Final = "dbfleet:"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view, and its columns by name."""

    name: str
    is_view: bool
    comment: str | None
    columns: dict[str, Native]

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return LEXIS.quote(self.name)

    def column(self, name: str) -> Native:
        """The column of this name. NotFound if there is none."""
        native = self.columns.get(name)
        if native is None:
            raise NotFound(f"{self.name} has no column {name}")
        return native

    def select(self, schema: Schema) -> str:
        """SELECT and FROM, the schema's columns in its order; natively, what is empty behind them."""
        expressions = [select_expression(self.column(name)) for name in schema.names]
        said = [
            f"CASE WHEN DBMS_LOB.GETLENGTH({LEXIS.quote(schema.names[place])}) = 0 THEN 1 END"
            for place in self.emptiable(schema)
        ]
        return f"SELECT {', '.join([*expressions, *said])} FROM {self.sql}"

    def emptiable(self, schema: Schema) -> Sequence[int]:
        """The places of the columns that can be empty without being NULL, where that is told apart."""
        if not schema.native:
            return []
        return [place for place, name in enumerate(schema.names) if self.column(name).data_type in EMPTY]

    @property
    def drop(self) -> str:
        """The statement that removes it."""
        return f"DROP VIEW {self.sql}" if self.is_view else f"DROP TABLE {self.sql} PURGE"


def names(ask: Ask) -> list[str]:
    """Tables and views, without the recycle bin and what Oracle keeps for itself."""
    return sorted(name for name, _ in ask(NAMES) if not name.startswith(HOUSEKEEPING))


_NOT_BROKEN: Final = frozenset({"ORA-01013", "ORA-01031", "ORA-00054", "ORA-00060", "ORA-04020", "ORA-04021"})
"""Errors of reading a view that are not the view's fault: a stop by somebody, a privilege, a lock."""


def broken_views(ask: Ask) -> dict[str, str]:
    """The views that nobody can read, and why: a table of theirs is gone, or a column. Each view has to be asked: one
    that the dictionary calls invalid may become valid at its next use."""
    broken = {}
    for name, kind in ask(NAMES):
        if kind == "VIEW":
            try:
                ask(f"SELECT 0 FROM {LEXIS.quote(name)} WHERE 1 = 0")
            except StatementError as error:
                if error.code not in _NOT_BROKEN:
                    broken[name] = error.message
    return broken


def find(name: str, ask: Ask) -> Table:
    """The table or view of exactly this name. NotFound if there is none."""
    there = ask(TABLE, [name])
    if not there:
        raise NotFound(f"there is no table {name}")
    columns = [read(Described(*_plain(row))) for row in ask(COLUMNS, [name])]
    return Table(name, there[0][0] == "VIEW", there[0][1], {each.name: each for each in columns})


def _plain(row: Row) -> Iterator[Any]:
    name, data_type, length, chars, used, precision, scale, nullable, virtual, comment, hidden, default, kind = row
    yield from (name, data_type, int(length or 0), int(chars or 0), used)
    yield from (None if precision is None else int(precision), None if scale is None else int(scale))
    yield from (nullable, virtual, comment, hidden, None if default is None else int(default), kind)


def describe(table: Table, ask: Ask) -> Schema:
    """The table's schema: its columns, its key, its references within the schema, what its comment keeps."""
    key: list[str] = []
    references: dict[str, list[tuple[str, str, str]]] = {}
    for kind, constraint, column, other, other_key in ask(KEYS, [table.name]):
        if kind == "P":
            key.append(column)
        elif other is not None:
            references.setdefault(constraint, []).append((column, other, other_key))
    order = list(table.columns)
    refers = [
        Reference(tuple(row[0] for row in rows), rows[0][1], tuple(row[2] for row in rows))
        for rows in references.values()
    ]
    kept = _kept(table.comment)
    return Schema(
        table.name,
        tuple(native.column for native in table.columns.values()),
        tuple(key),
        tuple(sorted(refers, key=lambda each: [order.index(column) for column in each.columns])),
        edge=bool(kept.get("edge")),
        partition=tuple(kept.get("partition", ())),
    )


def _kept(comment: str | None) -> dict[str, Any]:
    if not (comment or "").startswith(MARK):
        return {}
    try:
        kept = json.loads((comment or "")[len(MARK) :])
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def check_names(schema: Schema) -> None:
    """Unsupported for a name that Oracle cannot have, however it is quoted."""
    for name in (schema.name, *schema.names):
        if not name or '"' in name or "\0" in name:
            raise Unsupported(f"Oracle's names are not empty and hold no double quote and no NUL: {name!r}")
        if len(name.encode()) > NAME_BYTES:
            raise Unsupported(f"Oracle's names have at most {NAME_BYTES} bytes: {name}")


def create_statements(schema: Schema) -> list[str]:
    """CREATE TABLE, then the comments that keep what Oracle's types do not say."""
    table = LEXIS.quote(schema.name)
    columns = [made(column, schema) for column in schema.columns]
    parts = [each.definition for each in columns]
    if schema.key:
        parts.append(f"PRIMARY KEY ({LEXIS.quote_all(schema.key)})")
    parts += [
        f"FOREIGN KEY ({LEXIS.quote_all(each.columns)}) "
        f"REFERENCES {LEXIS.quote(each.collection)} ({LEXIS.quote_all(each.keys)})"
        for each in schema.references
    ]
    statements = [f"CREATE TABLE {table} ({', '.join(parts)})"]
    kept = {key: value for key, value in (("edge", schema.edge), ("partition", list(schema.partition))) if value}
    if kept:
        statements.append(f"COMMENT ON TABLE {table} IS {_literal(MARK + json.dumps(kept, separators=(',', ':')))}")
    for column, each in zip(schema.columns, columns, strict=True):
        if each.comment:
            statements.append(f"COMMENT ON COLUMN {table}.{LEXIS.quote(column.name)} IS {_literal(each.comment)}")
    return statements


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- rows by their keys ---

_KEYS_AT_ONCE: Final = (1, 10, 100, 500)
"""How many keys a statement names. There are few sizes, so that the server parses few statements; it takes 1000 at
most."""


def by_keys(schema: Schema, table: Table, keys: Sequence[Row]) -> Iterator[tuple[str, list[tuple[Column, Any]]]]:
    """The statements that find the rows, each with its values and their columns."""
    columns = [schema.column(name) for name in schema.key]
    names = LEXIS.quote_all(schema.key)
    several = len(columns) > 1
    select = f"{table.select(schema)} WHERE {f'({names})' if several else names} IN "
    start = 0
    while start < len(keys):
        size = next((size for size in _KEYS_AT_ONCE if size >= len(keys) - start), _KEYS_AT_ONCE[-1])
        asked = keys[start : start + size]
        start += size
        asked = [*asked, *[asked[-1]] * (size - len(asked))]
        natives = [table.column(column.name) for column in columns]
        places = spelled(natives * size)
        width = len(columns)
        asked_for = [places[place : place + width] for place in range(0, len(places), width)]
        rows = ", ".join(f"({', '.join(each)})" if several else each[0] for each in asked_for)
        yield f"{select}({rows})", [pair for key in asked for pair in zip(columns, key, strict=True)]


# --- ranges of a key ---
#
#     {"from": ["17", "x"], "below": ["40", "a"]}      each end may be missing; values in their canonical text


def conditions(schema: Schema, table: Table, part: Part) -> tuple[str, list[tuple[Column, Any]]]:
    """The WHERE of a part, with a space before it, and its values with their columns."""
    columns = [schema.column(name) for name in schema.key]
    values: list[tuple[Column, Any]] = []
    found = []
    for end, sign in (("from", ">"), ("below", "<")):
        if end in part:
            bound = [VALUE_OF[column.type](text) for column, text in zip(columns, part[end], strict=True)]
            found.append(_bound(table, columns, bound, sign, values))
    return where(f" WHERE {' AND '.join(found)}" if found else "", part), values


def _bound(
    table: Table, columns: Sequence[Column], bound: Sequence[Any], sign: str, values: list[tuple[Column, Any]]
) -> str:
    """(a, b) >= (x, y), or <, for which Oracle has no short form."""

    def value() -> str:
        values.append((columns[0], bound[0]))
        return spelled([table.column(columns[0].name)], len(values))[0]

    name = LEXIS.quote(columns[0].name)
    if len(columns) == 1:
        return f"{name} {'>=' if sign == '>' else '<'} {value()}"
    # The first comparison lets the server use the index.
    equal = f"{name} {sign}= {value()} AND ({name} {sign} {value()}"
    return f"{equal} OR ({_bound(table, columns[1:], bound[1:], sign, values)}))"


def split(schema: Schema, table: Table, parts: int, ask: Ask) -> Sequence[Part]:
    """At most so many parts of about as many rows each. One walk along the key's index takes a key at equal
    distances."""
    columns = [schema.column(name) for name in schema.key]
    if not columns or parts < 2 or any(column.type in (Type.JSON, Type.FLOAT) for column in columns):
        return [WHOLE]
    ((rows,),) = ask(f"SELECT COUNT(*) FROM {table.sql}")
    step = -(-int(rows) // parts)
    if step < 1 or step >= int(rows):
        return [WHOLE]
    keys = LEXIS.quote_all(schema.key)
    read_keys = ", ".join(select_expression(table.column(name)) for name in schema.key)
    number = LEXIS.quote(next(name for name in ("row number", "row number 2") if name not in schema.key))
    found = ask(
        f"SELECT {read_keys} FROM (SELECT {keys}, ROW_NUMBER() OVER (ORDER BY {keys}) AS {number} FROM {table.sql}) "
        f"WHERE MOD({number}, :1) = 0 ORDER BY {number}",
        [step],
        columns=columns,
    )
    bounds = [[TEXT_OF[column.type](value) for column, value in zip(columns, row, strict=True)] for row in found]
    ends: list[list[str] | None] = [None, *bounds[: parts - 1], None]
    return [
        {word: end for word, end in (("from", low), ("below", high)) if end is not None}
        for low, high in itertools.pairwise(ends)
    ]
