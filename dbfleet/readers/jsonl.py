"""JSON Lines: one object a line, blank lines skipped."""

from __future__ import annotations

import json
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
"""Where no column needs more digits than a float has: 1.5 times as fast."""

Parse = Callable[[str], dict[str, Any]]
_ERRORS: Final = (ValueError, KeyError, ArithmeticError, TypeError, RecursionError)


def rows(stream: BinaryIO, name: str, schema: Schema, exact: bool) -> Iterator[Batch]:
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL."""
    fractions = any(column.type in (Type.DECIMAL, Type.JSON) for column in schema.columns)
    parse = _parser(_EXACT if fractions else _PLAIN)
    known = frozenset(schema.names)
    loop = _loop(schema, exact)
    for first, lines in _lines(stream, name):
        try:
            objects = [parse(line) for line in lines if line]
            if not all(known.issuperset(each) for each in objects):
                raise ValueError
            batch = loop(objects)
        except _ERRORS as error:
            raise _explained(first, lines, name, schema, parse, loop) or error from error
        yield from _batches(batch)


def infer(stream: BinaryIO, name: str) -> Inferred:
    """What every value of each field is, fields in the order in which they first appear."""
    looks = Looks(from_json=True)
    parse = _parser(json.JSONDecoder(parse_float=_Written))
    for first, lines in _lines(stream, name):
        try:
            looks.take_objects([parse(line) for line in lines if line])
        except _ERRORS as error:
            raise _explained(first, lines, name, None, parse, None) or error from error
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
        except StopIteration:  # a blank before it, or no JSON at all
            value, end = decoder.decode(line), len(line)
        if end != len(line) and line[end:].strip(" \t\r"):
            raise json.JSONDecodeError("Extra data", line, end)
        if type(value) is not dict:
            raise TypeError
        return value

    return parse


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, list[str]]]:
    """Lists of lines without their ends, blank ones empty, each with the number of its first line."""
    for first, text in _text.chunks(stream, name):
        lines = text.split("\n")
        yield first, [line if line and not line.isspace() else "" for line in lines]


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
    """What is wrong with the first line that is: the slow look, after a chunk was refused."""
    for number, line in enumerate(lines, first):
        where = f"{name}, line {number}"
        if not line:
            continue
        try:
            found = parse(line)
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
        for field in found:
            if field not in schema.names:
                return UsageError(
                    f"{where}: {schema.name} has no column {field!r}",
                    hint=f"its columns are: {', '.join(schema.names)}",
                )
        try:
            loop([found])
        except _ERRORS:
            for column in schema.columns:
                value = found.get(column.name)
                try:
                    FROM_JSON[column.type][type(value)](value)
                except _ERRORS:
                    shown = json.dumps(value, ensure_ascii=False, default=str)
                    shown = shown if len(shown) <= 60 else shown[:57] + "..."
                    return UsageError(f"{where}, column {column.name}: {shown} is not of type {column.type}")
    return None


READER = Reader("jsonl", (".jsonl", ".ndjson"), rows, infer)
