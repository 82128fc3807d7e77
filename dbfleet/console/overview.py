"""What the fleet's page shows: every target, the worst first, and what is proven about them. Four queries, however many
targets there are.

A target that nobody has looked at for a while is no green one: it is `unknown`, whatever the last look said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dbfleet.console import budgets, timeline
from dbfleet.console.jobs import kinds, making
from dbfleet.console.models import Schedule, TargetState
from dbfleet.console.timeline import Spark
from dbfleet.fleet import Fleet
from dbfleet.target import Target

ORDER: Final = ("red", "unknown", "new", "ok", "down")
"""The states of targets, the worst first; `new`: nobody has ever looked, `down`: taken down on purpose."""
WORST: Final = ("drift", "red", "failed", "overdue", "cannot tell", "new", "ok", "paused")
_LATE: Final = 3.0
"""So many times the interval of the looks may pass before a state counts no more."""


@dataclass(frozen=True, slots=True)
class Card:
    """A target as the page shows it."""

    target: str
    engine: str
    state: str
    since: datetime | None = None
    at: datetime | None = None
    latency_ms: float | None = None
    product: str = ""
    version: str = ""
    memory: int | None = None
    error: str = ""
    url: str = ""
    spark: Sequence[Spark] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A schedule that proves something, or looks: how it stands."""

    pk: int
    name: str
    kind: str
    targets: Sequence[str]
    state: str
    since: datetime | None
    verified_through: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The page."""

    now: datetime
    cards: Sequence[Card]
    proofs: Sequence[Proof]
    watched: bool
    """Whether a schedule looks after the fleet's health."""

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many targets are in which state, the worst first."""
        found = [(state, sum(each.state == state for each in self.cards)) for state in ORDER]
        return [(state, count) for state, count in found if count]

    @property
    def wrong(self) -> list[Proof]:
        """The schedules that say that something is not as it should be; a target's own health is on its card."""
        return [
            each
            for each in self.proofs
            if each.state not in ("ok", "new", "paused") and not (each.kind == "health" and each.state == "red")
        ]


def overview(fleet: Fleet, visible: Callable[[Iterable[str]], Iterable[str]] | None = None) -> Overview:
    """The fleet now. `visible`: which of the names that it is given may be shown; all without it."""
    now = making.now()
    schedules = list(Schedule.objects.order_by("name"))
    looks = [each for each in schedules if each.kind == "health" and not each.paused]
    late = _late(looks)
    states = {each.target: each for each in TargetState.objects.all()}
    sparks = timeline.sparklines(now)
    targets = fleet.targets  # read once: each time it reads the fleet's records and passwords
    names = {**dict.fromkeys(targets), **dict.fromkeys(states)}
    shown = set(names if visible is None else visible(names))
    cards = [_card(targets, name, states.get(name), sparks.get(name, ()), now, late) for name in names if name in shown]
    cards.sort(key=lambda each: (ORDER.index(each.state), each.target))
    proofs = [
        Proof(each.pk, each.name, each.kind, works_on, "paused" if each.paused else each.state, each.state_since,
              each.verified_through)
        for each in schedules
        if set(works_on := budgets.targets_of(each.kind, each.arguments)) <= shown
    ]  # fmt: skip
    proofs.sort(key=lambda each: (WORST.index(each.state) if each.state in WORST else 0, each.name))
    return Overview(now, cards, proofs, bool(looks))


def _late(looks: Sequence[Schedule]) -> timedelta | None:
    """How old a look may be; None where nobody says how often one is due."""
    every = [each.every_s for each in looks if each.every_s]
    return timedelta(seconds=max(every) * _LATE + 30) if every else None


def _card(
    targets: Mapping[str, Target],
    name: str,
    known: TargetState | None,
    spark: Sequence[Spark],
    now: datetime,
    late: timedelta | None,
) -> Card:
    target = targets.get(name)
    if known is None or known.at is None:
        return Card(name, target.engine if target else "", "new", url=target.url() if target else "")
    state = "down" if known.ok is None else "ok" if known.ok else "red"
    if late is not None and now - known.at > late:
        state = "unknown"
    return Card(
        name, known.engine, state, known.since, known.at, known.latency_ms, known.product, known.version, known.memory,
        known.error, known.url, spark,
    )  # fmt: skip


def card_record(card: Card) -> dict[str, Any]:
    """The target as the API gives it."""
    return {
        "target": card.target, "engine": card.engine, "state": card.state, "since": card.since, "at": card.at,
        "latency_ms": card.latency_ms, "product": card.product or None, "version": card.version or None,
        "memory": card.memory, "error": card.error or None, "url": card.url or None,
    }  # fmt: skip


def ends_of(kind: str, arguments: Any) -> str:
    """Source and target in words: `shop → postgres`."""
    source, target = kinds.kind(kind).ends(arguments)
    joined = " ↔ " if kind == "drift" else " → "
    return joined.join(each for each in (source, target) if each)
