"""CSV by RFC 4180: always a header; `\\n` ends a line; NULL is an empty cell, and empty text a quoted one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Format, Page, Rows, _lines
from dbfleet.formats._values import as_cells

_special: Final = re.compile('[,"\n\r]').search


def cell(text: str) -> str:
    """The text as a cell: in quotes where RFC 4180 requires them, and where it is empty."""
    return '"' + text.replace('"', '""') + '"' if not text or _special(text) else text


def header(columns: Sequence[ResultColumn]) -> str:
    """The line with the columns' names."""
    return ",".join(cell(column.name) for column in columns) + "\n"


_CELLS: Final = as_cells("", cell)
_JSON_CELLS: Final = as_cells("", cell, json=True)


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    """The results as CSV."""
    return _lines.encode(results, header=header, cells=_CELLS, json_cells=_JSON_CELLS, between=",")


FORMAT = Format("csv", (".csv",), encode)
