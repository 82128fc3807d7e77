"""The output formats, found by file name: rows in, bytes out, one batch in memory at a time.

    table      for people: aligned by display width, NULL and empty text told apart, control characters shown; what
               does not fit the terminal is wrapped, or laid out one line a field; nothing is cut
    jsonl      one JSON object a line        json      one array of them
    csv        RFC 4180, a header, `\\n`; NULL is an empty cell, empty text a quoted one
    tsv        a header; `\\t \\n \\r \\\\` escaped, NULL is `\\N`
    markdown   a GitHub table; `|` escaped

Values are those of dbfleet.values and are written by what they are, not by what a column claims to hold: a plain query
never fails on a value. Decimals and integers keep all digits, floats are shortest, instants are in UTC with Z, bytes
are base64; whatever the closed set lacks is nested JSON or its own text.

Several results of one text follow each other: lines in jsonl, one array in json, elsewhere each with its own header
after an empty line. Where names repeat, as SQL allows, a JSON object's later ones are numbered: `a`, `a_2`. Documents
(`Rows.documents`: each row is one dict) have the union of their fields as columns, in the order in which they first
appear; csv, tsv and markdown need it before the first line and spool the documents to a temporary file.

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
    """What a format writes: an adapter.Result, or anything like it."""

    @property
    def columns(self) -> Sequence[ResultColumn]: ...

    @property
    def documents(self) -> bool: ...

    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Rows that come from anywhere else than a statement."""

    columns: Sequence[ResultColumn]
    batches: Iterable[Batch]
    documents: bool = False

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


@dataclass(frozen=True, slots=True)
class Page:
    """How wide a table may be, in terminal cells (None: as wide as it is), and whether colours are understood."""

    width: int | None = None
    coloured: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name is its module's; `extensions` are those of files in it, the first is the one we write."""

    name: str
    extensions: tuple[str, ...]
    encode: Callable[[Iterable[Rows], Page], Iterator[bytes]]


@cache
def names() -> tuple[str, ...]:
    """The formats' names, sorted, by a look at the file names alone."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"))


def known(name: str) -> str:
    """`name` where it is a format's. UsageError, with the nearest name, where it is none."""
    if name in names():
        return name
    raise UsageError(
        f"no format is called {name!r}",
        hint=did_you_mean(name, names(), f"the formats are: {', '.join(names())}"),
    )


def get(name: str) -> Format:
    """The format of this name. UsageError if there is none."""
    found: Format = import_module(f"{__name__}.{known(name)}").FORMAT
    return found


def encode(name: str, results: Iterable[Rows], page: Page = Page()) -> Iterator[bytes]:
    """The bytes of these results, in chunks of about a batch; each is asked for when the one before has been read."""
    return get(name).encode(results, page)
