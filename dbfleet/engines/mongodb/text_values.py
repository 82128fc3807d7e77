"""JavaScript literals to BSON values: the expressions that may stand as an argument in mongosh text.

Objects, arrays, strings, template strings without substitutions, numbers, regular expressions, the constructors of
mongosh (ObjectId, ISODate, NumberLong, …), arithmetic of constants, `function` text as Code, and `:name` parameters.
Anything else is refused by its name, with line and column.

Numbers are stored as mongosh stores them (1.0 and 1e3 as int32, integers beyond as int64, the rest as double), but for
one thing, on purpose: an integer keeps all its digits. 9007199254740993 is 9007199254740992 in JavaScript.
Dates without a zone are UTC, also in `new Date(…)`, where JavaScript takes the zone of the machine.
"""

from __future__ import annotations

import base64
import itertools
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID, uuid4

from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.errors import BSONError
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from dbfleet.engines.mongodb.values import INT64_MAX, INT64_MIN, decimal128, stored_json
from dbfleet.errors import StatementError, UsageError
from dbfleet.values import time_text

if TYPE_CHECKING:
    from tree_sitter import Node

_NAMES: Final[Mapping[str, str]] = {
    "arrow_function": "arrow functions",
    "assignment_expression": "assignments",
    "augmented_assignment_expression": "assignments",
    "await_expression": "await",
    "class": "classes",
    "class_declaration": "classes",
    "do_statement": "loops",
    "for_in_statement": "loops",
    "for_statement": "loops",
    "while_statement": "loops",
    "function_declaration": "function declarations",
    "generator_function": "generators",
    "if_statement": "if",
    "lexical_declaration": "variables",
    "variable_declaration": "variables",
    "method_definition": "methods in an object",
    "sequence_expression": "the comma operator",
    "shorthand_property_identifier": "shorthand properties",
    "spread_element": "the spread operator",
    "switch_statement": "switch",
    "template_substitution": "substitutions in a template string",
    "ternary_expression": "the conditional operator",
    "throw_statement": "throw",
    "try_statement": "try",
    "update_expression": "++ and --",
}
"""What is refused, by the name that its grammar node has and the one that people use."""

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "", "\u2028": ""}


def refuse(source: Source, node: Node, what: str, hint: str | None = None) -> NoReturn:
    """A StatementError at the node."""
    raise StatementError(f"{source.where(node)}: {what}", hint=hint)


def unsupported(source: Source, node: Node) -> NoReturn:
    """Refuse a node by its name."""
    refuse(source, node, f"not supported: {_NAMES.get(node.type, node.type.replace('_', ' '))}")


class Source:
    """The text as parsed, and where the parameters stand. `json`: the text is Extended JSON, where 1.0 is a double."""

    def __init__(
        self, text: str, placeholders: Mapping[int, str], params: Mapping[str, object], *, json: bool, shift: int
    ) -> None:
        self.bytes = text.encode()
        self.placeholders = placeholders
        self.params = params
        self.json = json
        self._shift = shift  # characters put before the text
        self._lines = self.bytes.split(b"\n")

    def where(self, node: Node) -> str:
        """The node's line and column: `place`."""
        return self.place(*node.start_point)

    def place(self, row: int, column: int) -> str:
        """`line 1, column 17`, in characters, of tree-sitter's row and byte column."""
        characters = len(self._lines[row][:column].decode(errors="replace"))
        return f"line {row + 1}, column {characters + 1 - (self._shift if row == 0 else 0)}"

    def text(self, node: Node) -> str:
        """The node's text."""
        return self.bytes[node.start_byte : node.end_byte].decode()

    def value(self, node: Node) -> Any:
        """The BSON value of an expression."""
        read = _READ.get(node.type)
        if read is None:
            unsupported(self, node)
        return read(self, node)

    def arguments(self, node: Node) -> list[Any]:
        """The values of a call's arguments."""
        if node.type != "arguments":
            unsupported(self, node)
        return [self.value(each) for each in children(node)]


