"""Markdown: a GitHub table. `|` is escaped, and so is a backslash that Markdown would take for an escape; a line end is
`<br>`. NULL is the word NULL; empty text is an empty cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Format, Page, Rows, _lines
from dbfleet.formats._values import as_cells
from dbfleet.values import Type

# In Markdown a backslash escapes only ASCII punctuation: C:\dir needs no escape.
_special: Final = re.compile(r"\||\\(?=[!-/:-@\[-`{-~]|$)|\r\n|\r|\n")
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)


def cell(text: str) -> str:
    """The text as a cell."""
    return _special.sub(lambda mark: "\\" + mark[0] if mark[0] in "|\\" else "<br>", text)


def header(columns: Sequence[ResultColumn]) -> str:
    """The line with the columns' names, and the line below it; numbers are aligned to the right."""
    names = " | ".join(cell(column.name) for column in columns)
    rules = " | ".join("---:" if column.type in _NUMBERS else "---" for column in columns)
    return f"| {names} |\n| {rules} |\n"


_CELLS: Final = as_cells("NULL", cell)
_JSON_CELLS: Final = as_cells("NULL", cell, json=True)


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    """The results as Markdown tables."""
    return _lines.encode(
        results, header=header, cells=_CELLS, json_cells=_JSON_CELLS, begin="| ", between=" | ", end=" |\n"
    )


FORMAT = Format("markdown", (".md", ".markdown"), encode)
