"""`env`: what scripts want to know about the fleet, as variables with real values; or as settings for Django
(`django_settings`)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from dbfleet.fleet import Fleet
from dbfleet.ops.env import _chosen
from dbfleet.ops.env._settings import django_settings

__all__ = ["django_settings", "env", "export_line"]


def env(fleet: Fleet, names: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """Names and values: DBFLEET_<TARGET>_URL for each target, and the variable by which scripts know the engine
    (DATABASE_URL and the like) for the first target that has one. Without names: what is up, somebody's servers, files
    that are there."""
    taken: set[str] = set()
    for target in _chosen.targets(fleet, names):
        revealed = target.url(reveal=True)
        for variable in (_chosen.url_variable(fleet, target), fleet.spec(target).url_variable):
            if variable and variable not in taken:
                taken.add(variable)
                yield variable, revealed


def export_line(name: str, value: str) -> str:
    """For `eval "$(dbfleet env)"` in any POSIX shell."""
    return f"export {name}={shlex.quote(value)}"
