"""Who does a part: tokens and leases in the control database.

A part is claimed by one statement (FOR UPDATE SKIP LOCKED), which gives it a token and a lease of LEASE_S. Whoever
holds the token renews the lease, and learns in the same statement whether the job was cancelled or the part is
another's by now. A part whose lease has passed can be claimed again. It is finished only with its token: a worker that
was frozen, or away from the control database, finds that its token counts no more.

All moments are the control database's, so workers' clocks do not matter. Where its own clock is set back, a lease lies
far ahead: it counts as passed, as no worker can have one so long. Where it was away itself, and has just come back, no
lease has passed: whoever is at work could not renew it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connection, transaction

from dbfleet.console import budgets
from dbfleet.console.control import wake
from dbfleet.console.jobs import making
from dbfleet.console.models import Budget, Job, Part

LEASE_S: Final = 10.0
RENEW_S: Final = 3.0
MOST_ATTEMPTS: Final = 5
"""So often a part is given to a worker: one that kills its worker each time must not go on for ever."""

PASSED: Final = f"""
(lease_until < clock_timestamp() OR lease_until > clock_timestamp() + interval '{6 * LEASE_S} s')
 AND NOT (clock_timestamp() BETWEEN pg_postmaster_start_time()
          AND pg_postmaster_start_time() + interval '{LEASE_S} s')
"""
"""The condition by which a running part can be another worker's."""

Standing = Literal["ours", "cancelled", "lost"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A part that is ours for now."""

    part: int
    job: int
    number: int
    lead: bool
    spec: Mapping[str, Any]
    token: uuid.UUID
    attempt: int


def begin(job: int) -> bool:
    """Whether the job runs: it does already, or begins now. Not where its targets have all the jobs that they may have
    at a time (console/budgets.py); then it waits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT state FROM console_job WHERE id = %s FOR UPDATE", [job])
        row = cursor.fetchone()
        if row is None or row[0] not in (Job.WAITING, Job.RUNNING):
            return False
        if row[0] == Job.RUNNING:
            return True
        if not _has_room(job):
            return False
        cursor.execute(
            "UPDATE console_job SET state = 'running', begun_at = coalesce(begun_at, clock_timestamp()) WHERE id = %s",
            [job],
        )
    return True


def _has_room(number: int) -> bool:
    if not Budget.objects.exists():
        return True
    budgets.alone()
    why = budgets.why_not(Job.objects.get(pk=number), making.now())
    if why:
        budgets.tell(number, why)
    return not why


def claim(
    job: int, worker: str, abilities: Sequence[str], lease_s: float = LEASE_S, *, parts_only: bool = False
) -> Claim | None:
    """A part of the job for this worker; None where there is none that it may take now. `parts_only`: not its lead."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE console_part SET state = 'running', token = %s, worker = %s, attempts = attempts + 1, told = '',
                   lease_until = clock_timestamp() + make_interval(secs => %s),
                   begun_at = coalesce(begun_at, clock_timestamp())
             WHERE id = (
                SELECT id FROM console_part
                 WHERE job_id = %s AND needs = ANY(%s) AND attempts < %s AND NOT (lead AND %s)
                   AND (state = 'waiting' OR (state = 'running' AND {PASSED}))
                 ORDER BY number FOR UPDATE SKIP LOCKED LIMIT 1)
            RETURNING id, number, lead, spec, attempts
            """,
            [token, worker, lease_s, job, ["", *abilities], MOST_ATTEMPTS, parts_only],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    spec = json.loads(row[3]) if isinstance(row[3], str) else row[3]
    return Claim(row[0], job, row[1], row[2], spec, token, row[4])


def renew(claim: Claim, *, rows: int = 0, told: str = "", lease_s: float = LEASE_S) -> Standing:
    """Keep the lease, and say how far it is. What the part is to us now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE console_part p SET lease_until = clock_timestamp() + make_interval(secs => %s), rows = %s, told = %s
              FROM console_job j
             WHERE p.id = %s AND p.token = %s AND p.state = 'running' AND j.id = p.job_id
            RETURNING j.cancel_asked_by <> '' OR j.state <> 'running'
            """,
            [lease_s, rows, told[:300], claim.part, claim.token],
        )
        row = cursor.fetchone()
    if row is None:
        return "lost"
    return "cancelled" if row[0] else "ours"


def finish(claim: Claim, state: str, *, rows: int = 0, result: Any = None, error: str = "") -> bool:
    """Whether the part is finished with this claim; False where the token counts no more, and nothing has changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE console_part SET state = %s, rows = %s, result = %s, error = %s, ended_at = clock_timestamp(), "
            "token = NULL, lease_until = NULL WHERE id = %s AND token = %s AND state = 'running'",
            [state, rows, None if result is None else json.dumps(result), error, claim.part, claim.token],
        )
        counts = bool(cursor.rowcount == 1)
    if counts:
        wake.tell(claim.job)
    return counts


def give_back(claim: Claim, *, counts: bool = False) -> bool:
    """Let another worker have the part at once. This attempt is forgotten, as where the worker was told to end, unless
    it `counts`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE console_part SET state = 'waiting', token = NULL, lease_until = NULL, worker = '', "
            "attempts = attempts - %s WHERE id = %s AND token = %s AND state = 'running'",
            [0 if counts else 1, claim.part, claim.token],
        )
        return bool(cursor.rowcount == 1)


def hand_on(claim: Claim) -> bool:
    """Leave the part to a worker on the fleet's machine, at once; this attempt is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE console_part SET state = 'waiting', token = NULL, lease_until = NULL, worker = '', needs = 'host', "
            "attempts = attempts - 1 WHERE id = %s AND token = %s AND state = 'running'",
            [claim.part, claim.token],
        )
        return bool(cursor.rowcount == 1)


def open_parts(job: int) -> int:
    """How many parts of the job are not at their end."""
    return int(Part.objects.filter(job_id=job, state__in=[Part.WAITING, Part.RUNNING]).count())
