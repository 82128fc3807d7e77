"""Tables by SQLAlchemy Core: it writes the DDL (`create_statements`) and reads it back (`Reflector`).

How an engine's tables carry the closed set is data: a `Relational`. SQLAlchemy is imported only in these two, not with
this module: `dbfleet --help` and a plain `query` do without its 0.2 seconds. Where a column that is read back would
differ from the one that was given, its real type is kept in the column's comment: `dbfleet:uuid`,
`dbfleet:decimal(40,3)`. That a table is an edge, and its partition, is kept in the table's comment:
`dbfleet:{"edge":true}`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbfleet.errors import NotFound
from dbfleet.sql.text import Lexis
from dbfleet.values import Column, Reference, Schema, Type

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy.engine.interfaces import Dialect, ReflectedColumn
    from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class Relational:
    """How an engine's tables carry the closed set: everything that DDL and reflection need to know about the engine.

    `url` names SQLAlchemy's dialect and driver: "postgresql+psycopg://". `types` is called when SQLAlchemy may be
    imported; it gives for each type a function from a column, and whether a key or a reference holds it, to the
    dialect's own SQLAlchemy type, as reflection would give it (TINYINT(1), not Boolean). `read` maps SQLAlchemy's name
    of a reflected type (`__visit_name__` in upper case) to a type of the closed set; a type that is not in it is read
    as text, with a note. `refine` may correct a column that was read, given its SQLAlchemy type (for its timezone or
    display_width). `keeps_native` says whether a column is to have its native type, as the schema names it.
    `table_options` are keyword arguments of sqlalchemy.Table (`mysql_engine="InnoDB"`), `foreign_key_options` those of
    the inspector's get_foreign_keys.
    """

    url: str
    lexis: Lexis
    types: Callable[[], Mapping[Type, Callable[[Column, bool], TypeEngine[Any]]]]
    read: Mapping[str, Type]
    refine: Callable[[Column, TypeEngine[Any]], Column] | None = None
    keeps_native: Callable[[Column], bool] | None = None
    table_options: Mapping[str, Any] | None = None
    foreign_key_options: Mapping[str, Any] | None = None

    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect, without a driver and without a connection."""
        from sqlalchemy import make_url

        # Any style but format and pyformat, which double every % in names and comments.
        dialect: Callable[..., Dialect] = make_url(self.url).get_dialect()
        return dialect(paramstyle="named")


_MARK = "dbfleet:"
_SIZED = {
    Type.DECIMAL: ("precision", "scale"),
    Type.TEXT: ("length",),
    Type.BYTES: ("length",),
    Type.TIME: ("fraction_digits",),
    Type.DATETIME: ("fraction_digits",),
    Type.INSTANT: ("fraction_digits",),
}
_COMMENT = re.compile(rf"{_MARK}(\w+)(?:\(([\d,]*)\))?")


def type_comment(column: Column) -> str:
    """The comment that keeps a column's type: dbfleet:uuid, dbfleet:decimal(12,2), dbfleet:text(20)."""
    sizes = [getattr(column, size) for size in _SIZED.get(column.type, ())]
    while sizes and sizes[-1] is None:
        sizes.pop()
    return _MARK + column.type.value + (f"({','.join(map(str, sizes))})" if sizes else "")


def typed_by_comment(column: Column, comment: str | None) -> Column:
    """The column with the type that the comment keeps; unchanged where dbfleet did not write the comment."""
    kept = _COMMENT.fullmatch(comment or "")
    if not kept or kept[1] not in set(Type):
        return column
    type_ = Type(kept[1])
    sizes = [int(size) for size in (kept[2] or "").split(",") if size]
    known: dict[str, Any] = dict.fromkeys(("precision", "scale", "length", "fraction_digits"))
    known.update(zip(_SIZED.get(type_, ()), sizes, strict=False))
    return replace(column, type=type_, note=None, **known)


