"""`restart`: stop, then up, of what is on record as started."""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _meant, _servers
from dbfleet.ops.stop import stop
from dbfleet.ops.up import Up, up
from dbfleet.runtimes import Report, silent


def restart(
    fleet: Fleet, names: Sequence[str] | None = None, *, timeout_s: float | None = None, report: Report = silent
) -> Up:
    """Restart the named targets, or all that are up. UsageError where nothing is. The deadline is as `up`'s."""
    chosen = _servers.all_or_named(fleet, names)
    wanted = [target.name for target in chosen if fleet.record(target.name).get("wanted")]
    if not names and not wanted:
        raise UsageError("nothing of this fleet is up", hint="start it: dbfleet up")
    _meant.check(fleet, _meant.chosen(fleet, names or wanted))
    stop(fleet, names or wanted, report=report)
    return up(fleet, names or wanted, timeout_s=timeout_s, report=report)
