"""JSON Lines: one object per line; blank lines are skipped. What is read and what is refused: readers/_objects.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Reader, Rules, Skip, _objects, _text, no_rules
from dbfleet.readers._objects import ERRORS, SUSPICIOUS, Object, Objects
from dbfleet.values import Batch, Schema

Parse = Callable[[str], Object]


def rows(
    stream: BinaryIO, name: str, schema: Schema, exact: bool, dialect: Dialect = AS_USUAL, rules: Rules = no_rules,
    skip: Skip | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL."""
    found = _found(stream, name, dialect, schema, skip, ours=exact)
    return _objects.rows(found, name, schema, exact=exact, rules=rules, skip=skip)


def infer(
    stream: BinaryIO, name: str, dialect: Dialect = AS_USUAL, rules: Rules = no_rules, skip: Skip | None = None
) -> Inferred:
    """The fields as columns, in the order in which they first appear, with types that fit every value."""
    return _objects.infer(_found(stream, name, dialect, None, skip), name, rules, skip=skip)


def _found(
    stream: BinaryIO, name: str, dialect: Dialect, schema: Schema | None, skip: Skip | None, *, ours: bool = False
) -> Iterator[Objects]:
    """The objects of some lines. `ours`: they are of a dump, so an engine has kept their values."""
    plain, long = map(_parser, _objects.decoders(schema))
    for first, text in _text.chunks(stream, name, dialect.encoding or "utf-8"):
        lines = [line if line and not line.isspace() else "" for line in text.split("\n")]
        odd = SUSPICIOUS.search(text) is not None
        if odd and not ours:
            for number, line in enumerate(lines, first):
                if SUSPICIOUS.search(line):
                    try:
                        _objects.refuse_what_none_keeps(line, name, number)
                    except UsageError as error:
                        if skip is None:
                            raise
                        skip(number, error)
                        lines[number - first] = ""
        read = long if odd else plain
        try:
            objects = [read(line) for line in lines if line]
        except ERRORS as error:
            if skip is None:
                raise _explained(first, lines, name, read) or error from error
            for number, line in enumerate(lines):
                if line and (wrong := _explained(first + number, [line], name, read)):
                    skip(first + number, wrong)
                    lines[number] = ""
            objects = [read(line) for line in lines if line]
        yield Objects(objects, _line_of(first, lines))


def _line_of(first: int, lines: list[str]) -> Callable[[int], int]:
    return lambda place: [number for number, line in enumerate(lines, first) if line][place]


def _parser(decoder: json.JSONDecoder) -> Parse:
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def parse(line: str) -> Object:
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


def _explained(first: int, lines: list[str], name: str, parse: Parse) -> UsageError | None:
    """The error of the first line that is no object. This is slow, and only done after a chunk was refused."""
    for number, line in enumerate(lines, first):
        where = f"{name}, line {number}"
        if not line:
            continue
        try:
            parse(line)
        except json.JSONDecodeError as error:
            hint = "--format csv, tsv or json says what else it is" if number == 1 else None
            return UsageError(f"{where}, column {error.colno}: no JSON: {error.msg.lower()}", hint=hint)
        except RecursionError:
            return UsageError(f"{where}: nested too deep")
        except TypeError:
            hint = "each line is one, with the columns as its fields"
            if line.lstrip().startswith("["):
                hint = "--format json reads an array"
            return UsageError(f"{where}: not a JSON object", hint=hint)
        except ValueError as error:  # an integer of more digits than Python reads
            return UsageError(f"{where}: {error}")
    return None


READER = Reader("jsonl", (".jsonl", ".ndjson"), rows, infer)
