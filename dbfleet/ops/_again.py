"""A command that has lost its connection is tried again (--retries), where that can neither lose nor double a row.

Only what a later try may mend is tried again: a server that cannot be reached, or is gone; not a wrong password, and no
refused row. Between two tries it waits: 1 s, 2 s, 4 s … 60 s. How each verb begins again is its own affair:

    copy   as --resume does: what is done stays, parts that had begun are written by upsert
    dump   from the beginning, of a new moment
    load   collections of a dump that are whole stay, as they do when the same command is given again. Rows of a
           foreign file that are added to a collection are not tried again unless it has as many rows as before: whether
           a lost server has stored them, nobody knows
    diff   collections of which all has been told are not compared again
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dbfleet.errors import AuthFailed, DbfleetError, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.target import Target

if TYPE_CHECKING:  # a verb does not load the others
    from dbfleet.ops.copy import Copied, Plan, Watch
    from dbfleet.ops.dump import Dumped
    from dbfleet.ops.load import Loaded
    from dbfleet.ops.load.inputs import Input

T = TypeVar("T")
Tell = Callable[[str], None]
Sleep = Callable[[float], None]

_LONGEST_S: Final = 60


def again(run: Callable[[int], T], retries: int, tell: Tell, sleep: Sleep = time.sleep) -> T:
    """What `run` returns; it is told which try this is, from 0 on. After the last one its own error."""
    for number in range(_checked(retries)):
        try:
            return run(number)
        except Unavailable as error:
            _pause(error, number, retries, tell, sleep)
    return run(retries)


def gone_on(run: Callable[[int], Iterator[T]], retries: int, tell: Tell, sleep: Sleep = time.sleep) -> Iterator[T]:
    """What `run` yields, and what it yields when it is called again; it goes on where it was by itself."""
    for number in range(_checked(retries) + 1):
        try:
            yield from run(number)
            return
        except Unavailable as error:
            if number == retries:
                raise
            _pause(error, number, retries, tell, sleep)


def _checked(retries: int) -> int:
    if retries < 0:
        raise UsageError(f"--retries is {retries}", hint="it is how often a lost connection is tried again")
    return retries


def _pause(error: Unavailable, number: int, retries: int, tell: Tell, sleep: Sleep) -> None:
    """Wait before the next try; the error itself, where none may mend it."""
    if isinstance(error, AuthFailed):
        raise error
    wait = min(2**number, _LONGEST_S)
    tell(f"{_said(error)}: again in {wait} s, try {number + 2} of {retries + 1}")
    sleep(wait)


def _said(error: DbfleetError) -> str:
    name = error.target or error.engine
    return f"{name}: {error.message}" if name and not error.message.startswith(name) else error.message


def copied(
    fleet: Fleet,
    source: Target,
    sink: Target,
    collections: Sequence[str],
    done: list[Copied],
    *,
    retries: int,
    resume: bool,
    watch: Watch,
    sleep: Sleep = time.sleep,
    **options: Any,
) -> None:
    """Copy, and again where the connection is lost; the records go into `done`."""
    from dbfleet.ops.copy import copy

    once = _agreed_once(watch)

    def run(number: int) -> None:
        done.clear()
        going_on = resume or number > 0
        done.extend(copy(fleet, source, sink, collections, resume=going_on, watch=once, **options))

    again(run, retries, watch.said, sleep)


def _asked_once(agree: Callable[[str], None]) -> Callable[[str], None]:
    """What asks a user once, however often it is called."""
    agreed: list[str] = []

    def once(text: str) -> None:
        if not agreed:
            agree(text)
            agreed.append(text)

    return once


def _agreed_once(watch: Watch) -> Watch:
    """The watch, whose user is asked once, however often it is tried."""
    from dbfleet.ops.copy import Watch as Watching

    class Once(Watching):
        agreed = False
        planned, finished = staticmethod(watch.planned), staticmethod(watch.finished)
        progress, said = staticmethod(watch.progress), staticmethod(watch.said)

        def agree(self, plan: Plan) -> None:
            if not self.agreed:
                watch.agree(plan)
                self.agreed = True

    return Once()


def dumped(
    fleet: Fleet,
    target: Target,
    collections: Sequence[str],
    done: list[Dumped],
    *,
    retries: int,
    tell: Tell,
    agree: Callable[[str], None],
    sleep: Sleep = time.sleep,
    **options: Any,
) -> None:
    """Dump, and again where the connection is lost; the records go into `done`."""
    from dbfleet.ops.dump import dump

    once = _asked_once(agree)

    def run(number: int) -> None:
        done.clear()
        done.extend(dump(fleet, target, collections, tell=tell, agree=once, **options))

    again(run, retries, tell, sleep)


def loaded(
    fleet: Fleet,
    target: Target,
    inputs: Sequence[Input],
    done: list[Loaded],
    *,
    retries: int,
    mode: str,
    tell: Tell,
    agree: Callable[[str], None],
    rejected: Path | None = None,
    sleep: Sleep = time.sleep,
    **options: Any,
) -> None:
    """Load, and again where the connection is lost; the records go into `done`."""
    from dbfleet.ops.load import Earlier, load

    once, earlier = _asked_once(agree), Earlier()
    before: dict[str, int] = {}

    def run(number: int) -> None:
        if retries and mode == "insert":
            _refuse_what_may_be_stored(fleet, target, inputs, before, earlier.left_over)
        found = {record.collection: record for record in done}
        try:
            for record in load(
                fleet, target, inputs, mode=mode, tell=tell, agree=once, rejected=rejected, earlier=earlier, **options
            ):
                if record.rows or record.collection not in found:  # else an earlier try has stored it whole
                    found[record.collection] = record
        except Unavailable as error:
            if earlier.refused:  # the list of the refused rows would begin anew
                raise _NotAgain(error) from error
            raise
        finally:
            done[:] = found.values()

    try:
        again(run, retries, tell, sleep)
    except _NotAgain as error:
        raise error.error from error.error.__cause__


class _NotAgain(Exception):
    """Not to be tried again."""

    def __init__(self, error: DbfleetError) -> None:
        super().__init__(error.message)
        self.error = error


def _refuse_what_may_be_stored(
    fleet: Fleet, target: Target, inputs: Sequence[Input], before: dict[str, int], left_over: Sequence[str]
) -> None:
    """Before the first try: note how many rows are where rows of somebody's are added. Before any other: an error where
    there are others now."""
    foreign = [each.collection for each in inputs if each.digest is None]
    if not foreign:
        return
    try:
        with fleet.connect(target) as adapter:
            there = set(adapter.collections()) - set(left_over)
            for name in foreign:
                rows = adapter.count(name) if name in there else 0
                if rows != before.setdefault(name, rows):
                    raise UsageError(
                        f"{name} has {rows:,} rows, and had {before[name]:,} before the connection was lost: "
                        "some of the file's are stored, or another's",
                        target=target.name,
                        hint="--mode upsert stores the file's once, by their key",
                    )
    except Unavailable:
        if not fleet.spec(target).embedded:
            raise  # a file that is not there yet is made
