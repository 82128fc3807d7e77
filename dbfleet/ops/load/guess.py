"""How somebody's file is written, where nobody said: its encoding, its delimiter, whether it has a header, and whether
its JSON is MongoDB's. What is not as the format has it is told, with the option that says otherwise.

    encoding    by a byte order mark, or the zeros of UTF-16; else UTF-8, and where no part of the file is (there is no
                character beyond ASCII in it that is UTF-8) cp1252, or latin-1 where a byte is none of cp1252's.
                What is UTF-8 in one place and not in another is damaged: the reader tells where
    delimiter   a comma; a semicolon, a tab or a pipe where line 1 has no comma outside of quotes, and cuts line 2 into
                as many cells. A line `sep=;` before all others says it itself, as Excel writes it
    header      there is one, unless a cell of line 1 is a number (but no year), a date, a time or a UUID, as is the one
                below it
    JSON        MongoDB's Extended JSON where a name such as `$oid` has the value that it has there
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from typing import BinaryIO, Final

from dbfleet.dialect import FORMATS, Dialect
from dbfleet.errors import UsageError
from dbfleet.readers._split import Cells, Splitter

_HEAD: Final = 1 << 18
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_BEYOND_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]").search
_YEAR: Final = re.compile("1[5-9][0-9]{2}|2[01][0-9]{2}").fullmatch
_NO_NAME: Final = re.compile(
    r"(?P<number>[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}(?: .*)?)"
    r"|(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9.]+)?)"
    r"|(?P<uuid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
).fullmatch
_SEP: Final = re.compile(r"sep=([^\r\n])\r?\n", re.IGNORECASE).match
_EXTENDED: Final = re.compile(
    r'\{\s*"\$(?:oid"\s*:\s*"[0-9a-fA-F]{24}"|number(?:Int|Long|Double|Decimal)"\s*:\s*"[^"]{1,50}"'
    r'|date"\s*:\s*(?:"[^"]{10,40}"|-?[0-9]+|\{\s*"\$numberLong"\s*:\s*"-?[0-9]+"\s*\})'
    r'|binary"\s*:\s*\{\s*"base64"[^}]*\}|uuid"\s*:\s*"[^"]{36}")\s*\}'
).search

Open = Callable[[], AbstractContextManager[BinaryIO]]


def settled(open: Open, name: str, format: str, dialect: Dialect, *, chosen: bool) -> tuple[str, Dialect, list[str]]:
    """The format and the dialect of a foreign input, and what was guessed, in words. `chosen`: somebody named the
    format. The dialect that comes back has no delimiter, encoding or header open."""
    told: list[str] = []
    if format == "parquet":
        return format, dialect, told
    if dialect.encoding is None:
        with open() as stream:
            encoding = _encoding(stream, whole=format in FORMATS)
        if encoding != "utf-8":
            told.append(f"{name}: read as {encoding}; --encoding says otherwise")
        dialect = replace(dialect, encoding=encoding)
    with open() as stream:
        head = _head(stream, dialect.encoding or "utf-8")
    if _has_cr_alone(head):
        head = head.replace("\r", "\n")
    if format in FORMATS:
        return format, _of_cells(head, name, format, dialect, told), told
    if not chosen and format == "jsonl" and head.lstrip()[:1] == "[":
        format = "json"
    if not chosen and _EXTENDED(head):
        told.append(f"{name}: is MongoDB's Extended JSON; --format {format} takes it as plain JSON")
        format = "ejson"
    return format, dialect, told


def ends_lines_with_cr(open: Open, format: str, dialect: Dialect) -> bool:
    """Whether the lines of an input of cells end as those of old Macs do. Its dialect is settled."""
    if format not in FORMATS or (dialect.encoding or "").startswith(("utf-16", "utf-32")):
        return False
    with open() as stream:
        return _has_cr_alone(_head(stream, dialect.encoding or "utf-8"))


def _has_cr_alone(head: str) -> bool:
    return "\r" in head and "\n" not in head


def with_newlines(open: Open) -> Open:
    """The input, with a newline for each carriage return."""

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with open() as stream:
            yield _Newlines(stream)  # type: ignore[misc]

    return opened


class _Newlines:
    """A stream with a newline for each carriage return."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size).replace(b"\r", b"\n")


