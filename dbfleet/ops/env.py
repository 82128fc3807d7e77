"""`env`: what scripts want to know about the fleet, as variables with real values."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from dbfleet.fleet import Fleet
from dbfleet.ops import _servers


def env(fleet: Fleet, names: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """Names and values: DBFLEET_<TARGET>_URL for each target, and the variable by which scripts know the engine
    (DATABASE_URL and the like) for the first target that has one. Without names: what is up, somebody's servers, files
    that are there."""
    taken: set[str] = set()
    for target in _servers.targets(fleet, names):
        spec = fleet.spec(target)
        if not names and target.managed:
            there = Path(target.database or "").is_file() if spec.embedded else fleet.record(target.name).get("wanted")
            if not there:
                continue
        revealed = target.url(reveal=True)
        name = target.name if target.name in fleet.names else spec.name
        for variable in (f"DBFLEET_{_servers.variable(name)}_URL", spec.url_variable):
            if variable and variable not in taken:
                taken.add(variable)
                yield variable, revealed


def export_line(name: str, value: str) -> str:
    """For `eval "$(dbfleet env)"` in any POSIX shell."""
    return f"export {name}={shlex.quote(value)}"
