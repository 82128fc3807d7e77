"""Who is told of a change of state, and what became of it.

A notice is made in the transaction that changes the state, a row for each channel that wants it, so there is one for a
change that is on record and none for one that is not. A schedule's state is its last job's finding, which is confirmed
before it is one (ops/drift); a target's is told once two looks in a row say the same. Recovery is a change too. In a
maintenance of the target the notice is held; when that is over it is sent if things are not as they were before.

The sweep starts the sending: rows that are due are claimed, so any number of workers may do it, and sent by a process
of its own (console/outbound.py). What fails is tried again, later each time, and after MOST_TRIES it has failed: that
is red on every page until somebody sends it again or drops it.

No row's value goes out with a notice: it names targets, collections and numbers, and has the address of the page.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from django.conf import settings
from django.db import connection, connections
from django.db.models import Q, QuerySet

from dbfleet.console import proofs
from dbfleet.console.budgets import targets_of
from dbfleet.console.models import Channel, Job, Maintenance, Notice, Schedule

DELAYS_S: Final = (15, 30, 60, 300, 900)
"""How long after each try that failed the next one is."""
MOST_TRIES: Final = len(DELAYS_S) + 1
TROUBLE_TRIES: Final = 2
"""A notice that failed so often is shown, also while it is tried again."""
_AT_ONCE: Final = 20
_ANSWER_S: Final = 30.0
"""So long the sending process may take for one notice."""

log = logging.getLogger("dbfleet.notices")


# --- a change of state -----------------------------------------------------------------------------------------------


def schedule_changed(schedule: Schedule, before: str, after: str, at: datetime, job: Job | None = None) -> list[Notice]:
    """The notices of a schedule whose state has changed."""
    old, new = _told_state(schedule.kind, before), _told_state(schedule.kind, after)
    if old == new or (old, new) == ("new", "ok"):
        return []
    if new == "ok":
        title = f"{schedule.name} is {'on time' if before == 'overdue' else 'ok'} again"
        since = schedule.state_since
        text = f"It was {before}" + (f" since {_when(since)}" if since else "")
    else:
        title = f"{schedule.name}: {after}"
        text = _found(job)
    return _made(
        f"schedule {schedule.name}", before, after, title, text, at, schedule.kind,
        targets_of(schedule.kind, schedule.arguments), f"/schedules/{schedule.pk}",
    )  # fmt: skip


def target_changed(target: str, before: str, after: str, at: datetime, *, error: str, since: datetime) -> list[Notice]:
    """The notices of a target that two looks have found to be otherwise."""
    if after == "ok":
        title, text = f"{target} is ok again", f"It was red before, and answers since {_when(since)}"
    else:
        title, text = f"{target} is red", f"{error}\nsince {_when(since)}"
    return _made(f"target {target}", before, after, title, text, at, "health", [target], f"/targets/{target}")


def _told_state(kind: str, state: str) -> str:
    # That a target is ill is told of the target, not of the schedule that looked.
    return "ok" if kind == "health" and state == "red" else state


def _found(job: Job | None) -> str:
    """What a job found, in numbers."""
    if job is None:
        return "a slot has passed, and nobody has done its job"
    lines = [job.error] if job.error else []
    for each in proofs.records(job.result):
        why = each.get("why") or each.get("error")
        found = ", ".join(filter(None, (proofs.counts(each), str(why or ""))))
        if each.get("state", "ok") != "ok" or each.get("same") is False or found:
            words = found or str(each.get("state", "not the same"))
            lines.append(f"{each.get('collection') or each.get('target') or ''}: {words}".removeprefix(": "))
    return "\n".join(lines[:20]) or f"job {job.pk} says {job.verdict or job.state}"


def _when(moment: datetime) -> str:
    return f"{moment:%F %T} UTC"


def _made(
    about: str, before: str, after: str, title: str, text: str, at: datetime, kind: str, targets: Sequence[str],
    page: str,
) -> list[Notice]:  # fmt: skip
    until = _held_until(targets, at)
    if settings.PLACES.url:
        text = f"{text}\n{settings.PLACES.url}{page}"
    rows = [
        Notice(
            at=at, about=about[:300], before=before, after=after, title=title[:300], text=text, channel=channel,
            state=Notice.HELD if until else Notice.WAITING, try_at=until or at,
        )
        for channel in Channel.objects.filter(enabled=True)
        if (not channel.about or kind in channel.about) and _matches(channel.pattern, targets)
    ]  # fmt: skip
    return list(Notice.objects.bulk_create(rows))


def _matches(pattern: str, targets: Iterable[str]) -> bool:
    return pattern == "*" or any(fnmatchcase(each, pattern) for each in targets)


def _held_until(targets: Sequence[str], at: datetime) -> datetime | None:
    """The end of a maintenance of one of the targets."""
    found = Maintenance.objects.filter(begins_at__lte=at, ends_at__gt=at)
    return max((each.ends_at for each in found if _matches(each.pattern, targets)), default=None)


# --- after a maintenance ---------------------------------------------------------------------------------------------


def release(at: datetime) -> int:
    """Of what was held: where things are otherwise than before the maintenance, its newest notice is sent. How many."""
    due = list(Notice.objects.filter(state=Notice.HELD, try_at__lte=at).order_by("id"))
    first: dict[tuple[str, int | None], Notice] = {}
    last: dict[tuple[str, int | None], Notice] = {}
    for notice in due:
        first.setdefault((notice.about, notice.channel_id), notice)
        last[notice.about, notice.channel_id] = notice
    freed = 0
    for key, newest in last.items():
        until = _held_until(_targets_of(newest.about), at)
        held = Notice.objects.filter(pk__in=[each.pk for each in due if (each.about, each.channel_id) == key])
        if until is not None:
            held.update(try_at=until)
            continue
        held.update(try_at=None)
        if newest.after != first[key].before:
            freed += Notice.objects.filter(pk=newest.pk, state=Notice.HELD).update(state=Notice.WAITING, try_at=at)
    return freed


def _targets_of(about: str) -> list[str]:
    what, _, name = about.partition(" ")
    if what == "target":
        return [name]
    schedule = Schedule.objects.filter(name=name).first()
    return targets_of(schedule.kind, schedule.arguments) if schedule else []


# --- sending ---------------------------------------------------------------------------------------------------------

_sending = threading.Lock()


def start_sending() -> None:
    """Send what is due in a thread of its own, unless this process does so already."""
    if _sending.locked() or not Notice.objects.filter(state=Notice.WAITING).exists():
        return
    threading.Thread(target=_send_in_thread, daemon=True, name="notices").start()


def _send_in_thread() -> None:
    if not _sending.acquire(blocking=False):
        return
    try:
        while send_due():
            pass
    except Exception:  # the next sweep tries again
        log.exception("notices were not sent")
    finally:
        connections.close_all()
        _sending.release()


def send_due() -> int:
    """Send the notices that are due. How many were tried."""
    taken = _taken()
    if not taken:
        return 0
    wanted = {}
    for notice in taken:
        if notice.channel is None or not notice.channel.enabled:
            Notice.objects.filter(pk=notice.pk).update(
                state=Notice.DROPPED, error="its channel is gone or switched off"
            )
        else:
            wanted[notice.pk] = notice
    answers = _sent({pk: (n.channel.url, n.title, n.text) for pk, n in wanted.items()}) if wanted else {}
    for pk, notice in wanted.items():
        _keep(notice, answers.get(pk, f"no answer within {_ANSWER_S:.0f} s"))
    return len(taken)


def _taken() -> list[Notice]:
    """Claim what is due; until its next try it is nobody else's. Who dies with it leaves it to that try."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE console_notice SET tries = tries + 1,
                   try_at = clock_timestamp() + make_interval(secs => (%s::int[])[least(tries + 1, %s)])
             WHERE id IN (SELECT id FROM console_notice WHERE state = 'waiting' AND try_at <= clock_timestamp()
                           ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            [[max(each, 60) for each in DELAYS_S], len(DELAYS_S), _AT_ONCE],
        )
        taken = [row[0] for row in cursor.fetchall()]
    return list(Notice.objects.select_related("channel").filter(pk__in=taken).order_by("pk"))