def children(node: Node) -> list[Node]:
    """The named children that are not comments."""
    return [each for each in node.named_children if each.type != "comment"]


# --- literals -----------------------------------------------------------------------------------------------------


def _identifier(source: Source, node: Node) -> Any:
    name = source.placeholders.get(node.start_byte)
    if name is not None:
        if name not in source.params:
            raise UsageError(f"the statement has :{name} and no value for it", hint=f"give one with --param {name}=…")
        return bound(source.params[name])
    constants: dict[str, Any] = {"Infinity": float("inf"), "NaN": float("nan"), "MinKey": MinKey(), "MaxKey": MaxKey()}
    word = source.text(node)
    if word not in constants:
        refuse(source, node, f"not supported: the name {word}", "text stands in quotes: " + f'"{word}"')
    return constants[word]


def bound(value: object) -> Any:
    """A parameter's value as BSON."""
    if isinstance(value, Decimal):
        return decimal128(value)
    if isinstance(value, clock_time):
        return time_text(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return stored_json(value) if isinstance(value, dict | list) else value


def _string(source: Source, node: Node) -> str:
    parts = []
    for each in node.named_children:
        if each.type == "escape_sequence":
            parts.append(_escape(source, each))
        elif each.type == "string_fragment":
            parts.append(source.text(each))
        else:
            unsupported(source, each)
    # \ud83d\ude00 is one character, written as two halves.
    try:
        return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        refuse(source, node, "half of a surrogate pair is no text")


def _escape(source: Source, node: Node) -> str:
    text = source.text(node)[1:].replace("\r\n", "\n")
    if text in _ESCAPES:
        return _ESCAPES[text]
    if text[0] in "ux" and len(text) > 1:
        try:
            return chr(int(text[1:].strip("{}"), 16))
        except (ValueError, OverflowError):
            refuse(source, node, f"\\{text} is no character")
    if text[0] in "01234567":
        refuse(source, node, "not supported: octal escapes")
    return text


def _number(source: Source, node: Node) -> Any:
    text = source.text(node).replace("_", "").lower()
    if text.endswith("n"):
        return Int64(_whole(source, node, int(text[:-1], 0)))
    if text.startswith(("0x", "0o", "0b")):
        return _whole(source, node, int(text, 0))
    if len(text) > 1 and text[0] == "0" and text.isdecimal():
        refuse(source, node, "not supported: numbers that begin with 0")
    if text.isdecimal():
        return _whole(source, node, int(text))
    double = float(text)
    # In JavaScript 1.0 and 1e3 are 1 and 1000; in JSON they are doubles.
    return int(double) if not source.json and double.is_integer() and abs(double) < 2**53 else double


def _whole(source: Source, node: Node, number: int) -> int:
    # -9223372036854775808 is a minus and a number.
    negated = node.parent is not None and node.parent.type == "unary_expression"
    if not INT64_MIN <= number <= INT64_MAX + negated:
        refuse(source, node, f"{number} has more than 64 bits", f'NumberDecimal("{number}") keeps all digits')
    return number


def _regex(source: Source, node: Node) -> Regex[str]:
    pattern, flags = node.child_by_field_name("pattern"), node.child_by_field_name("flags")
    return _new_regex(source, node, [source.text(pattern) if pattern else "", source.text(flags) if flags else ""])


def _object(source: Source, node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in children(node):
        key, value = each.child_by_field_name("key"), each.child_by_field_name("value")
        if each.type != "pair" or key is None or value is None:
            unsupported(source, each)
        found[_key(source, key)] = source.value(value)
    return found


def _key(source: Source, node: Node) -> str:
    if node.type == "property_identifier":
        if node.start_byte in source.placeholders:
            refuse(source, node, "a parameter cannot be the name of a field", "[:name] can")
        return source.text(node)
    if node.type == "string":
        return _string(source, node)
    if node.type == "number":
        return str(_number(source, node))
    if node.type == "computed_property_name":
        value = source.value(children(node)[0])
        if isinstance(value, str):
            return value
        refuse(source, node, "the name of a field is text")
    unsupported(source, node)


def _array(source: Source, node: Node) -> list[Any]:
    commas = [each.type for each in node.children if each.type != "comment"]
    if any(pair in ((",", ","), ("[", ",")) for pair in itertools.pairwise(commas)):
        refuse(source, node, "not supported: holes in an array")
    return [source.value(each) for each in children(node)]


def _unary(source: Source, node: Node) -> Any:
    sign, operand = node.child_by_field_name("operator"), node.child_by_field_name("argument")
    assert sign is not None
    assert operand is not None
    value = source.value(operand)
    if sign.type not in "+-" or isinstance(value, bool) or not isinstance(value, int | float):
        refuse(source, node, f"not supported: the operator {sign.type} here")
    if sign.type == "+":
        return value
    if isinstance(value, Int64):
        return Int64(-value)
    return -0.0 if value == 0 else -value


_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b,
    "%": lambda a, b: (abs(a) % abs(b)) * (-1 if a < 0 else 1),
    "**": operator.pow,
}


def _binary(source: Source, node: Node) -> Any:
    sign = node.child_by_field_name("operator")
    sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
    assert sign is not None
    left, right = (source.value(each) for each in sides if each is not None)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (left, right))
    if sign.type == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if sign.type not in _ARITHMETIC or not numbers or (sign.type == "**" and abs(right) > 64):
        refuse(source, node, f"not supported: the operator {sign.type} here")
    try:
        found = _ARITHMETIC[sign.type](left, right)
    except (ArithmeticError, ValueError) as exc:
        refuse(source, node, str(exc))
    return _whole(source, node, found) if isinstance(found, int) else found


