"""A table for people. Nothing is cut: rows that are too wide for the terminal are wrapped, or written as records.

Rows are written in pages of up to 1000, so that the first rows appear at once and memory is flat. A column is as wide
as its widest cell so far; a page that needs a wider column begins with the header again. Where a page is wider than the
terminal, its text columns share the room that the others leave, and wrap at blanks. Where a text column would then be
narrower than 12 cells or than its longest word (of up to 32 cells), or where a cell would need more than 8 lines, this
page and all later ones are written as records, with one line per field.

NULL is the word NULL, dimmed where there are colours; empty text is `""`. Text that could be taken for either is quoted
as in JSON. Control characters are shown (`\\n`, `\\x1b`). A field that a document does not have is a blank cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from time import monotonic
from typing import Any, Final
from uuid import UUID

from dbfleet.errors import DbfleetError
from dbfleet.formats import Format, Page, Rows
from dbfleet.formats._values import ByType, as_cells, quoted, to_bytes
from dbfleet.formats._width import pad, shown, width, wrap
from dbfleet.values import Row, Type

_PAGE_ROWS: Final = 1000
_PAGE_SECONDS: Final = 0.5
_NARROWEST: Final = 12
_WORD: Final = 32
_MOST_LINES: Final = 8
_BETWEEN: Final = " │ "
_NULL: Final = "NULL"
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)
_NUMERIC: Final = (int, float, Decimal)
_RIGID: Final = (*_NUMERIC, bool, date, time, UUID)
"""The types of values that are never wrapped: they are short, and useless in pieces."""


class _Missing:
    """Stands for a field that a document does not have; its cell is blank."""


BLANK: Final = _Missing()


def _cell(text: str) -> str:
    if not text or text == _NULL or (text[0] == text[-1] == '"'):
        text = quoted(text)
    return shown(text)


def _with_missing(cells: ByType) -> ByType:
    cells[_Missing] = lambda value: ""
    return cells


_CELLS: Final = _with_missing(as_cells(_NULL, _cell))
_JSON_CELLS: Final = _with_missing(as_cells(_NULL, shown, json=True))


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    """The results as tables, or as records where they are too wide."""
    lead = b""
    for result in results:
        table = _Table(page)
        for text in table.documents(result) if result.documents else table.rows(result):
            if text:
                yield lead + to_bytes(text)
                lead = b""
        lead = b"\n"


class _Table:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._names: list[str] = []
        self._widths: list[int] = []
        self._words: list[int] = []
        self._right: list[bool] = []
        self._rigid: list[bool] = []
        self._json: list[bool] = []
        self._records = False
        self._written = 0

    # --- pages ---

    def rows(self, result: Rows) -> Iterator[str]:
        if not result.columns:
            return
        names = [shown(column.name) for column in result.columns]
        right = [column.type in _NUMBERS if column.type else None for column in result.columns]
        self._json = [column.type is Type.JSON for column in result.columns]
        empty = True
        for rows in _pages(result):
            yield self._page_of(names, rows, right)
            empty = False
        if empty:
            yield self._page_of(names, [], right)

    def documents(self, result: Rows) -> Iterator[str]:
        for page in _pages(result):
            documents = [document for (document,) in page]
            fields: dict[str, None] = {}
            for document in documents:
                fields.update(dict.fromkeys(document))
            self._json = [False] * len(fields)
            rows = [tuple([document.get(name, BLANK) for name in fields]) for document in documents]
            yield self._page_of([shown(name) for name in fields], rows, [None] * len(fields))

    def _page_of(self, names: list[str], rows: Sequence[Row], right: Sequence[bool | None]) -> str:
        if not names:
            return ""
        values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        columns = [self._cells(column, json) for column, json in zip(values, self._json, strict=True)]
        if names != self._names:
            self._names, self._widths, self._words = names, [], []
            self._right = [
                _all_of(column, _NUMERIC) if given is None else given
                for column, given in zip(values, right, strict=True)
            ]
            self._rigid = [right or _all_of(column, _RIGID) for right, column in zip(self._right, values, strict=True)]
        if not self._records:
            self._words = [
                max(known, width(name), *map(_longest_word, cells), 0)
                for known, name, cells in zip(self._words or [0] * len(names), names, columns, strict=True)
            ]
            lines = self._table(columns)
            if lines is not None:
                return "\n".join(lines) + "\n"
            self._records = True
        return "".join(f"{line}\n" for row in zip(*columns, strict=True) for line in self._record(row))

    def _cells(self, values: Sequence[Any], json: bool) -> list[str]:
        of = _JSON_CELLS if json else _CELLS
        return [of[type(value)](value) for value in values]

    # --- as a table ---

    def _table(self, columns: Sequence[Sequence[str]]) -> list[str] | None:
        """The page's lines; None where it does not fit the terminal."""
        needed = [max(map(width, (name, *cells))) for name, cells in zip(self._names, columns, strict=True)]
        widths = [max(pair) for pair in zip(needed, self._widths, strict=True)] if self._widths else needed
        fitted = self._fitted(widths)
        if fitted is None:
            return None
        lines = [] if self._widths and fitted == self._fitted(self._widths) else self._header(fitted)
        self._widths = widths
        if fitted == widths:
            padded = [self._padded(*column) for column in zip(columns, widths, self._right, strict=True)]
            lines += [_BETWEEN.join(row).rstrip() for row in zip(*padded, strict=True)]
            return lines
        for row in zip(*columns, strict=True):
            wrapped = [wrap(cell, cells) for cell, cells in zip(row, fitted, strict=True)]
            height = max(map(len, wrapped))
            if height > _MOST_LINES:
                return None
            for cell in wrapped:
                cell += [""] * (height - len(cell))
            padded = [self._padded(*cell) for cell in zip(wrapped, fitted, self._right, strict=True)]
            lines += [_BETWEEN.join(line).rstrip() for line in zip(*padded, strict=True)]
        return lines

    def _fitted(self, widths: list[int]) -> list[int] | None:
        """The widths with which the columns fit the terminal: text columns are narrowed if they must be, but none below
        its longest word. None where they would become too narrow to read."""
        if self._page.width is None:
            return widths
        left = self._page.width - len(_BETWEEN) * (len(widths) - 1)
        if sum(widths) <= left:
            return widths
        columns = list(zip(widths, self._rigid, self._words, strict=True))

        def fitted(cap: int) -> list[int]:
            return [cells if rigid else min(cells, max(cap, word)) for cells, rigid, word in columns]

        # Find the largest cap that fits: each column gets the width that it needs, at most the cap.
        low, high = _NARROWEST - 1, max(widths)
        while low < high:
            cap = (low + high + 1) // 2
            low, high = (cap, high) if sum(fitted(cap)) <= left else (low, cap - 1)
        return fitted(low) if low >= _NARROWEST else None

    def _header(self, widths: list[int]) -> list[str]:
        names = [pad(n, w, right=r) for n, w, r in zip(self._names, widths, self._right, strict=True)]
        return [
            self._painted(_BETWEEN.join(names).rstrip(), "1"),
            "─┼─".join("─" * cells for cells in widths),
        ]

    def _padded(self, cells: Sequence[str], cells_wide: int, right: bool) -> list[str]:
        padded = [pad(cell, cells_wide, right=right) for cell in cells]
        if self._page.coloured and _NULL in cells:
            dim = self._painted(_NULL, "2")
            return [
                text.replace(_NULL, dim) if cell == _NULL else text for cell, text in zip(cells, padded, strict=True)
            ]
        return padded

    # --- as records ---

    def _record(self, row: Sequence[str]) -> Iterator[str]:
        self._written += 1
        names_wide = max(map(width, self._names))
        room = max((self._page.width or 0) - names_wide - len(_BETWEEN), _NARROWEST)
        title = f"── {self._written} "
        yield self._painted(title + "─" * (names_wide + 1 - len(title)) + "┬─", "2")
        for name, cell in zip(self._names, row, strict=True):
            if not cell:  # a missing field; the cell of an empty text is ""
                continue
            for number, line in enumerate(wrap(cell, room)):
                label = pad("" if number else name, names_wide)
                text = self._painted(line, "2") if cell == _NULL else line
                yield f"{label}{_BETWEEN}{text}".rstrip()

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._page.coloured else text


def _longest_word(cell: str) -> int:
    """The width of the cell's longest word. Words longer than _WORD do not count: they may be broken."""
    if len(cell) <= _NARROWEST:
        return 0
    return max((cells for cells in map(width, cell.split(" ")) if cells <= _WORD), default=0)


def _all_of(values: Sequence[Any], allowed: tuple[type, ...]) -> bool:
    kinds = set(map(type, values)) - {type(None), _Missing}
    return bool(kinds) and all(issubclass(kind, allowed) and (kind is not bool or bool in allowed) for kind in kinds)


def _pages(result: Rows) -> Iterator[list[Row]]:
    """The batches put together into pages; after half a second a page is written as it is."""
    page: list[Row] = []
    started = monotonic()
    try:
        for batch in result:
            page += batch
            if len(page) >= _PAGE_ROWS or monotonic() - started > _PAGE_SECONDS:
                if page:
                    yield page
                page, started = [], monotonic()
    except DbfleetError:
        if page:  # show the rows that came before the server's error
            yield page
        raise
    if page:
        yield page


FORMAT = Format("table", (".txt",), encode)
