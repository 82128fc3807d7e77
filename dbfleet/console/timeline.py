"""How a target was, over an hour or a year: what the target's page draws, and the outages in that time.

A range is drawn from the finest samples that are kept for all of it (console/watch.py), and what has not been summed up
yet is summed up here. Where nobody looked there is a gap, never a line.

An outage begins with the first look that was bad and ends with the first one after it that was good. While single looks
are kept its edges are right to one of them; older ones are right to the sum that they are in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final

from django.db import connection

from dbfleet.console.watch import HOUR, TEN_MINUTES


@dataclass(frozen=True, slots=True)
class Range:
    """A range that a page offers: how far back, and the span of the samples that it is drawn from."""

    word: str
    back: timedelta
    span: int


RANGES: Final = {
    each.word: each
    for each in (
        Range("1h", timedelta(hours=1), 0),
        Range("6h", timedelta(hours=6), 0),
        Range("24h", timedelta(hours=24), 0),
        Range("7d", timedelta(days=7), TEN_MINUTES),
        Range("30d", timedelta(days=30), HOUR),
        Range("90d", timedelta(days=90), HOUR),
        Range("1y", timedelta(days=366), HOUR),
    )
}
_MOST_POINTS: Final = 9000
"""More than these, as of a look each second, are summed up for the picture."""
_GAP: Final = 3.5
"""So many times the usual distance between two samples are a gap."""


@dataclass(frozen=True, slots=True)
class Point:
    """A sample of the picture, `at` in seconds since 1970; `latency_ms` is of the good looks, None where there were
    none."""

    at: float
    looks: int
    bad: int
    latency_ms: float | None
    latency_max_ms: float | None
    memory: int | None


@dataclass(frozen=True, slots=True)
class Outage:
    """Bad looks in a row. `ended` is the first good look after them, None while it lasts or where nobody has looked
    since; `after` is the last good look before. `exact`: the edges are single looks."""

    began: datetime
    ended: datetime | None
    after: datetime | None
    looks: int
    error: str
    exact: bool


_POINTS: Final = """
    SELECT extract(epoch FROM at)::float8 AS at, looks, bad, latency_ms, latency_max_ms, memory FROM console_sample
     WHERE target = %(target)s AND span = %(span)s AND at >= %(since)s
    UNION ALL
    SELECT floor(extract(epoch FROM at) / %(step)s) * %(step)s AS slot, sum(looks)::int, sum(bad)::int,
           sum(latency_ms * (looks - bad)) / nullif(sum(looks - bad), 0), max(latency_max_ms), max(memory)
      FROM console_sample
     WHERE target = %(target)s AND span = 0 AND %(span)s > 0
       AND at >= greatest(%(since)s, coalesce((SELECT max(at) + make_interval(secs => %(span)s) FROM console_sample
                                                WHERE target = %(target)s AND span = %(span)s), '-infinity'))
     GROUP BY slot ORDER BY at
"""
"""Numbers, as there are thousands: a moment with its time zone costs more to read than all the rest of a point."""


def points(target: str, range_: Range, now: datetime) -> list[Point]:
    """The samples of the range, the oldest first."""
    asked = {"target": target, "span": range_.span, "since": now - range_.back, "step": max(range_.span, 1)}
    with connection.cursor() as cursor:
        cursor.execute(_POINTS, asked)
        found = [Point(*row) for row in cursor.fetchall()]
    return _fewer(found) if len(found) > _MOST_POINTS else found


def _fewer(found: list[Point]) -> list[Point]:
    size = -(-len(found) // _MOST_POINTS)
    made = []
    for first in range(0, len(found), size):
        some = found[first : first + size]
        good = [(each.latency_ms, each.looks - each.bad) for each in some if each.latency_ms is not None]
        weight = sum(looks for _, looks in good)
        made.append(
            Point(
                some[0].at, sum(each.looks for each in some), sum(each.bad for each in some),
                sum(ms * looks for ms, looks in good) / weight if weight else None,
                max((each.latency_max_ms for each in some if each.latency_max_ms is not None), default=None),
                max((each.memory for each in some if each.memory is not None), default=None),
            )
        )  # fmt: skip
    return made


def drawn(found: list[Point]) -> dict[str, list[Any]]:
    """The points as the page draws them: a list a line, with nothing where nobody looked."""
    at: list[int] = []
    lines: dict[str, list[Any]] = {"latency": [], "slowest": [], "bad": [], "memory": []}
    usual = median([b.at - a.at for a, b in pairwise(found)] or [0.0])
    latency, slowest, bad, memory = lines.values()
    before = found[0].at if found else 0.0
    for point in found:
        if usual and point.at - before > usual * _GAP:
            at.append(int(before + usual))
            for line in lines.values():
                line.append(None)
        before = point.at
        at.append(int(before))
        latency.append(_short(point.latency_ms))
        slowest.append(_short(point.latency_max_ms))
        bad.append(round(point.bad / point.looks, 3) if point.looks else None)
        memory.append(point.memory)
    return {"at": at, **lines}


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


_OUTAGES: Final = """
    WITH looks AS (
        SELECT at, bad > 0 AS ill, bad, looks, error, span, lag(bad > 0) OVER w AS was,
               lag(at) OVER w AS before
          FROM (SELECT * FROM console_sample WHERE target = %(target)s AND span = 0 AND at >= %(since)s
                UNION ALL
                SELECT * FROM console_sample s WHERE target = %(target)s AND span = %(span)s AND at >= %(since)s
                   AND at + make_interval(secs => span) <= coalesce(
                       (SELECT min(at) FROM console_sample WHERE target = %(target)s AND span = 0), 'infinity')
               ) AS finest
        WINDOW w AS (ORDER BY at)
    ), runs AS (
        SELECT *, count(*) FILTER (WHERE ill IS DISTINCT FROM was) OVER (ORDER BY at) AS run FROM looks
    ), ends AS (
        SELECT run, bool_and(ill) AS ill, min(at) AS began, sum(bad) AS bad, max(span) AS span,
               (array_agg(error ORDER BY at DESC) FILTER (WHERE error <> ''))[1] AS error,
               (array_agg(before ORDER BY at))[1] AS after
          FROM runs GROUP BY run
    )
    SELECT began, lead(began) OVER (ORDER BY run) AS ended, after, bad, coalesce(error, ''), span = 0, ill FROM ends
"""


def outages(target: str, range_: Range, now: datetime, most: int = 50) -> list[Outage]:
    """The outages that began in the range, the newest first."""
    asked = {"target": target, "span": range_.span or TEN_MINUTES, "since": now - range_.back}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({_OUTAGES}) AS found WHERE ill ORDER BY began DESC LIMIT %(most)s", {**asked, "most": most}
        )
        return [Outage(*row[:-1]) for row in cursor.fetchall()]
