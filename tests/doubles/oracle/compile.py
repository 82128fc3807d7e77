"""A parsed query to SQLite's SQL over the tables' bytes: which columns it gives, which values it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.doubles.oracle import wire
from tests.doubles.oracle.sql import (
    Bind,
    Call,
    Case,
    Compare,
    Constant,
    InList,
    IsNull,
    Literal,
    Logic,
    Name,
    OraError,
    Select,
    Table,
    Zoned,
    refused,
)
from tests.doubles.oracle.store import Store
from tests.doubles.oracle.types import ANY_NUMBER, Kind, converted, text_kind

_PSEUDO_COLUMNS = frozenset(
    {"SYSDATE", "SYSTIMESTAMP", "CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "SESSIONTIMEZONE", "DBTIMEZONE"}
    | {"ROWNUM", "ROWID", "LEVEL", "USER", "UID", "NULL", "TRUE", "FALSE", "ORA_ROWSCN"}
)

_MOMENTS = {
    "TO_DATE": (wire.DATE, 7),
    "TO_TIMESTAMP": (wire.TIMESTAMP, 11),
    "TO_TIMESTAMP_TZ": (wire.TIMESTAMP_TZ, 13),
}
_OF_TEXTS = {"LTRIM": "ora_ltrim", "REPLACE": "ora_replace", "SUBSTR": "ora_substr", "||": "ora_joined"}
_TEXTUAL = frozenset({"TO_CHAR", "GETLENGTH", *_MOMENTS, *_OF_TEXTS})


@dataclass(frozen=True, slots=True)
class Bound:
    """A bind's values, and the code and size of the type that the client says they have."""

    code: int
    size: int


@dataclass(slots=True)
class Scope:
    """The columns that a name may mean: their SQL and their kind."""

    columns: dict[str, tuple[str, Kind]] = field(default_factory=dict)

    def find(self, name: Name) -> tuple[str, Kind]:
        if name.name not in self.columns and name.name in _PSEUDO_COLUMNS:
            raise refused(name.name, name.position)
        if name.name not in self.columns:
            raise OraError(904, f'"{name.name}": invalid identifier', name.position)
        return self.columns[name.name]


