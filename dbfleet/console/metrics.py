"""/metrics for Prometheus: every number is read from the control database when it is asked for, so each process of web
gives the same ones, and none is lost when one ends. A fixed number of queries, however many targets there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Max
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dbfleet import __version__
from dbfleet.console.models import Entry, Job, Notice, Part, Pulse, Schedule, TargetState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SCHEDULE_STATES: Final = ("new", "ok", "drift", "red", "failed", "overdue", "cannot tell", "paused")


def render() -> bytes:
    """The page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Control())
    return generate_latest(registry)


class _Control(Collector):
    """What the control database says."""

    def collect(self) -> Iterator[Metric]:
        """All numbers, at one moment."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            now: datetime = cursor.fetchone()[0]
        yield from _targets(now)
        yield from _schedules(now)
        yield from _jobs()
        yield from _processes(now)
        yield from _record()

    def describe(self) -> list[Metric]:
        """Nothing before it is asked for."""
        return []


def _targets(now: datetime) -> Iterator[Metric]:
    up = _gauge("target_up", "1: answers, 0: does not, NaN: not up (never started, taken down)", ["target", "engine"])
    latency = _gauge("target_latency_seconds", "One round trip, at the last look", ["target", "engine"])
    memory = _gauge("target_memory_bytes", "What the server takes, where its runtime is known", ["target", "engine"])
    looked = _gauge("target_looked_at_age_seconds", "How long ago the last look was", ["target", "engine"])
    since = _gauge("target_state_age_seconds", "How long it is in its state", ["target", "engine"])
    for each in TargetState.objects.order_by("target"):
        labels = [each.target, each.engine]
        up.add_metric(labels, float("nan") if each.ok is None else float(each.ok))
        _add(latency, labels, None if each.latency_ms is None else each.latency_ms / 1000)
        _add(memory, labels, each.memory)
        _add(looked, labels, _age(now, each.at))
        _add(since, labels, _age(now, each.since))
    yield from (up, latency, memory, looked, since)


def _schedules(now: datetime) -> Iterator[Metric]:
    states = _gauge("schedule_state", "1 for the state that the schedule is in", ["schedule", "kind", "state"])
    through = _gauge(
        "schedule_verified_through_age_seconds", "How long ago both sides were proven the same", ["schedule", "kind"]
    )
    for each in Schedule.objects.order_by("name"):
        is_now = "paused" if each.paused else each.state
        for state in SCHEDULE_STATES:
            states.add_metric([each.name, each.kind, state], float(state == is_now))
        _add(through, [each.name, each.kind], _age(now, each.verified_through))
    yield from (states, through)


def _jobs() -> Iterator[Metric]:
    jobs = _gauge("jobs", "Jobs on record", ["kind", "state"])
    for kind, state, count in Job.objects.values_list("kind", "state").annotate(Count("id")).order_by("kind", "state"):
        jobs.add_metric([kind, state], count)
    parts = _gauge("parts", "Parts that are not at their end", ["state"])
    found = dict(Part.objects.filter(state__in=[Part.WAITING, Part.RUNNING]).values_list("state").annotate(Count("id")))
    for state in (Part.WAITING, Part.RUNNING):
        parts.add_metric([state], found.get(state, 0))
    yield from (jobs, parts)


def _processes(now: datetime) -> Iterator[Metric]:
    pulse = _gauge("pulse_age_seconds", "How long ago the process said that it is alive", ["role", "name"])
    slots = _gauge("worker_slots", "Parts that the worker does at a time", ["name"])
    for each in Pulse.objects.order_by("name"):
        _add(pulse, [each.role, each.name], _age(now, each.at))
        if each.role == "worker":
            slots.add_metric([each.name], each.slots)
    yield from (pulse, slots)


def _record() -> Iterator[Metric]:
    notices = _gauge("notices", "Notices on record", ["state"])
    found = dict(Notice.objects.values_list("state").annotate(Count("id")))
    for state in (Notice.WAITING, Notice.SENT, Notice.FAILED, Notice.HELD, Notice.DROPPED):
        notices.add_metric([state], found.get(state, 0))
    chain = _gauge("chain_entries", "Entries of the chain: what was asked, done and found", [])
    chain.add_metric([], Entry.objects.aggregate(last=Max("seq"))["last"] or 0)
    build = _gauge("build", "This dbfleet", ["version"])
    build.add_metric([__version__], 1)
    yield from (notices, chain, build)


def _gauge(name: str, words: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dbfleet_{name}", words, labels=labels)


def _add(family: GaugeMetricFamily, labels: list[str], value: Any) -> None:
    if value is not None:
        family.add_metric(labels, float(value))


def _age(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 3)
