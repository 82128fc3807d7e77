"""mongosh text, or a database command as Extended JSON, to a closed list of operations.

    db.orders.find({status: "paid"}).sort({total: -1}).limit(3)      db["odd name"].…   db.getCollection("x").…
    show dbs; use other; db.orders.countDocuments({total: {$gt: :least}})
    {"aggregate": "orders", "pipeline": [], "cursor": {}}

It is JavaScript, so a JavaScript parser (tree-sitter) reads it; only constants are evaluated. Statements end with a
semicolon or a line, as in JavaScript. `show …` and `use …` are mongosh's own statements. What is not on the list is
refused by its name, before anything is run.

`:name` is a parameter where a value may begin: behind `(`, `[`, `,`, `:` or an operator. So `{a: :n}` and `{a::n}` hold
one; `{a:n}`, text and comments hold none. JavaScript's grammar has no parameters, so a tokenizer finds them and puts
`$name`, an identifier of the same length, in their place: lines and columns in messages are those of the text.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import tree_sitter_javascript
from bson.errors import BSONError
from tree_sitter import Language, Parser

from dbfleet.engines.mongodb.text_values import Source, children, refuse, unsupported
from dbfleet.engines.mongodb.values import from_extended_values
from dbfleet.errors import StatementError, UsageError, nearest

if TYPE_CHECKING:
    from tree_sitter import Node

Arguments = tuple[int, int]

COLLECTION: Final[Mapping[str, Arguments]] = {
    "aggregate": (0, 99), "bulkWrite": (1, 2), "count": (0, 2), "countDocuments": (0, 2), "createIndex": (1, 3),
    "createIndexes": (1, 3), "dataSize": (0, 0), "deleteMany": (1, 2), "deleteOne": (1, 2), "distinct": (1, 3),
    "drop": (0, 1), "dropIndex": (1, 1), "dropIndexes": (0, 1), "estimatedDocumentCount": (0, 1), "explain": (0, 1),
    "find": (0, 3), "findOne": (0, 3), "findOneAndDelete": (1, 2), "findOneAndReplace": (2, 3),
    "findOneAndUpdate": (2, 3), "getIndexes": (0, 0), "insertMany": (1, 2), "insertOne": (1, 2),
    "renameCollection": (1, 2), "replaceOne": (2, 3), "stats": (0, 1), "storageSize": (0, 0), "totalIndexSize": (0, 0),
    "totalSize": (0, 0), "updateMany": (2, 3), "updateOne": (2, 3), "validate": (0, 1),
}  # fmt: skip
"""Methods of a collection, and how many arguments they take."""

DATABASE: Final[Mapping[str, Arguments]] = {
    "adminCommand": (1, 1), "aggregate": (0, 99), "createCollection": (1, 2), "createView": (3, 4),
    "currentOp": (0, 1), "dropDatabase": (0, 1), "getCollectionInfos": (0, 2), "getCollectionNames": (0, 0),
    "getName": (0, 0), "hello": (0, 0), "hostInfo": (0, 0), "isMaster": (0, 0), "killOp": (1, 1),
    "runCommand": (1, 1), "serverBuildInfo": (0, 0), "serverStatus": (0, 1), "stats": (0, 1), "version": (0, 0),
}  # fmt: skip
"""Methods of db."""

CURSOR: Final[Mapping[str, Arguments]] = {
    "allowDiskUse": (0, 1), "batchSize": (1, 1), "collation": (1, 1), "comment": (1, 1), "count": (0, 1),
    "explain": (0, 1), "hint": (1, 1), "itcount": (0, 0), "limit": (1, 1), "max": (1, 1), "maxTimeMS": (1, 1),
    "min": (1, 1), "pretty": (0, 0), "project": (1, 1), "projection": (1, 1), "returnKey": (0, 1),
    "showRecordId": (0, 1), "size": (0, 0), "skip": (1, 1), "sort": (1, 1), "toArray": (0, 0),
}  # fmt: skip
"""Methods of the cursor that find and aggregate give."""

CURSORS: Final = frozenset({"find", "aggregate"})
EXPLAINED: Final = frozenset(
    {"find", "aggregate", "count", "distinct", "updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany",
     "findOneAndDelete", "findOneAndReplace", "findOneAndUpdate"}
)  # fmt: skip
SHOWN: Final = {"dbs": "dbs", "databases": "dbs", "collections": "collections", "tables": "collections"}

_WHY: Final[Mapping[str, str]] = {
    "forEach": "it runs JavaScript; the result streams as it is, to jq or a script",
    "map": "it runs JavaScript; $project and $set in an aggregation change documents",
    "mapReduce": "aggregate does what it did, or run the command itself: db.runCommand({mapReduce: …})",
    "watch": "a change stream does not end",
    "insert": "insertOne or insertMany",
    "update": "updateOne, updateMany or replaceOne",
    "remove": "deleteOne or deleteMany",
    "save": "replaceOne with {upsert: true}",
    "findAndModify": "findOneAndUpdate, findOneAndReplace or findOneAndDelete",
    "ensureIndex": "createIndex",
    "next": "limit(1)",
    "hasNext": "limit(1)",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its arguments; `where` is its line and column."""

    name: str
    arguments: tuple[Any, ...]
    where: str

    def argument(self, place: int, default: Any = None) -> Any:
        """The argument at this place, or the default where there are fewer."""
        return self.arguments[place] if place < len(self.arguments) else default


