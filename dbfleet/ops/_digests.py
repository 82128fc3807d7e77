"""Digests on the way: the sum of the rows' digests (values.digest_rows) of batches that somebody else consumes.

A loop compiled for the columns gives the plain path's result, to which the tests hold it; where it cannot be sure (a
value that its type does not let it see) it asks the plain functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbfleet.values import Batch, Column, Digest, digest_rows


class Digester:
    """Takes batches, keeps their digest."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self.digest = Digest()

    def add(self, batch: Batch) -> None:
        self.digest += digest_rows(self._columns, [batch])

    def over(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches as they are, each counted when it passes."""
        for batch in batches:
            self.add(batch)
            yield batch
