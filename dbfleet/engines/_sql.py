"""What the relational engines share; everything in which they differ is data: a `Lexis` and a `Relational`.

Text: a tokenizer that knows quoted strings, dollar quotes, identifiers, comments and casts, so that `:name` is a
parameter exactly where the engine would read a value, and `;` ends a statement exactly where it does. Parameters are
bound by the driver, never spliced.

Tables: SQLAlchemy Core writes the DDL (`create_statements`) and reads it back (`Reflector`). It is imported inside
these two only, never when this module is: `dbfleet --help` and a plain `query` do without its 0.2 seconds. Where a
column read back would not be the column that was given, its real type is kept in a comment: `dbfleet:uuid`,
`dbfleet:decimal(40,3)`. An edge, or a partition, is kept in the table's comment: `dbfleet:{"edge":true}`.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from dbfleet.errors import NotFound, UsageError, nearest
from dbfleet.values import Column, Reference, Schema, Type

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy.engine.interfaces import Dialect, ReflectedColumn
    from sqlalchemy.types import TypeEngine

# --- text -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lexis:
    """How an engine's SQL is spelt, where engines differ.

    `name_quotes` are the marks around an identifier when we write one. `compound` names what CREATE can make whose body
    is BEGIN … END with semicolons inside; `not_parameters` are names that stand after a colon without being ours
    (Oracle's :new and :old).
    """

    name_quotes: tuple[str, str] = ('"', '"')
    double_quotes_text: bool = False  # "…" is text (MySQL without ANSI_QUOTES)
    backslash_escapes: bool = False  # in every '…'; E'…' has them where `escape_strings`
    escape_strings: bool = False  # E'…'
    dollar_quotes: bool = False  # $$…$$, $tag$…$tag$
    alternative_quotes: bool = False  # q'[…]'
    backticks: bool = False
    brackets: bool = False  # [name]; elsewhere brackets are arrays, and a colon in them may be a slice
    hash_comments: bool = False
    dashes_need_space: bool = False  # `--` starts a comment only before white space (MySQL: 5--1 is 6)
    nested_comments: bool = False
    compound: frozenset[str] = frozenset({"FUNCTION", "PROCEDURE"})
    not_parameters: frozenset[str] = frozenset()

    def quote(self, name: str) -> str:
        """`name` as an identifier, exactly as it is, whatever it holds."""
        start, end = self.name_quotes
        return start + name.replace(end, end + end) + end

    def quote_all(self, names: Iterable[str]) -> str:
        """Identifiers, quoted, with commas between."""
        return ", ".join(map(self.quote, names))


class Token(NamedTuple):
    """A piece of the text; `kind` is space, comment, text, name, word, number, parameter or symbol. The tokens of a
    text, put together, are the text."""

    kind: str
    text: str
    start: int

    @property
    def matters(self) -> bool:
        return self.kind not in ("space", "comment")


@cache
def _pattern(lexis: Lexis) -> re.Pattern[str]:
    # What is not closed runs to the end of the text: the server then says what is wrong with it.
    quoted = r"{0}(?:[^{0}]|{0}{0})*(?:{0}|\Z)"
    escaped = r"{0}(?:[^{0}\\]|{0}{0}|\\.|\\\Z)*(?:{0}|\Z)"
    texts = [escaped.format("'") if lexis.backslash_escapes else quoted.format("'")]
    names: list[str] = []
    (texts if lexis.double_quotes_text else names).append(
        (escaped if lexis.double_quotes_text and lexis.backslash_escapes else quoted).format('"')
    )
    if lexis.escape_strings:
        texts.insert(0, "[eE]" + escaped.format("'"))
    if lexis.dollar_quotes:
        texts.insert(0, r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)")
    if lexis.alternative_quotes:
        pairs = (r"\[.*?(?:\]'|\Z)", r"\{.*?(?:\}'|\Z)", r"\(.*?(?:\)'|\Z)", r"<.*?(?:>'|\Z)")
        texts.insert(0, rf"[nN]?[qQ]'(?:{'|'.join(pairs)}|(?P<mark>\S).*?(?:(?P=mark)'|\Z))")
    if lexis.backticks:
        names.append(quoted.format("`"))
    if lexis.brackets:
        names.append(r"\[(?:[^\]]|\]\])*(?:\]|\Z)")
    comments = [r"--(?=\s|\Z)[^\n]*" if lexis.dashes_need_space else r"--[^\n]*"]
    comments.append(r"/\*" if lexis.nested_comments else r"/\*.*?(?:\*/|\Z)")
    if lexis.hash_comments:
        comments.append(r"\#[^\n]*")
    return re.compile(
        rf"(?P<space>\s+)|(?P<comment>{'|'.join(comments)})|(?P<text>{'|'.join(texts)})"
        + (rf"|(?P<name>{'|'.join(names)})" if names else "")
        + r"|(?P<word>[^\W\d][\w$]*)|(?P<number>\d+(?:\.\d+)?\w*)|(?P<parameter>:[^\W\d]\w*)|(?P<symbol>::|:=|.)",
        re.DOTALL,
    )


_COMMENT_MARK = re.compile(r"/\*|\*/")


def _nested_comment_end(text: str, start: int) -> int:
    depth, place = 1, start + 2
    while depth and (mark := _COMMENT_MARK.search(text, place)):
        depth += 1 if mark.group() == "/*" else -1
        place = mark.end()
    return len(text) if depth else place


def tokens(text: str, lexis: Lexis) -> Iterator[Token]:
    """The text's tokens, in order, nothing left out."""
    match = _pattern(lexis).match
    place, before, depth = 0, "", 0
    while place < len(text):
        found = match(text, place)
        assert found is not None  # `symbol` takes any character
        kind, end = found.lastgroup or "symbol", found.end()
        if kind in ("tag", "mark"):
            kind = "text"
        piece = found.group()
        if kind == "comment" and lexis.nested_comments and piece == "/*":
            end = _nested_comment_end(text, place)
            piece = text[place:end]
        elif kind == "symbol" and piece in "[]":
            depth = max(0, depth + (1 if piece == "[" else -1))
        elif kind == "parameter" and (
            piece[1:].lower() in lexis.not_parameters or (depth and (before[-1:].isalnum() or before[-1:] in '_)]"'))
        ):
            # items[1:n] is a slice; a parameter there is written items[1: :n].
            kind, piece, end = "symbol", ":", place + 1
        yield Token(kind, piece, place)
        if kind not in ("space", "comment"):
            before = piece
        place = end


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text without the semicolon, where it starts in the whole, its first words in upper case
    (at most `WORDS`, comments, names and symbols left out), and its parameters' names in order of appearance."""

    text: str
    start: int
    words: tuple[str, ...]
    parameters: tuple[str, ...]


WORDS = 8
_ENDS_NO_BLOCK = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


def statements(text: str, lexis: Lexis) -> list[Statement]:
    """The statements of the text, in order; empty ones and mere comments are left out.

    A semicolon ends a statement unless it stands in parentheses or in the BEGIN … END of a CREATE of `lexis.compound`.
    UsageError if there is no statement at all.
    """
    found: list[Statement] = []
    words: list[str] = []
    names: dict[str, None] = {}
    start: int | None = None
    end = parentheses = blocks = 0
    last_word = ""
    for token in (*tokens(text, lexis), Token("symbol", ";", len(text))):
        final = token.start == len(text)
        if token.text == ";" and token.kind == "symbol" and (final or not (parentheses or blocks)):
            if start is not None:
                found.append(Statement(text[start:end], start, tuple(words[:WORDS]), tuple(names)))
            words, names, start, parentheses, blocks, last_word = [], {}, None, 0, 0, ""
            continue
        if not token.matters:
            continue
        if start is None:
            start = token.start
        end = token.start + len(token.text)
        if token.kind == "parameter":
            names[token.text[1:]] = None
        elif token.kind == "symbol":
            parentheses = max(0, parentheses + (token.text == "(") - (token.text == ")"))
        elif token.kind == "word":
            word = token.text.upper()
            if len(words) < WORDS:
                words.append(word)
            if words[0] == "CREATE" and not lexis.compound.isdisjoint(words):
                blocks = max(0, blocks + _block_step(word, last_word, blocks))
            last_word = word
    if not found:
        raise UsageError("the statement is empty")
    return found


def _block_step(word: str, last_word: str, blocks: int) -> int:
    """How `word`, after `last_word`, changes the number of open BEGIN and CASE."""
    if word == "BEGIN":
        return 1
    if word == "CASE" and last_word != "END":
        return 1 if blocks else 0
    if word == "END":
        return -1
    # END IF and the like close what never counted.
    return 1 if last_word == "END" and word in _ENDS_NO_BLOCK else 0


def check_parameters(found: Sequence[Statement], params: Mapping[str, object] | None) -> None:
    """UsageError unless the statements use exactly the parameters that are given."""
    given = params or {}
    used = dict.fromkeys(name for statement in found for name in statement.parameters)
    for name in used:
        if name not in given:
            close = nearest(name, given)
            raise UsageError(
                f"the statement has a parameter :{name} and no value was given for it",
                hint=f"did you mean :{close}?" if close else f"give one: --param {name}=…",
            )
    for name in given:
        if name not in used:
            raise UsageError(f"the statement has no parameter :{name}", hint=_used(used))


def _used(names: Iterable[str]) -> str:
    listed = ", ".join(f":{name}" for name in names)
    return f"its parameters are {listed}" if listed else "it has no parameters; write :name where a value belongs"


def bind(
    text: str,
    params: Mapping[str, object] | None,
    lexis: Lexis,
    placeholder: Callable[[int, str], str],
    *,
    numbered: bool = False,
    double_percent: bool = False,
) -> tuple[str, tuple[object, ...]]:
    """The text with the driver's placeholders, and the values in the driver's order.

    `placeholder(number from 1, name)` gives a placeholder's text: `lambda n, name: "%s"`. With `numbered`, a name that
    stands twice has one number and one value; otherwise each place has its own. `double_percent` is for drivers that
    format the text by `%`; they do so only with values, so a text without parameters comes back untouched.
    """
    given = params or {}
    parts: list[str] = []
    values: list[object] = []
    numbers: dict[str, int] = {}
    for token in tokens(text, lexis):
        if token.kind != "parameter" or (name := token.text[1:]) not in given:
            parts.append(token.text)
            continue
        if not numbered or name not in numbers:
            values.append(given[name])
            numbers[name] = len(values)
        parts.append("\0" + placeholder(numbers[name], name))
    if not values:
        return text, ()
    if double_percent:
        parts = [part if part[0] == "\0" else part.replace("%", "%%") for part in parts]
    return "".join(part[1:] if part[0] == "\0" else part for part in parts), tuple(values)


def line_of(text: str, position: int) -> tuple[int, str]:
    """The number (from 1) and the words of the line in which the character at `position` (from 0) stands."""
    position = min(max(position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text.count("\n", 0, position) + 1, text[start : end if end >= 0 else len(text)].strip()


# --- tables ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Relational:
    """How an engine's tables carry the closed set; all the engine-specific knowledge that DDL and reflection need.

    `url` names SQLAlchemy's dialect and driver: "postgresql+psycopg://". `types` is called once SQLAlchemy may be
    imported and gives, for a column and whether a key or a reference holds it, the dialect's own SQLAlchemy type, as
    reflection would give it (TINYINT(1), not Boolean). `read` tells what a reflected type is: by SQLAlchemy's name of
    it (`__visit_name__`, upper case) the type of the closed set; whatever is not there is text, with a note. `refine`
    may correct a column that was read, given SQLAlchemy's type of it (its timezone, its display_width).
    `table_options` are keyword arguments of sqlalchemy.Table (`mysql_engine="InnoDB"`), `foreign_key_options` those
    of the inspector's get_foreign_keys.
    """

    url: str
    lexis: Lexis
    types: Callable[[], Mapping[Type, Callable[[Column, bool], TypeEngine[Any]]]]
    read: Mapping[str, Type]
    refine: Callable[[Column, TypeEngine[Any]], Column] | None = None
    table_options: Mapping[str, Any] | None = None
    foreign_key_options: Mapping[str, Any] | None = None

    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect, without a driver and without a connection."""
        from sqlalchemy import make_url

        # Any style but format and pyformat: those double every % in names and comments.
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
    """The column as the comment tells it; unchanged where the comment is none of ours."""
    found = _COMMENT.fullmatch(comment or "")
    if not found or found[1] not in set(Type):
        return column
    type_ = Type(found[1])
    sizes = [int(size) for size in (found[2] or "").split(",") if size]
    known: dict[str, Any] = dict.fromkeys(("precision", "scale", "length", "fraction_digits"))
    known.update(zip(_SIZED.get(type_, ()), sizes, strict=False))
    return replace(column, type=type_, note=None, **known)


def create_statements(
    schema: Schema, relational: Relational, *, split_name: Callable[[str], tuple[str | None, str]] | None = None
) -> list[str]:
    """The statements that make the schema's table: columns, key, references, and comments where they are needed.

    `split_name` turns a collection's name into (schema of the database or None, table).
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
    if schema.key:
        constraints.append(sqlalchemy.PrimaryKeyConstraint(*schema.key))
    space, name = names(schema.name)
    for reference in schema.references:
        other = names(reference.collection)
        if other != (space, name):
            # The other table stands here by its name alone: only that is written.
            sqlalchemy.Table(
                other[1],
                metadata,
                *(sqlalchemy.Column(quoted_name(key, True)) for key in reference.keys),
                schema=other[0],
                extend_existing=True,
            )
        prefix = f"{other[0]}." if other[0] else ""
        # A list of Column objects would be resolved by SQLAlchemy's dots; names with dots need the tables' own columns.
        constraints.append(_foreign_key(metadata, f"{prefix}{other[1]}", reference, columns))
    kept = {key: value for key, value in (("edge", schema.edge), ("partition", list(schema.partition))) if value}
    table = sqlalchemy.Table(
        name,
        metadata,
        *columns,
        *constraints,
        schema=space,
        comment=_MARK + json.dumps(kept, separators=(",", ":")) if kept else None,
        **(relational.table_options or {}),
    )
    made_by: list[Any] = [CreateTable(table)]
    if dialect.supports_comments and not dialect.inline_comments:
        if table.comment:
            made_by.append(SetTableComment(table))
        made_by += [SetColumnComment(column) for column in table.columns if column.comment]
    return [str(each.compile(dialect=dialect)).strip() for each in made_by]


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
    """The column that a SQLAlchemy type of this engine carries; nullable."""
    visit = str(type_.__visit_name__).upper()
    try:
        native = type_.compile(dialect=dialect)
    except Exception:  # NullType and the like have no text
        native = None
    found = relational.read.get(visit)
    if found is None:
        column = Column(name, Type.TEXT, native=native, note=f"{(native or visit).lower()}, as text")
        return relational.refine(column, type_) if relational.refine else column
    sizes: dict[str, Any] = {}
    if found is Type.DECIMAL:
        sizes = {"precision": getattr(type_, "precision", None), "scale": getattr(type_, "scale", None)}
    elif found in (Type.TEXT, Type.BYTES):
        sizes = {"length": getattr(type_, "length", None)}
    elif found in (Type.TIME, Type.DATETIME, Type.INSTANT):
        # SQLAlchemy calls a second's digits precision in PostgreSQL, fsp in MySQL.
        fraction = getattr(type_, "precision", getattr(type_, "fsp", None))
        sizes = {"fraction_digits": fraction}
    column = Column(name, found, native=native, **sizes)
    return relational.refine(column, type_) if relational.refine else column


class _Lent:
    """The adapter's DB-API connection, as SQLAlchemy gets it: it may ask, not end a transaction or the connection."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def rollback(self) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


class Reflector:
    """Schemas by SQLAlchemy's inspector, over a connection that the adapter owns: nothing here closes it."""

    def __init__(self, relational: Relational, raw: Any, **dialect_options: Any) -> None:
        self._relational = relational
        self._raw = raw
        self._options = dialect_options

    @cached_property
    def _engine(self) -> sqlalchemy.Engine:
        import sqlalchemy
        from sqlalchemy.pool import StaticPool

        # StaticPool hands out the one connection again and again; without reset it sends no ROLLBACK of its own.
        return sqlalchemy.create_engine(
            self._relational.url,
            creator=lambda: _Lent(self._raw),
            poolclass=StaticPool,
            pool_reset_on_return=None,
            **self._options,
        )

    def inspector(self) -> sqlalchemy.Inspector:
        """A fresh inspector: it caches what it has seen, and tables change."""
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

        `join_name` is the inverse of `split_name`, for the tables that references name.
        """
        from sqlalchemy.exc import NoSuchTableError

        inspector = self.inspector()
        space, table = split_name(name) if split_name else (None, name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "Did not recognize type": we say so in the column's note
                columns = inspector.get_columns(table, schema=space)
            if not columns:
                # MySQL answers with nothing for a table that is dropped meanwhile; PostgreSQL allows none at all.
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
            tuple(self._column(each, dialect) for each in columns),
            key,
            tuple(sorted(references, key=lambda each: [order[column] for column in each.columns])),
            edge=bool(comment.get("edge")),
            partition=tuple(comment.get("partition", ())),
        )

    def _column(self, found: ReflectedColumn, dialect: Dialect) -> Column:
        column = read_column(found["name"], found["type"], self._relational, dialect)
        column = typed_by_comment(replace(column, nullable=found["nullable"]), found.get("comment"))
        if "computed" in found:
            column = replace(column, note=", ".join(filter(None, (column.note, "generated"))))
        return column


def _table_comment(inspector: sqlalchemy.Inspector, table: str, space: str | None) -> Mapping[str, Any]:
    try:
        text = inspector.get_table_comment(table, schema=space)["text"] or ""
    except NotImplementedError:
        return {}
    try:
        found = json.loads(text[len(_MARK) :]) if text.startswith(_MARK) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