@dataclass(frozen=True, slots=True)
class Operation:
    """What to do: `call` on `collection`, or on the database where that is None; then the calls on the cursor.

    `kind` collection: a method of COLLECTION · database: one of DATABASE · command: a document, to be run as it is ·
    shell: show, use or name. `database` is another than the current one. `explain` is the verbosity asked for.
    """

    kind: str
    call: Call
    collection: str | None = None
    database: str | None = None
    cursor: tuple[Call, ...] = ()
    explain: str | None = None

    @property
    def command_name(self) -> str:
        """The name of the method, or of the command."""
        return str(next(iter(self.call.argument(0)))) if self.kind == "command" else self.call.name


def parse(text: str, params: Mapping[str, object]) -> list[Operation]:
    """The operations of the text, in order. StatementError, with line and column, for what is no operation; UsageError
    for a parameter without a value, or a value without a parameter."""
    command = text.lstrip().startswith("{")
    shift = int(command)
    tokens = _Tokens(f"({text}\n)" if command else text, shift)
    source = Source("".join(tokens.letters), tokens.placeholders, params, json=command, shift=shift)
    root = _parser().parse(source.bytes).root_node
    if root.has_error:
        _syntax_error(source, root)
    found = [(each.start_byte, _statement(source, each, command)) for each in children(root)]
    found += [(offset, Operation("shell", Call(word, (rest,), ""))) for offset, word, rest in tokens.shell]
    unused = set(params).difference(tokens.placeholders.values())
    if unused:
        raise UsageError(f"no :{min(unused)} in the statement")
    return [operation for _, operation in sorted(found, key=lambda each: each[0]) if operation is not None]


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_javascript.language()))


# --- statements ---------------------------------------------------------------------------------------------------


def _statement(source: Source, node: Node, command: bool) -> Operation | None:
    if node.type == "empty_statement":
        return None
    if node.type != "expression_statement":
        unsupported(source, node)
    (expression,) = children(node)
    if command:
        (expression,) = children(expression)
        value = _from_extended(source, expression)
        return Operation("command", Call("runCommand", (value,), source.where(expression)))
    steps = list(_steps(source, expression))[::-1]
    return _Reader(source, steps).operation()


def _from_extended(source: Source, node: Node) -> Any:
    value = source.value(node)
    if not isinstance(value, dict) or not value:
        refuse(source, node, "a command is a document, its name first")
    try:
        return from_extended_values(value)
    except (ValueError, TypeError, KeyError, BSONError) as exc:
        refuse(source, node, f"no Extended JSON: {exc}")


def _steps(source: Source, node: Node) -> Iterator[tuple[str, Node]]:
    """From the last step to the first: a name, an index, a call's arguments; `db` itself is the first name."""
    while True:
        if node.child_by_field_name("optional_chain"):
            refuse(source, node, "not supported: optional chaining")
        if node.type == "call_expression":
            yield "call", _field(node, "arguments")
            node = _field(node, "function")
        elif node.type == "member_expression":
            yield "name", _field(node, "property")
            node = _field(node, "object")
        elif node.type == "subscript_expression":
            yield "index", _field(node, "index")
            node = _field(node, "object")
        elif node.type == "parenthesized_expression":
            node = children(node)[0]
        elif node.type == "identifier":
            if source.text(node) != "db":
                word = source.text(node)
                refuse(source, node, f"not supported: {word}", "statements begin with db, show or use")
            return
        else:
            unsupported(source, node)


