"""The fast path of diff: two streams of lines (dbfleet/lines.py) in the order of one key, compared as bytes.

Equal bytes are equal values, and whole blocks of them are dropped by one comparison; where bytes differ the values of
the cells that do are compared as everywhere else, so a side may write 1.50 where the other writes 1.5. Only those cells
become Python objects. One million orders of 13 columns in 2 x 128 MB: 0.3 s in all where nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dbfleet.lines import rows_in
from dbfleet.ops._progress import Ticker


class Counting:
    """Chunks of whole lines, counted by a ticker."""

    def __init__(self, chunks: Iterator[bytes], ticker: Ticker) -> None:
        self._chunks = chunks
        self._ticker = ticker

    @property
    def rows(self) -> int:
        """How many lines have been read."""
        return self._ticker.rows

    def next(self) -> bytes:
        """The next chunk that is not empty; b"" at the end."""
        for chunk in self._chunks:
            if chunk:
                self._ticker.passed(rows_in(chunk))
                return chunk
        return b""


def pairs(
    a: Counting, b: Counting, order: Callable[[bytes], Any]
) -> Iterator[tuple[bytes, bytes] | tuple[bytes, None] | tuple[None, bytes]]:
    """The lines that are not the same bytes on both sides, paired by their order; None for a side without one."""
    ours, theirs = a.next(), b.next()
    while ours and theirs:
        size = min(len(ours), len(theirs))
        if ours[:size] == theirs[:size]:
            # Chunks end with a line, so the shorter one's end is a line's end on both sides.
            ours, theirs = ours[size:], theirs[size:]
        else:
            mine, yours = ours.split(b"\n"), theirs.split(b"\n")
            mine.pop()
            yours.pop()
            i = j = 0
            while i < len(mine) and j < len(yours):
                line, other = mine[i], yours[j]
                if line == other:
                    i += 1
                    j += 1
                    continue
                place, their_place = order(line), order(other)
                if place == their_place:
                    yield line, other
                    i += 1
                    j += 1
                elif place < their_place:
                    yield line, None
                    i += 1
                else:
                    yield None, other
                    j += 1
            ours = b"\n".join(mine[i:]) + b"\n" if i < len(mine) else b""
            theirs = b"\n".join(yours[j:]) + b"\n" if j < len(yours) else b""
        ours = ours or a.next()
        theirs = theirs or b.next()
    while ours:
        for line in ours.split(b"\n")[:-1]:
            yield line, None
        ours = a.next()
    while theirs:
        for line in theirs.split(b"\n")[:-1]:
            yield None, line
        theirs = b.next()
