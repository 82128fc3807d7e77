"""What cannot be read, where the rest is wanted nevertheless (--keep-going): each is named, and the exit code is 8.

`found` looks before anything is held or written: at each collection's schema and its first rows, outside of a
transaction, so that the refusal of one costs no other. What shows itself only further on (a value in the middle of a
table) is noticed where it is read, and added to `failures`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Final, cast

from dbfleet.abilities import carrying
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, FleetPartlyFailed, NoRoom, NotFound, StatementError, Unsupported
from dbfleet.fleet import Fleet
from dbfleet.target import Target
from dbfleet.values import Batch

KINDS: Final = (StatementError, Unsupported)
"""The errors of a collection that cannot be read. A server that is gone, or full, is no matter of one collection."""

Failures = dict[str, DbfleetError]


def found(fleet: Fleet, target: Target, names: Sequence[str], *, natively: bool = False) -> Failures:
    """Those of the collections that cannot be read, with why; `natively`, where the server can. NotFound for one that
    is not there."""
    failures: Failures = {}
    with fleet.connect(target) as adapter:
        native = carrying(adapter) if natively else None
        own = native.native_collections() if native else ()
        for name in names:
            try:
                schema = native.native(name) if native and name in own else adapter.describe(name)
                batches = cast(Generator[Batch, None, None], adapter.scan(schema))
                with contextlib.closing(batches):
                    next(batches, None)
            except KINDS as error:
                if isinstance(error, NoRoom | NotFound):
                    raise
                failures[name] = error
    return failures


def is_of_one(error: DbfleetError) -> bool:
    """Whether the error is of what was read, and not of the server as a whole."""
    return isinstance(error, KINDS) and not isinstance(error, NoRoom)


def has_ended_the_moment(adapter: Adapter) -> bool:
    """Whether the error of a statement has ended the transaction in which everything is read."""
    try:
        adapter.ping()
    except StatementError:
        return True
    return False


def told(failures: Mapping[str, DbfleetError], count: int, verb: str, target: str) -> FleetPartlyFailed:
    """The error at the end: which of the collections were not dumped, copied, compared."""
    return FleetPartlyFailed(
        f"{len(failures)} of {count} collection{'' if count == 1 else 's'} of {target} {verb}", failures=failures
    )
