"""`console`: the console's services as local processes, for as long as somebody looks at them.

`console` starts what is `not_up`, `looked_after` goes on for ever and starts again what ends, and `end` stops what was
started. A service that was up before (`dbfleet up console`) is left as it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dbfleet import services
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.ops.stop import stop
from dbfleet.ops.up import Up, up
from dbfleet.runtimes import Event, Report, silent

GROUP: Final = "console"
LOOK_S: Final = 2.0
AGAIN_S: Final = 15.0
"""What ends is started again at most this often."""


def not_up(fleet: Fleet) -> list[str]:
    """The console's services that do not run now."""
    return [name for name in _members(fleet) if fleet.fate(fleet.service(name)) is not None]


def _members(fleet: Fleet) -> list[str]:
    return [target.name for target in _servers.named(fleet, [GROUP])]


class Stays(NamedTuple):
    """Services that were up before: `what` they are, in words with a verb, and `how` they are stopped, as a command."""

    what: str
    how: str


def what_stays(fleet: Fleet, ours: Sequence[str]) -> Stays | None:
    """The console's services that `end` leaves as they are, where only `ours` were started by us; None where there are
    none."""
    names = [name for name in _members(fleet) if name not in ours]
    if not names:
        return None
    if not ours:
        return Stays("the console was", fleet.command(f"stop {GROUP}"))
    *first, last = names
    what = f"{', '.join(first)} and {last} were" if first else f"{last} was"
    return Stays(what, fleet.command(f"stop {' '.join(names)}"))


def console(fleet: Fleet, *, timeout_s: float | None = None, report: Report = silent) -> Up:
    """Start the services that are not up. Raises what `up` does."""
    return up(fleet, [GROUP], timeout_s=timeout_s, report=report)


def looked_after(fleet: Fleet) -> Iterator[str]:
    """Look after them until the caller stops; in words what ended and was started again, or could not be."""
    tried: dict[str, float] = {}
    while True:
        time.sleep(LOOK_S)
        for name in services.group(GROUP):
            record = fleet.record(name)
            if not record.get("wanted") or record.get("stopped"):
                continue
            fate = fleet.fate(fleet.service(name))
            if fate is None or time.monotonic() - tried.get(name, -AGAIN_S) < AGAIN_S:
                continue
            tried[name] = time.monotonic()
            yield f"{name}: {fate.what}; starting it again"
            said: list[Event] = []
            try:
                up(fleet, [name], report=said.append)
                yield from (f"{event.target}: {event.text}" for event in said if event.stage == "note")
            except DbfleetError as error:
                yield f"{name}: {error.message}"


def end(fleet: Fleet, names: Sequence[str], *, report: Report = silent) -> Sequence[str]:
    """Stop these services; the names of those that ran."""
    ours = [name for name in names if fleet.record(name).get("runtime")]
    return stop(fleet, ours, report=report) if ours else []
