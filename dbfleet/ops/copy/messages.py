"""What `copy` and its parts say to each other and to whoever asked for it: the plan, the records, the messages between
the owner (copy/owner.py) and its workers (copy/worker.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dbfleet.adapter import Part, WriteMode
from dbfleet.fleet import Fleet
from dbfleet.ops import _ends
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.journal import Journal
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

Mode = Literal["insert", "upsert", "replace"]


class Ends:
    """The two targets of a copy and its journal."""

    def __init__(self, fleet: Fleet, source: Target, sink: Target) -> None:
        self.fleet = fleet
        self.source, self.sink = source, sink
        self.source_spec, self.sink_spec = fleet.spec(source), fleet.spec(sink)
        self.journal = Journal(fleet, source, sink)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was written of one collection. `digest` is of the rows as the sink keeps them, with `verify`; `same` says
    whether the sink gave it back. `extras` came along besides the rows, `left` were to and did not, in words."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None
    same: bool | None = None
    extras: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a copy will do, in the order in which it does it; `left` is what does not come along, in words. `spec` is
    the sink's; `lost` is what goes with what is replaced, and in `left` too."""

    collections: Sequence[PlannedCollection]
    left: Sequence[str]
    spec: EngineSpec
    sink: str
    resumed: int = 0
    lost: Sequence[str] = ()

    @property
    def question(self) -> str:
        """What is at stake, to be agreed to; empty where nothing goes."""
        going = [(plan.sink.name, plan.there) for plan in self.collections if plan.action == "replace"]
        return _ends.question(going, self.sink, self.spec, self.lost)


class Watch:
    """What `copy` tells on its way; every method may be overridden."""

    def planned(self, plan: Plan) -> None:
        """Before anything is written or refused."""

    def agree(self, plan: Plan) -> None:
        """Last thing before writing; may raise to stop it."""

    def finished(self, collection: str, rows: int, seconds: float) -> None:
        """A collection has its rows."""

    def progress(self, collection: str, done: int, total: int) -> None:
        """Now and then, from the first row on."""

    def said(self, text: str) -> None:
        """What the user should know."""


# --- between the owner and its workers ---


@dataclass(frozen=True, slots=True)
class Begin:
    """The word to begin. `moment` is the source's, to be joined; empty: the worker's own; None: there is none."""

    moment: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One part to be copied. `alone`: into a collection that this copy has made, whose rows come from it alone."""

    plan: PlannedCollection
    number: int
    part: Part
    mode: WriteMode
    digest: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A part of a collection, by the sink's count, to be read back. `merged`: it holds other rows too, so ours, all of
    them, are asked for by their keys."""

    plan: PlannedCollection
    part: Part
    merged: bool


@dataclass(frozen=True, slots=True)
class Give:
    """A collection that has its rows and is to get its extras. `theirs` are the names of indexes that go when it takes
    its place, and that it may have then. One that `was_there` has counters of its own, which are to go on behind the
    rows."""

    plan: PlannedCollection
    theirs: frozenset[str] = frozenset()
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What a collection has got, what it has not and why, in words; and the names that its indexes are to have."""

    came: tuple[str, ...]
    left: tuple[str, ...]
    indexes: dict[str, str]
