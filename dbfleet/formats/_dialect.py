"""Rows as cells in a dialect of somebody's (dbfleet/dialect.py): what readers/_split.py reads back as it was.

What a dialect has no way to write (a delimiter in a cell without quotes and escape, a sign that the encoding does not
have) is Unsupported, by its column: no row is changed to fit.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from dbfleet.dialect import Dialect
from dbfleet.errors import Unsupported, UsageError
from dbfleet.formats._values import ByType, as_cells, compiled, decimal, floating
from dbfleet.values import Batch, Schema, Type

_ESCAPES: Final = {"\t": "t", "\n": "n", "\r": "r", "\b": "b", "\f": "f", "\v": "v"}


def encode(schema: Schema, batches: Iterable[Batch], dialect: Dialect) -> Iterator[bytes]:
    """The rows, with their header if there is one, in chunks of a batch; the dialect is settled."""
    assert dialect.delimiter is not None
    encoded = encoder(dialect.encoding or "utf-8", schema.name)
    cell = _cell(dialect)
    if dialect.header:
        yield encoded(dialect.delimiter.join(cell(column.name) for column in schema.columns) + "\n")
    tables = tuple(_table(dialect, cell, json=json) for json in (False, True))
    pieces = ("", *(dialect.delimiter,) * (len(schema.columns) - 1), "\n")
    used = tuple(int(column.type is Type.JSON) for column in schema.columns)
    loop = compiled.__wrapped__(pieces, used, tables)
    for batch in batches:
        yield encoded(loop(batch))


def check(dialect: Dialect, *, unlike: str) -> None:
    """UsageError where NULL would be written as something that cannot be read as NULL again. `unlike` is the format."""
    settled = dialect.settled(unlike)
    signs = [sign for sign in (settled.delimiter, settled.quote, "\n", "\r") if sign]
    for option, words in (("--null", settled.null), ("--true", settled.true), ("--false", settled.false)):
        for word in words[:1]:
            if any(sign in word for sign in signs):
                raise UsageError(f"{option} {word!r} has a sign in it that the dialect needs itself")
    if settled.decimal == settled.delimiter:
        raise UsageError(
            f"{settled.decimal!r} stands both between cells and in numbers", hint="--delimiter ';', for instance"
        )
    if dialect.names:
        raise UsageError("--columns names the columns of a file that is read")
    if len(dialect.null) > 1:
        raise UsageError("NULL is written in one way", hint="give --null once")


def encoder(encoding: str, name: str) -> Callable[[str], bytes]:
    """A function from pieces of text, one behind the other, to their bytes; `name` is what messages call it all."""
    if encoding == "utf-8":
        # Half of a surrogate pair has no bytes: as elsewhere in output, people see what it was.
        return lambda text: text.encode("utf-8", "backslashreplace")
    encoding_of = codecs.getincrementalencoder(encoding)()

    def encoded(text: str) -> bytes:
        try:
            return encoding_of.encode(text)
        except UnicodeEncodeError as error:
            sign = error.object[error.start]
            raise Unsupported(
                f"{name} holds {sign!r} (U+{ord(sign):04X}), which {encoding} has not", hint="--encoding utf-8 has all"
            ) from error

    return encoded


def _table(dialect: Dialect, cell: Callable[[str], str], *, json: bool) -> ByType:
    table = as_cells(dialect.null[0], cell, json=json)
    if dialect.true or dialect.false:
        true, false = (dialect.true or ("true",))[0], (dialect.false or ("false",))[0]
        table[bool] = lambda value: true if value else false
    if dialect.decimal == ",":
        table[Decimal] = lambda value: decimal(value).replace(".", ",")
        table[float] = lambda value: floating(value).replace(".", ",")
    return table


def _cell(dialect: Dialect) -> Callable[[str], str]:
    """A function that writes a text as a cell."""
    delimiter, quote, escape = dialect.delimiter or "", dialect.quote or "", dialect.escape or ""
    words = frozenset(word for word in dialect.null if word)
    special = re.compile("[" + re.escape(delimiter + quote + escape) + "\r\n]").search
    if quote:
        inside = re.compile("[" + re.escape(quote + escape) + "]")
        before = escape or quote

        def quoted(text: str) -> str:
            if not text or text in words or special(text):
                return quote + inside.sub(lambda found: before + found[0], text) + quote
            return text

        return quoted
    if escape:

        def escaped(text: str) -> str:
            if text in words and escape not in text:  # else it is written with two
                raise _no_way(text, "is the word for NULL")
            if not text and not words:
                raise _no_way(text, "cannot be told from NULL")
            if not special(text):
                return text
            return "".join(
                escape + _ESCAPES.get(sign, sign) if sign in (delimiter, escape, "\n", "\r") else sign for sign in text
            )

        return escaped

    def bare(text: str) -> str:
        if text in words or special(text) or (not text and not words):
            raise _no_way(text, "cannot be written without quotes" if text else "cannot be told from NULL")
        return text

    return bare


def _no_way(text: str, why: str) -> Unsupported:
    shown: Sequence[str] = text if len(text) <= 40 else text[:37] + "..."
    return Unsupported(
        f"the text {shown!r} {why}" if text else f"empty text {why}",
        hint="--quote '\"' or --escape '\\' makes room for it",
    )
