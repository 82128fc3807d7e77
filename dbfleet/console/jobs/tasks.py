"""What a ring is answered with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.utils import InterfaceError, OperationalError

from dbfleet.console.control import away
from dbfleet.console.jobs import doing, making
from dbfleet.console.jobs.app import app

log = logging.getLogger("dbfleet.jobs")


@contextmanager
def _while_control_answers(what: str) -> Iterator[None]:
    """For the block: a control database that is away ends it in one line of the log. The sweep rings again."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        log.warning("%s: %s (%s); the sweep rings again", what, away.words(error)[0], away.first_line(error))
        connections.close_all()


@app.task(name="dbfleet.work", ignore_result=True)
def work(job: int) -> None:
    """Do what is to be done of the job, as long as there is some for this worker."""
    with _while_control_answers(f"job {job}"):
        doing.work(job)


@app.task(name="dbfleet.tick", ignore_result=True)
def tick(schedule: int) -> None:
    """Beat says that a schedule is due."""
    with _while_control_answers(f"schedule {schedule}"):
        making.tick(schedule)
