"""What a table has besides its rows (dbfleet.extras), in SQL Server.

- A unique index takes one NULL here, any number elsewhere. So ours has a filter that leaves out rows with a NULL; an
  index with just this filter is read as a unique index.
- No ALTER makes an IDENTITY of a column that is there. The column gets something that counts up in the same way: a
  sequence of its own, `dbfleet:table:column`, as its default. Unlike an IDENTITY it takes a row's own value at once.
- A default is a constraint. A column has one at most, so a new one takes the place of the old one.
- An index takes 1700 bytes of a row: a column that is declared longer is refused, as its rows would be later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from dbfleet.engines.sqlserver.left import of_table
from dbfleet.engines.sqlserver.tables import Ask, Table, Tables
from dbfleet.engines.sqlserver.types import LEXIS, NAME_LENGTH, Native, text_literal
from dbfleet.errors import StatementError, Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.sql.defaults import read_default, value_default
from dbfleet.values import VALUE_OF, Column, Type

_INDEXES: Final = """\
SELECT i.index_id, i.name, i.type_desc, i.is_unique, i.is_disabled, i.filter_definition, i.ignore_dup_key,
k.key_ordinal, k.is_included_column, k.is_descending_key, c.name
FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = {id} AND i.is_primary_key = 0 AND i.is_hypothetical = 0 ORDER BY i.index_id, k.key_ordinal"""
_DEFAULTS: Final = """\
SELECT c.name, d.name, d.definition FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id = {id} ORDER BY c.column_id"""
_PLAIN: Final = ("CLUSTERED", "NONCLUSTERED")
_KEY_BYTES: Final = 1700
_NOT_NULL: Final = re.compile(r"\[((?:[^\]]|\]\])+)\] IS NOT NULL", re.IGNORECASE)
_TEXT: Final = re.compile(r"[nN]?'((?:[^']|'')*)'")
_AS_BYTES: Final = re.compile(r"CONVERT\(\[nvarchar\]\(max\),0x([0-9A-F]*)(?:,\(?0\)?)?\)", re.IGNORECASE)
_MOMENT: Final = re.compile(
    r"(?:CONVERT\(\[date\],)?(?:getdate|getutcdate|sysdatetime|sysutcdatetime|sysdatetimeoffset)\(\)(?:,\(?0\)?)?\)?",
    re.IGNORECASE,
)
_NAME: Final = r"\[((?:[^\]]|\]\])+)\]"
NEXT: Final = re.compile(rf"\(*NEXT VALUE FOR (?:(?:{_NAME}\.)?{_NAME}\.)?{_NAME}\)*", re.IGNORECASE)
"""The text of a default that is the next value of a sequence and nothing else: its database if any, schema, name."""
_NOW: Final = {
    Type.DATE: "CONVERT(date, SYSDATETIME())",
    Type.DATETIME: "SYSDATETIME()",
    Type.INSTANT: "SYSUTCDATETIME()",  # as an instant: +00:00, as what we write
}


def extras(ask: Ask, tables: Tables, table: Table) -> Extras:
    """The extras of the table."""
    found: list[Extra] = []
    left: list[str] = []
    for _, rows in groupby(ask(_INDEXES.format(id=table.number)), key=lambda row: row[0]):
        index, why, beyond = _read_index(table, list(rows))
        if why:
            left.append(f"index {index.name}, {why}")
        else:
            found.append(index)
            left += [f"of index {index.name}, {what}" for what in beyond]
    found += [Identity(name) for name, native in table.columns.items() if native.identity]
    for name, _, definition in ask(_DEFAULTS.format(id=table.number)):
        if NEXT.fullmatch(definition) and _counts(table.columns[name]):
            found.append(Identity(name))
        elif default := _read_default(table.columns[name].column, definition):
            found.append(default)
        elif definition.strip("()").upper() != "NULL":
            left.append(f"default of {name}, an expression: {definition}")
    return Extras(tuple(found), (*left, *of_table(ask, tables, table)))


def _counts(native: Native) -> bool:
    return native.column.type in (Type.INT, Type.DECIMAL) and not native.scale


def _read_index(table: Table, rows: Sequence[tuple[Any, ...]]) -> tuple[Index, str | None, list[str]]:
    """The index; or why it does not come along; and, where it does, what of it does not."""
    _, name, kind, unique, disabled, only, ignoring, *_ = rows[0]
    columns = tuple(str(row[-1]) for row in rows if row[7])  # the others are included, or of no order
    nullable = {column for column in columns if table.columns[column].column.nullable}
    rest = _NOT_NULL.sub("", only or "").upper().replace("AND", "").strip(" ()")
    said = set() if rest else {column.replace("]]", "]") for column in _NOT_NULL.findall(only or "")}
    why = (
        f"of kind {kind.lower()}" if kind not in _PLAIN
        else "which is disabled" if disabled
        else "of some rows only" if only and not (unique and nullable <= said <= set(columns))
        else "in which NULLs are the same" if unique and nullable - said
        else None
    )  # fmt: skip
    beyond = [
        "its descending order" if any(row[9] for row in rows) else "",
        "its included columns" if any(row[8] for row in rows) else "",
        "that it passes over a second row with its values" if ignoring else "",
    ]
    return Index(name, columns, bool(unique)), why, list(filter(None, beyond))


def _read_default(column: Column, definition: str) -> Default | None:
    """The default of the catalog's text: that is in parentheses, a number in two pairs, and types are in brackets."""
    text = definition[1:-1] if definition.startswith("(") and definition.endswith(")") else definition
    if quoted := _TEXT.fullmatch(text):
        return value_default(column, quoted[1].replace("''", "'"))
    if sent := _AS_BYTES.fullmatch(text):
        return value_default(column, bytes.fromhex(sent[1]).decode("utf-16-le", "surrogatepass"))
    if column.type in _NOW and _MOMENT.fullmatch(text):
        return Default(column.name, None)
    return read_default(column, text)


