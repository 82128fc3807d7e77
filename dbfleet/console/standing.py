"""How the fleet and the console stand now, by the control database's clock: one statement, whatever there is of them.

The targets and the schedules come as text. Taken apart it is kept, by the text itself: most requests find nothing new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db import connection

from dbfleet.console import budgets
from dbfleet.console.access.sessions import Beside
from dbfleet.console.notices import TROUBLE_TRIES
from dbfleet.console.places import ALIVE_S


@dataclass(frozen=True, slots=True)
class Seen:
    """A target as the last look at it has it. Each look makes another `version`."""

    version: str
    target: str
    engine: str
    url: str
    ok: bool | None
    since: datetime | None
    at: datetime | None
    latency_ms: float | None
    product: str
    version_of_product: str
    memory: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule, as far as it says how something stands."""

    pk: int
    name: str
    kind: str
    targets: tuple[str, ...]
    every_s: int | None
    paused: bool
    state: str
    since: datetime | None
    verified_through: datetime | None


@dataclass(frozen=True, slots=True)
class Console:
    """The console itself: the roles of which a process is alive, and how many notices could not be sent."""

    alive: frozenset[str]
    unsent: int


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it, of one moment."""

    now: datetime
    targets: Mapping[str, Seen]
    schedules: Sequence[Planned]
    """By name."""
    console: Console


_CONSOLE: Final = """
    ARRAY(SELECT DISTINCT role::text FROM console_pulse
           WHERE abs(extract(epoch FROM clock_timestamp() - at)) < %(alive)s),
    (SELECT count(*) FROM console_notice WHERE state = 'failed' OR (state = 'waiting' AND tries >= %(tries)s))
"""
"""The notices of `notices.in_trouble`."""
_ALL: Final = f"""
    {_CONSOLE}, clock_timestamp(),
    (SELECT coalesce(json_agg(json_build_array(
                xmin::text, target, engine, url, ok, since, at, latency_ms, product, version, memory, error
            ) ORDER BY target), '[]')::text FROM console_targetstate),
    (SELECT coalesce(json_agg(json_build_array(
                id, name, kind, arguments, every_s, paused, state, state_since, verified_through
            ) ORDER BY name), '[]')::text FROM console_schedule)
"""
_ASKED: Final = {"alive": ALIVE_S, "tries": TROUBLE_TRIES}
BESIDE: Final = Beside(_ALL, _ASKED)
"""What a view says that will ask `standing`."""
FRAME: Final = Beside(_CONSOLE, _ASKED)
"""What every other page will ask `console`, for the lines above it."""


def standing(session: Any = None) -> Standing:
    """How everything stands. No query where it was read with the session."""
    row = getattr(session, "found", None)
    if row is None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {_ALL}", _ASKED)
            row = cursor.fetchone()
    alive, unsent, now, targets, schedules = row
    return Standing(now, _targets(targets), _schedules(schedules), Console(frozenset(alive), unsent))


def console(session: Any = None) -> Console:
    """How the console stands. No query where it was read with the session."""
    row = getattr(session, "found", None)
    if row is None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {_CONSOLE}", _ASKED)
            row = cursor.fetchone()
    alive, unsent = row[:2]
    return Console(frozenset(alive), unsent)


@lru_cache(maxsize=4)
def _targets(text: str) -> Mapping[str, Seen]:
    found = {}
    for version, target, engine, url, ok, since, at, *rest in json.loads(text):
        found[target] = Seen(version, target, engine, url, ok, _moment(since), _moment(at), *rest)
    return found


@lru_cache(maxsize=4)
def _schedules(text: str) -> Sequence[Planned]:
    return tuple(_planned(*each) for each in json.loads(text))


def _planned(
    pk: int,
    name: str,
    kind: str,
    arguments: Any,
    every_s: int | None,
    paused: bool,
    state: str,
    since: str | None,
    verified_through: str | None,
) -> Planned:
    works_on = tuple(budgets.targets_of(kind, arguments))
    return Planned(pk, name, kind, works_on, every_s, paused, state, _moment(since), _moment(verified_through))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
