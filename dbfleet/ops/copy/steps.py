"""Which step of the outline is next (ops/copy/native.py): keys and indexes of a collection once it has its rows,
references once all collections have rows and keys. Workers take steps side by side, as far as none touches what another
one has locked: two that lock the same collections in another order would wait for each other for ever.

Which steps of a collection are taken stands in its journal, by their marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from dbfleet.abilities import Native, able
from dbfleet.adapter import Adapter
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.journal import Progressed
from dbfleet.ops.copy.messages import TakeSteps
from dbfleet.ops.copy.native import Making
from dbfleet.outline import STAYS, Stage, Step, names_in

_STAGES: Final[tuple[Stage, ...]] = ("keys", "references")


class Made(Protocol):
    """A collection while it is copied, as far as it matters here."""

    plan: PlannedCollection
    state: Progressed


class Steps:
    """The steps of a copy that come after the rows. `resumed` are the collections, by the sink's names, whose steps
    an earlier copy may have taken without having noted it: the journal is not saved for each."""

    def __init__(self, making: Making, resumed: frozenset[str], moving: Sequence[Made]) -> None:
        self._making, self._resumed = making, resumed
        self._running: dict[str, Step] = {}
        self._left: dict[tuple[str, Stage], list[Step]] = {}
        for each in moving:
            if each.plan.outlined:
                taken = set(each.state.taken)
                for stage in _STAGES:
                    steps = making.of(each.plan, stage)
                    self._left[each.plan.source.name, stage] = [step for step in steps if step.mark not in taken]
        self._unkeyed = {name for (name, stage), steps in self._left.items() if stage == "keys" and steps}
        self._partial = list(moving)

    def next(self, each: Made) -> TakeSteps | None:
        """The collection's next step that can be taken now."""
        name = each.plan.source.name
        left = self._left[name, "keys"]
        if not left:
            left = self._left[name, "references"]
            if left and not self._all_have_keys():
                return None
        first = min((step.order for step in left), default=0)
        for step in left:
            if step.order == first and _key(step) not in self._running and self._free(step):
                self._running[_key(step)] = step
                return TakeSteps(each.plan, (step,), self._called(step), again=self.again(each))
        return None

    def _called(self, step: Step) -> dict[str, str]:
        return {name: self._making.called[name] for name in names_in(step.text) if name in self._making.called}

    def again(self, each: Made) -> bool:
        """Whether a step may be taken that is taken already."""
        return each.plan.sink.name in self._resumed

    def taken(self, each: Made, marks: Sequence[str]) -> None:
        """These steps are taken."""
        name = each.plan.source.name
        for mark in marks:
            self._running.pop(f"{name}: {mark}", None)
            each.state.taken.append(mark)
        for stage in _STAGES:
            self._left[name, stage] = [step for step in self._left[name, stage] if step.mark not in marks]
        if not self._left[name, "keys"]:
            self._unkeyed.discard(name)

    def without(self, each: Made) -> list[str]:
        """Go on without a collection, and without the references to it: none is taken yet. These, in words."""
        gone = each.plan.source.name
        self._unkeyed.discard(gone)
        self._partial = [other for other in self._partial if other is not each]
        for stage in _STAGES:
            self._left[gone, stage] = []
        told = []
        for (name, stage), steps in self._left.items():
            lost = [step for step in steps if gone in step.locks]
            told += [f"{name}: {step.words}: {gone} cannot be read{STAYS}" for step in lost]
            self._left[name, stage] = [step for step in steps if step not in lost]
        return told

    def whole(self, each: Made) -> bool:
        """Whether all steps of the collection are taken but for what comes last."""
        return not any(self._left[each.plan.source.name, stage] for stage in _STAGES)

    def came(self, each: Made) -> tuple[str, ...]:
        """What comes along with the rows, in words."""
        steps = self._making.of(each.plan, *_STAGES, "after")
        return tuple(step.words for step in steps if step.stage in _STAGES or step.kind == "index")

    def _all_have_keys(self) -> bool:
        if self._unkeyed:
            return False
        while self._partial and self._partial[-1].state.complete:
            self._partial.pop()
        return not self._partial

    def _free(self, step: Step) -> bool:
        touched = {step.collection, *step.locks}
        return all(
            touched.isdisjoint(other.locks) and {other.collection, *other.locks}.isdisjoint(step.locks)
            for other in self._running.values()
        )


def _key(step: Step) -> str:
    return f"{step.collection}: {step.mark}"


def take(writer: Adapter, task: TakeSteps) -> Iterator[str]:
    """A worker takes steps; the mark of each that is taken."""
    taking = able(writer, Native)
    assert taking is not None
    for step in task.steps:
        taking.take(step, task.called, again=task.again)
        yield step.mark
