"""Parts of a table as ranges of its key: the engine says where the ranges meet, and a scan reads one of them.

A part holds plain values that survive JSON: `from` is the first key in the range, `below` the first key after it. The
first part has no `from`, the last one no `below`. Where a key's values do not survive JSON, the engine gives their
texts and casts them back in its `marks`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from dbfleet.adapter import WHOLE, Part


def offsets(rows: int, parts: int) -> list[int]:
    """The number of rows before the second part, before the third and so on, for parts of about equal size."""
    return [rows * number // parts for number in range(1, parts)]


def parts(bounds: Iterable[Sequence[Any]]) -> list[Part]:
    """The ranges that meet at these keys, which are in key order; [WHOLE] where no key is given."""
    met: list[list[Any]] = []
    for bound in map(list, bounds):
        if bound not in met:
            met.append(bound)
    if not met:
        return [WHOLE]
    edges: list[list[Any] | None] = [None, *met, None]
    pairs = itertools.pairwise(edges)
    return [{word: key for word, key in (("from", low), ("below", high)) if key is not None} for low, high in pairs]


def clause(part: Part, key: str, marks: str) -> tuple[str, list[Any]]:
    """The WHERE clause that limits a scan to the part, and the values to bind; empty for WHOLE. `key` is the key's
    columns as SQL, with commas between them, `marks` are their placeholders."""
    conditions, values = [], []
    for word, sign in (("from", ">="), ("below", "<")):
        if word in part:
            conditions.append(f"({key}) {sign} ({marks})")
            values += part[word]
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", values