def _function(source: Source, node: Node) -> Code:
    return Code(source.text(node))


# --- constructors -------------------------------------------------------------------------------------------------


def _call(source: Source, node: Node) -> Any:
    function = node.child_by_field_name("constructor" if node.type == "new_expression" else "function")
    assert function is not None
    word = source.text(function)
    arguments = node.child_by_field_name("arguments")
    values = source.arguments(arguments) if arguments is not None else []
    if word == "Date":
        if node.type != "new_expression":
            refuse(source, node, "Date() without new is text in JavaScript", "new Date(…) or ISODate(…)")
        return _new_date(source, node, values)
    make = _CONSTRUCTORS.get(word)
    if make is None:
        refuse(source, node, f"not supported: {word}()")
    try:
        return make(source, node, values)
    except (ValueError, TypeError, ArithmeticError, IndexError, BSONError) as exc:
        refuse(source, node, f"{word}: {exc}")


def _date_of(text: str) -> datetime:
    """ISO 8601 to the millisecond, in UTC; the year alone and year-month too."""
    form = text.strip()
    if len(form) in (4, 7) and form.replace("-", "").isdecimal():
        form += "-01-01" if len(form) == 4 else "-01"
    value = datetime.fromisoformat(form)
    value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _new_date(source: Source, node: Node, values: Sequence[Any]) -> datetime:
    try:
        if not values:
            return datetime.now(UTC)
        first = values[0]
        if len(values) == 1 and isinstance(first, datetime):
            return first
        if len(values) == 1 and isinstance(first, str):
            return _date_of(first)
        if len(values) == 1 and isinstance(first, int | float):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(first))
        return _from_parts(values)
    except (ValueError, TypeError, OverflowError) as exc:
        refuse(source, node, f"no date: {exc}", 'ISODate("2024-02-29T13:05:00Z")')


def _from_parts(values: Sequence[Any]) -> datetime:
    """Year, month from 0, day, hours, minutes, seconds, milliseconds, as JavaScript counts: what is over carries."""
    year, month, day, hours, minutes, seconds, millis = (*map(int, values), *(0, 0, 1, 0, 0, 0, 0)[len(values) :])
    first = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return first + timedelta(days=day - 1, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)


