"""What the command line asks of the console: schedules, jobs and receipts as plain records, by functions that need no
Django before they are called.

`opened(fleet)` finds the fleet's control database (or the one of DBFLEET_CONTROL_URL) and prepares Django, once in a
process. Who acts is the person at this machine's keyboard, who holds the fleet's secrets: `cli:NAME` on record.
"""

from __future__ import annotations

import functools
import getpass
import inspect
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from dbfleet.errors import AlreadyExists, NotFound, Unavailable, UsageError, did_you_mean
from dbfleet.fleet import Fleet
from dbfleet.ops._console import page
from dbfleet.target import Target

_HINT: Final = "dbfleet console starts it here, dbfleet up console in containers"
_AWAY_S: Final = 600.0
"""So long a job is followed while the control database is away: it comes back, and the job has gone on meanwhile."""

_TAKEN_S: Final = 3.0
"""Where a job has waited so long, it is said why: a worker that is free takes one in some tenths of a second."""

C = TypeVar("C")


def _answering(cls: type[C]) -> type[C]:
    """Let every public method raise Unavailable where the control database does not answer. Django's other errors are
    bugs of ours, and stay what they are."""

    def told(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except Exception as error:
                from django.db.utils import InterfaceError, OperationalError

                if not isinstance(error, OperationalError | InterfaceError):
                    raise
                from dbfleet.console.control import away

                raise away.unavailable(error) from error

        return call

    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, told(method))
    return cls


