"""What the owner of a seed (seed/run.py) and its workers (seed/worker.py) say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbfleet.adapter import Rejected


@dataclass(frozen=True, slots=True)
class Looked:
    """What a worker has found: which database its target is, and the dataset's collections that are there, with their
    rows; None where the columns are others."""

    identity: str
    there: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Begin:
    """Write."""


@dataclass(frozen=True, slots=True)
class Far:
    """How many rows of the target, over all collections, have been handed to the engine; the last are of this one. The
    second process counts those of its half, or, `apart`, those of the collections that are its own."""

    collection: str
    rows: int
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Half:
    """The rest of a collection, which begins with row `start`: a task of the second process."""

    collection: str
    start: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A collection that is to be made, with its key: a task of the second process."""

    collection: str


@dataclass(frozen=True, slots=True)
class HalfDone:
    """The half is written, or the whole, of which it says the time. `rejected` are some of the rows that were refused,
    `lost` is how many."""

    rows: int
    rejected: Sequence[Rejected]
    lost: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was done to one collection of one target. `digest` is of the rows read back, with `verify`; `verified` says
    whether that is what was made, None where rows were refused or nobody asked."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None
    verified: bool | None = None