def _field(node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    assert found is not None, f"{node.type} has no {name}"
    return found


class _Reader:
    """The steps behind `db`, one after another."""

    def __init__(self, source: Source, steps: list[tuple[str, Node]]) -> None:
        self.source = source
        self.steps = steps
        self.database: str | None = None
        self.explain: str | None = None

    def operation(self) -> Operation:
        path: list[str] = []
        while self.steps:
            kind, node = self.steps.pop(0)
            if kind == "call":
                unsupported(self.source, node)
            if kind == "index":
                path.append(self._text(self.source.value(node), node))
                continue
            word = self.source.text(node)
            if not self.steps or self.steps[0][0] != "call":
                path.append(word)
                continue
            if not path and word in ("getCollection", "getSiblingDB"):
                name = self._text(self._call(node, {word: (1, 1)}).arguments[0], node)
                if word == "getSiblingDB":
                    self.database = name
                else:
                    path.append(name)
                continue
            return self._method(node, ".".join(path) if path else None)
        if path:
            name = ".".join(path)
            raise StatementError(f"db.{name} is a collection, no statement", hint=f"did you mean db.{name}.find()?")
        return Operation("shell", Call("name", (), ""), database=self.database)

    def _method(self, node: Node, collection: str | None) -> Operation:
        call = self._call(node, DATABASE if collection is None else COLLECTION)
        if collection is not None and call.name == "explain":
            self.explain = str(call.argument(0, "queryPlanner"))
            if not self.steps:
                refuse(self.source, node, "explain() explains what follows", "db.orders.explain().find({…})")
            call = self._call(self.steps.pop(0)[1], {name: COLLECTION[name] for name in EXPLAINED})
        cursor = []
        while self.steps:
            kind, following = self.steps.pop(0)
            if kind != "name" or not self.steps or self.steps[0][0] != "call":
                refuse(self.source, following, "not supported: a part of a result", "a projection chooses fields")
            if call.name not in CURSORS:
                refuse(self.source, following, f"not supported: {self.source.text(following)}() behind {call.name}()")
            cursor.append(self._call(following, CURSOR))
        kind = "database" if collection is None else "collection"
        return Operation(kind, call, collection, self.database, tuple(cursor), self.explain)

    def _call(self, node: Node, known: Mapping[str, Arguments]) -> Call:
        """The call of the method that `node` names; takes its arguments from the steps."""
        word = self.source.text(node)
        _, arguments = self.steps.pop(0)
        if word not in known:
            close = nearest(word, known)
            hint = _WHY.get(word) or (f"did you mean {close}?" if close else None)
            refuse(self.source, node, f"not supported: {word}()", hint)
        values = self.source.arguments(arguments)
        least, most = known[word]
        if not least <= len(values) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            refuse(self.source, arguments, f"{word}() takes {wanted} argument{'s'[: most != 1]}, not {len(values)}")
        return Call(word, tuple(values), self.source.where(node))

    def _text(self, value: Any, node: Node) -> str:
        if not isinstance(value, str):
            refuse(self.source, node, "the name of a collection or database is text")
        return value


def _syntax_error(source: Source, root: Node) -> None:
    """Raise a StatementError that points at the first place that the parser could not read."""
    node = root
    while True:
        inner = next((each for each in node.children if each.has_error or each.is_missing or each.is_error), None)
        if inner is None:
            break
        node = inner
    if node.is_missing:
        word = "a value" if node.type == "identifier" else node.type
        raise StatementError(f"{source.where(node)}: {word} is missing")
    near = source.text(node).split("\n")[0][:40]
    raise StatementError(f"{source.where(node)}: syntax error" + (f" at {near}" if near else ""))


# --- the tokenizer ------------------------------------------------------------------------------------------------

_WORD: Final = frozenset(string.ascii_letters + string.digits + "_$")
_NAME_BEGINS: Final = frozenset(string.ascii_letters + "_")
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}


