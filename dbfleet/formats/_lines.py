"""What csv, tsv and markdown share: a header, then one line per row, each cell escaped by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Rows
from dbfleet.formats._documents import as_rows
from dbfleet.formats._values import ByType, compiled, to_bytes
from dbfleet.values import Type


def encode(
    results: Iterable[Rows],
    *,
    header: Callable[[Sequence[ResultColumn]], str],
    cells: ByType,
    json_cells: ByType,
    begin: str = "",
    between: str,
    end: str = "\n",
) -> Iterator[bytes]:
    """The bytes of `results`: the header, then each row as `begin` cell `between` cell … `end`, with an empty line
    between two results. Documents without any field have no header and no rows."""
    lead = b""
    for result in results:
        with as_rows(result) as rows:
            columns = rows.columns
            if not columns:
                continue
            yield lead + to_bytes(header(columns))
            lead = b"\n"
            loop = compiled(
                (begin, *(between,) * (len(columns) - 1), end),
                tuple(int(column.type is Type.JSON) for column in columns),
                (cells, json_cells),
            )
            for batch in rows:
                yield to_bytes(loop(batch))
