"""Markdown: a GitHub table. `|` is escaped, so is a backslash that Markdown would take for an escape; a line's end is
`<br>`. NULL is the word, empty text an empty cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Format, Page, Rows, _lines
from dbfleet.formats._values import as_cells
from dbfleet.values import Type

# Markdown's backslash escapes ASCII punctuation only: C:\dir needs nothing.
_special: Final = re.compile(r"\||\\(?=[!-/:-@\[-`{-~]|$)|\r\n|\r|\n")
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)


def cell(text: str) -> str:
    return _special.sub(lambda found: "\\" + found[0] if found[0] in "|\\" else "<br>", text)


def header(columns: Sequence[ResultColumn]) -> str:
    names = " | ".join(cell(column.name) for column in columns)
    rules = " | ".join("---:" if column.type in _NUMBERS else "---" for column in columns)
    return f"| {names} |\n| {rules} |\n"


_CELLS: Final = as_cells("NULL", cell)
_JSON_CELLS: Final = as_cells("NULL", cell, json=True)


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    return _lines.encode(
        results, header=header, cells=_CELLS, json_cells=_JSON_CELLS, begin="| ", between=" | ", end=" |\n"
    )


FORMAT = Format("markdown", (".md", ".markdown"), encode)