class _Tokens:
    """Finds parameters and mongosh's own lines, outside of strings, comments and regular expressions; and what is never
    closed, where the parser would only point at the statement. Keeps every byte where it is."""

    def __init__(self, text: str, shift: int) -> None:
        self.text = text
        self.shift = shift
        self.letters = list(text)
        self.placeholders: dict[int, str] = {}  # by byte offset
        self.shell: list[tuple[int, str, str]] = []  # offset, word, the rest of the line
        self._place = 0
        self._read()

    def _read(self) -> None:
        text, end = self.text, len(self.text)
        opened: list[int] = []
        value_may_begin = statement_may_begin = True
        while self._place < end:
            start, letter = self._place, text[self._place]
            if letter.isspace() or letter == ";":
                statement_may_begin = statement_may_begin or (letter in "\n;" and not opened)
                value_may_begin = value_may_begin or letter == ";"
                self._place += 1
                continue
            if text.startswith(("//", "/*"), start):
                self._comment()
                continue
            if statement_may_begin and self._shell_line():
                continue
            statement_may_begin = False
            if letter in "\"'`" or (letter == "/" and value_may_begin):
                self._quoted(letter)
                value_may_begin = False
            elif letter in _WORD or not letter.isascii():
                self._word()
                value_may_begin = False
            elif letter == ":" and value_may_begin and start + 1 < end and text[start + 1] in _NAME_BEGINS:
                self.letters[start] = "$"
                self._place += 1
                self.placeholders[self._offset(start)] = self._word()
                value_may_begin = False
            else:
                if letter in _CLOSES:
                    opened.append(start)
                elif letter in ")]}":
                    self._close(opened)
                value_may_begin = letter not in ")]}."
                self._place += 1
        if opened:
            self._never_closed(opened[-1])

    def _offset(self, place: int) -> int:
        return len(self.text[:place].encode())

    def _word(self) -> str:
        start = self._place
        while self._place < len(self.text) and (
            self.text[self._place] in _WORD or not self.text[self._place].isascii()
        ):
            self._place += 1
        return self.text[start : self._place]

    def _comment(self) -> None:
        block = self.text[self._place + 1] == "*"
        found = self.text.find("*/" if block else "\n", self._place + 2)
        if found < 0 and block:
            self._never_closed(self._place)
        self._place = len(self.text) if found < 0 else found + 2 * block

    def _quoted(self, quote: str) -> None:
        """To behind the closing quote; a regular expression's slash may stand in brackets, and no line ends it."""
        start, in_class = self._place, False
        self._place += 1
        while self._place < len(self.text):
            letter = self.text[self._place]
            if letter == "\n" and quote != "`":
                break
            self._place += 2 if letter == "\\" else 1
            if quote == "/" and letter in "[]":
                in_class = letter == "["
            elif letter == quote and not in_class:
                return
        self._never_closed(start)

    def _shell_line(self) -> bool:
        """Take `show …` and `use …`, which no JavaScript begins with."""
        stop = min(
            (each for each in (self.text.find(mark, self._place) for mark in "\n;") if each >= 0),
            default=len(self.text),
        )
        word, _, rest = self.text[self._place : stop].partition(" ")
        rest = rest.strip()
        if word not in ("show", "use") or not rest or rest[0] in "=.([,?+-*/%<>&|":
            return False
        if word == "show" and rest not in SHOWN:
            raise StatementError(
                f"{self._where(self._place)}: not supported: show {rest}", hint="show dbs, show collections"
            )
        self.shell.append((self._offset(self._place), word, rest))
        for place in range(self._place, stop):
            self.letters[place] = " " * len(self.text[place].encode())
        self._place = stop
        return True

    def _close(self, opened: list[int]) -> None:
        here = self.text[self._place]
        if not opened or (self.shift and len(opened) == 1 and self._place < len(self.text) - 1):
            raise StatementError(f"{self._where(self._place)}: this {here} closes nothing")
        wanted = _CLOSES[self.text[opened.pop()]]
        if here != wanted:
            raise StatementError(f"{self._where(self._place)}: {wanted} is missing before this {here}")

    def _never_closed(self, place: int) -> None:
        raise StatementError(f"{self._where(place)}: this {self.text[place]} is never closed")

    def _where(self, place: int) -> str:
        before = self.text[:place]
        row = before.count("\n")
        column = place - (before.rfind("\n") + 1) + 1 - (self.shift if row == 0 else 0)
        return f"line {row + 1}, column {column}"
