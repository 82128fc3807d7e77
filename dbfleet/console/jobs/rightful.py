"""Whether who asked for a job may have it, looked up by the worker when it begins.

Rule: a row is not believed. Web has checked the rights of the person when it made the job; until the job begins they
may have been taken back, and a row may have come from elsewhere. So the person that the row names is looked up, and
their grants of now. The database sees to it that web names a person (migration 0008): what was typed at the machine
(`cli:`) is done by who holds the fleet's secrets.

A schedule goes on when its maker leaves, as a dump of every night should. Where its jobs write, it stands on the rights
of its maker: with those it ends.
"""

from __future__ import annotations

from typing import Final

from django.contrib.auth import get_user_model

from dbfleet.console import may
from dbfleet.console.access.rights import of_user
from dbfleet.console.models import Job

_WEB: Final = "web:"
_SCHEDULE: Final = "schedule "


def why_not(job: Job) -> str:
    """Why the job is not done, in words; empty where it may be."""
    needed = may.roles(job.kind, job.arguments)
    by = str(job.made_by)
    if by.startswith(_SCHEDULE):
        needed = [(role, target) for role, target in needed if role == "writer"]
        if not needed:
            return ""
        if job.schedule is None:
            return "its schedule is gone, and with it whose rights it stands on"
        by = str(job.schedule.made_by)
    if not by.startswith(_WEB):
        return ""
    name = by.removeprefix(_WEB)
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        return f"{name}, who asked for it, has no access any more"
    rights = of_user(user)
    for role, target in needed:
        if not rights.may(role, target):
            where = "on all targets" if target == may.ALL else f"on {target}"
            return f"{name}, who asked for it, is not {role} {where} any more"
    return ""
