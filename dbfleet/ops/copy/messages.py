"""What `copy` and its parts say to each other and to whoever asked for it: the plan, the records, the messages between
the owner (copy/owner.py) and its workers (copy/worker.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from dbfleet.adapter import Part, Rejected, WriteMode
from dbfleet.fleet import Fleet
from dbfleet.ops import _ends
from dbfleet.ops._ending import Slots
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._workers import Owner
from dbfleet.ops.copy.journal import FileJournal, Journal
from dbfleet.outline import Step
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Digest

MOST_REJECTED: Final = 100
"""Rejected rows that an error carries; `rejected` of the record counts them all."""

Mode = Literal["insert", "upsert", "replace"]


class Ends:
    """The two targets of a copy and its journal."""

    def __init__(self, fleet: Fleet, source: Target, sink: Target, journal: Journal | None = None) -> None:
        self.fleet = fleet
        self.source, self.sink = source, sink
        self.source_spec, self.sink_spec = fleet.spec(source), fleet.spec(sink)
        self.journal: Journal = journal or FileJournal(fleet, source, sink)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was written of one collection. `digest` is of the rows as the sink keeps them, with `verify`; `same` says
    whether the sink gave it back. `extras` came along besides the rows, `left` were to and did not, in words.
    `native`: it went as it is, and so the digest is of the engine's own values."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None
    same: bool | None = None
    extras: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    native: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a copy will do, in the order in which it does it; `left` is what does not come along, in words. `spec` is
    the sink's; `lost` is what goes with what is replaced, and in `left` too; `views` are made as such."""

    collections: Sequence[PlannedCollection]
    left: Sequence[str]
    spec: EngineSpec
    sink: str
    resumed: int = 0
    lost: Sequence[str] = ()
    views: Sequence[str] = ()

    @property
    def question(self) -> str:
        """What is to be agreed to; empty where nothing is replaced."""
        going = [(plan.sink.name, plan.there) for plan in self.collections if plan.action == "replace"]
        in_place = [
            plan.sink.name for plan in self.collections
            if plan.action == "replace" and plan.outlined and plan.staged is None
        ]  # fmt: skip
        return _ends.question(going, self.sink, self.spec, self.lost, in_place)


@dataclass(frozen=True, slots=True)
class Crew:
    """Who copies the parts, where it is not this process's own workers: `count` hands, each of which takes tasks and
    gives answers as copy/worker.py does, and passes them on to somebody who works; and the journal that the copy keeps,
    so that it can go on elsewhere."""

    job: Callable[[Owner], None]
    journal: Journal
    count: int


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
    """Begin. `moment` is the name of the source's snapshot, which the worker joins; where it is empty the worker takes
    a snapshot of its own; None: there is none."""

    moment: str | None


@dataclass(frozen=True, slots=True)
class CopyPart:
    """Copy this part. `alone`: into a collection that this copy has made, whose rows come from it alone. `keep_going`:
    that it cannot be read is an answer, and no error."""

    plan: PlannedCollection
    number: int
    part: Part
    mode: WriteMode
    digest: bool
    alone: bool
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class CheckPart:
    """Read back this part of a collection; the parts are the sink's own. `merged`: the collection holds other rows too,
    so ours, all of them, are asked for by their keys."""

    plan: PlannedCollection
    part: Part
    merged: bool


@dataclass(frozen=True, slots=True)
class GiveExtras:
    """Give a collection that has its rows its extras. `theirs` are names of indexes that become free when the
    collection takes its place. One that `was_there` has counters of its own, which are to go on behind the rows."""

    plan: PlannedCollection
    theirs: frozenset[str] = frozenset()
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class TakeSteps:
    """Take these steps of an outline. `called` are the sink's names. `again`: an earlier copy may have taken them."""

    plan: PlannedCollection
    steps: Sequence[Step]
    called: Mapping[str, str]
    again: bool


Task = CopyPart | CheckPart | GiveExtras | TakeSteps


@dataclass(frozen=True, slots=True)
class Far:
    """How many rows of a part are copied by now."""

    collection: str
    part: int
    rows: int


@dataclass(frozen=True, slots=True)
class PartCopied:
    """A part is in the sink. `rejected` are some of the rows that were refused, `lost` is how many; `digest` is of what
    was written, where it was asked for, `slots` of what of it ends by itself (ops/_ending.py)."""

    collection: str
    number: int
    rows: int
    rejected: Sequence[Rejected]
    lost: int
    digest: Digest | None
    slots: Slots = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartUnread:
    """A part could not be read, and why; nothing more of its collection is wanted."""

    collection: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class PartChecked:
    """What a part of the sink holds."""

    collection: str
    digest: Digest
    slots: Slots = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """Which extras a collection has got, and which it has not and why, in words; and the names that its indexes are to
    have after the swap."""

    collection: str
    came: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    indexes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """These steps of a collection are taken, by their marks."""

    collection: str
    taken: Sequence[str]


Done = PartCopied | PartUnread | PartChecked | Given | Taken
"""A worker's answer to a task; it is free then."""
