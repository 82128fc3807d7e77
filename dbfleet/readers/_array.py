"""Reads JSON objects one after another, whatever stands between two of them: the elements of one array, or a sequence.

Memory holds the text of an object and a chunk, however long the array is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from dbfleet.adapter import BATCH_SIZE
from dbfleet.dialect import Dialect
from dbfleet.errors import UsageError
from dbfleet.readers import _objects, _text
from dbfleet.readers._objects import SUSPICIOUS, Object, Objects
from dbfleet.values import Schema

_LONGEST: Final = 512 * 1024 * 1024
"""The most characters of one object."""
_blank: Final = re.compile(r"[ \t\r\n]*").match
_AT_THE_END: Final = 16
"""An error so near to the end of what was read may be one of the reading: `tru`, `\\u12`."""


def found(
    stream: BinaryIO, name: str, dialect: Dialect, schema: Schema | None, *, ours: bool = False
) -> Iterator[Objects]:
    """The objects. UsageError, with line and column, for what is none. `ours`: they are of a dump, so an engine has
    kept their values."""
    objects: list[Object] = []
    lines: list[int] = []
    for line, each in _Reading(stream, name, dialect, schema, ours).objects():
        objects.append(each)
        lines.append(line)
        if len(objects) == BATCH_SIZE:
            yield Objects(objects, lines.__getitem__)
            objects, lines = [], []
    if objects:
        yield Objects(objects, lines.__getitem__)


class _Reading:
    """What was read and is not an object yet: `_text` from `_place` on; `_text` begins in line `_line`."""

    def __init__(self, stream: BinaryIO, name: str, dialect: Dialect, schema: Schema | None, ours: bool) -> None:
        self._chunks = _text.pieces(stream, name, dialect.encoding or "utf-8")
        self._name, self._ours = name, ours
        plain, long = _objects.decoders(schema)
        self._plain: Callable[[str, int], tuple[Any, int]] = plain.scan_once  # type: ignore[attr-defined]
        self._long: Callable[[str, int], tuple[Any, int]] = long.scan_once  # type: ignore[attr-defined]
        self._text, self._place, self._line, self._counted = "", 0, 1, 0
        self._odd = False
        self._over = False

    def objects(self) -> Iterator[tuple[int, Object]]:
        """Each object, and the line in which it begins."""
        sign = self._next()
        array = sign == "["
        if array:
            self._place += 1
            sign = self._next()
        begun = False
        while sign:
            if array and sign == "]" and not begun:
                break
            if array and begun:
                if sign == "]":
                    break
                if sign != ",":
                    raise self._error(f"{sign!r} where , or ] ends an element of the array")
                self._place += 1
                sign = self._next()
            if sign != "{":
                raise self._error("no object begins here" if sign else "the array does not end")
            yield self._object()
            begun = True
            sign = self._next()
        if not array:
            return
        if sign != "]":
            raise self._error("the array does not end")
        self._place += 1
        if self._next():
            raise self._error("something stands behind the array")

    def _next(self) -> str:
        """The next sign that is not blank; empty at the end."""
        while True:
            match = _blank(self._text, self._place)
            assert match is not None
            self._place = match.end()
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more(1):
                return ""

    def _object(self) -> tuple[int, Object]:
        """The object that begins at the place, read on until it is whole."""
        wanted = _text.CHUNK
        while True:
            try:
                value, end = (self._long if self._odd else self._plain)(self._text, self._place)
                break
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _AT_THE_END or error.msg.startswith("Unterminated")
                if not cut or len(self._text) - self._place > _LONGEST or not self._more(wanted):
                    raise self._error(f"no JSON: {error.msg.lower()}", error.pos) from error
            except StopIteration as stop:
                if not self._more(wanted):
                    raise self._error("no JSON: expecting value", int(stop.value)) from stop
            except RecursionError as error:
                raise self._error("nested too deep") from error
            except ValueError as error:  # an integer of more digits than Python reads
                raise self._error(str(error)) from error
            wanted *= 2
        line = self._line_of(self._place)
        if self._odd and not self._ours:
            _objects.refuse_what_none_keeps(self._text[self._place : end], self._name, line)
        self._place = end
        return line, value

    def _more(self, wanted: int) -> bool:
        """Read so many characters more, if there are any, and forget what is behind the place."""
        pieces = []
        length = 0
        while not self._over and length < wanted:
            piece = next(self._chunks, None)
            if piece is None:
                self._over = True
            else:
                pieces.append(piece)
                length += len(piece)
        if not pieces:
            return False
        self._line, self._counted = self._line_of(self._place), 0
        self._text = "".join([self._text[self._place :], *pieces])
        self._place = 0
        self._odd = SUSPICIOUS.search(self._text) is not None
        return True

    def _line_of(self, place: int) -> int:
        """The line in which this place is; asked of places in their order."""
        self._line += self._text.count("\n", self._counted, place)
        self._counted = place
        return self._line

    def _error(self, what: str, place: int | None = None) -> UsageError:
        place = self._place if place is None else place
        line = self._line + self._text.count("\n", self._counted, place)
        column = place - self._text.rfind("\n", 0, place)
        return UsageError(f"{self._name}, line {line}, column {column}: {what}")
