"""The input formats, found by file name: bytes in, rows out, one batch in memory at a time.

    jsonl      one JSON object a line, as formats/jsonl writes them and as other programs do
    parquet    through pyarrow, the extra `parquet`
    csv        RFC 4180 with a header; an empty cell is NULL, a quoted empty one is empty text; LF or CRLF

With a schema each value is read as its column's type, every digit kept (`rows`). Without one the whole input is looked
at (`infer`): a type holds for every value of its column, so a late value that is something else is never a surprise
while rows are being written.

Of a dump (`exact`) a json column's `null` is the JSON value null and an absent field is NULL; elsewhere both are NULL.

What cannot be read raises UsageError with the input's name, the line, and the column where there is one. Lines are
counted as an editor counts them. To add a format, add a file here that defines READER.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import BinaryIO

from dbfleet.errors import UsageError, did_you_mean
from dbfleet.values import Batch, Column, Schema


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the whole of an input holds: its columns with the types that every value has, and how many rows. `unique`
    names the columns of which no two rows share a value and none is NULL, as far as that was looked at."""

    columns: tuple[Column, ...]
    rows: int
    unique: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """A format's reader: its name is its module's. `rows(stream, name, schema, exact)`, `infer(stream, name)`; `name`
    is the input's, for messages. A `binary` format needs a stream that seeks."""

    name: str
    extensions: tuple[str, ...]
    rows: Callable[[BinaryIO, str, Schema, bool], Iterator[Batch]]
    infer: Callable[[BinaryIO, str], Inferred]
    binary: bool = False


@cache
def names() -> tuple[str, ...]:
    """The formats' names, sorted, by a look at the file names alone."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"))


def get(name: str) -> Reader:
    """The reader of this format. UsageError if there is none."""
    if name not in names():
        raise UsageError(
            f"no format that can be read is called {name!r}",
            hint=did_you_mean(name, names(), f"they are: {', '.join(names())}"),
        )
    found: Reader = import_module(f"{__name__}.{name}").READER
    return found


def by_extension(extension: str) -> Reader | None:
    """The reader of files that end so (`.jsonl`), or None."""
    return next((reader for reader in map(get, names()) if extension.lower() in reader.extensions), None)
