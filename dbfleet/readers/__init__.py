"""The input formats, found by file name: bytes in, rows out, one batch in memory at a time.

    jsonl      one JSON object per line, as formats/jsonl and other programs write them
    parquet    through pyarrow, the extra `parquet`
    csv        RFC 4180 with a header; an empty cell is NULL, a quoted empty one is empty text; LF or CRLF
    tsv        tabs, escapes in the place of quotes, `\\N` for NULL
    json       one array of objects, or objects one after another
    ejson      the same in MongoDB's Extended JSON, as mongoexport writes it

With a schema, each value is read as its column's type, and every digit is kept (`rows`). Without a schema, the whole
input is read first (`infer`), so that a type fits every value of its column: no late value of another type stops the
write.

In a dump (`exact`), `null` in a json column is the JSON value null, and an absent field is NULL; elsewhere both are
NULL.

The formats of text are read in a `Dialect`: somebody's habits (dbfleet/dialect.py). A `Rule` reads the texts of one
column otherwise.

An input that cannot be read raises UsageError with the input's name, the line, and the column where there is one. Lines
are counted as an editor counts them. To add a format, add a file here that defines READER.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import BinaryIO, Protocol

from dbfleet.dialect import Dialect
from dbfleet.errors import UsageError, did_you_mean
from dbfleet.values import Batch, Column, Schema, Type


@dataclass(frozen=True, slots=True)
class Inferred:
    """What an input holds: its columns, with types that fit every value, and the number of rows. `unique` names the
    columns that are known to have no NULL and no value twice; others may be unique too."""

    columns: tuple[Column, ...]
    rows: int
    unique: frozenset[str] = frozenset()


class Rule(Protocol):
    """How the texts of one column are read."""

    @property
    def type(self) -> Type | None:
        """The type that the column then has, if the rule says it."""

    def text(self, text: str) -> str | None:
        """The text as we write it; None for NULL. ValueError, which says why, for one that the rule cannot read."""


Rules = Callable[[str], Rule | None]
"""A column's rule, by its name."""


def no_rules(column: str) -> Rule | None:
    """What has no rules."""
    return None


Skip = Callable[[int, UsageError], None]
"""Told of a row that cannot be read, by its line, where the others are wanted nevertheless."""


class ReadRows(Protocol):
    """Reads an input's rows; `name` is what messages call it. Without `skip` the first row that cannot be read is the
    end. It is no matter of one row where nobody knows where the next one begins: a quote that is never closed, bytes
    that are no text, JSON that does not end."""

    def __call__(
        self,
        stream: BinaryIO,
        name: str,
        schema: Schema,
        exact: bool,
        dialect: Dialect = ...,
        rules: Rules = ...,
        skip: Skip | None = ...,
    ) -> Iterator[Batch]: ...


class Infer(Protocol):
    """Reads an input to see what it holds."""

    def __call__(
        self, stream: BinaryIO, name: str, dialect: Dialect = ..., rules: Rules = ..., skip: Skip | None = ...
    ) -> Inferred: ...


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a format, with the name of its module. A `binary` format needs a stream that can seek."""

    name: str
    extensions: tuple[str, ...]
    rows: ReadRows
    infer: Infer
    binary: bool = False


@cache
def names() -> tuple[str, ...]:
    """The formats' names, sorted. Only file names are read."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"))


def get(name: str) -> Reader:
    """The reader of this format. UsageError if there is none."""
    if name not in names():
        raise UsageError(
            f"no format that can be read is called {name!r}",
            hint=did_you_mean(name, names(), f"they are: {', '.join(names())}"),
        )
    reader: Reader = import_module(f"{__name__}.{name}").READER
    return reader


def by_extension(extension: str) -> Reader | None:
    """The reader of files with this extension (`.jsonl`), or None."""
    return next((reader for reader in map(get, names()) if extension.lower() in reader.extensions), None)
