"""What `up` puts right on an engine's server once it answers. A failure is a note: the server is up nevertheless."""

from __future__ import annotations

from dbfleet.abilities import MakesReader, able
from dbfleet.errors import DbfleetError
from dbfleet.fleet import READER, Fleet
from dbfleet.ops import _staging
from dbfleet.runtimes import Event, Report
from dbfleet.target import Target


def make_reader(fleet: Fleet, target: Target, report: Report) -> None:
    """Make the account that can only read, where the engine has such; each time, so that a server that was started by
    an earlier dbfleet gets it, too."""
    if MakesReader not in fleet.spec(target).abilities:
        return
    try:
        with fleet.connect(target) as adapter:
            making = able(adapter, MakesReader)
            if making is not None:
                making.make_reader(READER, fleet.secret("ro"))
    except DbfleetError as error:  # it is up nevertheless
        report(Event(target.name, "note", f"it has no account for reading only: {error.message}"))


def clean(fleet: Fleet, target: Target, report: Report) -> None:
    """Drop what a command that was killed has left staged there. It costs a connection, so only where a command of this
    state directory ever staged anything."""
    if not _staging.left_somewhere(fleet):
        return
    try:
        with fleet.connect(target) as adapter:
            dropped = _staging.clean(fleet, adapter)
    except DbfleetError as error:  # it is up nevertheless
        report(
            Event(target.name, "note", f"what a killed command may have left could not be looked for: {error.message}")
        )
        return
    if dropped:
        report(Event(target.name, "note", f"dropped what a killed command had left: {', '.join(dropped)}"))
