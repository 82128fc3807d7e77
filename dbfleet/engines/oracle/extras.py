"""What a table has besides its rows (dbfleet.extras), by Oracle's dictionary.

An existing column cannot become an identity (ORA-30673). So one that is to count up gets a default, the next value of a
sequence of ours: "dbfleet:TABLE.COLUMN". A sequence has no comment, so its name says whose it is. `drop` removes with a
table only the sequences that the table's own columns use. A default may name a sequence since 12.1.

In the dictionary a descending column of an index is an expression, and so is one with a time zone. Its text is a LONG,
which is asked for by itself, as a join may not carry one (ORA-00997). Every statement stands in
tests/engines/golden/oracle_statements.sql.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from dbfleet.engines.oracle.left import VIEWED, of_table
from dbfleet.engines.oracle.literals import literals
from dbfleet.engines.oracle.tables import OWNER, Ask, Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import NAME_BYTES, VARCHAR_BYTES, Native
from dbfleet.errors import AlreadyExists, ConstraintViolated, DbfleetError, StatementError, Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.sql.defaults import read_default, value_default
from dbfleet.values import VALUE_OF, Row, Type

Do = Callable[[str], None]

CONSTRAINTS: Final = (
    "SELECT c.constraint_type, c.constraint_name, c.status, c.index_name, c.search_condition_vc, k.column_name "
    "FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name "
    f"WHERE c.{OWNER} AND c.table_name = :1 AND c.constraint_type IN ('C', 'P', 'U') "
    "ORDER BY c.constraint_name, k.position, k.column_name"
)
INDEXES: Final = (
    "SELECT i.index_name, i.uniqueness, i.index_type, i.status, i.visibility, c.descend, c.column_name "
    "FROM all_indexes i JOIN all_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name "
    f"WHERE i.table_{OWNER} AND i.table_name = :1 AND i.index_type <> 'LOB' ORDER BY i.index_name, c.column_position"
)
EXPRESSIONS: Final = (
    "SELECT index_name, column_position, column_expression FROM all_ind_expressions "
    f"WHERE table_{OWNER} AND table_name = :1 ORDER BY index_name, column_position"
)
DEFAULTS: Final = (
    "SELECT column_name, default_on_null, data_default FROM all_tab_cols "
    f"WHERE {OWNER} AND table_name = :1 AND user_generated = 'YES' "
    "AND default_length IS NOT NULL ORDER BY column_id, internal_column_id"
)
SEQUENCE: Final = (
    "SELECT increment_by, cache_size, last_number, min_value, max_value FROM all_sequences "
    "WHERE sequence_name = :1 AND sequence_owner = NVL(:2, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'))"
)

_NAMED_BY_ORACLE: Final = re.compile(r"SYS_C\d+")
_NOT_NULL: Final = re.compile(r'"[^"]+" IS NOT NULL')
_IS_JSON: Final = re.compile(r'"([^"]+)" IS JSON')
_COLUMN: Final = re.compile(r'(SYS_EXTRACT_UTC\()?"([^"]+)"\)?')
NEXT: Final = re.compile(r'(?:("[^"]+"|[\w$#]+)\.)?("[^"]+"|[\w$#]+)\."?nextval"?', re.IGNORECASE)


def extras(ask: Ask, table: Table) -> Extras:
    """What the table has that other engines have too; and what is left behind, in words."""
    indexes, left = _indexes(ask, table)
    found: list[Extra] = list(indexes)
    for name, on_null, text in ask(DEFAULTS, [table.name]):
        text, native = text.strip(), table.column(name)
        if native.generated:
            left.append(f"generated column {name}, {text}: its values come")
        elif (counting := NEXT.fullmatch(text)) and _counts(native):
            found.append(Identity(name))
            left += [f"that {name} counts by {step}" for step, *_ in _sequence(ask, counting) if int(step) != 1]
            left += [f"that {name} counts for what is NULL"] if on_null == "YES" else []
        elif default := _read_default(native, text):
            found.append(default)
            if on_null == "YES":
                left.append(f"default of {name} for what is NULL")
        elif text.upper() != "NULL":
            left.append(f"default of {name}, an expression: {text}")
    return Extras(tuple(found), (*left, *of_table(ask, table)))


def lost(ask: Ask, table: Table) -> list[str]:
    """What goes with the table and is not given to another, in words. ConstraintViolated where something else owns the
    table."""
    if ask(VIEWED, [table.name]):
        raise ConstraintViolated(
            f"{table.name} is a materialized view, which cannot be replaced by a table. Nothing was written",
            hint="drop it first",
        )
    return [
        text.removesuffix(": its rows come as a table").removesuffix(": its values come")
        for text in extras(ask, table).left
    ]


def _counts(native: Native) -> bool:
    return native.column.type in (Type.INT, Type.DECIMAL) and not native.column.scale


def own_name(name: str) -> str:
    """A name of a statement as the dictionary has it."""
    return name[1:-1] if name.startswith('"') else name.upper()


def _sequence(ask: Ask, counting: re.Match[str]) -> Sequence[Row]:
    return ask(SEQUENCE, [own_name(counting[2]), own_name(counting[1]) if counting[1] else None])


def _indexes(ask: Ask, table: Table) -> tuple[list[Index], list[str]]:
    found: list[Index] = []
    left: list[str] = []
    constraints: dict[tuple[Any, ...], list[str]] = {}
    for *constraint, column in ask(CONSTRAINTS, [table.name]):
        constraints.setdefault(tuple(constraint), []).append(column)
    enforced: dict[str, list[str]] = {}
    for (kind, name, status, index, condition), columns in constraints.items():
        if kind == "C":
            if not _is_the_types_own(table, condition or ""):
                left.append(f"check {name}: {condition or 'too long to be told'}")
        elif status != "ENABLED":
            left.append(f"unique constraint {name}, which is disabled")
        else:
            enforced[index] = columns
            if kind == "U" and table.columns.keys() >= set(columns):
                said = f"{table.name}_{'_'.join(columns)}_key" if _NAMED_BY_ORACLE.fullmatch(name) else name
                found.append(Index(said, tuple(columns), True))
    indexes: dict[tuple[Any, ...], list[str]] = {}
    falling = set()
    for *index, order, column in ask(INDEXES, [table.name]):
        indexes.setdefault(tuple(index), []).append(column)
        falling |= {index[0]} if order == "DESC" else set()
    computed = any("FUNCTION-BASED" in kind for _, _, kind, *_ in indexes)
    expressions = {(name, int(place)): text for name, place, text in ask(EXPRESSIONS, [table.name])} if computed else {}
    for (name, uniqueness, kind, status, visible), parts in indexes.items():
        plain = [_plain(table, expressions.get((name, place), f'"{part}"')) for place, part in enumerate(parts, 1)]
        if sorted(enforced.get(name, ())) == sorted(parts):
            continue
        why = (
            f"of kind {kind}" if not kind.removeprefix("FUNCTION-BASED ").startswith("NORMAL")
            else "over an expression" if None in plain
            else "which is unusable" if status == "UNUSABLE"
            else None
        )  # fmt: skip
        if why:
            left.append(f"index {name}, {why}")
        else:
            found.append(Index(name, tuple(filter(None, plain)), uniqueness == "UNIQUE"))
            left += [f"of index {name}, its descending order"] if name in falling else []
            left += [f"of index {name}, that its keys are reversed"] if kind.endswith("/REV") else []
            left += [f"of index {name}, that the server does not use it"] if visible == "INVISIBLE" else []
    return found, left


def _is_the_types_own(table: Table, condition: str) -> bool:
    """NOT NULL, and what makes a CLOB a json column."""
    is_json = _IS_JSON.fullmatch(condition)
    native = table.columns.get(is_json[1]) if is_json else None
    return bool(_NOT_NULL.fullmatch(condition)) or (native is not None and native.column.type is Type.JSON)


def _plain(table: Table, expression: str) -> str | None:
    """The column that an index's expression stands for; None where the expression computes something."""
    found = _COLUMN.fullmatch(expression.strip())
    if not found or found[2] not in table.columns:
        return None
    zoned = table.columns[found[2]].data_type == "TIMESTAMP WITH TIME ZONE"
    return found[2] if bool(found[1]) == zoned else None


