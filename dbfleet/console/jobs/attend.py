"""A part, while a process of its own works on it: its lease is kept, every RENEW_S, and the work is ended where the job
was cancelled, the part became another's, or this worker is told to end. Ending is what Ctrl-C does on the command line:
statements are stopped on the servers, and what is half done is cleaned up.

Where the control database is away the work goes on: nothing but finishing needs it, and what was finished by another
meanwhile is not counted twice.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any, Final

from django.db import connections
from django.db.utils import Error as DatabaseError

from dbfleet.console import places
from dbfleet.console.control import away
from dbfleet.console.jobs import claims
from dbfleet.console.jobs.claims import RENEW_S, Claim
from dbfleet.ops import _workers

log = logging.getLogger("dbfleet.jobs")

LOOK_S: Final = 0.2
"""Between two looks for a part, or at one, where no word comes that something has changed (control/wake.py)."""
IDLE_S: Final = 5.0
"""So long a worker stays with a job that has nothing for it now; when there is something again it is called again."""
_CONTROL_AWAY_S: Final = 600.0
"""So long a worker tries to put on record what it did while the control database is away."""


def name() -> str:
    """This process's name among the workers."""
    return f"{places.worker_here()}:{os.getpid()}"


def abilities() -> list[str]:
    """What this worker can do besides: `host` where it may start servers."""
    return [word for word in os.environ.get("DBFLEET_WORKER_ABILITIES", "host").split(",") if word]


# --- told to end -----------------------------------------------------------------------------------------------------

_stopping: Callable[[], bool] = lambda: False  # noqa: E731 - replaced in a worker (console/worker.py)


def stopping() -> bool:
    """Whether this worker was told to end."""
    return _stopping()


def stop_when(asked: Callable[[], bool]) -> None:
    """How this worker learns that it was told to end."""
    global _stopping
    _stopping = asked


# --- a part, while a process works on it ----------------------------------------------------------------------------


def attended(worker: _workers.Worker, claim: Claim, heard: Callable[[Any], tuple[int, str] | None]) -> str:
    """Listen to a process that works on a claim until it has ended, and keep the lease meanwhile. Returns how the claim
    stands then: ours, lost, cancelled or stopping. Raises what the work raised."""
    rows, text, renewed = 0, "", time.monotonic()
    standing = "ours"
    try:
        while not worker.ended:
            if worker.connection.poll(0.25):
                message = worker.receive()
                told = None if message is None else heard(message)  # None: it has ended
                rows, text = told or (rows, text)
            if stopping():
                standing = "stopping"
                break
            if time.monotonic() - renewed >= RENEW_S:
                renewed = time.monotonic()
                standing = renewed_standing(claim, rows, text)
                if standing != "ours":
                    break
    finally:
        _workers.stop([worker])
    return standing


def renewed_standing(claim: Claim, rows: int, text: str) -> str:
    """How the claim stands; `ours` while the control database cannot be asked."""
    try:
        return claims.renew(claim, rows=rows, told=text)
    except DatabaseError as error:
        log.warning("%s (%s): the work goes on", away.words(error)[0], away.first_line(error))
        connections.close_all()
        return "ours"


def patiently(record: Callable[[], object]) -> None:
    """Put something on record, also where the control database is away for a while."""
    began = time.monotonic()
    while True:
        try:
            record()
            return
        except DatabaseError:
            connections.close_all()
            if time.monotonic() - began > _CONTROL_AWAY_S or stopping():
                raise
            time.sleep(1.0)
