"""Splits text in a dialect into records, and records into cells.

A record ends with LF or CRLF outside of quotes; a quoted cell may hold line ends. With an escape, the sign behind it is
text: in a dialect with quotes those that have a meaning (quote, escape, delimiter, line end; before any other the
escape stands for itself); in one without, as COPY has it, `\\n` is a line end, `\\t` a tab, and any other sign itself.

Text without a quote or an escape is split at its delimiters, which is the fast path. The standard library's reader
cannot be used: it does not tell an empty cell from a quoted empty one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

from dbfleet.dialect import Dialect
from dbfleet.errors import UsageError
from dbfleet.readers import _text

Cells = list[str | None]

LONGEST: Final = 512 * 1024 * 1024
"""The most characters of one record. A longer one has a quote that is never closed."""
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
"""What stands for it behind the escape, in a dialect without quotes."""


class Splitter:
    """One file's text in one dialect, all of which is settled; `name` is what messages call the file."""

    def __init__(self, dialect: Dialect, name: str) -> None:
        assert dialect.delimiter
        assert dialect.quote is not None
        assert dialect.escape is not None
        assert dialect.encoding
        self._delimiter, self._quote, self._escape = dialect.delimiter, dialect.quote, dialect.escape
        self._encoding, self._name = dialect.encoding, name
        self._marks = self._quote + self._escape
        quoted = [word for word in dialect.null if self._is_quoted(word)]
        self._null = frozenset(dialect.null) - {*quoted}
        self._quoted_null = frozenset(word[1:-1] for word in quoted)
        self.empty_is_null = "" in self._null
        self._only_empty = self._null == {""}
        self._cell = re.compile(self._pattern(), re.DOTALL).match
        self._pairs = re.compile(re.escape(self._escape) + ".", re.DOTALL) if self._escape else None
        self._meaning = self._unescaping()

    def _is_quoted(self, word: str) -> bool:
        return bool(self._quote) and len(word) > 1 and word[0] == word[-1] == self._quote

    def _pattern(self) -> str:
        """One cell: in quotes (group 1) or without (2), and what ends it (3). Possessive: a cell may have 100 MB."""
        quote, escape = re.escape(self._quote), re.escape(self._escape)
        pair = f"{escape}.|" if escape else ""
        inside = f"{quote}([^{quote}{escape}]*+(?:(?:{pair}{quote}{quote})[^{quote}{escape}]*+)*+){quote}"
        signs = f"[^{quote}{escape}{re.escape(self._delimiter)}]*+"
        plain = f"({signs}(?:{escape}.?{signs})*+)" if escape else f"({signs})"
        return rf"(?:{inside if quote else '()(?!)'}|{plain})({re.escape(self._delimiter)}|\Z)"

    def _unescaping(self) -> Callable[[str], str]:
        """What a text with escapes or doubled quotes stands for."""
        quote, escape = self._quote, self._escape
        if not escape:
            return lambda text: text.replace(quote + quote, quote)
        if not quote:
            pairs = re.compile(re.escape(escape) + "(.)", re.DOTALL)
            return lambda text: pairs.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)
        meant = re.escape(quote + escape + self._delimiter)
        pairs = re.compile(rf"{re.escape(escape)}([{meant}\r\n])|{re.escape(quote)}({re.escape(quote)})")
        return lambda text: pairs.sub(lambda found: found[1] or found[2], text)

    # --- records ---

    def records(self, stream: BinaryIO) -> Iterator[tuple[int, str]]:
        """The text of each record without its line end, and the number of its first line."""
        for first, texts in self.runs(stream):
            yield from enumerate(texts, first)

    def runs(self, stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
        """The texts of records as in `records`, in lists: of lines that follow each other, or of one record alone."""
        opened: list[str] = []
        inside = False
        began = length = 0
        quote, escape = self._quote, self._escape
        for first, text in _text.chunks(stream, self._name, self._encoding):
            lines = text.split("\n")
            if not lines[-1]:
                lines.pop()
            odd = quote and quote in text and 1 in [line.count(quote) & 1 for line in lines]
            if not opened and not odd and not (escape and escape in text):
                yield first, [line.removesuffix("\r") for line in lines] if "\r" in text else lines
                continue
            run: list[str] = []
            for number, line in enumerate(lines, first):
                inside, more = self._behind(line, inside)
                if not (opened or inside or more):
                    run.append(line.removesuffix("\r"))
                    continue
                if run:
                    yield number - len(run), run
                    run = []
                began = began if opened else number
                opened.append(line)
                length += len(line)
                if length > LONGEST:
                    raise self._never_closed(began)
                if not inside and not more:
                    yield began, ["\n".join(opened).removesuffix("\r")]
                    opened, length = [], 0
            if run:
                yield first + len(lines) - len(run), run
        if inside:
            raise self._never_closed(began)
        if opened:  # an escape is the last sign of all
            yield began, ["\n".join(opened)]

    def _behind(self, line: str, inside: bool) -> tuple[bool, bool]:
        """Whether the end of the line is in quotes, and whether it is escaped."""
        if self._pairs is not None and self._escape in line:
            line = self._pairs.sub("", line)
            if line.endswith(self._escape):
                return inside ^ bool(self._quote and line.count(self._quote) % 2), True
        return inside ^ bool(self._quote and line.count(self._quote) % 2), False

    def _never_closed(self, began: int) -> UsageError:
        return UsageError(f"{self._name}, line {began}: a quote opens here and does not close")

    # --- cells ---

    def all_cells(self, texts: Sequence[str], first: int) -> list[Cells]:
        """The cells of the records of a run, the first of which begins in line `first`."""
        delimiter, mark, other = self._delimiter, self._marks[:1] or "\0\0", self._marks[1:] or "\0\0"
        if self._only_empty and not self._escape:
            return [
                self._marked(text, number) if mark in text else [cell or None for cell in text.split(delimiter)]
                for number, text in enumerate(texts, first)
            ]
        null = self._null
        return [
            self._marked(text, number)
            if mark in text or other in text
            else [None if cell in null else cell for cell in text.split(delimiter)]
            for number, text in enumerate(texts, first)
        ]

    def _marked(self, text: str, number: int) -> Cells:
        """The cells of a record that has a quote or an escape somewhere."""
        cells: Cells = []
        place = 0
        while True:
            match = self._cell(text, place)
            if match is None:
                line, column = number + text.count("\n", 0, place), place - text.rfind("\n", 0, place)
                sample = f"{self._quote}6{self._escape or self._quote}{self._quote} nail{self._quote}"
                raise UsageError(
                    f"{self._name}, line {line}, column {column}: a quote inside the cell that begins here",
                    hint=f"a cell with a quote is quoted, and the quote doubled: {sample}; --quote none makes it text",
                )
            quoted, plain, end = match.groups()
            if plain is None:
                text_of = self._meaning(quoted)
                cells.append(None if text_of in self._quoted_null else text_of)
            elif plain in self._null:
                cells.append(None)
            else:
                cells.append(self._meaning(plain) if self._escape and self._escape in plain else plain)
            place = match.end()
            if not end:
                return cells
