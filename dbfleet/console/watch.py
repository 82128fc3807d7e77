"""How the fleet is, over time: each look at a target becomes a sample and the target's state; old samples are rolled
up.

Single looks are kept for two days, sums of ten minutes for two weeks, sums of an hour for a year and a month. A sum
keeps how many looks were bad, so an outage's edges are right to one sample while the looks are there, and no outage is
ever averaged away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from dbfleet.console import notices
from dbfleet.console.models import Sample, TargetState

TEN_MINUTES: Final = 600
HOUR: Final = 3600
_KEPT: Final = {0: timedelta(days=2), TEN_MINUTES: timedelta(days=14), HOUR: timedelta(days=396)}


def record(result: Mapping[str, Any], at: datetime) -> None:
    """The looks of one health job, and who is told of them: what a second look in a row has confirmed."""
    before = {state.target: state for state in TargetState.objects.all()}
    samples, states = [], []
    for look in result["looks"]:
        name, ok = look["target"], bool(look["ok"])
        error = str(look["error"] or "").replace("\0", "�")
        known = before.get(name)
        samples.append(
            Sample(
                target=name, at=at, looks=1, bad=0 if ok else 1, latency_ms=look["latency_ms"],
                latency_max_ms=look["latency_ms"], memory=look.get("memory"), error=error,
            )
        )  # fmt: skip
        same = known is not None and known.ok == ok
        since = known.since if known is not None and same and known.since else at
        told = known.told if known is not None else ""
        if same and told != (word := "ok" if ok else "red"):
            if (told, word) != ("", "ok"):
                notices.target_changed(name, told or "new", word, at, error=error, since=since)
            told = word
        states.append(
            TargetState(
                target=name, engine=look["engine"], url=look["url"], ok=ok, at=at, since=since, told=told,
                latency_ms=look["latency_ms"], memory=look.get("memory"), error=error,
                product=look["product"] or (known.product if known else ""),
                version=look["version"] or (known.version if known else ""),
            )
        )  # fmt: skip
    for each in result.get("down", ()):
        known = before.get(each["target"])
        states.append(
            TargetState(
                target=each["target"], engine=each["engine"], url=each["url"] or "", ok=None, at=at,
                error=each.get("why", ""),
                since=known.since if known is not None and known.ok is None else at,
                product=known.product if known else "", version=known.version if known else "",
                told=known.told if known else "",
            )
        )  # fmt: skip
    Sample.objects.bulk_create(samples, ignore_conflicts=True)
    fields = ["engine", "url", "ok", "since", "at", "latency_ms", "product", "version", "memory", "error",
              "told"]  # fmt: skip
    TargetState.objects.bulk_create(states, update_conflicts=True, unique_fields=["target"], update_fields=fields)


def roll_up(now: datetime) -> None:
    """Sum up what has come since, and forget what is too old. Doing it twice changes nothing."""
    for source, span in ((0, TEN_MINUTES), (TEN_MINUTES, HOUR)):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO console_sample (target, span, at, looks, bad, latency_ms, latency_max_ms, memory, error)
                SELECT target, %(span)s, to_timestamp(floor(extract(epoch FROM at) / %(span)s) * %(span)s) AS slot,
                       sum(looks), sum(bad), sum(latency_ms * (looks - bad)) / nullif(sum(looks - bad), 0),
                       max(latency_max_ms), max(memory), max(error)
                  FROM console_sample
                 WHERE span = %(source)s
                   AND at >= coalesce((SELECT max(at) FROM console_sample WHERE span = %(span)s), '-infinity')
                   AND at < to_timestamp(floor(extract(epoch FROM %(now)s::timestamptz) / %(span)s) * %(span)s)
                 GROUP BY target, slot
                ON CONFLICT (target, span, at) DO UPDATE SET looks = excluded.looks, bad = excluded.bad,
                   latency_ms = excluded.latency_ms, latency_max_ms = excluded.latency_max_ms,
                   memory = excluded.memory, error = excluded.error
                """,
                {"span": span, "source": source, "now": now},
            )
    for span, kept in _KEPT.items():
        Sample.objects.filter(span=span, at__lt=now - kept).delete()