@_answering
class Desk:
    """The console of one fleet, as the command line and the pages see it. Every method may raise Unavailable. `who`
    acts; without it, the person at this machine's keyboard."""

    def __init__(self, fleet: Fleet, who: str = "") -> None:
        self.fleet = fleet
        self.who = who or f"cli:{_user()}"

    # --- schedules ---

    def add_schedule(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        every: str = "",
        cron: str = "",
        time_zone: str = "UTC",
        name: str = "",
    ) -> dict[str, Any]:
        """A new schedule, as a record. UsageError for what is wrong with it, AlreadyExists for its name."""
        from django.db import IntegrityError, transaction

        from dbfleet.console import chain
        from dbfleet.console.jobs import beat, kinds, making, slots
        from dbfleet.console.models import Schedule

        if name and not (name.isprintable() and name.strip()):
            raise UsageError("a schedule's name is one line of text")
        kept = kinds.checked(self.fleet, kind, arguments)
        anchor = making.now()
        when = slots.rhythm(anchor, every=every, cron=cron, time_zone=time_zone)
        name = name or self._name(kind, kept)
        try:
            with transaction.atomic():
                schedule = Schedule.objects.create(
                    name=name, kind=kind, arguments=kept, every_s=when.every_s, cron=when.cron,
                    time_zone=when.time_zone, anchor=anchor, made_by=self.who, made_at=anchor,
                )  # fmt: skip
                beat.attach(schedule)
                chain.append("schedule", who=self.who, body={"did": "add", "schedule": name, "kind": kind, **kept})
        except IntegrityError as error:
            raise AlreadyExists(
                f"there is a schedule {name!r}", hint=f"dbfleet schedule rm '{name}', or give this one another --name"
            ) from error
        return self._schedule(schedule)

    def schedules(self) -> list[dict[str, Any]]:
        """A record a schedule, what is wrong first."""
        from dbfleet.console.models import Schedule

        worst = ("red", "drift", "failed", "overdue", "cannot tell")
        found = [self._schedule(each) for each in Schedule.objects.order_by("name")]
        return sorted(found, key=lambda each: worst.index(each["state"]) if each["state"] in worst else len(worst))

    def run_schedule(self, name: str) -> dict[str, Any]:
        """A job of the schedule now, beside its slots."""
        from dbfleet.console.jobs import making

        schedule = self._found(name)
        job = making.make(schedule.kind, schedule.arguments, by=self.who, schedule=schedule)
        return self._job(job)

    def pause_schedule(self, name: str, paused: bool = True) -> dict[str, Any]:
        """Let it rest, or go on: what was due meanwhile is not made up for, and not overdue."""
        from dbfleet.console import chain
        from dbfleet.console.jobs import beat, making

        schedule = self._found(name)
        schedule.paused = paused
        if not paused:
            schedule.last_slot = making.now()
        schedule.save(update_fields=["paused", "last_slot"])
        beat.attach(schedule)
        chain.append("schedule", who=self.who, body={"did": "pause" if paused else "resume", "schedule": name})
        return self._schedule(schedule)

    def remove_schedule(self, name: str) -> None:
        """Remove it; its jobs and receipts stay on record."""
        from dbfleet.console import chain
        from dbfleet.console.jobs import beat

        schedule = self._found(name)
        beat.detach(schedule)
        schedule.delete()
        chain.append("schedule", who=self.who, body={"did": "rm", "schedule": name})

    def _name(self, kind: str, kept: Mapping[str, Any]) -> str:
        from dbfleet.console.jobs import kinds

        source, target = kinds.kind(kind).ends(kept)
        return " ".join(each for each in (kind, source, target if kind not in ("dump",) else "") if each)[:200]

    def _found(self, name: str) -> Any:
        from dbfleet.console.models import Schedule

        schedule = Schedule.objects.filter(name=name).first()
        if schedule is None:
            names = list(Schedule.objects.values_list("name", flat=True))
            raise NotFound(
                f"there is no schedule {name!r}",
                hint=did_you_mean(name, names, f"they are: {', '.join(names)}" if names else "dbfleet schedule add …"),
            )
        return schedule

    def _schedule(self, schedule: Any) -> dict[str, Any]:
        from dbfleet.console.jobs import making

        last = schedule.jobs.exclude(ended_at=None).order_by("-id").first()
        return self.schedule_record(schedule, at=making.now(), last=last.ended_at if last else None)

    def schedule_record(self, schedule: Any, *, at: datetime, last: datetime | None = None) -> dict[str, Any]:
        """The schedule as it is at this moment; `last` is when its last job ended. It asks the database for nothing."""
        from dbfleet.console.jobs import making

        state = "paused" if schedule.paused else schedule.state
        beats = making.rhythm(schedule)
        missing = next(beats.after(schedule.last_slot or schedule.anchor - timedelta(seconds=1)))
        if not schedule.paused and (at - missing).total_seconds() > min(beats.grace_s, 60.0):
            state = "overdue"  # nobody looks after it: neither beat nor a worker
        return {
            "schedule": schedule.name,
            "kind": schedule.kind,
            "target": " ".join(each for each in self._ends(schedule) if each),
            "when": schedule.cron + f" {schedule.time_zone}" if schedule.cron else _every(schedule.every_s),
            "next": None if schedule.paused else _iso(next(beats.after(at))),
            "last": _iso(last),
            "state": state,
            "since": _iso(schedule.state_since),
            "verified_through": _iso(schedule.verified_through),
        }

    @staticmethod
    def _ends(schedule: Any) -> tuple[str, str]:
        from dbfleet.console.jobs import kinds

        return kinds.kind(schedule.kind).ends(schedule.arguments)

    # --- jobs ---

    def make_job(self, kind: str, arguments: Mapping[str, Any], *, resumes: bool = False) -> int:
        """A job now; its number."""
        from dbfleet.console.jobs import kinds, making

        return int(making.make(kind, kinds.checked(self.fleet, kind, arguments), by=self.who, resumes=resumes).pk)

    def jobs(self, *, limit: int = 50, all_kinds: bool = False) -> list[dict[str, Any]]:
        """The newest jobs first; `health` only where it is asked for, or where something was wrong."""
        from django.db.models import Count, Q

        from dbfleet.console.models import Job

        found = Job.objects.select_related("schedule")
        if not all_kinds:
            found = found.exclude(kind="health", state="done", verdict="ok").exclude(kind="health", state="running")
        counted = found.annotate(parts_all=Count("parts"), parts_done=Count("parts", filter=Q(parts__state="done")))
        return [self._job(job) for job in counted.order_by("-id")[:limit]]

    def job(self, number: int) -> dict[str, Any]:
        """One job, with its parts and what it found. NotFound."""
        job = self._job_found(number)
        parts = [
            {"part": part.number, "what": part.what, "state": part.state, "worker": part.worker or None,
             "attempts": part.attempts, "rows": part.rows, "told": part.told or None, "error": part.error or None}
            for part in job.parts.order_by("number")
        ]  # fmt: skip
        return {**self._job(job), "arguments": job.arguments, "result": job.result, "parts_of_it": parts}

    def cancel(self, number: int) -> dict[str, Any]:
        """Ask for its end. UsageError where it has ended."""
        from django.conf import settings

        from dbfleet.console.jobs import ending
        from dbfleet.console.models import Job

        job = self._job_found(number)
        if job.state in Job.ENDED:
            raise UsageError(f"job {number} has ended: it is {job.state}")
        job.cancel_asked_by = self.who
        job.save(update_fields=["cancel_asked_by"])
        # web's account may not change a part: there the next sweep takes the job's end.
        if settings.ROLE != "web" and not job.parts.filter(state="running").exists():
            ending.given_up_as_cancelled(job)
        return self._job(self._job_found(number))

    def retry(self, number: int) -> dict[str, Any]:
        """A new job with the same arguments, which goes on with what the old one has left. UsageError while that one
        runs, or where it did its work."""
        from dbfleet.console.jobs import making
        from dbfleet.console.models import Job

        job = self._job_found(number)
        if job.state not in (Job.FAILED, Job.CANCELLED, Job.OVERDUE):
            raise UsageError(
                f"job {number} is {job.state}: what failed, was cancelled or is overdue can be tried again"
            )
        again = making.make(job.kind, job.arguments, by=self.who, schedule=job.schedule, resumes=True)
        return self._job(again)

    def follow(
        self,
        number: int,
        *,
        told: Callable[[dict[str, Any]], None],
        away: Callable[[str], None] = lambda why: None,
        waits: Callable[[str], None] = lambda why: None,
    ) -> dict[str, Any]:
        """Look at a job until it has ended; `told` gets its record each time something changed. Where the control
        database is away `away` gets the reason, once, and it is waited for. `waits` gets the reason where nobody takes
        the job."""
        from django.db import connections

        last: dict[str, Any] = {}
        pause, since, begun, why = 0.1, 0.0, time.monotonic(), ""
        while True:
            try:
                job = self.job(number)
            except Unavailable as error:
                if not since:
                    since = time.monotonic()
                    away(error.message)
                if time.monotonic() - since > _AWAY_S:
                    raise
                connections.close_all()  # else the broken one would be asked again and again
                time.sleep(1.0)
                continue
            since = 0.0
            if job != last:
                told(job)
                last, pause = job, 0.1
            if job["state"] not in ("waiting", "running"):
                return job
            if job["state"] == "waiting" and time.monotonic() - begun > _TAKEN_S and why != (now := self._why(job)):
                why = now
                waits(why)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)

    def _why(self, job: Mapping[str, Any]) -> str:
        """Why nobody has taken the job; empty where that is not known."""
        from dbfleet.console import pulse

        if told := next((part["told"] for part in job["parts_of_it"] if part["told"]), ""):
            return str(told)
        if pulse.alive("worker"):
            return "the workers are at other jobs"
        return f"no worker is up; {self.fleet.command('up worker')} starts one"

    def _job_found(self, number: int) -> Any:
        from dbfleet.console.models import Job

        job = Job.objects.select_related("schedule").filter(pk=number).first()
        if job is None:
            newest = Job.objects.order_by("-id").values_list("id", flat=True).first()
            raise NotFound(
                f"there is no job {number}", hint=f"the newest is {newest}" if newest else "there is none yet"
            )
        return job

    def _job(self, job: Any) -> dict[str, Any]:
        every = getattr(job, "parts_all", None)
        done = getattr(job, "parts_done", None)
        return {
            "job": job.pk,
            "kind": job.kind,
            "state": job.state,
            "verdict": job.verdict or None,
            "target": job.target or job.source or None,
            "source": job.source if job.target else None,
            "schedule": job.schedule.name if job.schedule else None,
            "begun": _iso(job.begun_at),
            "ended": _iso(job.ended_at),
            "parts": job.parts.count() if every is None else every,
            "done": job.parts.filter(state="done").count() if done is None else done,
            "rows": job.rows,
            "error": job.error or None,
            "hint": job.hint or None,
            "trouble": job.trouble or None,
        }

    # --- access ---

    def login_link(self, user: str = "") -> str:
        """A link that logs in once: that user, else the first admin, who is made by it. NotFound for the user."""
        from django.conf import settings

        from dbfleet.console.access import links

        url = settings.PLACES.url or "http://127.0.0.1:8000"
        return f"{url}/link/{links.make(by=self.who, user=user)}"

    def has_admin(self) -> bool:
        """Whether somebody can let others in."""
        from dbfleet.console.access import people

        return bool(people.admins().exists())

    # --- statements ---

    def statement_s(self, target: str) -> float | None:
        """How long a statement may take on the target by its budget; None where nobody has said."""
        from dbfleet.console import budgets

        return budgets.statement_s(target)

    def statement_begins(self, target: str, text: str, params: Mapping[str, object]) -> str:
        """Put a statement that the shell asks for reading only on record, before it is sent; its id."""
        from dbfleet.console import chain
        from dbfleet.console.statements.asked import hash_of_params
        from dbfleet.console.statements.record import text_on_record

        number = str(uuid.uuid4())
        text = text.replace("\0", "�").encode("utf-8", "replace").decode()
        body: dict[str, Any] = {"did": "begin", "asked": number, **text_on_record(text), "reads_only": True}
        if params:
            body["params"] = hash_of_params(params)
        chain.append("statement", who=self.who, target=target, body=body)
        return number

    def statement_ends(self, target: str, number: str, *, outcome: str, rows: int, ms: int, error: str = "") -> None:
        """Put on record what came of it: done, failed or stopped."""
        from dbfleet.console import chain

        body: dict[str, Any] = {"did": "end", "asked": number, "outcome": outcome, "rows": rows, "ms": ms}
        chain.append("statement", who=self.who, target=target, body=body | ({"error": error} if error else {}))

    # --- receipts ---

    def receipts(self, *, limit: int = 50, kind: str = "") -> list[dict[str, Any]]:
        """The newest receipts first. UsageError for a kind that has none."""
        from dbfleet.console import forms, ledger

        return ledger.receipts(limit=limit, kind=forms.one_of(kind, ledger.known_kinds(), "kind of receipt"))

    def receipt(self, number: int) -> dict[str, Any]:
        """All of a receipt, as it was written. NotFound."""
        from dbfleet.console import ledger

        return ledger.receipt(number)

    def verify(self, head: str | None = None) -> dict[str, Any]:
        """What a walk along the whole chain found."""
        from dbfleet.console import ledger

        return ledger.verify(head)


