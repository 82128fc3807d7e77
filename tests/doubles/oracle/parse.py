"""A statement's text to one of sql.py's shapes, by recursive descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tests.doubles.oracle import literals
from tests.doubles.oracle.sql import (
    AddConstraint,
    Bind,
    Call,
    Case,
    ColumnDefinition,
    Comment,
    Compare,
    CreateIndex,
    CreateSequence,
    CreateTable,
    Delete,
    DropSequence,
    DropTable,
    ForeignKey,
    InList,
    Insert,
    IsNull,
    Item,
    Literal,
    Logic,
    Merge,
    Modify,
    Name,
    Next,
    Now,
    OraError,
    Plain,
    RestartSequence,
    Select,
    Table,
    Token,
    Update,
    Zoned,
    refused,
    tokens,
)

T = TypeVar("T")
_FUNCTIONS = {"COUNT", "MIN", "MAX", "MOD", "SYS_EXTRACT_UTC", "ROW_NUMBER"} | {
    "TO_CHAR", "TO_NUMBER", "LTRIM", "REPLACE", "SUBSTR", "TO_DATE", "TO_TIMESTAMP", "TO_TIMESTAMP_TZ", "EMPTY_CLOB",
    "EMPTY_BLOB",
}  # fmt: skip
_OF_PACKAGES = {("DBMS_LOB", "GETLENGTH")}
_ANY_SEQUENCE = ("INCREMENT", "BY", "1", "MINVALUE", "1", "MAXVALUE", "9" * 28, "NOCYCLE", "NOCACHE", "NOORDER")
"""The only options that a sequence of the double has."""
_NOW = (
    ("LOCALTIMESTAMP",),
    ("SYSTIMESTAMP",),
    ("TRUNC", "(", "CURRENT_DATE", ")"),
    ("SYS_EXTRACT_UTC", "(", "SYSTIMESTAMP", ")"),
)
_SIGNS = {"=", "<>", "!=", "<", ">", "<=", ">="}


def parse(text: str) -> Any:
    """The statement. ORA-00900 for what is no statement, ORA-03001 for one that the double does not know."""
    return _Parser(text).statement()


def parse_default(text: str) -> Any:
    """What a column's default is, from its text in the dictionary."""
    return _Parser(text).default()