def _keep(notice: Notice, error: str) -> None:
    """What came of a try."""
    row = Notice.objects.filter(pk=notice.pk, tries=notice.tries, state=Notice.WAITING)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    if not error:
        row.update(state=Notice.SENT, sent_at=at, try_at=None, error="")
    elif notice.tries >= MOST_TRIES:
        row.update(state=Notice.FAILED, try_at=None, error=error)
    else:
        row.update(try_at=at + timedelta(seconds=DELAYS_S[notice.tries - 1]), error=error)
    if error:
        log.warning("notice %s was not sent (try %s): %s", notice.pk, notice.tries, error)


def _sent(wanted: dict[int, tuple[str, str, str]]) -> dict[int, str]:
    """What came of each: an error, or an empty text."""
    lines = "".join(
        json.dumps({"id": pk, "url": url, "title": title, "text": text}) + "\n"
        for pk, (url, title, text) in wanted.items()
    )
    with subprocess.Popen(
        [sys.executable, "-m", "dbfleet.console.outbound"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            out, _ = process.communicate(lines, timeout=_ANSWER_S * (1 + len(wanted) / 4))
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
    found: dict[int, str] = {}
    for line in out.splitlines():
        answer = json.loads(line)
        if answer["id"] is None:
            return dict.fromkeys(wanted, answer["error"])
        found[answer["id"]] = answer["error"]
    return found


# --- what pages say of them ------------------------------------------------------------------------------------------


def in_trouble() -> QuerySet[Notice]:
    """The notices that every page shows in red."""
    return Notice.objects.filter(Q(state=Notice.FAILED) | Q(state=Notice.WAITING, tries__gte=TROUBLE_TRIES))


def send_again(notice: Notice, at: datetime) -> None:
    """Try it anew."""
    Notice.objects.filter(pk=notice.pk).exclude(state=Notice.SENT).update(
        state=Notice.WAITING, tries=0, try_at=at, error=""
    )


def drop(notice: Notice) -> None:
    """Give it up: it stays on record."""
    Notice.objects.filter(pk=notice.pk).exclude(state=Notice.SENT).update(state=Notice.DROPPED, try_at=None)
