"""The last hour of each target as a small picture: a bar a step, higher where it took longer, red where a look was bad.

Rule: a picture is drawn anew when there was another look at its target, or a new step has begun; else it is the one
that this process has drawn last. What there was of looks is asked in one query, for all that are drawn anew.

A look's sample is written before its target's state (console/watch.py): who sees the state finds the sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection
from django.utils.html import format_html

from dbfleet.console.standing import Seen
from dbfleet.console.templatetags.fleet import latency

STEPS: Final = 40
_STEP_S: Final = 3600 // STEPS
_HEIGHT, _WIDTH = 22, 4
_MOST: Final = 5_000
"""So many pictures are kept, of about a kilobyte."""

_SQL: Final = """
    SELECT t.target, s.step, s.latency_ms, s.bad
      FROM unnest(%(targets)s::text[]) AS t (target) CROSS JOIN LATERAL (
        SELECT floor(extract(epoch FROM at - %(since)s) / %(step)s)::int AS step,
               sum(latency_ms * (looks - bad)) / nullif(sum(looks - bad), 0) AS latency_ms, sum(bad)::int AS bad
          FROM console_sample
         WHERE target = t.target AND span = 0 AND at >= %(since)s AND at < %(until)s
         GROUP BY step) AS s
     ORDER BY t.target, s.step
"""


@dataclass(frozen=True, slots=True)
class Spark:
    """A step of the picture, counted from the left."""

    step: int
    latency_ms: float | None
    bad: int


_drawn: dict[str, tuple[tuple[str, datetime | None, int], str]] = {}
"""By target: which look and which step it was drawn at, and the picture."""


def pictures(seen: Iterable[Seen], now: datetime) -> dict[str, str]:
    """The pictures of these targets, by name. No query where all are drawn, else one."""
    last = int(now.timestamp()) // _STEP_S
    wanted = {each.target: (each.version, each.at, last) for each in seen}
    kept = {name: _drawn.get(name) for name in wanted}
    found = {name: had[1] for name, had in kept.items() if had is not None and had[0] == wanted[name]}
    missing = [name for name in wanted if name not in found]
    if missing:
        steps = _steps(missing, last)
        for name in missing:
            found[name] = draw(steps.get(name, ()))
            _drawn[name] = (wanted[name], found[name])
        if len(_drawn) > _MOST:  # of targets that are no more
            _drawn.clear()
    return found


def _steps(targets: Sequence[str], last: int) -> dict[str, list[Spark]]:
    """What was seen of them in the steps up to this one."""
    until = datetime.fromtimestamp((last + 1) * _STEP_S, UTC)
    asked = {"targets": list(targets), "since": until - timedelta(hours=1), "until": until, "step": _STEP_S}
    found: dict[str, list[Spark]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SQL, asked)
        for target, step, latency_ms, bad in cursor.fetchall():
            found.setdefault(target, []).append(Spark(step, latency_ms, bad))
    return found


def draw(steps: Sequence[Spark]) -> str:
    """The picture, with words for who does not see it."""
    if not steps:
        return format_html('<p class="spark none">{}</p>', "no look in the last hour")
    slowest = max((each.latency_ms or 0.0 for each in steps), default=0.0) or 1.0
    bars: dict[bool, list[str]] = {False: [], True: []}
    for each in steps:
        high = _HEIGHT if each.bad else max(2, round((each.latency_ms or 0.0) / slowest * (_HEIGHT - 4)))
        bars[bool(each.bad)].append(f"M{each.step * _WIDTH} {_HEIGHT}v-{high}h{_WIDTH - 1}v{high}z")
    bad = sum(each.bad for each in steps)
    said = f"{bad} bad look{'s' if bad > 1 else ''}" if bad else "no bad look"
    words = f"The last hour: {said}, the slowest {latency(slowest)}"
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="good" d="{}"/><path class="bad" d="{}"/></svg>',
        STEPS * _WIDTH, _HEIGHT, words, "".join(bars[False]), "".join(bars[True]),
    )  # fmt: skip
