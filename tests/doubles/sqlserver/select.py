"""SELECT, by a closed list of shapes: sqlglot parses it (T-SQL), each node that is known becomes SQLite's, all others
are refused by name, and so is each part of a known node that is not.

Types are worked out on the way, as the wire must name them. Values compare only within a type's family; a constant
first becomes the other side's type. Texts of two collations do not compare (468) unless COLLATE says which.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from sqlglot import exp

from tests.doubles.sqlserver import openjson
from tests.doubles.sqlserver.faults import SqlError, invalid_column, invalid_object, refused
from tests.doubles.sqlserver.store import Database, catalog_view, sqlite_collation
from tests.doubles.sqlserver.types import DEFAULT_COLLATION, MAX, SqlType, convert, named

INT: Final = SqlType("int")
_NAME: Final = SqlType("nvarchar", 128)


class Context(Protocol):
    """What an expression may ask the session."""

    database: Database
    variables: dict[str, tuple[SqlType, Any]]

    def global_value(self, name: str) -> tuple[SqlType, Any]: ...
    def function(self, name: str, arguments: Sequence[Any]) -> tuple[SqlType, Any]: ...


@dataclass(frozen=True)
class Piece:
    """An expression: its SQLite text, its type, its collation (`said` where COLLATE gave it); `constant` and its value
    where it is one; `name` as a column of the result."""

    sql: str
    type: SqlType
    collation: str | None = None
    said: bool = False
    constant: bool = False
    value: Any = None
    name: str = ""


@dataclass(frozen=True)
class Source:
    """What FROM names: its alias, its SQLite text, its columns by folded name."""

    alias: str
    sql: str
    columns: dict[str, Piece]


@dataclass
class Query:
    """A SELECT that is ready: SQLite's text, its parameters, the result's columns."""

    sql: str
    params: dict[str, Any]
    columns: list[Piece]
    cleanup: list[str] = field(default_factory=list)


def only(node: exp.Expression, *known: str) -> None:
    """Refuse the node if it has a part that is not among the known."""
    for part, value in node.args.items():
        if value not in (None, False, [], "") and part not in known:
            raise refused(f"{type(node).__name__.upper()} with {part}")


class Translator:
    """One statement's translation; parameters and temporary tables are numbered through it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.params: dict[str, Any] = {}
        self.cleanup: list[str] = []
        self._numbers = itertools.count()

    # --- queries ---

    def query(self, node: exp.Expression) -> Query:
        sql, columns = self.select(node, [])
        return Query(sql, self.params, columns, self.cleanup)

    def select(self, node: exp.Expression, outer: list[Source]) -> tuple[str, list[Piece]]:
        if not isinstance(node, exp.Select):
            raise refused(type(node).__name__.upper())
        only(node, "expressions", "from_", "joins", "where", "order", "limit")
        if not node.expressions:
            raise SqlError(156, "Incorrect syntax near the keyword 'from'.", severity=15)
        sources, tables = self.from_(node, outer)
        scope = sources + outer
        columns = list(itertools.chain.from_iterable(self._item(item, sources, scope) for item in node.expressions))
        sql = f"SELECT {', '.join(f'{piece.sql} AS o{place}' for place, piece in enumerate(columns))}{tables}"
        if node.args.get("where"):
            sql += f" WHERE {self.condition(node.args['where'].this, scope)}"
        if node.args.get("order"):
            only(node.args["order"], "expressions")
            sql += f" ORDER BY {', '.join(self._ordered(each, scope) for each in node.args['order'].expressions)}"
        if node.args.get("limit"):
            sql += f" LIMIT {self._limit(node.args['limit'])}"
        return sql, columns

    def _limit(self, node: exp.Expression) -> int:
        only(node, "expression")
        if not isinstance(node.expression, exp.Literal) or node.expression.is_string:
            raise refused("TOP of anything but a number")
        return int(node.expression.this)

    def from_(self, node: exp.Expression, outer: list[Source]) -> tuple[list[Source], str]:
        """The sources, and FROM with its joins as text."""
        first = node.args.get("from_")
        if first is None:
            return [], ""
        only(first, "this")
        sources = [self.source(first.this, outer)]
        sql = f" FROM {sources[0].sql}"
        for join in [*(first.this.args.get("joins") or ()), *(node.args.get("joins") or ())]:
            only(join, "this", "kind", "side", "on")
            word = " ".join(filter(None, (join.side, join.kind))).upper() or "INNER"
            if word not in ("INNER", "LEFT", "LEFT OUTER") or not join.args.get("on"):
                raise refused(f"{word} JOIN of this kind")
            sources.append(self.source(join.this, outer))
            on = self.condition(join.args["on"], sources + outer)
            sql += f" {'LEFT' if 'LEFT' in word else 'INNER'} JOIN {sources[-1].sql} ON {on}"
        return sources, sql

    def source(self, node: exp.Expression, outer: list[Source]) -> Source:
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias")
            sql, columns = self.select(node.this, outer)
            alias = f"s{next(self._numbers)}"
            names = {}
            for place, piece in enumerate(columns):
                if not piece.name:
                    raise SqlError(8155, f"No column name was specified for column {place + 1} of '{node.alias}'.")
                names[piece.name.casefold()] = replace(
                    piece, sql=f"{alias}.o{place}", constant=False, value=None, said=False
                )
            return Source(node.alias, f"({sql}) AS {alias}", names)
        if isinstance(node, exp.Values):
            return self._derived_values(node)
        if not isinstance(node, exp.Table):
            raise refused(f"FROM {type(node).__name__.upper()}")
        only(node, "this", "db", "alias", "hints", "joins")
        for hint in node.args.get("hints") or ():
            self._hint(hint)
        alias = f"s{next(self._numbers)}"
        if isinstance(node.this, exp.OpenJSON):
            return self._openjson(node)
        space, name = node.db or "dbo", node.name
        if space.casefold() == "sys":
            view = catalog_view(name)
            if view is None:
                raise refused(f"sys.{name}")
            columns = {key: Piece(f"{alias}.{own}", type_, collation, name=key)
                       for key, (own, type_, collation) in view.items()}  # fmt: skip
            return Source(node.alias or name, f'"sys.{name.casefold()}" AS {alias}', columns)
        table = self.context.database.table(space, name)
        columns = {
            column.name.casefold(): Piece(f"{alias}.c{column.number}", column.type, column.collation, name=column.name)
            for column in table.columns
        }
        return Source(node.alias or name, f"{table.sql} AS {alias}", columns)

    def _hint(self, hint: exp.Expression) -> None:
        """Locks: one writer at a time holds the whole database here, which is more."""
        words = {each.name.upper() for each in hint.expressions}
        if not isinstance(hint, exp.WithTableHint) or not words <= {"UPDLOCK", "HOLDLOCK"}:
            raise refused(f"the hint {', '.join(sorted(words))}")

    def _derived_values(self, node: exp.Values) -> Source:
        """(VALUES (…), …) AS r (a, b): constants, of one type in a column."""
        only(node, "expressions", "alias")
        names = [each.name for each in node.args["alias"].columns]
        before = dict(self.params)
        rows = [[self.expression(each, []) for each in row.expressions] for row in node.expressions]
        if len(rows) > 1000:
            raise SqlError(10738, "The number of row value expressions exceeds the maximum number of 1000 row values.")
        types = [piece.type for piece in rows[0]]
        if any([piece.type for piece in row] != types or not all(piece.constant for piece in row) for row in rows):
            raise refused("VALUES of anything but constants of one type in a column")
        self.params = before
        declared = list(zip(names, types, strict=True))
        return self._stored(node.alias, declared, [[piece.value for piece in row] for row in rows])

    def _openjson(self, node: exp.Table) -> Source:
        call = node.this
        only(call, "this", "expressions")
        text = self.expression(call.this, [])
        if not text.constant or text.type.family != "text":
            raise refused("OPENJSON of anything but a text variable")
        declared = []
        for column in call.expressions:
            only(column, "this", "kind", "path")
            declared.append((column.this.name, self.type_of(column.args["kind"]), column.args["path"].name))
        rows = openjson.rows(text.value, declared)
        return self._stored(node.alias, [(name, type_) for name, type_, _ in declared], rows)

    def _stored(self, name: str, declared: Sequence[tuple[str, SqlType]], rows: Iterable[Sequence[Any]]) -> Source:
        """Rows of values as a source, by a temporary table."""
        number = next(self._numbers)
        alias, table = f"s{number}", f"rows{number}"
        columns, lines = {}, []
        for place, (column, type_) in enumerate(declared):
            collation = DEFAULT_COLLATION if type_.family == "text" else None
            lines.append(f"c{place} {kept_column(type_, collation)}")
            columns[column.casefold()] = Piece(f"{alias}.c{place}", type_, collation, name=column)
        sqlite = self.context.database.sqlite
        sqlite.execute(f"CREATE TEMP TABLE {table} ({', '.join(lines)})")
        self.cleanup.append(f"DROP TABLE IF EXISTS temp.{table}")
        sqlite.executemany(f"INSERT INTO temp.{table} VALUES ({', '.join('?' * len(declared))})", rows)
        return Source(name, f"temp.{table} AS {alias}", columns)

    # --- the select list ---

    def _item(self, node: exp.Expression, sources: list[Source], scope: list[Source]) -> list[Piece]:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            if not sources:
                raise SqlError(263, "Must specify table to select from.")
            wanted = [each for each in sources if not getattr(node, "table", "") or _same(each.alias, node.table)]
            return [piece for source in wanted for piece in source.columns.values()]
        if isinstance(node, exp.Alias):
            return [replace(self.expression(node.this, scope), name=node.alias)]
        return [self.expression(node, scope)]

    def _ordered(self, node: exp.Expression, scope: list[Source]) -> str:
        only(node, "this", "desc", "nulls_first")
        piece = self.expression(node.this, scope)
        return f"{piece.sql}{self._order_of(piece)}{' DESC' if node.args.get('desc') else ''}"

    def _order_of(self, piece: Piece) -> str:
        if piece.type.family != "text":
            return ""
        if sqlite_collation(piece.collation or DEFAULT_COLLATION) != "BIN2":
            raise refused(f"the order of texts in {piece.collation}")
        return " COLLATE BIN2"

    # --- expressions ---

    def expression(self, node: exp.Expression, scope: list[Source]) -> Piece:
        known = _EXPRESSIONS.get(type(node))
        if known is None:
            raise refused(f"the expression {type(node).__name__.upper()}")
        return known(self, node, scope)

    def constant(self, type_: SqlType, value: Any) -> Piece:
        name = f"p{next(self._numbers)}"
        self.params[name] = value
        collation = DEFAULT_COLLATION if type_.family == "text" else None
        return Piece(f":{name}", type_, collation, constant=True, value=value)

    def type_of(self, node: exp.Expression) -> SqlType:
        only(node, "this", "expressions", "nested")
        sizes: list[int | None] = []
        for each in node.expressions:
            text = each.this.name
            sizes.append(None if text.upper() == "MAX" else int(text))
        return named(node.this.value.lower(), sizes)

    def _column(self, node: exp.Column, scope: list[Source]) -> Piece:
        only(node, "this", "table")
        wanted = [each for each in scope if not node.table or _same(each.alias, node.table)]
        if not wanted:
            name = f"{node.table}.{node.name}" if node.table else node.name
            if not scope:
                raise invalid_column(node.name)
            raise SqlError(4104, f'The multi-part identifier "{name}" could not be bound.')
        found = [each.columns[node.name.casefold()] for each in wanted if node.name.casefold() in each.columns]
        if not found:
            raise invalid_column(node.name)
        if len(found) > 1 and not node.table:
            raise SqlError(209, f"Ambiguous column name '{node.name}'.")
        return found[0]

    def _literal(self, node: exp.Literal, scope: list[Source]) -> Piece:
        if node.is_string:
            return self.constant(SqlType("varchar", max(1, len(node.this))), node.this)
        text = node.this
        if "e" in text.lower():
            return self.constant(SqlType("float"), float(text))
        whole, point, fraction = text.partition(".")
        if not point and int(text) < 2**31:
            return self.constant(INT, int(text))
        digits = len(whole.lstrip("0")) + len(fraction)
        if digits > 38:
            raise SqlError(1007, f"The number '{text}' is out of the range for numeric representation.", severity=15)
        return self.constant(SqlType("decimal", max(digits, 1), len(fraction)), text.rstrip("."))

    def _negative(self, node: exp.Neg, scope: list[Source]) -> Piece:
        piece = self.expression(node.this, scope)
        if not piece.constant or piece.type.family not in ("int", "decimal", "float"):
            raise refused("minus before anything but a number")
        value = f"-{piece.value}" if isinstance(piece.value, str) else -piece.value
        return self.constant(piece.type, value)

    def _national(self, node: exp.National, scope: list[Source]) -> Piece:
        length = len(node.this.encode("utf-16-le")) // 2
        return self.constant(SqlType("nvarchar", max(1, length) if length <= 4000 else MAX), node.this)

    def _hexadecimal(self, node: exp.HexString, scope: list[Source]) -> Piece:
        data = bytes.fromhex(node.this if len(node.this) % 2 == 0 else f"0{node.this}")
        return self.constant(SqlType("varbinary", max(1, len(data)) if len(data) <= 8000 else MAX), data)

    def _null(self, node: exp.Null, scope: list[Source]) -> Piece:
        return self.constant(INT, None)

    def _parameter(self, node: exp.Parameter, scope: list[Source]) -> Piece:
        if isinstance(node.this, exp.Parameter):
            return self.constant(*self.context.global_value(node.this.name.upper()))
        name = node.name.casefold()
        if name not in self.context.variables:
            raise SqlError(137, f'Must declare the scalar variable "@{node.name}".', severity=15)
        return self.constant(*self.context.variables[name])

    def _convert(self, node: exp.Expression, scope: list[Source]) -> Piece:
        if isinstance(node, exp.Convert):
            only(node, "this", "expression", "style")
            target, inner = self.type_of(node.this), node.expression
            style = int(node.args["style"].this) if node.args.get("style") else 0
        else:
            only(node, "this", "to")
            target, inner, style = self.type_of(node.args["to"]), node.this, 0
        piece = self.expression(inner, scope)
        if piece.constant:
            return self.constant(target, convert(piece.value, piece.type, target, style))
        name = f"convert{next(self._numbers)}"
        source = piece.type
        self.context.database.sqlite.create_function(
            name, 1, _remembering(self.context, lambda value: convert(value, source, target, style))
        )
        collation = DEFAULT_COLLATION if target.family == "text" else None
        return Piece(f"{name}({piece.sql})", target, piece.collation if source.family == "text" else collation)

    def _coalesce(self, node: exp.Coalesce, scope: list[Source]) -> Piece:
        only(node, "this", "expressions")
        pieces = [self.expression(each, scope) for each in (node.this, *node.expressions)]
        if len({piece.type for piece in pieces}) > 1:
            raise refused("COALESCE of several types")
        return replace(pieces[0], sql=f"coalesce({', '.join(piece.sql for piece in pieces)})", constant=False, name="")

    def _trim(self, node: exp.Trim, scope: list[Source]) -> Piece:
        only(node, "this", "position")
        if str(node.args.get("position")).upper() != "TRAILING":
            raise refused("TRIM of this kind")
        piece = self.expression(node.this, scope)
        return replace(piece, sql=f"rtrim({piece.sql}, ' ')", constant=False, name="")

    def _count(self, node: exp.Count, scope: list[Source]) -> Piece:
        only(node, "this", "big_int")
        if not isinstance(node.this, exp.Star):
            raise refused("COUNT of anything but *")
        return Piece("count(*)", SqlType("bigint") if node.args.get("big_int") else INT)

    def _max(self, node: exp.Max, scope: list[Source]) -> Piece:
        only(node, "this")
        piece = self.expression(node.this, scope)
        if piece.type.family not in ("int", "decimal"):
            raise refused(f"MAX of {piece.type}")
        return Piece(f"max({piece.sql})", piece.type)

    def _window(self, node: exp.Window, scope: list[Source]) -> Piece:
        only(node, "this", "order", "over")
        if not isinstance(node.this, exp.RowNumber):
            raise refused(f"the window function {type(node.this).__name__.upper()}")
        order = ", ".join(self._ordered(each, scope) for each in node.args["order"].expressions)
        return Piece(f"row_number() OVER (ORDER BY {order})", SqlType("bigint"))

    def _schema(self, node: exp.Expression, scope: list[Source]) -> Piece:
        return self.constant(_NAME, "dbo")

    def _function(self, node: exp.Anonymous, scope: list[Source]) -> Piece:
        name = node.name.upper()
        pieces = [self.expression(each, scope) for each in node.expressions]
        if name == "DATALENGTH" and len(pieces) == 1:
            return self._data_length(pieces[0])
        if name == "SQL_VARIANT_PROPERTY" and pieces[1].value == "BaseType" and pieces[0].sql.endswith(".value"):
            return Piece(f"iif({pieces[0].sql} IS NULL, NULL, 'nvarchar')", _NAME)  # all that a property holds here
        if not all(piece.constant for piece in pieces):
            raise refused(f"the function {name} of columns")
        return self.constant(*self.context.function(name, [piece.value for piece in pieces]))

    def _object_id(self, node: exp.Expression, scope: list[Source]) -> Piece:
        only(node, "this")
        piece = self.expression(node.this, scope)
        if not piece.constant:
            raise refused("OBJECT_ID of a column")
        return self.constant(*self.context.function("OBJECT_ID", [piece.value]))

    def _data_length(self, piece: Piece) -> Piece:
        width = 2 if piece.type.word == "nvarchar" else 1
        big = SqlType("bigint") if piece.type.size == MAX else INT
        if piece.type.family == "text":
            name = f"datalength{next(self._numbers)}"
            encoding = "utf-16-le" if width == 2 else "cp1252"
            self.context.database.sqlite.create_function(
                name, 1, lambda value: None if value is None else len(value.encode(encoding)), deterministic=True
            )
            return Piece(f"{name}({piece.sql})", big)
        if piece.type.family == "binary":
            return Piece(f"length({piece.sql})", big)
        raise refused(f"DATALENGTH of {piece.type}")

    def _collate(self, node: exp.Collate, scope: list[Source]) -> Piece:
        piece = self.expression(node.this, scope)
        if piece.type.family != "text":
            raise SqlError(447, f"Expression type {piece.type.word} is invalid for COLLATE clause.")
        return replace(piece, collation=node.expression.name, said=True, name="")

    def _paren(self, node: exp.Paren, scope: list[Source]) -> Piece:
        return self.expression(node.this, scope)

    # --- conditions ---

    def condition(self, node: exp.Expression, scope: list[Source]) -> str:
        if isinstance(node, exp.And | exp.Or):
            word = "AND" if isinstance(node, exp.And) else "OR"
            return f"({self.condition(node.this, scope)} {word} {self.condition(node.expression, scope)})"
        if isinstance(node, exp.Not):
            return f"NOT ({self.condition(node.this, scope)})"
        if isinstance(node, exp.Paren):
            return f"({self.condition(node.this, scope)})"
        if isinstance(node, exp.Exists):
            sql, _ = self.select(node.this, scope)
            return f"EXISTS ({sql})"
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return f"{self.expression(node.this, scope).sql} IS NULL"
        if isinstance(node, exp.In):
            only(node, "this", "expressions")
            left = self.expression(node.this, scope)
            each = [self._compared(left, self.expression(item, scope), "=") for item in node.expressions]
            return f"({' OR '.join(each)})"
        sign = _SIGNS.get(type(node))
        if sign is None:
            raise refused(f"the condition {type(node).__name__.upper()}")
        return self._compared(self.expression(node.this, scope), self.expression(node.expression, scope), sign)

    def _compared(self, left: Piece, right: Piece, sign: str) -> str:
        if left.type.family != right.type.family or (left.type != right.type and left.type.family != "text"):
            left, right = self._alike(left, right)
        family = left.type.family
        collate = ""
        if family == "text":
            collation = _collation(left, right)
            if sign not in ("=", "<>") and sqlite_collation(collation) != "BIN2":
                raise refused(f"the order of texts in {collation}")
            collate = f" COLLATE {sqlite_collation(collation)}"
        elif family in ("decimal", "uuid", "instant"):
            collate = " COLLATE " + {"decimal": "NUMBER", "uuid": "GUID", "instant": "INSTANT"}[family]
        return f"{left.sql}{collate} {sign} {right.sql}{collate}"

    def _alike(self, left: Piece, right: Piece) -> tuple[Piece, Piece]:
        """Both sides as one type: a constant becomes the other's, integers are all one."""
        if left.type.family == right.type.family and left.type.family in ("int", "decimal", "binary"):
            return left, right
        if left.constant and not right.constant:
            right, left = self._alike(right, left)
            return left, right
        if right.constant and right.type.family in ("text", "int"):
            return left, self.constant(left.type, convert(right.value, right.type, left.type))
        if right.constant and right.type.family == "decimal" and left.type.family == "int" and not right.type.scale:
            return left, self.constant(SqlType("bigint"), int(right.value))
        if {left.type.family, right.type.family} == {"int", "bit"}:
            return left, right
        raise refused(f"the comparison of {left.type} with {right.type}")


