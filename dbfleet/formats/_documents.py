"""Documents as rows: the union of their fields, in the order in which they first appear."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.formats import Plain, Rows
from dbfleet.values import Batch

_IN_MEMORY: Final = 8 * 1024 * 1024
"""The bytes of documents that are kept in memory before a temporary file is made."""


@contextmanager
def as_rows(result: Rows) -> Iterator[Rows]:
    """`result` itself where it has columns; otherwise its documents, with the union of their fields as columns.

    Documents need two passes. The first writes them to a temporary file, so memory stays flat.
    """
    if not result.documents:
        yield result
        return
    fields: dict[str, None] = {}
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        for batch in result:
            for (document,) in batch:
                if not document.keys() <= fields.keys():
                    fields.update(dict.fromkeys(document))
            pickle.dump(batch, spool, pickle.HIGHEST_PROTOCOL)
        spool.seek(0)
        yield Plain([ResultColumn(field) for field in fields], _tuples(_unpickled(spool), fields))


def _unpickled(spool: Any) -> Iterator[Batch]:
    while True:
        try:
            yield pickle.load(spool)  # noqa: S301 - we wrote it
        except EOFError:
            return


def _tuples(batches: Iterable[Batch], fields: Iterable[str]) -> Iterator[Batch]:
    names = list(fields)
    for batch in batches:
        yield [tuple([document.get(name) for name in names]) for (document,) in batch]
