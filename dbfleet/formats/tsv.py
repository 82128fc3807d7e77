"""TSV: a header; tab, newline, carriage return and backslash are escaped with a backslash, NULL is `\\N`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Format, Page, Rows, _lines
from dbfleet.formats._values import as_cells

_special: Final = re.compile("[\t\n\r\\\\]").search
_ESCAPES: Final = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"})


def cell(text: str) -> str:
    """The text as a cell."""
    return text.translate(_ESCAPES) if _special(text) else text


def header(columns: Sequence[ResultColumn]) -> str:
    """The line with the columns' names."""
    return "\t".join(cell(column.name) for column in columns) + "\n"


_CELLS: Final = as_cells("\\N", cell)
_JSON_CELLS: Final = as_cells("\\N", cell, json=True)


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    """The results as TSV."""
    return _lines.encode(results, header=header, cells=_CELLS, json_cells=_JSON_CELLS, between="\t")


FORMAT = Format("tsv", (".tsv", ".tab"), encode)