def kept_column(type_: SqlType, collation: str | None) -> str:
    return f"TEXT COLLATE {sqlite_collation(collation)}" if collation else type_.kept_as


def _same(a: str, b: str) -> bool:
    return a.casefold() == b.casefold()


def _collation(left: Piece, right: Piece) -> str:
    if left.said or right.said:
        said = {piece.collation for piece in (left, right) if piece.said}
        if len(said) > 1:
            raise SqlError(468, "Cannot resolve the collation conflict in the equal to operation.")
        return str(said.pop())
    if left.constant or right.constant:
        return str((right if left.constant else left).collation)
    if left.collation != right.collation:
        raise SqlError(
            468,
            f'Cannot resolve the collation conflict between "{left.collation}" and "{right.collation}" '
            "in the equal to operation.",
        )
    return str(left.collation)


def _remembering(context: Any, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """SQLite says of an exception in a function only that there was one."""

    def call(value: Any) -> Any:
        try:
            return function(value)
        except SqlError as error:
            context.fault = error
            raise

    return call


_SIGNS: Final = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_EXPRESSIONS: Final[dict[type, Callable[[Translator, Any, list[Source]], Piece]]] = {
    exp.Column: Translator._column,
    exp.Literal: Translator._literal,
    exp.Neg: Translator._negative,
    exp.National: Translator._national,
    exp.HexString: Translator._hexadecimal,
    exp.Null: Translator._null,
    exp.Parameter: Translator._parameter,
    exp.Cast: Translator._convert,
    exp.Convert: Translator._convert,
    exp.Coalesce: Translator._coalesce,
    exp.Trim: Translator._trim,
    exp.Count: Translator._count,
    exp.Max: Translator._max,
    exp.Window: Translator._window,
    exp.CurrentSchema: Translator._schema,
    exp.Anonymous: Translator._function,
    exp.ObjectId: Translator._object_id,
    exp.Collate: Translator._collate,
    exp.Paren: Translator._paren,
}

__all__ = ["Context", "Piece", "Query", "Translator", "invalid_object", "kept_column", "only"]
