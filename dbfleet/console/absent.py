"""A target that is not up, and is not meant to be: never started, or taken down. The last look knows why; web does not,
as its file tells such a target without a login.

Rule: what a person is told about it is its cause and how to start it, and never what web met when it tried.
"""

from __future__ import annotations

from typing import Final

from dbfleet.errors import DbfleetError, FleetPartlyFailed, Unavailable, Unsupported
from dbfleet.fleet import Fleet
from dbfleet.target import Target

STATE: Final = "not up"
"""The state's name, on pages and in the API."""


def why(fleet: Fleet, target: Target) -> str:
    """Its cause in one line and how to start it in a second one, as the last look keeps them."""
    fate = fleet.fate(target)
    if fate is not None:
        return f"{fate.what}\n{fleet.mend(target, fate)}"
    what = "its file is not there" if fleet.runs(target).embedded else "it is not up"
    return f"{what}\n{fleet.command(f'up {target.name}')} starts it"


def told(kept: str) -> tuple[str, str]:
    """Cause and hint of what a look has kept."""
    cause, _, hint = kept.partition("\n")
    return cause or "it is not up", hint


def instead(error: DbfleetError, name: str) -> DbfleetError:
    """The error that a person is told of: that the target is not up, where web could not get at it and the last look
    has found it so; else this one."""
    from dbfleet.console.models import TargetState  # a job's own process looks at targets without Django

    met = list(error.failures.values()) if isinstance(error, FleetPartlyFailed) else [error]
    if not all(isinstance(each, Unavailable | Unsupported) for each in met):
        return error
    found = TargetState.objects.filter(target=name, ok=None, at__isnull=False).first()
    if found is None:
        return error
    cause, hint = told(found.error)
    return Unavailable(f"{name} is not up: {cause}", engine=found.engine, target=name, hint=hint or None)