def _new_regex(source: Source, node: Node, values: Sequence[Any]) -> Regex[str]:
    pattern, flags = (*values, "")[:2]
    odd = set(flags) - set("imsux")
    if odd:
        refuse(source, node, f"not supported: the regular expression flag {min(odd)}", "the server knows i m s u x")
    return Regex(pattern, "".join(sorted(flags)))


def _new_timestamp(_source: Source, _node: Node, values: Sequence[Any]) -> Timestamp:
    if values and isinstance(values[0], dict):
        values = [values[0].get("t", 0), values[0].get("i", 0)]
    return Timestamp(*(int(each) for each in (*values, 0, 0)[:2]))


def _new_int32(_source: Source, _node: Node, values: Sequence[Any]) -> int:
    number = int(values[0] if values else 0)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"{number} has more than 32 bits")
    return number


def _new_int64(_source: Source, _node: Node, values: Sequence[Any]) -> Int64:
    number = int(values[0] if values else 0)
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError(f"{number} has more than 64 bits")
    return Int64(number)


def _new_code(_source: Source, _node: Node, values: Sequence[Any]) -> Code:
    return Code(*values) if not isinstance(values[0], Code) else values[0]


_CONSTRUCTORS: Final[Mapping[str, Callable[[Source, Node, Sequence[Any]], Any]]] = {
    "ObjectId": lambda _s, _n, values: ObjectId(*values),
    "ISODate": lambda _s, _n, values: _date_of(*values) if values else datetime.now(UTC),
    "Date.now": lambda _s, _n, values: int(time.time() * 1000),
    "Date.UTC": lambda _s, _n, values: int(_from_parts(values).timestamp() * 1000),
    "NumberInt": _new_int32,
    "Int32": _new_int32,
    "NumberLong": _new_int64,
    "Long": _new_int64,
    "Long.fromString": _new_int64,
    "Long.fromNumber": _new_int64,
    "NumberDecimal": lambda _s, _n, values: Decimal128(str(values[0]) if values else "0"),
    "Decimal128": lambda _s, _n, values: Decimal128(str(values[0])),
    "Decimal128.fromString": lambda _s, _n, values: Decimal128(str(values[0])),
    "Double": lambda _s, _n, values: float(values[0]),
    "Number": lambda _s, _n, values: values[0] if isinstance(values[0], int | float) else float(values[0]),
    "String": lambda _s, _n, values: str(values[0]),
    "UUID": lambda _s, _n, values: UUID(values[0]) if values else uuid4(),
    "BinData": lambda _s, _n, values: Binary(base64.b64decode(values[1], validate=True), values[0]),
    "HexData": lambda _s, _n, values: Binary(bytes.fromhex(values[1]), values[0]),
    "MinKey": lambda _s, _n, values: MinKey(),
    "MaxKey": lambda _s, _n, values: MaxKey(),
    "Timestamp": _new_timestamp,
    "RegExp": _new_regex,
    "BSONRegExp": _new_regex,
    "Code": _new_code,
    "DBRef": lambda _s, _n, values: DBRef(*values),
}

_READ: Final[Mapping[str, Callable[[Source, Node], Any]]] = {
    "identifier": _identifier,
    "undefined": lambda _s, _n: None,
    "string": _string,
    "template_string": _string,
    "number": _number,
    "true": lambda _s, _n: True,
    "false": lambda _s, _n: False,
    "null": lambda _s, _n: None,
    "regex": _regex,
    "object": _object,
    "array": _array,
    "parenthesized_expression": lambda source, node: source.value(children(node)[0]),
    "unary_expression": _unary,
    "binary_expression": _binary,
    "function_expression": _function,
    "call_expression": _call,
    "new_expression": _call,
}
