"""What `diff` shows: differences on stdout as they are found, progress and what is compared how on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.cli import render
from dbfleet.formats import Plain
from dbfleet.ops.diff import Counted, Difference, Watch

if TYPE_CHECKING:
    from dbfleet.values import Batch

_FIELDS: Final = ("collection", "key", "change", "before", "after")
_NUMBERS: Final = ("collection", "same", "added", "removed", "changed", "schema")
_AT_ONCE: Final = 200


class DiffView(ExitStack, Watch):
    """`differs` says the answer when all has been shown."""

    def __init__(self) -> None:
        super().__init__()
        self.differs = False
        self._display: render.Progress | None = None
        self._bars: dict[str, render.Bar] = {}

    def progress(self, side: str, collection: str, rows: int) -> None:
        # From the first row on: the workers have forked by then, and a display has a thread.
        self._display = self._display or self.enter_context(render.progress(unit="rows"))
        if side not in self._bars:
            self._bars[side] = self._display.bar(side)
        self._bars[side].update(f"{collection}: {rows:,} rows")

    def said(self, text: str) -> None:
        render.say(render.harmless(text))

    def calm(self) -> None:
        """All has been read: no more progress is shown."""
        self.close()
        self._display, self._bars = None, {}

    def show(self, found: Iterable[Difference | Counted], *, stats: bool, format: str | None) -> None:
        word = render.format_of(format)
        fields = _NUMBERS if stats else _FIELDS
        batches: Iterable[Batch] = self._batches(found, fields, as_words=word == "table")
        if word == "table":  # widths need all rows
            batches = list(batches)
        render.rows([Plain([ResultColumn(field) for field in fields], batches)], format=word)

    def _batches(
        self, found: Iterable[Difference | Counted], fields: tuple[str, ...], *, as_words: bool
    ) -> Iterator[Batch]:
        values = attrgetter(*fields)
        batch: Batch = []
        for each in found:
            self.differs = self.differs or isinstance(each, Difference) or each.differs
            row = values(each)
            batch.append(tuple(map(_words, row)) if as_words else row)
            if len(batch) >= _AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch


def _words(value: Any) -> Any:
    """An object as one line of JSON, which tells NULL from empty text and numbers from texts."""
    from dbfleet.formats._values import AS_JSON

    return AS_JSON[dict](value)[1:-1] if isinstance(value, dict) else value
