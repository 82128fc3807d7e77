"""`query --read-only` in a fleet that has a console: the statement and its outcome are links of the console's chain, as
they are for who asks in the browser."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbfleet import formats
from dbfleet.cli import render
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet

if TYPE_CHECKING:
    from dbfleet.ops.query import Told


class Kept:
    """What was read of each target so far, and how long a statement may take there by the console's budgets."""

    def __init__(self, targets: Sequence[str]) -> None:
        self.rows = dict.fromkeys(targets, 0)
        self.limits_s: dict[str, float] = {}

    def tell(self, told: Told) -> None:
        """Count what a statement told that it gave or changed."""
        self.rows[told.target] = self.rows.get(told.target, 0) + (told.rows or told.affected or 0)

    def counted(self, chunks: Iterable[bytes], format: str) -> Iterator[bytes]:
        """The chunks of the only target as they are; their records are counted."""
        count = formats.counter(format)
        (target,) = self.rows
        lines = 0
        for chunk in chunks:
            lines += count(chunk)
            self.rows[target] = max(0, lines - (format == "csv"))
            yield chunk


@contextmanager
def on_record(fleet: Fleet, targets: Sequence[str], statement: str, params: Mapping[str, object]) -> Iterator[Kept]:
    """For the block: the statement is on record, of each target, and what came of it will be, with the rows that the
    block counts. A console that does not answer stops nobody who holds the fleet's secrets, but it is said."""
    from dbfleet.console import desk as console

    kept = Kept(targets)
    try:
        desk = console.opened(fleet)
        found = {target: desk.statement_s(target) for target in targets}
        kept.limits_s = {target: seconds for target, seconds in found.items() if seconds}
        asked = {target: desk.statement_begins(target, statement, params) for target in targets}
    except DbfleetError as error:
        render.warn(f"this is not put on record: {error.message}")
        yield kept
        return
    began = time.monotonic()
    outcome, why = "done", ""
    try:
        yield kept
    except BaseException as error:
        outcome = "failed" if isinstance(error, Exception) else "stopped"
        why = error.message if isinstance(error, DbfleetError) else type(error).__name__
        raise
    finally:
        ms = round((time.monotonic() - began) * 1000)
        try:
            for target, number in asked.items():
                desk.statement_ends(target, number, outcome=outcome, rows=kept.rows[target], ms=ms, error=why)
        except DbfleetError as error:
            render.warn(f"the outcome is not on record: {error.message}")