def add_statements(ask: Ask, table: Table, place: tuple[str, str], extra: Extra) -> Iterator[str]:
    """The statements that give the table the extra; `place` is its schema and name. Unsupported for what cannot be."""
    if isinstance(extra, Index):
        yield _index(table, extra)
        return
    native = table.native(extra.column)
    column, name = native.column, LEXIS.quote(native.column.name)
    if isinstance(extra, Identity) and native.identity:
        return  # it goes on behind each greater value that it was given
    there = {own: constraint for own, constraint, _ in ask(_DEFAULTS.format(id=table.number))}
    forget = f"ALTER TABLE {table.sql} DROP CONSTRAINT {LEXIS.quote(there.get(column.name, ''))}"
    if isinstance(extra, Default):
        default = _spelt(column, extra.text)
        if column.name in there:
            yield forget
    else:
        if not _counts(native):
            raise Unsupported(f"a sequence counts in whole numbers, and {column.name} is {native.native}")
        ((greatest,),) = ask(f"SELECT MAX({name}) FROM {table.sql}")
        sequence = own_sequence(place, column.name)
        if column.name in there:
            yield forget
        # A sequence is left where somebody else dropped the table; one that is in use stays, as an error says.
        yield f"DROP SEQUENCE IF EXISTS {sequence}"
        yield f"CREATE SEQUENCE {sequence} AS {native.native} START WITH {max(int(greatest or 0), 0) + 1}"
        default = f"NEXT VALUE FOR {sequence}"
    yield f"ALTER TABLE {table.sql} ADD DEFAULT {default} FOR {name}"


def _index(table: Table, extra: Index) -> str:
    natives = [table.native(name) for name in extra.columns]
    names = [LEXIS.quote(native.column.name) for native in natives]
    for native in natives:
        if _size(native) > _KEY_BYTES:
            raise Unsupported(f"an index takes {_KEY_BYTES} bytes, and {native.column.name} is {native.native}")
    if sum(map(_size, natives)) > _KEY_BYTES:
        raise Unsupported(f"an index takes {_KEY_BYTES} bytes, and these columns may hold more")
    filters = [f"{name} IS NOT NULL" for name, native in zip(names, natives, strict=True) if native.column.nullable]
    only = f" WHERE {' AND '.join(filters)}" if extra.unique and filters else ""
    unique = "UNIQUE " if extra.unique else ""
    return f"CREATE {unique}INDEX {LEXIS.quote(extra.name)} ON {table.sql} ({', '.join(names)}){only}"


