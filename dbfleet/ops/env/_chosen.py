"""Which targets `env` tells about, and under which names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.target import Target


def targets(fleet: Fleet, names: Sequence[str] | None) -> Iterator[Target]:
    """The targets that are named; without names what is up, somebody's servers, files that are there."""
    for target in _servers.targets(fleet, names):
        if not names and target.managed:
            embedded = fleet.spec(target).embedded
            there = Path(target.database or "").is_file() if embedded else fleet.record(target.name).get("wanted")
            if not there:
                continue
        yield target


def name_of(fleet: Fleet, target: Target) -> str:
    """The target's name in the fleet; for one that is named by a URL, its engine's."""
    return target.name if target.name in fleet.names else fleet.spec(target).name


def url_variable(fleet: Fleet, target: Target) -> str:
    """The variable that holds the target's URL."""
    return f"DBFLEET_{_servers.variable(name_of(fleet, target))}_URL"