# --- defaults ---

_MOMENT_LITERAL: Final = re.compile(r"(date|timestamp)\s*'([^']+)'", re.IGNORECASE)
_NOW: Final = re.compile(r"(?:sysdate|systimestamp|current_date|current_timestamp|localtimestamp)(?:\s*\(\d\))?", re.I)
_TODAY: Final = re.compile(r"trunc\s*\(\s*(?:sysdate|current_date)\s*\)", re.IGNORECASE)
_NOW_IN_UTC: Final = re.compile(
    r"sys_extract_utc\s*\(\s*(?:systimestamp|current_timestamp)(?:\s*\(\d\))?\s*\)", re.IGNORECASE
)
_OFFSET: Final = re.compile(r"\s*([+-]\d\d:\d\d)$")


def _read_default(native: Native, text: str) -> Default | None:
    """The default of this text; None where it is an expression."""
    column = native.column
    if column.type in (Type.TEXT, Type.TIME, Type.UUID) and not text.lstrip("(").startswith("'"):
        return None  # Oracle makes a text of a number by its own rules: 007 is 7
    if column.type not in (Type.DATE, Type.DATETIME, Type.INSTANT):
        return read_default(column, text[:-1] if re.fullmatch(r"[-\d.eE+]+[dDfF]", text) else text)
    in_utc = column.type is Type.INSTANT and "ZONE" not in native.data_type
    if (
        (_NOW_IN_UTC if in_utc else _NOW).fullmatch(text)
        or (column.type is Type.DATE and _TODAY.fullmatch(text))
    ):  # fmt: skip
        return Default(column.name, None)
    literal = _MOMENT_LITERAL.fullmatch(text)
    if literal is None:
        return None  # a text: the moment that it means depends on the session that inserts
    value = _OFFSET.sub(r"\1", literal[2])
    zoned = value != literal[2] or _OFFSET.search(value) is not None
    if column.type is Type.DATE:
        value = value.partition(" ")[0]
    elif zoned != (column.type is Type.INSTANT and not in_utc):
        return None  # so does what a zone that is not given is, or one too many
    return value_default(column, value + "+00:00" if in_utc else value)


