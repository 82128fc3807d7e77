"""What a ring is answered with."""

from __future__ import annotations

from dbfleet.console.jobs import doing, making
from dbfleet.console.jobs.app import app


@app.task(name="dbfleet.work", ignore_result=True)
def work(job: int) -> None:
    """Do what is to be done of the job, as long as there is some for this worker."""
    doing.work(job)


@app.task(name="dbfleet.tick", ignore_result=True)
def tick(schedule: int) -> None:
    """Beat says that a schedule is due."""
    making.tick(schedule)
