"""What people have set: channels for notices, maintenance windows, budgets. Each change is in the chain.

Rule: a channel's URL holds a secret and goes in only: no page, no record and no entry ever has it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from dbfleet.console import chain
from dbfleet.console.access import Refused, Rights
from dbfleet.console.jobs import kinds
from dbfleet.console.models import Budget, Channel, Maintenance, Notice
from dbfleet.errors import AlreadyExists, NotFound, UsageError

ABOUT: Final = kinds.NAMES
"""What a channel can be about: kinds of jobs, of which `health` tells of targets."""


def _put(rights: Rights, **body: Any) -> None:
    chain.append("setting", who=rights.who, token=rights.token[:100], body=body)


# --- channels ---


def channels() -> list[dict[str, Any]]:
    """Every channel, without its URL: of that, the scheme alone."""
    return [
        {
            "channel": each.pk, "name": each.name, "by_way_of": urlsplit(each.url).scheme, "about": each.about,
            "pattern": each.pattern, "enabled": each.enabled, "by": each.made_by, "at": each.made_at,
        }
        for each in Channel.objects.order_by("-enabled", "name")
    ]  # fmt: skip


def add_channel(rights: Rights, name: str, url: str, *, about: Sequence[str] = (), pattern: str = "*") -> Channel:
    """A new channel. UsageError, which never repeats the URL; AlreadyExists for its name."""
    if not name or len(name) > 100:
        raise UsageError("a channel has a name of 1 to 100 characters")
    unknown = [each for each in about if each not in ABOUT]
    if unknown:
        raise UsageError(f"a channel cannot be about {unknown[0]!r}", hint=f"it can be about {', '.join(ABOUT)}")
    kept = _checked(url)
    try:
        with transaction.atomic():
            found: Channel = Channel.objects.create(
                name=name, url=kept, about=list(about), pattern=pattern or "*", made_by=rights.who, made_at=Now()
            )
            _put(rights, did="add channel", name=name, about=list(about), pattern=pattern or "*")
    except IntegrityError:
        raise AlreadyExists(f"there is a channel {name!r}") from None
    return found


def _checked(url: str) -> str:
    """The URL as it is kept. Apprise looks at it in a process of its own: it would take 40 MB of web's memory for
    ever."""
    code = (
        "import sys\nfrom dbfleet.console import outbound\nfrom dbfleet.errors import UsageError\n"
        "try:\n    print('=' + outbound.checked(sys.stdin.read()))\n"
        "except UsageError as error:\n    print('!' + error.message + '\\n' + (error.hint or ''))"
    )
    python = os.environ.get("DBFLEET_PYTHON") or sys.executable
    done = subprocess.run([python, "-c", code], input=url, capture_output=True, text=True, timeout=60)
    said = done.stdout.strip("\n")
    if said.startswith("="):
        return said[1:]
    message, _, hint = said.removeprefix("!").partition("\n")
    raise UsageError(message or "the URL could not be looked at", hint=hint or None)


def channel(number: int) -> Channel:
    """NotFound where there is none."""
    found = Channel.objects.filter(pk=number).first()
    if found is None:
        raise NotFound("there is no such channel")
    return found


def enable_channel(rights: Rights, number: int, enabled: bool) -> None:
    """Let it be told, or not."""
    with transaction.atomic():
        found = channel(number)
        Channel.objects.filter(pk=number).update(enabled=enabled)
        _put(rights, did="enable channel" if enabled else "disable channel", name=found.name)


def remove_channel(rights: Rights, number: int) -> None:
    """Remove it; what was told there stays on record."""
    with transaction.atomic():
        found = channel(number)
        found.delete()
        _put(rights, did="remove channel", name=found.name)


def try_channel(rights: Rights, number: int) -> None:
    """A notice that says that it is a test; it is sent as every other one is."""
    with transaction.atomic():
        found = channel(number)
        Notice.objects.create(
            at=Now(), about="test", before="", after="", title="dbfleet: a test", channel=found, try_at=Now(),
            text=f"{rights.user} asked whether notices get here by the channel {found.name}",
        )  # fmt: skip
        _put(rights, did="test channel", name=found.name)


# --- maintenance ---


def maintenances() -> list[dict[str, Any]]:
    """Windows that are open or to come, the next one first, and then those of the last month."""
    found = Maintenance.objects.annotate(now=Now()).order_by("begins_at")
    rows = [
        {
            "maintenance": each.pk, "pattern": each.pattern, "begins": each.begins_at, "ends": each.ends_at,
            "why": each.why, "by": each.made_by,
            "state": "over" if each.ends_at <= each.now else "open" if each.begins_at <= each.now else "to come",
        }
        for each in found
        if (each.now - each.ends_at).days < 30
    ]  # fmt: skip
    return sorted(rows, key=lambda each: ("open", "to come", "over").index(str(each["state"])))


def add_maintenance(rights: Rights, pattern: str, begins: datetime, ends: datetime, why: str = "") -> Maintenance:
    """A time in which nobody is told of these targets. It needs the role operator on all of them."""
    pattern = pattern or "*"
    if not rights.covers("operator", pattern):
        raise Refused(f"a maintenance needs the role operator on whatever {pattern} may match")
    if ends <= begins:
        raise UsageError("a maintenance ends after it begins")
    if (ends - begins).days > 366:
        raise UsageError("a maintenance lasts a year at most")
    with transaction.atomic():
        found: Maintenance = Maintenance.objects.create(
            pattern=pattern, begins_at=begins, ends_at=ends, why=why, made_by=rights.who
        )
        _put(rights, did="add maintenance", pattern=pattern, begins=str(begins), ends=str(ends), why=why)
    return found


def end_maintenance(rights: Rights, number: int) -> None:
    """End it now; one that has not begun is removed."""
    with transaction.atomic():
        found = Maintenance.objects.select_for_update().annotate(now=Now()).filter(pk=number).first()
        if found is None:
            raise NotFound("there is no such maintenance")
        if not rights.covers("operator", found.pattern):
            raise Refused(f"a maintenance needs the role operator on whatever {found.pattern} may match")
        if found.begins_at > found.now:
            found.delete()
        elif found.ends_at > found.now:
            Maintenance.objects.filter(pk=number).update(ends_at=Now())
        _put(rights, did="end maintenance", pattern=found.pattern)


# --- budgets ---


def budgets() -> list[dict[str, Any]]:
    """Every budget."""
    return [
        {
            "budget": each.pk, "target": each.target, "jobs": each.jobs, "statement_s": each.statement_s,
            "quiet_from": each.quiet_from, "quiet_to": each.quiet_to, "time_zone": each.time_zone,
        }
        for each in Budget.objects.order_by("target")
    ]  # fmt: skip


def set_budget(
    rights: Rights,
    target: str,
    *,
    jobs: int | None = None,
    statement_s: float | None = None,
    quiet: tuple[time | None, time | None] = (None, None),
    time_zone: str = "UTC",
) -> Budget:
    """What jobs may take of a target, or of all that match; it replaces the target's budget."""
    if not target or len(target) > 300:
        raise UsageError("a target is missing", hint="its name, or a pattern such as prod-*")
    if jobs is None and statement_s is None and quiet == (None, None):
        raise UsageError("a budget that limits nothing is none", hint="jobs at a time, seconds, or quiet hours")
    values = {
        "jobs": jobs, "statement_s": statement_s, "quiet_from": quiet[0], "quiet_to": quiet[1], "time_zone": time_zone
    }  # fmt: skip
    with transaction.atomic():
        found, _ = Budget.objects.update_or_create(target=target, defaults=values)
        _put(
            rights,
            did="set budget",
            target=target,
            **{name: None if v is None else str(v) for name, v in values.items()},
        )
    return found


def remove_budget(rights: Rights, number: int) -> None:
    """Nothing limits jobs there any more."""
    with transaction.atomic():
        found = Budget.objects.filter(pk=number).first()
        if found is None:
            raise NotFound("there is no such budget")
        found.delete()
        _put(rights, did="remove budget", target=found.target)