class _Parser:
    def __init__(self, text: str) -> None:
        self.whole = text
        self.tokens = tokens(text)
        self.place = 0
        self.binds = 0

    # --- pieces ---

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def next(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def found(self, *texts: str) -> bool:
        """Whether these words or symbols come next; they are read then."""
        for ahead, text in enumerate(texts):
            token = self.tokens[min(self.place + ahead, len(self.tokens) - 1)]
            if token.kind not in ("word", "symbol") or token.text.upper() != text:
                return False
        self.place += len(texts)
        return True

    def need(self, *texts: str) -> None:
        for text in texts:
            if not self.found(text):
                raise self.unknown()

    def unknown(self) -> OraError:
        token = self.now
        what = f"this statement from {token.text!r} on" if token.kind != "end" else "a statement that ends here"
        return refused(what, token.start)

    def identifier(self) -> tuple[str, int]:
        token = self.next()
        if token.kind == "name":
            return token.text, token.start
        if token.kind == "word":
            return token.text.upper(), token.start
        self.place -= 1
        raise self.unknown()

    def listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        """( item, item … )"""
        self.need("(")
        found = self.several(item)
        self.need(")")
        return found

    def several(self, item: Callable[[], T]) -> tuple[T, ...]:
        found = [item()]
        while self.found(","):
            found.append(item())
        return tuple(found)

    def name(self) -> str:
        return self.identifier()[0]

    def table(self) -> Table:
        return Table(*self.identifier())

    def column(self) -> Name:
        name, position = self.identifier()
        if self.found("."):
            return Name(self.name(), name, position)
        return Name(name, None, position)

    def integer(self) -> int:
        token = self.next()
        if token.kind != "number" or not token.text.isdigit():
            self.place -= 1
            raise self.unknown()
        return int(token.text)

    def text(self) -> str:
        token = self.next()
        if token.kind != "text":
            self.place -= 1
            raise self.unknown()
        return token.text

    # --- statements ---

    def statement(self) -> Any:
        first = self.now
        word = first.text.upper() if first.kind == "word" else ""
        shape = getattr(self, f"_{word.lower()}", None) if word in _STATEMENTS else None
        if shape is None:
            raise OraError(900, "invalid SQL statement", first.start)
        if word not in ("SELECT", "WITH"):
            self.next()
        found = shape()
        if self.now.kind != "end":
            raise self.unknown()
        return found

    def _commit(self) -> Plain:
        return Plain("COMMIT")

    def _rollback(self) -> Plain:
        return Plain("ROLLBACK")

    def _set(self) -> Plain:
        self.need("TRANSACTION", "READ", "ONLY")
        return Plain("READ ONLY")

    def _begin(self) -> Plain:
        if self.found("NULL"):
            found = Plain("NULL")
        else:
            self.need("DBMS_SESSION", ".", "SLEEP", "(")
            found = Plain("SLEEP", float(self.next().text))
            self.need(")")
        self.need(";", "END", ";")
        return found

    def _with(self) -> Select:
        self.need("WITH")
        name = self.name()
        columns = self.listed(self.name)
        self.need("AS", "(")
        inner = self._select()
        self.need(")")
        outer = self._select()
        if not isinstance(outer.source, Table) or outer.source.name != name:
            raise refused("a WITH that is not what is read from")
        return Select(outer.items, inner, columns, outer.where, outer.order, outer.offset, outer.fetch)

    def _select(self) -> Select:
        self.need("SELECT")
        items = () if self.found("*") else self.several(self._item)
        self.need("FROM")
        source: Any = None
        if self.found("("):
            source = self._select()
            self.need(")")
        elif not self.found("DUAL"):
            source = self.table()
        where = self.condition() if self.found("WHERE") else None
        order = self.several(self._ordering) if self.found("ORDER", "BY") else ()
        offset = 0
        if self.found("OFFSET"):
            offset = self.integer()
            self.need("ROWS")
        fetch = None
        if self.found("FETCH"):
            if not self.found("FIRST"):
                self.need("NEXT")
            fetch = self.integer()
            if not self.found("ROW"):
                self.need("ROWS")
            self.need("ONLY")
        return Select(items, source, (), where, order, offset, fetch)

    def _item(self) -> Item:
        what = self.value()
        if self.found("AS"):
            return Item(what, self.name())
        named = self.now.kind == "name" or (self.now.kind == "word" and self.now.text.upper() != "FROM")
        return Item(what, self.name() if named else None)

    def _ordering(self) -> tuple[Any, bool]:
        what = self.value()
        if self.found("DESC"):
            return what, True
        self.found("ASC")
        return what, False

    def _insert(self) -> Insert:
        self.need("INTO")
        table = self.table()
        columns = self.listed(self.column)
        self.need("VALUES")
        return Insert(table, columns, self.listed(self.value))

    def _update(self) -> Update:
        table = self.table()
        self.need("SET")
        sets = self.several(self._assignment)
        return Update(table, sets, self.condition() if self.found("WHERE") else None)

    def _assignment(self) -> tuple[Name, Any]:
        column = self.column()
        self.need("=")
        return column, self.value()

    def _delete(self) -> Delete:
        self.need("FROM")
        table = self.table()
        return Delete(table, self.condition() if self.found("WHERE") else None)

    def _merge(self) -> Merge:
        self.need("INTO")
        table = self.table()
        self.need("T", "USING", "(", "SELECT")
        source = self.several(self._merge_source)
        self.need("FROM", "DUAL", ")", "S", "ON", "(")
        on = [self._same()]
        while self.found("AND"):
            on.append(self._same())
        self.need(")")
        updates: tuple[str, ...] = ()
        if self.found("WHEN", "MATCHED", "THEN", "UPDATE", "SET"):
            updates = self.several(self._same)
        self.need("WHEN", "NOT", "MATCHED", "THEN", "INSERT")
        inserts = self.listed(self.name)
        self.need("VALUES")
        values = self.listed(self.column)
        if [(each.table, each.name) for each in values] != [("S", name) for name in inserts]:
            raise refused("a MERGE that inserts other columns than it names")
        return Merge(table, source, tuple(on), updates, inserts)

    def _merge_source(self) -> tuple[str, Any]:
        value = self.value()
        if not isinstance(value, Bind | Call | Zoned):
            raise self.unknown()
        self.need("AS")
        return self.name(), value

    def _same(self) -> str:
        """t."x" = s."x", for one column."""
        left = self.column()
        self.need("=")
        right = self.column()
        if (left.table, right.table, left.name) != ("T", "S", right.name):
            raise refused("a MERGE by anything but equal columns", left.position)
        return left.name

    def _drop(self) -> DropTable | DropSequence:
        if self.found("SEQUENCE"):
            return DropSequence(*self.identifier())
        self.need("TABLE")
        table = self.table()
        cascades = self.found("CASCADE", "CONSTRAINTS")
        self.need("PURGE")
        return DropTable(table, cascades)

    def _comment(self) -> Comment:
        self.need("ON")
        of_table = self.found("TABLE")
        if not of_table:
            self.need("COLUMN")
        table, column = self.table(), None
        if not of_table:
            self.need(".")
            column = self.name()
        self.need("IS")
        return Comment(table, column, self.text())

    def _alter(self) -> Modify | RestartSequence | AddConstraint:
        if self.found("SEQUENCE"):
            name, position = self.identifier()
            while self.found("."):
                name, position = self.identifier()
            self.need("RESTART", "START", "WITH")
            return RestartSequence(name, position, self.integer())
        self.need("TABLE")
        table = self.table()
        if self.found("ADD"):
            return self._add_constraint(table)
        self.need("MODIFY", "(")
        column = self.column()
        self.need("DEFAULT")
        start = self.now.start
        default = self.default()
        text = self.whole[start : self.now.start].strip()
        self.need(")")
        return Modify(table, column, text, default)

    def _add_constraint(self, table: Table) -> AddConstraint:
        if self.found("PRIMARY", "KEY"):
            return AddConstraint(table, key=self.listed(self.name))
        if self.found("FOREIGN", "KEY"):
            own = self.listed(self.name)
            self.need("REFERENCES")
            return AddConstraint(table, foreign=ForeignKey(own, self.table(), self.listed(self.name)))
        self.need("CHECK", "(")
        column = self.name()
        self.need("IS", "JSON", ")")
        return AddConstraint(table, json=column)

    def default(self) -> Any:
        """A literal, a word for the moment, or a sequence's next value."""
        start, position = self.place, self.now.start
        for words in _NOW:
            if self.found(*words):
                return Now("".join(words))
            self.place = start
        if (literal := literals.read(self)) is not None:
            return literal
        names = [self.name()]
        while self.found("."):
            names.append(self.name())
        if len(names) not in (2, 3) or names[-1] != "NEXTVAL":
            raise refused("a default like this", position)
        return Next(names[-2], position)

    def _create_index(self, *, unique: bool) -> CreateIndex:
        name = self.name()
        self.need("ON")
        table = self.table()
        return CreateIndex(name, table, self.listed(lambda: (self.column(), self.found("DESC"))), unique)

    def _create(self) -> CreateTable | CreateIndex | CreateSequence:
        if self.found("INDEX"):
            return self._create_index(unique=False)
        if self.found("UNIQUE", "INDEX"):
            return self._create_index(unique=True)
        if self.found("SEQUENCE"):
            name = self.name()
            if self.now.text.upper() == "INCREMENT":
                for word in _ANY_SEQUENCE:
                    if self.now.text.upper() != word:
                        raise self.unknown()
                    self.next()
                return CreateSequence(name, 1)
            self.need("START", "WITH")
            return CreateSequence(name, self.integer())
        self.need("TABLE")
        name = self.name()
        self.need("(")
        columns: list[ColumnDefinition] = []
        foreign: list[ForeignKey] = []
        key: tuple[str, ...] = ()
        while True:
            if self.found("PRIMARY", "KEY"):
                key = self.listed(self.name)
            elif self.found("FOREIGN", "KEY"):
                own = self.listed(self.name)
                self.need("REFERENCES")
                foreign.append(ForeignKey(own, self.table(), self.listed(self.name)))
            else:
                columns.append(self._column_definition())
            if not self.found(","):
                break
        self.need(")")
        return CreateTable(name, tuple(columns), key, tuple(foreign))

    def _column_definition(self) -> ColumnDefinition:
        name = self.name()
        type_ = self.name()
        numbers: list[int] = []
        unit = "BYTE"
        if self.found("("):
            numbers.append(self.integer())
            if self.found("CHAR"):
                unit = "CHAR"
            elif not self.found("BYTE") and self.found(","):
                numbers.append(self.integer())
            self.need(")")
        if self.found("WITH", "TIME", "ZONE"):
            type_ += " WITH TIME ZONE"
        nullable, is_json, default, value = True, False, None, None
        if self.found("DEFAULT"):
            start = self.now.start
            value = self.default()
            default = self.whole[start : self.now.start].strip()
        while True:
            if self.found("NOT", "NULL"):
                nullable = False
            elif self.found("CHECK", "("):
                if self.name() != name:
                    raise refused("a check of another column")
                self.need("IS", "JSON", ")")
                is_json = True
            else:
                return ColumnDefinition(name, type_, tuple(numbers), unit, nullable, is_json, default, value)

    # --- expressions ---

    def condition(self) -> Any:
        parts = [self._conjunction()]
        while self.found("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Logic("OR", tuple(parts))

    def _conjunction(self) -> Any:
        parts = [self._negation()]
        while self.found("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Logic("AND", tuple(parts))

    def _negation(self) -> Any:
        return Logic("NOT", (self._negation(),)) if self.found("NOT") else self._predicate()

    def _predicate(self) -> Any:
        if self.now.text == "(" and self.now.kind == "symbol":
            start, binds = self.place, self.binds
            self.next()
            try:
                inner = self.condition()
                self.need(")")
                if not isinstance(inner, Name | Literal | Bind | Call) and not self._compared():
                    return inner
            except OraError:
                pass
            self.place, self.binds = start, binds
            return self._in(self.listed(self.value))
        left = self.value()
        if self.now.kind == "symbol" and self.now.text in _SIGNS:
            sign = self.next().text
            return Compare("<>" if sign == "!=" else sign, left, self.value())
        if self.found("IS"):
            negated = self.found("NOT")
            self.need("NULL")
            return IsNull(left, negated)
        if self.now.text.upper() == "IN":
            return self._in((left,))
        raise self.unknown()

    def _compared(self) -> bool:
        return self.now.text.upper() == "IN" or (self.now.kind == "symbol" and self.now.text in _SIGNS)

    def _in(self, left: tuple[Any, ...]) -> InList:
        self.need("IN")
        row: Callable[[], tuple[Any, ...]] = (
            (lambda: self.listed(self.value)) if len(left) > 1 else (lambda: (self.value(),))
        )
        return InList(left, self.listed(row))

    def value(self) -> Any:
        found = self.primary()
        while isinstance(found, Call) and self.found("||"):
            found = Call("||", (found, self.primary()))
        if isinstance(found, Call) and self.found("AT", "TIME", "ZONE"):
            return Zoned(found, self.primary())
        return found

    def _case(self) -> Case:
        branches, otherwise = [], None
        while self.found("WHEN"):
            condition = self.condition()
            self.need("THEN")
            branches.append((condition, self.value()))
        if self.found("ELSE"):
            otherwise = self.value()
        self.need("END")
        return Case(tuple(branches), otherwise)

    def primary(self) -> Any:
        token = self.now
        if token.kind == "bind":
            self.next()
            self.binds += 1
            return Bind(self.binds - 1)
        if (literal := literals.read(self)) is not None:
            return literal
        if token.kind not in ("word", "name"):
            raise self.unknown()
        if token.kind == "word" and self.found("CASE"):
            return self._case()
        column = self.column()
        packaged = (column.table, column.name) in _OF_PACKAGES
        if token.kind == "word" and (column.table is None or packaged) and self.found("("):
            return self._call(column)
        return column

    def _call(self, function: Name) -> Call:
        if function.name not in _FUNCTIONS and function.table is None:
            raise refused(f"the function {function.name}", function.position)
        arguments: tuple[Any, ...] = ()
        if function.name == "COUNT":
            self.need("*", ")")
        elif not self.found(")"):
            arguments = self.several(self.value)
            self.need(")")
        order: tuple[Name, ...] = ()
        if function.name == "ROW_NUMBER":
            self.need("OVER", "(", "ORDER", "BY")
            order = self.several(self.column)
            self.need(")")
        return Call(function.name, arguments, order, function.position)


_STATEMENTS = {
    "SELECT",
    "WITH",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "CREATE",
    "ALTER",
    "DROP",
    "COMMENT",
    "SET",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
}