def opened(fleet: Fleet) -> Desk:
    """The fleet's console. Unavailable where it is not up, UsageError where its packages are not installed."""
    try:
        import django
    except ImportError:
        raise UsageError("the console's packages are not installed", hint="pip install 'dbfleet[console]'") from None
    environment(fleet)
    os.environ.setdefault("DBFLEET_CONSOLE_ROLE", "desk")
    os.environ["DJANGO_SETTINGS_MODULE"] = "dbfleet.console.settings"  # a person's shell may name another project's
    django.setup()
    from dbfleet.console import schema
    from dbfleet.console.control.away import HINT

    try:
        found = schema.look()
    except Unavailable as error:
        if error.hint == HINT:
            error.hint = _HINT
        raise
    if found.newer:
        raise UsageError("the console is newer than this dbfleet", hint="install the newer dbfleet here too")
    if found.missing:
        if found.is_new:
            raise Unavailable("the console has not finished its first start", target="control", hint=_HINT)
        raise Unavailable(
            "the console is older than this dbfleet, or is just being brought up to date", target="control",
            hint=f"where it was not just started, {fleet.command('restart worker')} brings it up to date",
        )  # fmt: skip
    return Desk(fleet)


def environment(fleet: Fleet) -> None:
    """Let the environment say where the fleet's console is, unless it does. Unavailable, which says what became of it,
    where the fleet has none."""
    if os.environ.get("DBFLEET_CONTROL_URL"):
        return
    control, broker = fleet.service("control"), fleet.service("broker")
    if not fleet.record("control").get("runtime"):
        raise Unavailable("this fleet has no console", target="control", hint=_HINT)
    fleet.check(control)
    os.environ["DBFLEET_CONTROL_URL"] = _with_file(control, fleet)
    os.environ.setdefault("DBFLEET_BROKER_URL", _with_file(broker, fleet))
    os.environ.setdefault("DBFLEET_CONSOLE_URL", page(fleet))
    fleet.secret("console-key")  # where web was never started, nobody has made it
    os.environ.setdefault("DBFLEET_CONSOLE_KEY_FILE", str(fleet.secret_file("console-key")))


def _with_file(target: Target, fleet: Fleet) -> str:
    """The URL of a service, with its password's file in the password's place."""
    user = target.user or ""
    file = fleet.secret_file(target.name)
    return f"{target.scheme}://{user}:${{file:{file}}}@{target.host}:{target.port}/{target.database or ''}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _every(seconds: int | None) -> str:
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"every {seconds // size}{unit}"
    return f"every {seconds}s"