def _size(native: Native) -> float:
    """The bytes that a value may have by its declared length; 0 for types without a length, which are short."""
    word, _, length = native.native.rstrip(")").partition("(")
    if length == "max" or word in ("text", "ntext", "image", "xml", "json", "geography", "geometry", "vector"):
        return math.inf
    if word in ("char", "varchar", "binary", "varbinary"):
        return int(length)
    return int(length) * 2 if word in ("nchar", "nvarchar") else 0


def _spelt(column: Column, text: str | None) -> str:
    """A default's value in Transact-SQL."""
    if text is None:
        return _NOW[column.type]
    value = VALUE_OF[column.type](text)
    if column.type is Type.BOOL:
        return str(int(value))
    if column.type in (Type.INT, Type.DECIMAL) and re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        return text
    if column.type is Type.FLOAT and math.isfinite(value):
        return repr(value) if "e" in repr(value) else f"{value!r}E0"
    if column.type is Type.BYTES:
        return f"0x{value.hex()}"
    return text_literal(text.replace("Z", "+00:00") if column.type is Type.INSTANT else text)


def own_sequences(ask: Ask, table: Table, place: tuple[str, str]) -> list[str]:
    """The sequences that were made for the table's columns, in SQL."""
    return [
        own_sequence(place, column)
        for column, _, definition in ask(_DEFAULTS.format(id=table.number))
        if sequence_name(place[1], column) in definition.replace("]]", "]")
    ]


_SEQUENCE: Final = """\
SELECT CONVERT(nvarchar(40), q.current_value), CONVERT(nvarchar(40), q.increment),
CONVERT(nvarchar(40), q.minimum_value), CONVERT(nvarchar(40), q.maximum_value)
FROM sys.sequences AS q INNER JOIN sys.schemas AS s ON s.schema_id = q.schema_id
WHERE s.name = {space} AND q.name = {name}"""


def count_on(ask: Ask, do: Callable[[str], object], table: Table, space: str) -> Iterator[str]:
    """Let the sequences that are defaults of the table's columns go on behind the values that are there. Those that
    cannot be set, in words. An IDENTITY does so by itself. `space` is the schema of a sequence that names none. `do`
    runs a statement and raises errors of ours."""
    for name, _, definition in ask(_DEFAULTS.format(id=table.number)):
        counting = NEXT.fullmatch(definition)
        if not counting or not _counts(table.columns[name]):
            continue
        own = (counting[2] or space).replace("]]", "]"), counting[3].replace("]]", "]")
        found = ask(_SEQUENCE.format(space=text_literal(own[0]), name=text_literal(own[1])))
        if counting[1] or not found:
            yield f"the counter of {name}, {definition}, stays where it was"
            continue
        current, step, least, most = map(int, found[0])
        word = "MAX" if step > 0 else "MIN"
        ((last,),) = ask(f"SELECT {word}({LEXIS.quote(name)}) FROM {table.sql}")
        # The current value of a sequence that was not used yet is its first value.
        if last is None or (int(last) - current) * step < 0:
            continue
        following = int(last) + step
        if not least <= following <= most:
            yield f"the counter of {name} ends before its last value: {own[1]} has none behind {last}"
            continue
        try:
            do(f"ALTER SEQUENCE {'.'.join(map(LEXIS.quote, own))} RESTART WITH {following}")
        except StatementError as error:
            yield f"the counter of {name} is behind its last value: {error.message}"


def own_sequence(place: tuple[str, str], column: str) -> str:
    """The sequence that a column of the table at this place gets, in SQL."""
    return f"{LEXIS.quote(place[0])}.{LEXIS.quote(sequence_name(place[1], column))}"


def sequence_name(table: str, column: str) -> str:
    """The name of the sequence that a column of this table gets."""
    name = f"dbfleet:{table}:{column}"
    if len(name.encode("utf-16-le")) // 2 <= NAME_LENGTH:
        return name
    import hashlib  # not above: see values.digest_rows

    return f"dbfleet:{hashlib.sha256(name.encode()).hexdigest()}"