def create_statements(
    schema: Schema,
    relational: Relational,
    *,
    split_name: Callable[[str], tuple[str | None, str]] | None = None,
    constraints_later: bool = False,
) -> list[str]:
    """The statements that make the schema's table: columns, key, references, and comments where they are needed. With
    `constraints_later` the key and the references are left to the caller.

    `split_name` turns a collection's name into (the database's schema or None, table).
    """
    import sqlalchemy
    from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment
    from sqlalchemy.sql.elements import quoted_name

    def names(collection: str) -> tuple[str | None, str]:
        space, table = split_name(collection) if split_name else (None, collection)
        return quoted_name(space, True) if space else None, quoted_name(table, True)

    dialect = relational.dialect()
    types = relational.types()
    keyed = {*schema.key, *(name for reference in schema.references for name in reference.columns)}
    metadata = sqlalchemy.MetaData()
    columns = []
    for column in schema.columns:
        if relational.keeps_native and relational.keeps_native(column):
            made, comment = _native(str(column.native)), None
        else:
            made = types[column.type](column, column.name in keyed)
            reads_back = read_column(column.name, made, relational, dialect)
            comment = None if reads_back == replace(column, nullable=True) else type_comment(column)
        columns.append(
            sqlalchemy.Column(
                quoted_name(column.name, True),
                made,
                nullable=column.nullable and column.name not in schema.key,
                comment=comment,
                autoincrement=False,
            )
        )
    constraints: list[sqlalchemy.Constraint] = []
    if schema.key and not constraints_later:
        constraints.append(sqlalchemy.PrimaryKeyConstraint(*schema.key))
    space, name = names(schema.name)
    for reference in schema.references if not constraints_later else ():
        other = names(reference.collection)
        if other != (space, name):
            # Of the other table only the name is written, so its key columns are enough here.
            sqlalchemy.Table(
                other[1],
                metadata,
                *(sqlalchemy.Column(quoted_name(key, True)) for key in reference.keys),
                schema=other[0],
                extend_existing=True,
            )
        prefix = f"{other[0]}." if other[0] else ""
        # Given as text, a name with dots would be split by SQLAlchemy: such names need the tables' own columns.
        constraints.append(_foreign_key(metadata, f"{prefix}{other[1]}", reference, columns))
    kept = {key: value for key, value in (("edge", schema.edge), ("partition", list(schema.partition))) if value}
    table = sqlalchemy.Table(
        name,
        metadata,
        *columns,
        *constraints,
        schema=space,
        comment=comment_of(kept) if kept else None,
        **(relational.table_options or {}),
    )
    made_by: list[Any] = [CreateTable(table)]
    if dialect.supports_comments and not dialect.inline_comments:
        if table.comment:
            made_by.append(SetTableComment(table))
        made_by += [SetColumnComment(column) for column in table.columns if column.comment]
    return [str(statement.compile(dialect=dialect)).strip() for statement in made_by]


def _native(text: str) -> TypeEngine[Any]:
    """The type that the engine calls by this name."""
    from sqlalchemy.types import UserDefinedType

    class Native(UserDefinedType[Any]):
        cache_ok = True

        def get_col_spec(self, **options: Any) -> str:
            return text

    return Native()


def _foreign_key(
    metadata: sqlalchemy.MetaData, table: str, reference: Reference, own: Sequence[sqlalchemy.Column[Any]]
) -> sqlalchemy.ForeignKeyConstraint:
    import sqlalchemy

    if table in metadata.tables:
        there: Mapping[str, Any] = {column.name: column for column in metadata.tables[table].c}
    else:  # a reference to the collection itself
        there = {column.name: column for column in own}
    return sqlalchemy.ForeignKeyConstraint(reference.columns, [there[key] for key in reference.keys])


def read_column(name: str, type_: TypeEngine[Any], relational: Relational, dialect: Dialect) -> Column:
    """The column, nullable, that a SQLAlchemy type of this engine is read as."""
    visit = str(type_.__visit_name__).upper()
    try:
        native = type_.compile(dialect=dialect)
    except Exception:  # NullType and similar types have no text
        native = None
    kind = relational.read.get(visit)
    if kind is None:
        column = Column(name, Type.TEXT, native=native, note=f"{(native or visit).lower()}, as text")
        return relational.refine(column, type_) if relational.refine else column
    sizes: dict[str, Any] = {}
    if kind is Type.DECIMAL:
        sizes = {"precision": getattr(type_, "precision", None), "scale": getattr(type_, "scale", None)}
    elif kind in (Type.TEXT, Type.BYTES):
        sizes = {"length": getattr(type_, "length", None)}
    elif kind in (Type.TIME, Type.DATETIME, Type.INSTANT):
        # SQLAlchemy calls the digits of a second `precision` in PostgreSQL, `fsp` in MySQL.
        fraction = getattr(type_, "precision", getattr(type_, "fsp", None))
        sizes = {"fraction_digits": fraction}
    column = Column(name, kind, native=native, **sizes)
    return relational.refine(column, type_) if relational.refine else column


