"""The one moment of which everything that is dumped is, where the engine can hold one; else why not, in words."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from dbfleet.abilities import Snapshots
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops import _unreadable
from dbfleet.target import Target


class Moment:
    """For the block: everything that is read is of one moment. `why_not` says why it is not, and is None where it
    is."""

    def __init__(self, fleet: Fleet, target: Target, adapter: Adapter, tell: Callable[[str], None]) -> None:
        self._spec, self._adapter, self._tell = fleet.spec(target), adapter, tell
        self._held: AbstractContextManager[None] | None = None
        self.why_not: str | None = None

    def __enter__(self) -> Self:
        if Snapshots in self._spec.abilities:
            self._begin()
        else:
            self.why_not = f"{self._spec.title} cannot hold one moment for several statements"
        if self.why_not:
            self._tell(f"{self.why_not}: what others write meanwhile may be in the dump in part")
        return self

    def _begin(self) -> None:
        try:
            held: AbstractContextManager[None] = self._adapter.snapshot()  # type: ignore[attr-defined]
            held.__enter__()
            self._held = held
        except DbfleetError as error:
            self.why_not = f"{self._spec.title} gave no snapshot: {error.message}"

    def lost(self, collection: str) -> None:
        """A collection could not be read, and its error may have ended the moment: then another one begins."""
        if self._held is not None and _unreadable.has_ended_the_moment(self._adapter):
            self._end(quietly=True)
            self._begin()
            self.why_not = self.why_not or f"what was read behind {collection}, which failed, is of a later moment"
            self._tell(self.why_not)

    def _end(self, *, quietly: bool) -> None:
        held, self._held = self._held, None
        try:
            if held is not None:
                held.__exit__(None, None, None)
        except DbfleetError:  # a connection that is lost has ended its transaction; what was lost it is told already
            if not quietly:
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(quietly=kind is not None)
