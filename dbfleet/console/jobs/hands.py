"""The parts of a copy, done by all workers.

The lead is `dbfleet copy` itself (ops/copy), with a crew instead of workers of its own: each hand of the crew puts a
task into the control database as a part, and waits for its answer there. Any worker takes the part, on this machine or
another, and does it as the lead's own worker would (ops/copy/worker.py); its connections stay open for the next part of
the same copy. The copy's journal is in the control database, so that another worker can be the lead after the first one
has died: it goes on with a moment of its own then, which the receipt says.

A part that was begun by a worker which died is done again by upsert, or after what is there of it was removed. Rows
without a key cannot be: the lead begins the collection anew.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from django.db import connection, connections, transaction
from django.db.utils import Error as DatabaseError

from dbfleet import errors
from dbfleet.adapter import Written
from dbfleet.console import pulse
from dbfleet.console.control import locks, wake
from dbfleet.console.jobs import attend, claims, making
from dbfleet.console.jobs.app import ring
from dbfleet.console.jobs.claims import Claim
from dbfleet.console.models import CopyJournal, Job, Part
from dbfleet.errors import DbfleetError, PartialWrite, RuntimeFailure, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _workers
from dbfleet.ops.copy import Crew
from dbfleet.ops.copy import worker as copy_worker
from dbfleet.ops.copy.journal import Progressed, from_text, to_text, word_of
from dbfleet.ops.copy.messages import Begin, CopyPart, Far, PartCopied, TakeSteps
from dbfleet.ops.copy.wire import packed, unpacked
from dbfleet.target import Target

T = TypeVar("T")

log = logging.getLogger("dbfleet.jobs")

_MOST_HANDS: Final = 8
_RING_AGAIN_S: Final = 2.0
"""A part that nobody has taken for so long: those who were called have gone on to something else."""
_AWAY_S: Final = 300.0
"""So long the lead waits for a control database that is away."""


class BegunByAnother(Unavailable):
    """A part without a key was begun by a worker that died. The copy goes on when its lead begins again."""


# --- the lead's side --------------------------------------------------------------------------------------------------


class Hands:
    """The hands of one job's copy: `crew` for the op, and `moment`: snapshot where all parts were read at one moment,
    by its name, else per part."""

    def __init__(self, job: int, source: Target, sink: Target, count: int) -> None:
        locks.lead_of(job)
        _take_back(job)  # what an earlier lead had handed out
        self._job, self._ends = job, (source.name, sink.name)
        self.moment = "per part"
        self.crew = Crew(self._hand, _Journal(source, sink), count)
        ring(job, times=count)

    def _hand(self, owner: _workers.Owner) -> None:
        begin: Begin = owner.receive()
        if begin.moment:
            self.moment = "snapshot"
        try:
            while True:
                task = owner.receive()
                owner.send(_passed_on(self._job, *self._ends, begin, task, owner))
        finally:
            connections.close_all()  # this thread's own


def free() -> int:
    """How many parts the living workers have room for now, beside the leads; at least one."""
    slots = sum(each.slots for each in pulse.alive("worker"))
    leads = Part.objects.filter(state=Part.RUNNING, lead=True).count()
    return max(1, min(slots - leads, _MOST_HANDS))


def _take_back(job: int) -> None:
    """Drop the parts of a lead that has died, and wait until no worker can be at one of them any more."""
    held = Part.objects.filter(job_id=job, lead=False, state=Part.RUNNING)
    until = max((part.lease_until for part in held), default=None)
    Part.objects.filter(job_id=job, lead=False, state__in=[Part.WAITING, Part.RUNNING]).update(state=Part.DROPPED)
    patience = time.monotonic() + claims.LEASE_S  # by another clock: the control database's may be set back
    while until is not None and making.now() < until and time.monotonic() < patience:
        time.sleep(0.2)


def _passed_on(job: int, source: str, sink: str, begin: Begin, task: Any, owner: _workers.Owner) -> Any:
    """The answer to the task, by whoever does it."""
    spec = {"source": source, "sink": sink, "begin": packed(begin), "task": packed(task)}

    def look() -> dict[str, Any] | None:
        wake.listen(job)
        return Part.objects.filter(pk=part).values("state", "rows", "result").first()

    part = _asked(owner, lambda: _added(job, _what(task), spec))
    far, rung = 0, time.monotonic()
    try:
        while True:
            found = _asked(owner, look)
            if found is None or found["state"] == Part.DROPPED:
                raise Unavailable("the job was taken from this worker")
            if found["state"] == Part.DONE:
                return unpacked(found["result"])
            if found["state"] == Part.FAILED:
                raise _error(found["result"])
            if isinstance(task, CopyPart) and found["rows"] > far:
                far = found["rows"]
                owner.send(Far(task.plan.sink.name, task.number, far))
            if found["state"] == Part.WAITING and time.monotonic() - rung > _RING_AGAIN_S:
                rung = time.monotonic()
                ring(job)
            owner.check()
            _asked(owner, lambda: wake.wait(attend.LOOK_S))
    except BaseException:
        with contextlib.suppress(DatabaseError):  # who does it learns so that it is not wanted any more
            Part.objects.filter(pk=part, state__in=[Part.WAITING, Part.RUNNING]).update(state=Part.DROPPED)
        raise


def _added(job: int, what: str, spec: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [0x6466, job % 2**31])  # a number each
        cursor.execute("SELECT coalesce(max(number), 0) + 1 FROM console_part WHERE job_id = %s", [job])
        number = cursor.fetchone()[0]
        part = Part.objects.create(job_id=job, number=number, what=what, spec=spec)
        wake.tell(job)
    return int(part.pk)


def _what(task: Any) -> str:
    name = task.plan.sink.name
    if isinstance(task, CopyPart):
        return f"copy {name}" + (f", part {task.number + 1}" if task.number else "")
    if isinstance(task, TakeSteps):
        return f"{', '.join(map(str, task.steps))} of {name}"
    return f"{'read back' if type(task).__name__ == 'CheckPart' else 'indexes of'} {name}"


def _asked(owner: _workers.Owner, ask: Callable[[], T]) -> T:
    """The control database's answer, also where it is away for a while."""
    began = time.monotonic()
    while True:
        try:
            return ask()
        except DatabaseError as error:
            connections.close_all()
            if time.monotonic() - began > _AWAY_S:
                raise Unavailable(f"the control database does not answer: {error}", target="control") from error
        owner.check()
        time.sleep(0.5)