def _default(native: Native, text: str | None) -> str:
    column = native.column
    if text is None:
        if column.type is Type.DATE:
            return "TRUNC(CURRENT_DATE)"
        if column.type is Type.DATETIME:
            return "LOCALTIMESTAMP"
        return "SYSTIMESTAMP" if "ZONE" in native.data_type else "SYS_EXTRACT_UTC(SYSTIMESTAMP)"
    if column.type not in (Type.TEXT, Type.JSON, Type.TIME, Type.UUID):
        return literals([column], [native])(0, VALUE_OF[column.type](text))
    if not text:
        raise Unsupported("empty text is NULL in Oracle")
    if "\0" in text or len(text.encode()) > VARCHAR_BYTES:
        raise Unsupported(f"a default is one literal in Oracle, of {VARCHAR_BYTES} bytes at most and without NUL")
    return "'" + text.replace("'", "''") + "'"


# --- what is added ---


def add(ask: Ask, do: Do, table: Table, extra: Extra) -> None:
    """Give the table the extra. Unsupported for what Oracle cannot."""
    if isinstance(extra, Index):
        if lobs := [name for name in extra.columns if table.column(name).is_lob]:
            raise Unsupported(f"{lobs[0]} is a {table.column(lobs[0]).data_type} in Oracle, which takes no index")
        unique = "UNIQUE " if extra.unique else ""
        do(f"CREATE {unique}INDEX {LEXIS.quote(extra.name)} ON {table.sql} ({LEXIS.quote_all(extra.columns)})")
        return
    native = table.column(extra.column)
    if isinstance(extra, Default):
        do(_modify(table, native, _default(native, extra.text)))
        return
    if not _counts(native):
        raise Unsupported(f"{extra.column} holds no integers to count up")
    ((greatest,),) = ask(f"SELECT MAX({LEXIS.quote(native.name)}) FROM {table.sql}")
    sequence = LEXIS.quote(sequence_name(table.name, native.name))
    create = f"CREATE SEQUENCE {sequence} START WITH {max(int(greatest or 0), 0) + 1}"
    try:
        do(create)
    except AlreadyExists:  # the sequence is left of a table of this name that somebody else dropped
        do(f"DROP SEQUENCE {sequence}")
        do(create)
    try:
        do(_modify(table, native, f"{sequence}.NEXTVAL"))
    except DbfleetError:
        do(f"DROP SEQUENCE {sequence}")
        raise