class _Lent:
    """The adapter's DB-API connection as SQLAlchemy gets it: it may run statements, but can end neither a transaction
    nor the connection."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def rollback(self) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


class Reflector:
    """Reads schemas with SQLAlchemy's inspector, over the adapter's connection, which it never closes."""

    def __init__(self, relational: Relational, raw: Any, **dialect_options: Any) -> None:
        self._relational = relational
        self._raw = raw
        self._options = dialect_options

    @cached_property
    def _engine(self) -> sqlalchemy.Engine:
        import sqlalchemy
        from sqlalchemy.pool import StaticPool

        # StaticPool always returns the same connection; without a reset it sends no ROLLBACK of its own.
        return sqlalchemy.create_engine(
            self._relational.url,
            creator=lambda: _Lent(self._raw),
            poolclass=StaticPool,
            pool_reset_on_return=None,
            **self._options,
        )

    def inspector(self) -> sqlalchemy.Inspector:
        """A new inspector: an old one would answer from its cache, while tables change."""
        import sqlalchemy

        return sqlalchemy.inspect(self._engine)

    def describe(
        self,
        name: str,
        *,
        split_name: Callable[[str], tuple[str | None, str]] | None = None,
        join_name: Callable[[str | None, str], str] | None = None,
    ) -> Schema:
        """The schema of the table or view. NotFound if there is none.

        `join_name` is the inverse of `split_name`; it names the tables that references refer to.
        """
        from sqlalchemy.exc import NoSuchTableError

        inspector = self.inspector()
        space, table = split_name(name) if split_name else (None, name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "Did not recognize type": the column's note says it
                columns = inspector.get_columns(table, schema=space)
            if not columns:
                # MySQL gives no columns for a table that was dropped meanwhile; PostgreSQL allows a table without any.
                raise NoSuchTableError(table)
            key = tuple(inspector.get_pk_constraint(table, schema=space)["constrained_columns"])
            foreign = inspector.get_foreign_keys(table, schema=space, **(self._relational.foreign_key_options or {}))
            comment = _table_comment(inspector, table, space)
        except NoSuchTableError:
            raise NotFound(f"there is no table {name}") from None
        dialect = self._engine.dialect
        references = tuple(
            Reference(
                tuple(each["constrained_columns"]),
                join_name(each["referred_schema"], each["referred_table"]) if join_name else each["referred_table"],
                tuple(each["referred_columns"]),
            )
            for each in foreign
        )
        order = {column["name"]: place for place, column in enumerate(columns)}
        return Schema(
            name,
            tuple(self._column(reflected, dialect) for reflected in columns),
            key,
            tuple(sorted(references, key=lambda reference: [order[column] for column in reference.columns])),
            edge=bool(comment.get("edge")),
            partition=tuple(comment.get("partition", ())),
        )

    def _column(self, reflected: ReflectedColumn, dialect: Dialect) -> Column:
        column = read_column(reflected["name"], reflected["type"], self._relational, dialect)
        column = typed_by_comment(replace(column, nullable=reflected["nullable"]), reflected.get("comment"))
        if "computed" in reflected:
            column = replace(column, generated=True)
        return column


def _table_comment(inspector: sqlalchemy.Inspector, table: str, space: str | None) -> Mapping[str, Any]:
    try:
        return table_comment(inspector.get_table_comment(table, schema=space)["text"])
    except NotImplementedError:
        return {}


def comment_of(kept: Mapping[str, Any]) -> str:
    """The table's comment that keeps this beside the table: the inverse of `table_comment`."""
    return _MARK + json.dumps(kept, separators=(",", ":"))


def table_comment(text: str | None) -> Mapping[str, Any]:
    """What dbfleet keeps in a table's comment; empty where the comment is somebody's own."""
    try:
        kept = json.loads(text[len(_MARK) :]) if text and text.startswith(_MARK) else {}
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}
