"""Schedules: the list, one with its next runs, add, run, pause, resume, remove."""

# Annotations are not postponed here: ninja looks for a body's class, not for its name.

from typing import Any, Final

from ninja import Field, Router, Schema

from dbfleet.console import here, may, work
from dbfleet.console.access import needs
from dbfleet.console.jobs import kinds, making
from dbfleet.console.models import Schedule
from dbfleet.console.pages.schedules import found, runs

router = Router()
PREFIX: Final = "/schedules"


class New(Schema):
    """A schedule to be made: `every` (10m) or `cron`, with the time zone of its hours."""

    kind: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    every: str = ""
    cron: str = ""
    time_zone: str = "UTC"
    name: str = ""


@router.get("", summary="The schedules, what is wrong first")
@needs("viewer")
def schedules(request: Any) -> Any:
    """A record each."""
    now, desk = making.now(), here.desk(request)
    shown = work.schedules(request.rights)
    last = work.last_ended([each.pk for each in shown])
    return [{"id": each.pk, **desk.schedule_record(each, at=now, last=last.get(each.pk))} for each in shown]


@router.get("/{number}", summary="One schedule, with its arguments and its next five runs")
@needs("viewer")
def schedule(request: Any, number: int) -> Any:
    """Its record."""
    return _record(request, found(request, number))


def _record(request: Any, got: Schedule) -> dict[str, Any]:
    now = making.now()
    last = work.last_ended([got.pk]).get(got.pk)
    coming = [] if got.paused else [each["at"] for each in runs(making.rhythm(got), now)]
    record = here.desk(request).schedule_record(got, at=now, last=last)
    return {"id": got.pk, **record, "arguments": got.arguments, "runs": coming}


@router.post("", summary="Add a schedule")
@needs("operator")
def add(request: Any, body: New) -> Any:
    """Its record."""
    may.require_job(request, body.kind, kinds.checked(here.fleet(), body.kind, body.arguments))
    made = here.desk(request).add_schedule(
        body.kind, body.arguments, every=body.every, cron=body.cron, time_zone=body.time_zone, name=body.name
    )
    return _record(request, Schedule.objects.get(name=made["schedule"]))


def _changed(request: Any, number: int) -> Schedule:
    got = found(request, number)
    may.require_again(request, got.kind, got.arguments)
    return got


@router.post("/{number}/run", summary="A job of it now")
@needs("operator")
def run(request: Any, number: int) -> Any:
    """The job."""
    got = _changed(request, number)
    may.require_job(request, got.kind, got.arguments)
    return here.desk(request).run_schedule(got.name)


@router.post("/{number}/pause", summary="Let it rest")
@needs("operator")
def pause(request: Any, number: int) -> Any:
    """Its record."""
    return here.desk(request).pause_schedule(_changed(request, number).name)


@router.post("/{number}/resume", summary="Let it go on")
@needs("operator")
def resume(request: Any, number: int) -> Any:
    """Its record."""
    return here.desk(request).pause_schedule(_changed(request, number).name, False)


@router.delete("/{number}", summary="Remove it; its jobs and receipts stay")
@needs("operator")
def remove(request: Any, number: int) -> Any:
    """Its name."""
    name = _changed(request, number).name
    here.desk(request).remove_schedule(name)
    return {"removed": name}
