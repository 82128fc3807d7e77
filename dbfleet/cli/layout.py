"""Lays out text for people. Lines break at blanks, never inside a word. Columns are aligned, and a column that holds
nothing is left out. Sizes have units. The text says the same without its colours.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final

from dbfleet.cli.streams import in_colour
from dbfleet.formats import Page
from dbfleet.formats._width import pad
from dbfleet.formats._width import width as _width

Cell = str | tuple[str, str | None]
"""A text, or a text and its colour."""

_ESCAPE: Final = re.compile(r"\x1b\[\d*m")
_WORD: Final = re.compile(r"( *)([^ ]+)")
_GAP: Final = 2
_LEAST: Final = 24
"""The fewest cells of a last column; where it would have fewer, it is written below its row."""


def painted(text: str, colour: str | None, page: Page) -> str:
    """`text` in this colour, if there is one and the page has colours."""
    return in_colour(text, colour) if colour and text and page.coloured else text


def width(text: str) -> int:
    """The width of `text` in terminal cells; colours take none."""
    return _width(_ESCAPE.sub("", text) if "\x1b" in text else text)


def columns_of(stream: IO[str] | None) -> int:
    """The width of the terminal behind a stream; COLUMNS wins over it, and 80 is taken where neither is known."""
    if os.environ.get("COLUMNS", "").isdecimal() and (given := int(os.environ["COLUMNS"])):
        return given
    try:
        assert stream is not None
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError, AssertionError):
        return shutil.get_terminal_size().columns


def wrapped(text: str, cells: int | None, *, first: str = "", rest: str | None = None) -> list[str]:
    """`text` in lines of at most `cells` cells, broken at blanks; its own line ends stay. `first` begins the first line
    and `rest` the others (by default, blanks of the same width). A word that is too wide stays whole."""
    rest = " " * width(first) if rest is None else rest
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lead = rest if lines else first
        if cells is None or width(lead) + width(paragraph) <= cells:
            lines.append((lead + paragraph).rstrip())
            continue
        indent = paragraph[: len(paragraph) - len(paragraph.lstrip(" "))]
        line, empty = lead + indent, True
        for blank, word in _WORD.findall(paragraph[len(indent) :]):
            if not empty and width(line) + len(blank) + width(word) > cells:
                lines.append(line)
                line, blank = rest + indent, ""
            line, empty = line + blank + word, False
        lines.append(line)
    return lines


def size(count: int) -> str:
    """A number of bytes with its unit: 738 MB, 1.5 GB."""
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if count >= unit:
            amount = count / unit
            return f"{f'{amount:.1f}'.removesuffix('.0') if amount < 10 else round(amount)} {name}"
    return f"{count} B"


def grid(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], page: Page, *, right: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of a table without rules. Columns that hold nothing are left out. Where a row is wider than the page,
    its last column breaks at blanks; where that has no room, it is written below the row."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    kept = [place for place in range(len(header)) if any(row[place][0] for row in cells)]
    if not kept:
        return
    names = [header[place] for place in kept]
    cells = [[row[place] for place in kept] for row in cells]
    wide = [max(width(name), *(width(row[n][0]) for row in cells)) for n, name in enumerate(names)]
    left = [name not in right for name in names]
    start = sum(wide[:-1]) + _GAP * (len(wide) - 1)
    below = page.width is not None and start + wide[-1] > page.width and page.width - start < _LEAST

    def line(row: Sequence[tuple[str, str | None]]) -> Iterator[str]:
        head = [
            painted(pad(text, wide[n], right=not left[n]), colour, page) for n, (text, colour) in enumerate(row[:-1])
        ]
        front, (text, colour) = (" " * _GAP).join(head), row[-1]
        indent = 4 if below else start
        room = None if page.width is None else page.width - indent
        parts = wrapped(text, room) if text else [""]
        if not left[-1]:
            parts = [pad(part, wide[-1], right=True) for part in parts]
        if below:
            yield front.rstrip()
        for number, part in enumerate(parts if text or not below else []):
            lead = " " * indent if number or below else front + " " * (_GAP if head else 0)
            yield (lead + painted(part, colour, page)).rstrip()

    if any(names):
        titles: list[tuple[str, str | None]] = [(name.upper(), "dim") for name in names]
        if below:
            titles[-1] = ("", None)
        yield from line(titles)
    for row in cells:
        yield from line(row)


def _cell(given: Cell) -> tuple[str, str | None]:
    return (given, None) if isinstance(given, str) else given


def pages(facts: Iterable[tuple[str, str]], page: Page) -> Iterator[str]:
    """One line for each fact: its name and its text, which breaks at blanks. A fact without a text is left out."""
    yield from grid(("", ""), [((name, "bold"), text) for name, text in facts if text], page)
