"""`--where`: one SQL expression over columns, parsed and applied by us, the same for every engine.

    expression  NOT, AND, OR, parentheses; a bool column by itself
    comparison  = == <> != < <= > >= of a column and a literal, or of two columns of one type
    also        [NOT] IN (…), [NOT] BETWEEN … AND …, [NOT] LIKE '…' [ESCAPE '…'], IS [NOT] NULL, IS [NOT] TRUE / FALSE
    names       bare, "quoted", `quoted` or [quoted]; bare ones match without regard to case where none matches exactly
    literals    'text', numbers, TRUE, FALSE, NULL, DATE '…' and the like; a text is read as the column's type

Logic has three values: what compares with NULL is unknown, and a row stays where the whole is true. Text is compared by
code point, LIKE regards case, a number is compared exactly whatever its type.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from dbfleet.adapter import Condition
from dbfleet.errors import UsageError, did_you_mean
from dbfleet.ops.diff.logic import TURNED, Node, Test, Truth, both, either, opposite, shared, truth_is
from dbfleet.spec import EngineSpec
from dbfleet.values import VALUE_OF, Column, Row, Type, json_text

_TOKEN: Final = re.compile(
    r"""\s+
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+" | `(?:[^`]|``)+` | \[[^\]]+\])
    | (?P<word>[^\W\d][\w$]*)
    | (?P<sign><>|!=|<=|>=|==|[=<>(),+-])""",
    re.VERBOSE,
)
_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "==": operator.eq, "<>": operator.ne, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_RESERVED: Final = frozenset(("and", "or", "not", "in", "between", "like", "is", "null", "true", "false", "escape"))
_TYPED: Final = {"date": Type.DATE, "time": Type.TIME, "timestamp": Type.DATETIME, "datetime": Type.DATETIME,
                 "instant": Type.INSTANT, "uuid": Type.UUID, "timestamptz": Type.INSTANT}  # fmt: skip
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)


def parse(text: str, columns: Sequence[Column]) -> Test:
    """A function from a row of these columns to whether it is meant. UsageError, with the place, for what cannot be
    read; for a column that is not among them, with the nearest."""
    return _Parser(text, columns).whole().test


def narrowed(text: str, columns: Sequence[Column], spec: EngineSpec, specs: Sequence[EngineSpec]) -> Condition | None:
    """A condition that is true of every row that the expression means, and maybe of others, in words whose meaning an
    engine of this spec shares with us; None where there is none. `specs` are the engines at whose fidelity rows are
    seen."""
    share: Share = lambda column, word, value: shared(column, word, value, spec, specs)  # noqa: E731
    return _Parser(text, columns, share).whole().condition


def names(text: str) -> set[str]:
    """The words and quoted names of an expression: what columns it may want."""
    return {_unquoted(token) for kind, token, _ in _tokens(text) if kind in ("word", "quoted")}


@dataclass(frozen=True, slots=True)
class _Operand:
    """A column (`place`) or a literal (`value`)."""

    type: Type | None
    place: int | None = None
    value: Any = None
    text: str = ""


Share = Callable[[Column, str, Any], tuple[Condition, bool] | None]


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise UsageError(f"--where: {text[place : place + 10]!r} at character {place + 1} cannot be read")
        if match.lastgroup:
            found.append((match.lastgroup, match[0], place))
        place = match.end()
    return found


def _unquoted(token: str) -> str:
    if token[0] == "[":
        return token[1:-1]
    if token[0] in '"`':
        return token[1:-1].replace(token[0] * 2, token[0])
    return token


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, text: str, columns: Sequence[Column], share: Share = lambda *_: None) -> None:
        self._text = text
        self._share = share
        self._columns = columns
        self._names = {column.name: place for place, column in enumerate(columns)}
        self._tokens = [*_tokens(text), ("end", "", len(text))]
        self._at = 0

    # --- tokens ---

    def _next(self) -> tuple[str, str, int]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *words: str) -> bool:
        """Whether these words come next; then they are taken."""
        for ahead, word in enumerate(words):
            kind, token, _ = self._tokens[min(self._at + ahead, len(self._tokens) - 1)]
            if kind not in ("word", "sign") or token.lower() != word:
                return False
        self._at += len(words)
        return True

    def _wrong(self, expected: str, token: tuple[str, str, int]) -> UsageError:
        what = f"{token[1]!r} at character {token[2] + 1}" if token[0] != "end" else "the end"
        return UsageError(f"--where: {expected} is expected, not {what}")

    def _expect(self, word: str) -> None:
        if not self._is(word):
            raise self._wrong(word.upper(), self._tokens[self._at])

    # --- logic ---

    def whole(self) -> Node:
        found = self._or()
        if self._tokens[self._at][0] != "end":
            raise self._wrong("AND, OR or the end", self._tokens[self._at])
        return found

    def _or(self) -> Node:
        left = self._and()
        while self._is("or"):
            left = either(left, self._and())
        return left

    def _and(self) -> Node:
        left = self._not()
        while self._is("and"):
            left = both(left, self._not())
        return left

    def _not(self) -> Node:
        if self._is("not"):
            return opposite(self._not())
        if self._is("("):
            inner = self._or()
            self._expect(")")
            return self._is_truth(inner)
        return self._predicate()

    def _is_truth(self, inner: Node) -> Node:
        """`(…) IS [NOT] TRUE`, and the like."""
        while self._is("is"):
            negated = self._is("not")
            wanted = {"true": True, "false": False, "null": None, "unknown": None}
            kind, token, place = self._next()
            if kind != "word" or token.lower() not in wanted:
                raise self._wrong("NULL, TRUE or FALSE", (kind, token, place))
            inner = truth_is(inner, wanted[token.lower()], negated)
        return inner

    def _predicate(self) -> Node:
        left = self._operand()
        if self._is("is"):
            self._at -= 1
            if left.type is not Type.BOOL or left.place is None:
                return self._is_null(left)
            return self._is_truth(self._bool(left))
        negated = self._is("not")
        if self._is("in"):
            found = self._in(left)
        elif self._is("between"):
            low = self._operand()
            self._expect("and")
            found = both(self._compare(">=", left, low), self._compare("<=", left, self._operand()))
        elif self._is("like"):
            found = self._like(left)
        elif negated:
            raise self._wrong("IN, BETWEEN or LIKE", self._tokens[self._at])
        else:
            kind, token, _ = self._tokens[self._at]
            if kind != "sign" or token not in _SIGNS:
                return self._bool(left)
            self._at += 1
            return self._compare(token, left, self._operand())
        return opposite(found) if negated else found

    def _is_null(self, left: _Operand) -> Node:
        self._expect("is")
        negated = self._is("not")
        self._expect("null")
        get = _getter(left)
        node = self._asked(lambda row: get(row) is None, left, "null", None)
        return opposite(node) if negated else node

    def _in(self, left: _Operand) -> Node:
        self._expect("(")
        found = self._compare("=", left, self._operand())
        while self._is(","):
            found = either(found, self._compare("=", left, self._operand()))
        self._expect(")")
        return found

    def _like(self, left: _Operand) -> Node:
        pattern = self._operand()
        escape = ""
        if self._is("escape"):
            escape = self._operand().value
            if not isinstance(escape, str) or len(escape) != 1:
                raise UsageError("--where: ESCAPE takes one character")
        if left.type is not Type.TEXT:
            raise UsageError(f"--where: LIKE wants a text, {left.text} is {left.type}")
        if pattern.place is not None or not isinstance(pattern.value, str):
            if pattern.place is None and pattern.value is None:
                return Node(lambda row: None)
            raise UsageError("--where: LIKE wants a pattern in quotes")
        match = re.compile(_like_pattern(pattern.value, escape), re.DOTALL).fullmatch
        get = _getter(left)

        def test(row: Row) -> Truth:
            value = get(row)
            return None if value is None else match(value) is not None

        return Node(test)

    def _bool(self, operand: _Operand) -> Node:
        if operand.type is not Type.BOOL and not (operand.place is None and operand.value is None):
            raise self._wrong("a comparison", self._tokens[self._at])
        return self._asked(_getter(operand), operand, "=", True)

    # --- operands ---

    def _operand(self) -> _Operand:
        kind, token, place = self._next()
        if kind == "sign" and token in ("+", "-"):
            kind, number, _ = self._next()
            if kind != "number":
                raise self._wrong("a number", (kind, number, place))
            return self._number(token + number)
        if kind == "number":
            return self._number(token)
        if kind == "text":
            value = token[1:-1].replace("''", "'")
            return _Operand(Type.TEXT, value=value, text=token)
        if kind == "word" and token.lower() in ("true", "false"):
            return _Operand(Type.BOOL, value=token.lower() == "true", text=token)
        if kind == "word" and token.lower() == "null":
            return _Operand(None, text=token)
        if kind == "word" and token.lower() in _TYPED and self._tokens[self._at][0] == "text":
            type_, text = _TYPED[token.lower()], self._next()[1]
            return _Operand(type_, value=self._read(type_, text[1:-1].replace("''", "'")), text=text)
        if kind == "quoted" or (kind == "word" and token.lower() not in _RESERVED):
            return self._column(_unquoted(token), exactly=kind == "quoted")
        raise self._wrong("a column or a value", (kind, token, place))

    def _number(self, text: str) -> _Operand:
        value = Decimal(text)
        whole = re.fullmatch(r"[+-]?\d+", text)
        return _Operand(Type.INT if whole else Type.DECIMAL, value=int(text) if whole else value, text=text)

    def _column(self, name: str, *, exactly: bool) -> _Operand:
        place = self._names.get(name)
        if place is None and not exactly:
            same = [known for known in self._names if known.lower() == name.lower()]
            place = self._names[same[0]] if len(same) == 1 else None
        if place is None:
            raise UsageError(
                f"--where: no column {name} is on both sides",
                hint=did_you_mean(name, self._names, f"the columns are: {', '.join(self._names)}"),
            )
        return _Operand(self._columns[place].type, place=place, text=name)

    def _read(self, type_: Type, text: str) -> Any:
        try:
            return VALUE_OF[type_](text.strip() if type_ is not Type.TEXT else text)
        except (ValueError, ArithmeticError, KeyError):
            raise UsageError(f"--where: {text!r} is not of type {type_}") from None

    # --- comparing ---

    def _compare(self, sign: str, left: _Operand, right: _Operand) -> Node:
        left, right = self._typed(left, right), self._typed(right, left)
        kinds = {left.type, right.type}
        if None not in kinds and len(kinds) > 1 and not kinds <= {*_NUMBERS}:
            raise UsageError(f"--where: {left.text} is {left.type}, {right.text} is {right.type}: not to be compared")
        if Type.JSON in kinds and sign not in ("=", "==", "<>", "!="):
            raise UsageError(f"--where: json is not ordered: {left.text} {sign} {right.text}")
        get_left, get_right, compare = _getter(left), _getter(right), _SIGNS[sign]

        def test(row: Row) -> Truth:
            a, b = get_left(row), get_right(row)
            if a is None or b is None:
                return None
            try:
                return compare(a, b)
            except InvalidOperation:  # a decimal NaN is before and after nothing, as a float's is
                return False

        sign = {"==": "=", "!=": "<>"}.get(sign, sign)
        if left.place is not None and right.place is None:
            return self._asked(test, left, sign, right.value)
        if right.place is not None and left.place is None:
            return self._asked(test, right, TURNED.get(sign, sign), left.value)
        return Node(test)

    def _asked(self, test: Test, operand: _Operand, word: str, value: Any) -> Node:
        """The test of a column, and what an engine may be asked of it."""
        if operand.place is None or (value is None and word != "null"):
            return Node(test)
        found = self._share(self._columns[operand.place], word, value)
        return Node(test, *found) if found else Node(test)

    def _typed(self, operand: _Operand, other: _Operand) -> _Operand:
        """A literal, read as what it is compared with."""
        if operand.place is not None or operand.value is None or other.place is None or operand.type is other.type:
            return operand
        wanted = other.type
        assert wanted is not None
        if operand.type is Type.TEXT:
            value = self._read(wanted, operand.value)
        elif wanted is Type.BOOL and operand.value in (0, 1):
            value = bool(operand.value)
        elif wanted is Type.JSON:
            value = operand.value
        elif wanted is Type.FLOAT and operand.type is Type.DECIMAL:
            value = float(operand.value)  # 0.1 means the float that is written so
        elif operand.type is Type.DATETIME and wanted is Type.INSTANT:
            value = VALUE_OF[Type.INSTANT](operand.value.isoformat())
        else:
            return operand
        return _Operand(wanted, value=value, text=operand.text)


def _getter(operand: _Operand) -> Callable[[Row], Any]:
    place, value, type_ = operand.place, operand.value, operand.type
    if place is None:
        if type_ is Type.JSON and value is not None:
            value = json_text(value)
        return lambda row: value
    if type_ is Type.JSON:
        return lambda row: None if row[place] is None else json_text(row[place])
    return operator.itemgetter(place)


def _like_pattern(pattern: str, escape: str) -> str:
    found, place = [], 0
    while place < len(pattern):
        mark = pattern[place]
        if escape and mark == escape and place + 1 < len(pattern):
            place += 1
            found.append(re.escape(pattern[place]))
        else:
            found.append({"%": ".*", "_": "."}.get(mark) or re.escape(mark))
        place += 1
    return "".join(found)
