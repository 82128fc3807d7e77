"""The fleet as this process may see it, and the desk of the person who asks.

web knows the targets by their read-only accounts alone (its dbfleet.toml is written for it); what writes is a job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbfleet.console.desk import Desk
from dbfleet.fleet import Fleet

_kept: dict[tuple[tuple[str, int], ...], Fleet] = {}


def fleet() -> Fleet:
    """The fleet; it is read again when one of its files has changed."""
    for stamp, found in list(_kept.items()):
        if stamp == _stamp(found):
            return found
    found = Fleet.open()
    _kept.clear()
    _kept[_stamp(found)] = found
    return found


def _stamp(found: Fleet) -> tuple[tuple[str, int], ...]:
    return tuple((str(file), _changed(file)) for file in found.settings.files)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def desk(request: Any) -> Desk:
    """The desk of the person whose request this is: what is done there is done in their name."""
    return Desk(fleet(), who=request.rights.who)
