"""Rows that end by themselves, such as a Redis key with a time to live: whoever reads twice finds fewer of them the
second time, and nothing is wrong.

A digest of such rows has parts, one for each SLOT_MS in which rows end. Before two readings are compared, the slots
that have begun by then are taken out of both: of their rows nobody can tell. What ends later must be the same. A column
says when its row ends, in milliseconds since 1970, where its native type is `EngineSpec.ends`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dbfleet.ops._digests import Digester
from dbfleet.spec import EngineSpec
from dbfleet.values import Batch, Column, Digest, Row

SLOT_MS: Final = 10_000
_FAR_MS: Final = 2 * 24 * 3_600_000
"""What ends later is counted with what does not end: a copy that takes two days may find it gone. Two days are 17,280
slots, 2 MB of them."""
_SLOW_MS: Final = SLOT_MS
"""How far the server's clock may be ahead of ours."""

Slots = Mapping[int, Digest]
"""The digests of the rows that end in each slot; they are part of the whole digest too."""


def place_of(columns: Sequence[Column], spec: EngineSpec) -> int | None:
    """Which column says when its row ends; None where rows do not."""
    if spec.ends is None:
        return None
    return next((place for place, column in enumerate(columns) if column.native == spec.ends), None)


def has_ended(row: Row, place: int) -> bool:
    """Whether the row may be gone by now."""
    end = row[place]
    return end is not None and end <= _now() + _SLOW_MS


class EndingDigester(Digester):
    """A digester that keeps the slots apart; of rows that do not end it is a plain one."""

    def __init__(self, columns: Sequence[Column], spec: EngineSpec, *, kept_by: EngineSpec | None = None) -> None:
        super().__init__(columns, kept_by=kept_by)
        self._place = place_of(columns, spec)
        self.slots: dict[int, Digest] = {}

    def add(self, batch: Batch) -> None:
        """Count these rows."""
        if self._place is None:
            super().add(batch)
            return
        far, stay = _now() + _FAR_MS, []
        ending: dict[int, list[Row]] = {}
        for row in batch:
            end = row[self._place]
            if end is None or end > far:
                stay.append(row)
            else:
                ending.setdefault(end // SLOT_MS, []).append(row)
        super().add(stay)
        for slot, rows in ending.items():
            before = self.digest
            super().add(rows)
            self.slots[slot] = self.slots.get(slot, Digest()) + (self.digest - before)


def added(slots: Slots, more: Slots) -> Slots:
    """The two together."""
    return {**slots, **{slot: slots.get(slot, Digest()) + digest for slot, digest in more.items()}}


def removed(slots: Slots, rows: Slots) -> Slots:
    """The slots without these rows, which were counted in them."""
    return {**slots, **{slot: slots.get(slot, Digest()) - digest for slot, digest in rows.items()}}


def lasting(*digests: tuple[Digest, Slots]) -> list[Digest]:
    """The digests of the rows that are there for some time yet, all by the same moment."""
    moment = _now() + _SLOW_MS
    return [
        digest - _sum(part for slot, part in slots.items() if slot * SLOT_MS <= moment) for digest, slots in digests
    ]


def _sum(digests: Iterable[Digest]) -> Digest:
    return sum(digests, Digest())


def _now() -> int:
    return time.time_ns() // 1_000_000
