"""The output formats, found by file name: rows in, bytes out, one batch in memory at a time.

    table      for people: aligned by display width; NULL and empty text look different, control characters are shown;
               rows that do not fit the terminal are wrapped, or written with one line per field; nothing is cut
    jsonl      one JSON object per line      json      one array of them
    csv        RFC 4180, a header, `\\n`; NULL is an empty cell, empty text a quoted one
    tsv        a header; `\\t \\n \\r \\\\` escaped, NULL is `\\N`
    markdown   a GitHub table; `|` escaped

Values are those of dbfleet.values. Each is written by its own type, not by the declared type of its column, so a plain
query never fails on a value. Decimals and integers keep all digits, floats are as short as possible, instants are in
UTC with Z, bytes are base64. A value outside the closed set is nested JSON or its own text.

The results of several statements follow each other: as lines in jsonl, as one array in json, elsewhere each with its
own header after an empty line. SQL allows two columns of one name; in a JSON object the later ones are numbered: `a`,
`a_2`. Documents (`Rows.documents`: each row is one dict) have the union of their fields as columns, in the order in
which they first appear; csv, tsv and markdown need it before the first line, so they first write the documents to a
temporary file.

To add a format, add a file here that defines FORMAT.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol

from dbfleet.adapter import ResultColumn
from dbfleet.errors import UsageError, did_you_mean
from dbfleet.values import Batch


class Rows(Protocol):
    """What a format writes: an adapter.Result, or an object with the same attributes."""

    @property
    def columns(self) -> Sequence[ResultColumn]:
        """The columns, in the order of the values."""
        ...

    @property
    def documents(self) -> bool:
        """Whether each row is one dict with fields of its own."""
        ...

    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Rows that are not the result of a statement."""

    columns: Sequence[ResultColumn]
    batches: Iterable[Batch]
    documents: bool = False

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


@dataclass(frozen=True, slots=True)
class Page:
    """How wide a table may be, in terminal cells (None: no limit), and whether it may have colours."""

    width: int | None = None
    coloured: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A format, with the name of its module. `extensions` are those of its files; we write the first."""

    name: str
    extensions: tuple[str, ...]
    encode: Callable[[Iterable[Rows], Page], Iterator[bytes]]


@cache
def names() -> tuple[str, ...]:
    """The formats' names, sorted. Only file names are read."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"))


def known(name: str) -> str:
    """`name`, if it is the name of a format. UsageError, with the nearest name, if it is not."""
    if name in names():
        return name
    raise UsageError(
        f"no format is called {name!r}",
        hint=did_you_mean(name, names(), f"the formats are: {', '.join(names())}"),
    )


def get(name: str) -> Format:
    """The format of this name. UsageError if there is none."""
    format_: Format = import_module(f"{__name__}.{known(name)}").FORMAT
    return format_


def encode(name: str, results: Iterable[Rows], page: Page = Page()) -> Iterator[bytes]:
    """The bytes of these results in this format, in chunks of about a batch. A result is read to its end before the
    next one is requested."""
    return get(name).encode(results, page)


def counter(format: str) -> Callable[[bytes], int]:
    """A function that counts the records in chunks of lines of this format: line ends, in csv those outside of quotes.
    The header of csv and tsv counts as one."""
    if format != "csv":
        return lambda chunk: chunk.count(b"\n")
    inside = False

    def count(chunk: bytes) -> int:
        nonlocal inside
        if b'"' not in chunk:
            return 0 if inside else chunk.count(b"\n")
        pieces = chunk.split(b'"')
        found = sum(piece.count(b"\n") for piece in pieces[int(inside) :: 2])
        inside ^= len(pieces) % 2 == 0
        return found

    return count