def _modify(table: Table, native: Native, default: str) -> str:
    return f"ALTER TABLE {table.sql} MODIFY ({LEXIS.quote(native.name)} DEFAULT {default})"


def sequence_name(table: str, column: str) -> str:
    """The name of the sequence of this column, and of no other."""
    name = f"dbfleet:{table}.{column}"
    if "." in table or "." in column or len(name.encode()) > NAME_BYTES:
        import hashlib  # not above: see values.digest_rows

        return f"dbfleet:{hashlib.sha256((table + chr(0) + column).encode()).hexdigest()}"
    return name


def own_sequences(ask: Ask, table: Table) -> Sequence[str]:
    """The DROP SEQUENCE of each sequence that only this table's columns use."""
    if table.is_view:
        return []
    found = []
    for name, _, text in ask(DEFAULTS, [table.name]):
        sequence = LEXIS.quote(sequence_name(table.name, name))
        counting = NEXT.fullmatch(text.strip())
        if counting and counting[2] == sequence:
            found.append(f"DROP SEQUENCE {sequence}")
    return found


def count_on(ask: Ask, do: Do, table: Table) -> Iterator[str]:
    """Let what counts for the table's columns go on behind the values that are there. What cannot be set, in words.

    The dictionary tells the number behind those that a cache holds, so the next number may be smaller. The counter is
    set behind both, and never back. An identity's own sequence is set by ALTER TABLE only (ORA-32793). An identity that
    is always generated was given no values."""
    for name, on_null, text in ask(DEFAULTS, [table.name]):
        native, counting = table.column(name), NEXT.fullmatch(text.strip())
        if not counting or native.generated or native.always or not _counts(native):
            continue
        found = _sequence(ask, counting)
        if not found:
            yield f"the counter of {name}, {text.strip()}, stays where it was"
            continue
        step, cached, stored, least, most = map(int, found[0])
        ((last,),) = ask(f"SELECT {'MAX' if step > 0 else 'MIN'}({LEXIS.quote(name)}) FROM {table.sql}")
        if last is None or (int(last) - stored + cached * step) * step < 0:
            continue
        following = (max if step > 0 else min)(int(last) + step, stored)
        if not least <= following <= most:
            yield f"the counter of {name} ends before its last value: it has none behind {last}"
            continue
        start = f"START WITH {following}"
        if counting[2].startswith('"ISEQ$$_'):
            null = " ON NULL" if on_null == "YES" else ""
            statement = (
                f"ALTER TABLE {table.sql} MODIFY ({LEXIS.quote(name)} GENERATED BY DEFAULT{null} AS IDENTITY "
                f"({start} INCREMENT BY {step}))"
            )
        else:
            sequence = ".".join(LEXIS.quote(own_name(part)) for part in counting.groups() if part)
            statement = f"ALTER SEQUENCE {sequence} RESTART {start}"
        try:
            do(statement)
        except StatementError as error:
            yield f"the counter of {name} is behind its last value: {error.message}"
