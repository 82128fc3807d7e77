"""How far a verb is: one ticker, which is told rows and says at most ten times a second how many there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from typing import Final

from dbfleet.lines import rows_in
from dbfleet.values import Batch

EVERY_S: Final = 0.1


class Ticker:
    """Counts rows. `say` gets their number now and then, whenever `tell` is called, and once more when all have passed,
    unless `last` says that nobody needs it: what is over in a moment is then never spoken of."""

    def __init__(self, say: Callable[[int], None], *, rows: int = 0, last: bool = True) -> None:
        self.rows = rows
        self._last = last
        self._say = say
        self._next = time.monotonic() + EVERY_S

    def passed(self, rows: int) -> None:
        """Count so many rows more."""
        self.rows += rows
        if time.monotonic() >= self._next:
            self.tell()

    def tell(self) -> None:
        """Say the number now."""
        self._say(self.rows)
        self._next = time.monotonic() + EVERY_S

    def batches(self, batches: Iterable[Batch]) -> Generator[Batch, None, None]:
        """The batches as they are, each counted when the next one is asked for."""
        for batch in batches:
            yield batch
            self.passed(len(batch))
        self._all_passed()

    def chunks(self, chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
        """Chunks of whole lines as they are, each counted when the next one is asked for."""
        for chunk in chunks:
            yield chunk
            self.passed(rows_in(chunk))
        self._all_passed()

    def _all_passed(self) -> None:
        if self._last:
            self.tell()