class _Journal:
    """The journal of a copy in the control database."""

    def __init__(self, source: Target, sink: Target) -> None:
        self.word = word_of(source, sink, keeper="console")
        self.collections: dict[str, Progressed] = {}
        self.swapping = False

    def exists(self) -> bool:
        return bool(CopyJournal.objects.filter(pk=self.word).exists())

    def load(self) -> bool:
        found = CopyJournal.objects.filter(pk=self.word).first()
        if found is None:
            return False
        try:
            self.collections, self.swapping = from_text(found.content)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "the copy's journal is damaged", hint="--mode replace copies from the beginning"
            ) from error
        return True

    def save(self) -> None:
        text = to_text(self.collections, swapping=self.swapping)
        CopyJournal.objects.update_or_create(pk=self.word, defaults={"content": text, "saved_at": making.now()})

    def forget(self) -> None:
        self.collections, self.swapping = {}, False
        CopyJournal.objects.filter(pk=self.word).delete()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        # Of the session, which this process's end ends.
        key = int(self.word, 16) - 2**63
        if not locks.taken(key):
            raise UsageError("another copy between these two targets is running")
        try:
            yield
        finally:
            with contextlib.suppress(DatabaseError):
                locks.give_back(key)


# --- a worker's side --------------------------------------------------------------------------------------------------


