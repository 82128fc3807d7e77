"""One worker's work on a job: it takes parts as long as there are some for it, each in a process of its own.

The process that works has neither Django nor the control database (but the lead of a copy, which hands out parts): it
says how far it is, and gives back what it found. A part of a worker that was told to end goes back, and others begin it
again at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from django.db import connections

from dbfleet.adapter import Adapter
from dbfleet.console import budgets, pulse
from dbfleet.console.control import wake
from dbfleet.console.jobs import claims, ending, hands, kinds, making, rightful
from dbfleet.console.jobs.attend import IDLE_S, LOOK_S, abilities, attended, name, patiently, stopping
from dbfleet.console.jobs.claims import Claim
from dbfleet.console.jobs.kinds import Outcome, Work
from dbfleet.console.models import Job
from dbfleet.errors import DbfleetError, RuntimeFailure, UnknownEngine, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _workers

log = logging.getLogger("dbfleet.jobs")


def work(job_id: int) -> None:
    """Take parts of the job until there is none left for this worker."""
    idle_since = time.monotonic()
    while not stopping() and claims.begin(job_id):
        wake.listen(job_id)
        claim = claims.claim(job_id, name(), abilities())
        if claim is not None:
            job = Job.objects.get(pk=job_id)
            if claim.lead:
                lead(job, claim)
            else:
                hands.work(job, claim)
            idle_since = time.monotonic()
            continue
        if time.monotonic() - idle_since > IDLE_S:
            break
        wake.wait(LOOK_S)
    wake.forget(job_id)


# --- a part that is a whole op ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """How far the work is."""

    rows: int
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the work found."""

    outcome: Outcome


def lead(job: Job, claim: Claim) -> None:
    """Do the job's op, if who asked for it may have it, and put on record what came of it."""
    refused = rightful.why_not(job)
    if refused:
        patiently(lambda: ending.failed(job, claim, UsageError(f"not done: {refused}")))
        return
    if kinds.kind(job.kind).sees_all and _for_the_machine(job, claim):
        return
    once = kinds.kind(job.kind).once
    if once and claim.attempt > 1:
        patiently(lambda: ending.failed(job, claim, _half_done(job)))
        return
    limits = {
        name: found for name in budgets.targets_of(job.kind, job.arguments) if (found := budgets.statement_s(name))
    }
    resumes = job.resumes or claim.attempt > 1
    task = partial(_in_child, job.kind, dict(job.arguments), job.pk, claim.attempt, resumes, job.made_by, limits)
    connections.close_all()  # a connection is not for two processes
    worker = _workers.Worker(f"{job.kind} {job.pk}", task, children=True)
    outcome: Outcome | None = None
    error: BaseException | None = None

    def heard(message: Any) -> tuple[int, str] | None:
        nonlocal outcome
        if isinstance(message, Found):
            outcome = message.outcome
            return None
        return message.rows, message.text

    try:
        standing = attended(worker, claim, heard)
    except DbfleetError as failed:
        standing, error = "ours", failed
    except Exception as bug:
        log.exception("job %s: a bug", job.pk)
        standing, error = "ours", bug
    if standing == "lost":
        log.warning("job %s: part %s is another worker's by now", job.pk, claim.number)
        return
    if standing == "stopping" and once:
        standing, error = "ours", _half_done(job)
    if standing == "stopping" or _begins_again(error):
        patiently(lambda: claims.give_back(claim, counts=standing != "stopping"))
    elif standing == "cancelled":
        patiently(lambda: ending.cancelled(job, claim))
    elif isinstance(error, UnknownEngine) and _for_the_machine(job, claim):
        return
    elif error is not None:
        patiently(lambda: ending.failed(job, claim, error))
    else:
        patiently(lambda: ending.done(job, claim, outcome or Outcome()))


def _for_the_machine(job: Job, claim: Claim) -> bool:
    """Hand the job on, where this worker is in a container and one beside it, on the machine, is alive: that one sees
    the targets that are files, and what listens on the machine alone. Whether it was."""
    if "host" in abilities() or not any("host" in each.abilities for each in pulse.alive("worker")):
        return False
    if claims.hand_on(claim):
        making.ring(job)
    return True


def _half_done(job: Job) -> DbfleetError:
    return RuntimeFailure(
        "the worker that had begun it is gone, and what of it has taken effect is not known",
        hint=f"look, and then dbfleet jobs retry {job.pk} does it from its beginning",
    )


def _begins_again(error: BaseException | None) -> bool:
    """Whether the lead goes on by beginning again: a part was lost that cannot be done twice."""
    return isinstance(error, hands.BegunByAnother)


# --- in the process that works ----------------------------------------------------------------------------------------


class Everything:
    """What a stop reaches: every statement that this process has running."""

    def cancel(self) -> None:
        """Stop them all, on the servers too."""
        for adapter in list(Fleet.connected):
            try:
                adapter.cancel()
            except DbfleetError:  # it cannot, or its connection is gone
                pass


def _in_child(
    kind: str,
    arguments: Mapping[str, Any],
    job: int,
    attempt: int,
    resumes: bool,
    by: str,
    limits: Mapping[str, float],
    owner: _workers.Owner,
) -> None:
    owner.adapter = cast(Adapter, Everything())
    said = 0.0

    def tell(rows: int, text: str) -> None:
        nonlocal said
        owner.check()
        if time.monotonic() - said > 0.2:
            said = time.monotonic()
            owner.send(Told(rows, text))

    outcome = kinds.kind(kind).run(Fleet.open(), arguments, Work(job, tell, attempt, resumes, by, limits))
    owner.send(Found(outcome))
