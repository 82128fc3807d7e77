"""What the fleet's page shows: every target, the worst first, and what is proven about them. One query, however many
targets there are (console/standing.py).

A target that nobody has looked at for a while is no green one: it is `unknown`, whatever the last look said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dbfleet.console import absent
from dbfleet.console.jobs import kinds
from dbfleet.console.standing import Planned, Seen, Standing, standing
from dbfleet.fleet import Fleet

ORDER: Final = ("red", "unknown", "new", "ok", absent.STATE)
"""The states of targets, the worst first; `new`: nobody has ever looked, `not up`: never started, or taken down on
purpose."""
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
    hint: str = ""
    url: str = ""
    """Empty for a target that nobody has looked at: see `url_of`."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A schedule that proves something, or looks: how it stands."""

    pk: int
    name: str
    kind: str
    targets: tuple[str, ...]
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
    standing: Standing
    """What it was made of."""

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


def overview(
    fleet: Fleet, visible: Callable[[Iterable[str]], Iterable[str]] | None = None, found: Standing | None = None
) -> Overview:
    """The fleet now, or as `found` has it. `visible`: which of the names that it is given may be shown; all without."""
    found = found or standing()
    looks = [each for each in found.schedules if each.kind == "health" and not each.paused]
    late = _late(looks)
    names = {**dict.fromkeys(fleet.names), **dict.fromkeys(found.targets)}
    shown = set(names if visible is None else visible(names))
    cards = [_card(fleet, name, found.targets.get(name), found.now, late) for name in names if name in shown]
    cards.sort(key=lambda each: (ORDER.index(each.state), each.target))
    proofs = [
        Proof(each.pk, each.name, each.kind, each.targets, "paused" if each.paused else each.state, each.since,
              each.verified_through)
        for each in found.schedules
        if shown.issuperset(each.targets)
    ]  # fmt: skip
    proofs.sort(key=lambda each: (WORST.index(each.state) if each.state in WORST else 0, each.name))
    return Overview(found.now, cards, proofs, bool(looks), found)


def _late(looks: Sequence[Planned]) -> timedelta | None:
    """How old a look may be; None where nobody says how often one is due."""
    every = [each.every_s for each in looks if each.every_s]
    return timedelta(seconds=max(every) * _LATE + 30) if every else None


def _card(fleet: Fleet, name: str, known: Seen | None, now: datetime, late: timedelta | None) -> Card:
    if known is None or known.at is None:
        return Card(name, fleet.target(name).engine if name in fleet.names else "", "new")
    state = absent.STATE if known.ok is None else "ok" if known.ok else "red"
    error, hint = (known.error, "") if known.ok is not None else absent.told(known.error)
    if late is not None and now - known.at > late:
        state = "unknown"
    return Card(
        name, known.engine, state, known.since, known.at, known.latency_ms, known.product, known.version_of_product,
        known.memory, error, hint, known.url,
    )  # fmt: skip


def url_of(fleet: Fleet, card: Card) -> str:
    """Where the target is, without its password; empty where that is not known."""
    if card.url or card.target not in fleet.names:
        return card.url
    return fleet.target(card.target).url() if card.state == "new" else ""


def card_record(fleet: Fleet, card: Card) -> dict[str, Any]:
    """The target as the API gives it."""
    return {
        "target": card.target, "engine": card.engine, "state": card.state, "since": card.since, "at": card.at,
        "latency_ms": card.latency_ms, "product": card.product or None, "version": card.version or None,
        "memory": card.memory, "error": card.error or None, "hint": card.hint or None,
        "url": url_of(fleet, card) or None,
    }  # fmt: skip


def ends_of(kind: str, arguments: Any) -> str:
    """Source and target in words: `shop → postgres`."""
    source, target = kinds.kind(kind).ends(arguments)
    joined = " ↔ " if kind == "drift" else " → "
    return joined.join(each for each in (source, target) if each)
