"""A batch whose rows are read when somebody looks at them: who only moves keys on asks for DUMP's bytes instead, and no
row is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import SupportsIndex, overload

from dbfleet.values import Row


class Later(list[Row]):
    """Rows of so many keys. `looked_at` says that they are read; `moved`, that the keys are moved as bytes: by a count
    alone nothing is read then."""

    __slots__ = ("_count", "looked_at", "moved")

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self.looked_at = self.moved = False

    def _fetched(self) -> list[Row]:
        """The rows. A key that is gone has none."""
        raise NotImplementedError

    def _filled(self) -> None:
        if not self.looked_at:
            self.looked_at = True
            super().extend(self._fetched())

    def __len__(self) -> int:
        if self.moved and not self.looked_at:
            return self._count
        self._filled()
        return super().__len__()

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Row]:
        self._filled()
        return super().__iter__()

    @overload
    def __getitem__(self, place: SupportsIndex) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Row | list[Row]:
        self._filled()
        return super().__getitem__(place)