# --- encoding --------------------------------------------------------------------------------------------------------


def _encoding(stream: BinaryIO, *, whole: bool) -> str:
    """Python's name of the encoding. Only the head is looked at, unless the `whole` may be none of UTF-8."""
    head = stream.read(_HEAD)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    pair = head[: len(head) & ~1]
    if pair and b"\0" in pair:
        # Text of Latin letters has a zero in nearly every second place.
        for places, name in ((slice(1, None, 2), "utf-16-le"), (slice(0, None, 2), "utf-16-be")):
            if pair[places].count(0) * 10 > len(pair) * 4:
                return name
    if not whole:
        return "utf-8"
    decoder = codecs.getincrementaldecoder("utf-8")()
    beyond = False
    data = head
    while data:
        if not data.isascii() or decoder.getstate()[0]:
            try:
                beyond = not decoder.decode(data).isascii() or beyond
            except UnicodeDecodeError as error:
                return "utf-8" if beyond or not _is_ascii(error) else _of_one_byte(stream, data)
        data = stream.read(_HEAD)
    if decoder.getstate()[0] and not beyond:  # the last character is cut off, or is none
        return _of_one_byte(stream, decoder.getstate()[0])
    return "utf-8"


def _is_ascii(error: UnicodeDecodeError) -> bool:
    """Whether everything before the error is."""
    return error.object[: error.start].isascii()


def _of_one_byte(stream: BinaryIO, data: bytes) -> str:
    while data:
        if _BEYOND_CP1252(data):
            return "iso8859-1"
        data = stream.read(_HEAD)
    return "cp1252"


def _head(stream: BinaryIO, encoding: str) -> str:
    try:
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(stream.read(_HEAD))
    except UnicodeError:  # of two byte orders nobody knows which: it is told when the rows are read
        return ""
    return text.removeprefix("\ufeff")


# --- cells -----------------------------------------------------------------------------------------------------------


def _of_cells(head: str, name: str, format: str, dialect: Dialect, told: list[str]) -> Dialect:
    """The dialect with its delimiter and its header."""
    if dialect.delimiter is None and format == "csv":
        said = _SEP(head)
        found = said[1] if said else _delimiter(head, dialect)
        if found != "," and not said:
            shown = "a tab" if found == "\t" else found
            told.append(f"{name}: {shown} stands between cells; --delimiter says otherwise")
        dialect = replace(dialect, delimiter=found)
    if dialect.header is None:
        lines = list(_records(head, replace(dialect, header=True), format, 3))
        lines = lines[int(bool(_SEP(head) and format == "csv")) :][:2]
        cell = _no_name(*lines) if lines else None
        if cell is not None:
            told.append(f"{name}: line 1 is a row, as {cell!r} names no column; --header says otherwise")
        dialect = replace(dialect, header=cell is None)
    return dialect


def _no_name(first: Cells, second: Cells | None = None) -> str | None:
    """A cell of the first line that names no column: a value as the one below it."""
    for place, cell in enumerate(first):
        if cell is None or not (kind := _NO_NAME(cell)) or _YEAR(cell):
            continue
        below = second[place] if second is not None and len(second) == len(first) else None
        if below is None or ((other := _NO_NAME(below)) and other.lastgroup == kind.lastgroup):
            return cell
    return None


def _delimiter(head: str, dialect: Dialect) -> str:
    lines = [len(cells) for cells in _records(head, replace(dialect, delimiter=","), "csv", 1)]
    if lines != [1]:
        return ","
    best = (1, ",")
    for sign in (";", "\t", "|"):
        if sign in (dialect.quote, dialect.escape):
            continue
        widths = [len(cells) for cells in _records(head, replace(dialect, delimiter=sign), "csv", 2)]
        if widths and min(widths) == max(widths) > best[0]:
            best = (widths[0], sign)
    return best[1]


def _records(head: str, dialect: Dialect, format: str, count: int) -> Iterator[Cells]:
    """The cells of the first records, as far as they can be read."""
    splitter = Splitter(replace(dialect.settled(format), encoding="utf-8"), "")
    try:
        for number, text in islice(splitter.records(io.BytesIO(head.encode("utf-8", "replace"))), count):
            yield splitter.all_cells([text], number)[0]
    except UsageError:  # it is told when the rows are read
        return