def work(job: Job, claim: Claim) -> None:
    """Do this part, and the parts of the same copy that come next, over the same connections."""
    fleet = Fleet.open()
    spec = claim.spec
    task = partial(copy_worker.work, fleet=fleet, source=fleet.target(spec["source"]), sink=fleet.target(spec["sink"]))
    connections.close_all()  # a connection is not for two processes
    worker = _workers.Worker(f"copy {job.pk}", task)
    worker.send(unpacked(spec["begin"]))
    current: Claim | None = claim
    try:
        while current is not None and _one(worker, current):
            current = _next(job.pk, spec["begin"])
    finally:
        _workers.stop([worker])
        with contextlib.suppress(DatabaseError):
            wake.forget(job.pk)


def _one(worker: _workers.Worker, claim: Claim) -> bool:
    """Do one part. Whether the process can do another."""
    task = unpacked(claim.spec["task"])
    if claim.attempt > 1 and isinstance(task, TakeSteps):
        task = replace(task, again=True)
    if claim.attempt > 1 and isinstance(task, CopyPart):
        if not task.plan.sink.key:
            error = BegunByAnother(f"{task.plan.sink.name} has no key, and the worker that had begun it is gone")
            claims.finish(claim, Part.FAILED, result=_told(error), error=error.message)
            return False
        task = replace(task, mode="upsert")
    worker.send(task)
    renewed, rows = time.monotonic(), 0
    while True:
        if worker.connection.poll(0.05):
            try:
                message = worker.receive()
            except DbfleetError as error:
                claims.finish(
                    claim, Part.FAILED, rows=rows, result=_told(error), error=error.message.replace("\0", "�")
                )
                return False
            if isinstance(message, Far):
                rows = message.rows
            elif message is None:
                return False
            else:
                rows = message.rows if isinstance(message, PartCopied) else rows
                return _kept(claim, rows, packed(message))
        if attend.stopping():
            claims.give_back(claim)
            return False
        if time.monotonic() - renewed >= claims.RENEW_S / 3:
            renewed = time.monotonic()
            if attend.renewed_standing(claim, rows, "") != "ours":
                return False


def _kept(claim: Claim, rows: int, answer: Any) -> bool:
    done = False

    def record() -> None:
        nonlocal done
        done = claims.finish(claim, Part.DONE, rows=rows, result=answer)

    attend.patiently(record)
    return done


def _next(job: int, begin: Any) -> Claim | None:
    """The next part of the same copy and moment; None where there is none for a while, or the job has ended."""
    since = time.monotonic()
    while time.monotonic() - since < attend.IDLE_S and not attend.stopping():
        wake.listen(job)
        if not claims.begin(job):
            return None
        found = claims.claim(job, attend.name(), [], parts_only=True)
        if found is not None:
            if found.spec.get("begin") == begin:
                return found
            claims.give_back(found)  # of a new lead, whose moment is another
            return None
        wake.wait(attend.LOOK_S)
    return None


# --- errors -----------------------------------------------------------------------------------------------------------


def _told(error: DbfleetError) -> dict[str, Any]:
    def plain(text: str | None) -> str | None:
        return None if text is None else text.replace("\0", "�")

    return {"error": type(error).__name__, "message": plain(error.message), "hint": plain(error.hint),
            "engine": error.engine, "target": error.target}  # fmt: skip


def _error(told: Any) -> DbfleetError:
    """The error that a worker has told, of the same class."""
    if not isinstance(told, dict) or "error" not in told:
        return RuntimeFailure("a part failed, and its worker did not say why")
    facts: dict[str, Any] = {"engine": told.get("engine"), "target": told.get("target"), "hint": told.get("hint")}
    made = BegunByAnother if told["error"] == "BegunByAnother" else getattr(errors, str(told["error"]), None)
    if made is PartialWrite:
        return PartialWrite(told["message"], written=Written(), **facts)
    if not (isinstance(made, type) and issubclass(made, DbfleetError)):
        made = RuntimeFailure
    try:
        return made(told["message"], **facts)
    except TypeError:  # one that wants more than its message
        return RuntimeFailure(told["message"], **facts)