@dataclass(slots=True)
class Compiled:
    """SQLite's statement, its result's columns, and its values: a bind's number or bytes, with the kind to be."""

    sql: str
    columns: list[tuple[str, Kind]]
    values: list[tuple[int | bytes, Kind | None]]

    def parameters(self, row: Sequence[bytes | None], bound: Sequence[Bound]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for what, kind in self.values:
            if isinstance(what, bytes):
                found.append(what)
            else:
                value = row[what]
                found.append(converted(value, bound[what].code, kind) if value and kind else value or None)
        return found


class Compiler:
    """Of one statement; `bound` are the types of its binds."""

    def __init__(self, store: Store, bound: Sequence[Bound]) -> None:
        self.store = store
        self.bound = bound
        self.values: list[tuple[int | bytes, Kind | None]] = []

    def select(self, given: Select) -> Compiled:
        sql, columns = self._select(given)
        return Compiled(sql, columns, self.values)

    def _select(self, given: Select) -> tuple[str, list[tuple[str, Kind]]]:
        # The values stand in the text's order: the items', then the source's, then the conditions'.
        scope, source = Scope(), ""
        inner_values: list[tuple[int | bytes, Kind | None]] = []
        if isinstance(given.source, Table):
            table = self.store.find(given.source.name, given.source.position)
            source = f" FROM {table.sql}"
            for place, column in enumerate(table.columns):
                scope.columns[column.name] = (f"c{place}", column.kind)
        elif isinstance(given.source, Select):
            outer, self.values = self.values, inner_values
            inner, columns = self._select(given.source)
            self.values = outer
            names = given.source_columns or tuple(name for name, _ in columns)
            if len(names) != len(columns):
                raise OraError(32038, "number of WITH clause column names does not match number of elements in select")
            source = f" FROM ({inner})"
            for place, (name, (_, kind)) in enumerate(zip(names, columns, strict=True)):
                scope.columns[name] = (f"x{place}", kind)
        if given.items:
            found = [self._item(each.what, each.alias, scope) for each in given.items]
        elif given.source is None:
            raise refused("SELECT * FROM dual")
        else:
            found = [(name, sql, kind) for name, (sql, kind) in scope.columns.items()]
        items = ", ".join(f"{sql} AS x{place}" for place, (_, sql, _) in enumerate(found))
        self.values += inner_values
        text = f"SELECT {items}{source}"
        if given.where is not None:
            text += f" WHERE {self.condition(given.where, scope)}"
        if given.order:
            orders = [self.value(what, scope)[0] + (" DESC" if down else "") for what, down in given.order]
            # NULL comes last in Oracle, and first when the order is turned.
            text += " ORDER BY " + ", ".join(
                f"{sql} NULLS {'FIRST' if sql.endswith(' DESC') else 'LAST'}" for sql in orders
            )
        if given.fetch is not None or given.offset:
            text += f" LIMIT {-1 if given.fetch is None else given.fetch} OFFSET {given.offset}"
        return text, [(name, kind) for name, _, kind in found]

    def _item(self, what: Any, alias: str | None, scope: Scope) -> tuple[str, str, Kind]:
        sql, kind = self.value(what, scope)
        if isinstance(what, Name):
            return alias or what.name, sql, kind
        if isinstance(what, Call):
            return alias or f"{what.name}(…)", sql, kind
        if isinstance(what, Case):
            return alias or "CASE…", sql, kind
        return alias or (f":{what.number + 1}" if isinstance(what, Bind) else str(what.value)), sql, kind

    def value(self, what: Any, scope: Scope, like: Kind | None = None) -> tuple[str, Kind]:
        """Its SQL and kind; a bind or literal takes the kind of what it is compared with."""
        match what:
            case Name():
                return scope.find(what)
            case Bind():
                bound = self.bound[what.number]
                kind = like or self._kind_of(bound)
                self.values.append((what.number, like))
                return "?", kind
            case Literal():
                own = text_kind(len(what.value)) if what.is_text else ANY_NUMBER
                data = what.value.encode() if what.is_text else wire.number(Decimal(what.value))
                if not data:
                    return "NULL", own
                self.values.append((converted(data, own.code, like) if like else data, None))
                return "?", like or own
            case Constant():
                self.values.append((converted(what.data, what.code, like) if like else what.data, None))
                return "?", like or Kind(what.code, len(what.data))
            case Call():
                return self._call(what, scope)
            case Case():
                return self._case(what, scope)
            case Zoned():
                sql, kind = self.value(what.what, scope)
                return f"ora_zoned({sql}, {self.value(what.zone, scope)[0]})", kind
        raise refused(f"{type(what).__name__} as a value")

    def _kind_of(self, bound: Bound) -> Kind:
        if bound.code in (wire.VARCHAR, wire.CHAR):
            return Kind(wire.VARCHAR, max(bound.size, 4), chars=max(bound.size // 4, 1))
        if bound.code == wire.NUMBER:
            return ANY_NUMBER
        if bound.code in (wire.LONG, wire.LONG_RAW):
            raise OraError(1461, "can bind a LONG value only for insert into a LONG column")
        scale = {wire.TIMESTAMP: 9, wire.TIMESTAMP_TZ: 9}.get(bound.code, 0)
        return Kind(bound.code, bound.size or 13, scale=scale)

    def _call(self, what: Call, scope: Scope) -> tuple[str, Kind]:
        if what.name == "COUNT":
            return "ora_number(count(*))", ANY_NUMBER
        if what.name == "ROW_NUMBER":
            order = ", ".join(scope.find(name)[0] for name in what.order)
            return f"ora_number(row_number() OVER (ORDER BY {order}))", ANY_NUMBER
        if what.name == "MOD" and len(what.arguments) == 2:
            left, kind = self.value(what.arguments[0], scope)
            right, _ = self.value(what.arguments[1], scope, kind)
            return f"ora_mod({left}, {right})", ANY_NUMBER
        if what.name in _TEXTUAL:
            return self._of_text(what, scope)
        if len(what.arguments) != 1:
            raise OraError(909, "invalid number of arguments", what.position)
        sql, kind = self.value(what.arguments[0], scope)
        if what.name == "SYS_EXTRACT_UTC":
            if kind.code != wire.TIMESTAMP_TZ:
                raise OraError(30175, "invalid type given for an argument", what.position)
            return f"ora_utc({sql})", Kind(wire.TIMESTAMP, 11, scale=kind.scale)
        if what.name in ("MIN", "MAX") and kind.code not in (wire.CLOB, wire.BLOB):
            return f"{what.name.lower()}({sql})", kind
        raise refused(f"{what.name} of this", what.position)

    def _case(self, what: Case, scope: Scope) -> tuple[str, Kind]:
        parts = []
        kind = ANY_NUMBER
        for condition, value in what.branches:
            asked = self.condition(condition, scope)
            sql, kind = self.value(value, scope)
            parts.append(f"WHEN {asked} THEN {sql}")
        if what.otherwise is not None:
            parts.append(f"ELSE {self.value(what.otherwise, scope)[0]}")
        if kind.family == "text":
            kind = text_kind(100)
        return f"CASE {' '.join(parts)} END", kind

    def _of_text(self, what: Call, scope: Scope) -> tuple[str, Kind]:
        """A function of texts, or to or from one: SQLite's own, which the store has made."""
        parts = [self.value(each, scope) for each in what.arguments]
        sql = ", ".join(part for part, _ in parts)
        first = parts[0][1] if parts else ANY_NUMBER
        if what.name == "GETLENGTH":
            return f"ora_getlength({sql}, {int(first.family == 'text')})", ANY_NUMBER
        if what.name == "TO_CHAR" and first.family == "moment" and len(parts) == 2:
            return f"ora_text({sql})", text_kind(100)
        if what.name == "TO_CHAR" and first.family == "number" and len(parts) == 1:
            return f"ora_text_of_number({sql})", text_kind(100)
        if what.name in _MOMENTS and first.family == "text" and len(parts) == 2:
            code, size = _MOMENTS[what.name]
            return f"ora_moment({sql}, {code})", Kind(code, size, scale=9)
        if what.name in _OF_TEXTS and first.family == "text":
            return f"{_OF_TEXTS[what.name]}({sql})", text_kind(100)
        raise refused(f"{what.name} of this", what.position)

    def condition(self, what: Any, scope: Scope) -> str:
        match what:
            case Logic(word="NOT"):
                return f"NOT ({self.condition(what.parts[0], scope)})"
            case Logic():
                return "(" + f" {what.word} ".join(self.condition(part, scope) for part in what.parts) + ")"
            case IsNull():
                return f"{self.value(what.what, scope)[0]} IS {'NOT ' if what.negated else ''}NULL"
            case Compare():
                left, kind = self._compared(what.left, scope)
                return f"{left} {what.sign} {self.value(what.right, scope, kind)[0]}"
            case InList():
                sides_left = [self._compared(each, scope) for each in what.left]
                rows = []
                for row in what.rows:
                    if len(row) != len(sides_left):
                        raise OraError(920, "invalid relational operator")
                    sides = [self.value(each, scope, kind)[0] for each, (_, kind) in zip(row, sides_left, strict=True)]
                    rows.append(f"({', '.join(sides)})")
                if len(rows) > 1000:
                    raise OraError(1795, "maximum number of expressions in a list is 1000")
                return f"({', '.join(sql for sql, _ in sides_left)}) IN (VALUES {', '.join(rows)})"
        raise refused(f"{type(what).__name__} as a condition")

    def _compared(self, what: Any, scope: Scope) -> tuple[str, Kind]:
        sql, kind = self.value(what, scope)
        if kind.code in (wire.CLOB, wire.BLOB):
            raise OraError(932, "expression is of data type LOB, which is incompatible with expected data type CHAR")
        return sql, kind
