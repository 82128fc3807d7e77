"""How far one collection of a copy is."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbfleet.ops._ending import Slots
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.journal import Progressed
from dbfleet.ops.copy.messages import Task
from dbfleet.ops.copy.steps import Steps
from dbfleet.values import Digest


@dataclass(slots=True)
class Moving:
    """One collection while it is copied."""

    plan: PlannedCollection
    state: Progressed
    waiting: list[Task]
    after: set[str] = field(default_factory=set)
    done_before: int = 0
    running: int = 0
    giving: bool = False
    started: float | None = None
    digest: Digest | None = None
    slots: Slots = field(default_factory=dict)
    rejected: int = 0
    rows: int = 0
    far: dict[int, int] = field(default_factory=dict)
    held: Digest | None = None
    held_slots: Slots = field(default_factory=dict)
    steps: Steps | None = None
    checking: bool = False
    extras: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The collection's name in the sink."""
        return self.plan.sink.name

    @property
    def done(self) -> bool:
        """Whether nothing is left to do of it."""
        return not self.waiting and not self.running and (self.steps is None or self.steps.whole(self))
