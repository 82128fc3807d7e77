"""JSON Lines: one object per line; blank lines are skipped.

NaN and the infinities are read as numbers, as other programs write them. What no engine can keep is refused, with its
line, before any row is written: half of a surrogate pair, which is no character, and a number with too many digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO, Final

from dbfleet.adapter import BATCH_SIZE
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Reader, _text
from dbfleet.readers._inference import Looks
from dbfleet.readers._values import FROM_JSON, JSON_EXACTLY, compiled
from dbfleet.values import Batch, Row, Schema, Type

_EXACT: Final = json.JSONDecoder(parse_float=Decimal)
_PLAIN: Final = json.JSONDecoder()
"""For schemas in which no column needs more digits than a float has: 1.5 times as fast."""

Parse = Callable[[str], dict[str, Any]]
_ERRORS: Final = (ValueError, KeyError, ArithmeticError, TypeError, RecursionError)
_SUSPICIOUS: Final = re.compile(r"\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{3,}|[0-9]{4001}")
"""Text that matches is parsed a second time, for what no engine can keep."""
_MOST_DIGITS: Final = 150_000
"""PostgreSQL's numeric keeps 147,455 digits; no other engine keeps as many."""


def rows(stream: BinaryIO, name: str, schema: Schema, exact: bool) -> Iterator[Batch]:
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL."""
    fractions = any(column.type in (Type.DECIMAL, Type.JSON) for column in schema.columns)
    parse = _parser(_EXACT if fractions else _PLAIN)
    long = _parser(json.JSONDecoder(parse_float=Decimal, parse_int=lambda text: _integer(text, Decimal)))
    known = frozenset(schema.names)
    loop = _loop(schema, exact)
    for first, lines, odd in _lines(stream, name, ours=exact):
        read = long if odd else parse
        try:
            objects = [read(line) for line in lines if line]
            if not all(known.issuperset(fields) for fields in objects):
                raise ValueError
            batch = loop(objects)
        except _ERRORS as error:
            raise _explained(first, lines, name, schema, read, loop) or error from error
        yield from _batches(batch)


def infer(stream: BinaryIO, name: str) -> Inferred:
    """The fields as columns, in the order in which they first appear, with types that fit every value."""
    looks = Looks(from_json=True)
    parse = _parser(json.JSONDecoder(parse_float=_Written))
    long = _parser(json.JSONDecoder(parse_float=_Written, parse_int=lambda text: _integer(text, _Written)))
    for first, lines, odd in _lines(stream, name):
        read = long if odd else parse
        try:
            looks.take_objects([read(line) for line in lines if line])
        except _ERRORS as error:
            raise _explained(first, lines, name, None, read, None) or error from error
    return looks.result()


class _Written(str):
    """A number with a point or an exponent, as it was written."""


def _loop(schema: Schema, exact: bool) -> Callable[[Any], list[Row]]:
    scope: dict[str, Any] = {}
    expressions = []
    for place, column in enumerate(schema.columns):
        key, value = repr(column.name), f"v{place}"
        if exact and column.type is Type.JSON:
            scope[f"T{place}"] = JSON_EXACTLY
            expressions.append(f"T{place}[type({value} := o[{key}])]({value}) if {key} in o else None")
        else:
            scope[f"T{place}"] = FROM_JSON[column.type]
            expressions.append(f"T{place}[type({value} := o.get({key}))]({value})")
    return compiled("o", expressions, scope)


def _parser(decoder: json.JSONDecoder) -> Parse:
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def parse(line: str) -> dict[str, Any]:
        try:
            value, end = scan(line, 0)
        except StopIteration:  # blanks before the object, or no JSON at all
            value, end = decoder.decode(line), len(line)
        if end != len(line) and line[end:].strip(" \t\r"):
            raise json.JSONDecodeError("Extra data", line, end)
        if type(value) is not dict:
            raise TypeError
        return value

    return parse


def _integer(text: str, otherwise: Callable[[str], Any]) -> Any:
    """An int, unless the text is longer than the 4300 digits that Python reads as an int."""
    return int(text) if len(text) <= 4300 else otherwise(text)


def _lines(stream: BinaryIO, name: str, *, ours: bool = False) -> Iterator[tuple[int, list[str], bool]]:
    """Lists of lines without their ends (a blank line is empty); with each list the number of its first line, and
    whether it holds something suspicious. `ours`: the lines are of a dump, so an engine has kept their values."""
    for first, text in _text.chunks(stream, name):
        lines = [line if line and not line.isspace() else "" for line in text.split("\n")]
        odd = _SUSPICIOUS.search(text) is not None
        if odd and not ours:
            _look_twice(first, lines, name)
        yield first, lines, odd


class _TooLong(ArithmeticError):
    """A number that no engine keeps."""


def _bounded(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        raise _TooLong(f"a number of more than {_MOST_DIGITS:,} digits")
    return value


_BOUNDED: Final = json.JSONDecoder(parse_float=_bounded, parse_int=_bounded)


def _look_twice(first: int, lines: list[str], name: str) -> None:
    """Raise UsageError for what no engine keeps. Text that is no JSON, or no object, is reported where it is read
    next."""
    for number, line in enumerate(lines, first):
        if not _SUSPICIOUS.search(line):
            continue
        try:
            json.dumps(_BOUNDED.decode(line), ensure_ascii=False, default=str).encode()
        except _TooLong as error:
            raise UsageError(f"{name}, line {number}: {error}") from error
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise UsageError(
                f"{name}, line {number}: {half} is half of a surrogate pair, which is no character",
                hint="whoever wrote the file has cut a text in the middle of a character",
            ) from error
        except (ValueError, RecursionError):
            continue


def _batches(rows: Batch) -> Iterator[Batch]:
    for start in range(0, len(rows), BATCH_SIZE):
        yield rows[start : start + BATCH_SIZE]


def _explained(
    first: int,
    lines: list[str],
    name: str,
    schema: Schema | None,
    parse: Parse,
    loop: Callable[[Any], list[Row]] | None,
) -> UsageError | None:
    """The error of the first line that has one. This is slow, and only done after a chunk was refused."""
    for number, line in enumerate(lines, first):
        where = f"{name}, line {number}"
        if not line:
            continue
        try:
            record = parse(line)
        except json.JSONDecodeError as error:
            return UsageError(f"{where}, column {error.colno}: no JSON: {error.msg.lower()}")
        except RecursionError:
            return UsageError(f"{where}: nested too deep")
        except TypeError:
            return UsageError(f"{where}: not a JSON object", hint="each line is one, with the columns as its fields")
        except ValueError as error:  # an integer of more digits than Python reads
            return UsageError(f"{where}: {error}")
        if schema is None or loop is None:
            continue
        for field in record:
            if field not in schema.names:
                return UsageError(
                    f"{where}: {schema.name} has no column {field!r}",
                    hint=f"its columns are: {', '.join(schema.names)}",
                )
        try:
            loop([record])
        except _ERRORS:
            for column in schema.columns:
                value = record.get(column.name)
                try:
                    FROM_JSON[column.type][type(value)](value)
                except _ERRORS:
                    shown = json.dumps(value, ensure_ascii=False, default=str)
                    shown = shown if len(shown) <= 60 else shown[:57] + "..."
                    return UsageError(f"{where}, column {column.name}: {shown} is not of type {column.type}")
    return None


READER = Reader("jsonl", (".jsonl", ".ndjson"), rows, infer)
