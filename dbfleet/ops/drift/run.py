"""A check for drift from its beginning to its end: see the package for the rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from dbfleet.errors import DbfleetError, NotFound, UsageError, did_you_mean
from dbfleet.fleet import Fleet
from dbfleet.ops.diff import Counted, Difference, Watch
from dbfleet.ops.diff import pairing as pairings
from dbfleet.ops.diff.comparison import Comparison, comparing, known_by_rows
from dbfleet.ops.diff.differences import Unlike, told
from dbfleet.ops.diff.pairing import Choice
from dbfleet.ops.drift import settled as ages
from dbfleet.ops.drift.confirm import Again, Pair, Verdict, Waiting, compared_again
from dbfleet.ops.drift.records import Drifted
from dbfleet.ops.drift.settled import Settled
from dbfleet.target import Target
from dbfleet.values import Schema

Names = tuple[str, str]
"""A collection's name on the left and on the right."""
Timeouts = tuple[float | None, float | None]

LIMIT: Final = 1000


@dataclass(slots=True)
class _Checked:
    """A collection that is compared: its record, how it is compared, and what differs at first."""

    record: Drifted
    names: Names
    pair: Pair | None = None
    choice: Choice = field(default_factory=Choice)
    column: str | None = None
    """The column that says how old a row is."""
    began: datetime | None = None
    waiting: Waiting | None = None


def drift(
    fleet: Fleet,
    left: Target,
    right: Target,
    collections: Sequence[str | Names] = (),
    *,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    where: str | None = None,
    settled: Settled | None = None,
    confirm_s: float = 10.0,
    limit: int = LIMIT,
    timeouts_s: Timeouts = (None, None),
    read_only: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    watch: Watch | None = None,
) -> Iterator[Drifted]:
    """A record a collection, of those that are named (a pair of names where the two sides call it differently), else of
    all that either side has. What is the same comes first; what differs is told when it was read again.

    `columns` are the only ones that are compared, `ignore` are not; the key always is. `where` chooses rows by an
    expression. `settled` says which rows are too young to be judged. With 0 for `confirm_s` nothing is read again. The
    first `limit` rows that are drift are kept in the record, all are counted. `timeouts_s` is how long the left and the
    right may take for one answer, such as the reading of a collection; what takes longer is stopped on the server.
    `read_only`: both are read as `Fleet.reader` has them. `sleep` waits before the second reading, and may raise.

    UsageError for a choice that cannot be meant, before anything is read. Any other error of a side is in the record of
    its collection, which nobody can tell of.
    """
    if limit < 0 or confirm_s < 0:
        raise UsageError("neither the limit nor the time to confirm can be below zero")
    sides = (fleet.reader(left), fleet.reader(right)) if read_only else (left, right)
    with _Check(
        fleet, sides, Choice(columns, ignore, where), settled, confirm_s, limit, timeouts_s, sleep, watch
    ) as check:
        yield from check.all(collections)


class _Check(ExitStack):
    """One check. Use with `with`."""

    def __init__(
        self,
        fleet: Fleet,
        targets: tuple[Target, Target],
        choice: Choice,
        settled: Settled | None,
        confirm_s: float,
        limit: int,
        timeouts_s: Timeouts,
        sleep: Callable[[float], None],
        watch: Watch | None,
    ) -> None:
        super().__init__()
        self._fleet, self._targets, self._choice = fleet, targets, choice
        self._settled, self._confirm_s, self._limit = settled, confirm_s, limit
        self._timeouts_s, self._sleep, self._watch = timeouts_s, sleep, watch or Watch()
        self._open = self.enter_context(ExitStack())
        self._comparison: Comparison | None = None

    def all(self, collections: Sequence[str | Names]) -> Iterator[Drifted]:
        """Every collection's record."""
        names = list(dict.fromkeys((each, each) if isinstance(each, str) else each for each in collections))
        planned: list[_Checked] = []
        try:
            names = names or self._names()
        except UsageError:
            raise
        except DbfleetError as error:
            yield self._record(None).cannot_tell(error)
            return
        for each in names:
            checked = _Checked(self._record(each[0]), each)
            self._attempt(checked, self._plan)
            planned.append(checked)
        self._refuse_unknown_column(planned)
        waiting = []
        for checked in planned:
            if checked.pair is not None:
                self._attempt(checked, self._compare)
            if checked.waiting is not None and checked.waiting.count and checked.record.error is None:
                waiting.append(checked)
            else:
                yield self._finished(checked)
        self._close()  # no snapshot is held while we wait
        if waiting:
            spools = [each.waiting for each in waiting if each.waiting is not None]
            wait_s = max(0.0, max(spool.read_at for spool in spools) + self._confirm_s - time.monotonic())
            count = sum(spool.count for spool in spools)
            differ = "1 row differs" if count == 1 else f"{count:,} rows differ"
            self._watch.said(f"{differ}; read again in {wait_s:.0f} s")
            self._sleep(wait_s)
        for checked in waiting:
            self._attempt(checked, self._confirm)
            self._close()
            yield self._finished(checked)

    def _record(self, collection: str | None) -> Drifted:
        return Drifted(self._targets[0].name, self._targets[1].name, collection)

    # --- connections ---

    def _comparing(self, choice: Choice) -> Comparison:
        """Both sides, connected; what is open already, with another choice."""
        if self._comparison is None:
            self._comparison = self._open.enter_context(
                comparing(self._fleet, *self._targets, self._choice, self._watch, timeouts_s=self._timeouts_s)
            )
        return self._comparison.with_choice(choice)

    def _close(self) -> None:
        self._comparison = None
        self._open.close()

    def _attempt(self, checked: _Checked, step: Callable[[_Checked], None]) -> None:
        """Do a step of a collection. An error of a side is this collection's alone, and the others go on over new
        connections."""
        try:
            step(checked)
        except UsageError:
            raise
        except DbfleetError as error:
            checked.record.cannot_tell(error)
            checked.pair = None
            self._close()  # a worker that has failed has ended

    # --- the plan ---

    def _names(self) -> list[Names]:
        return [(name, name) for name in self._comparing(self._choice).names()]

    def _plan(self, checked: _Checked) -> None:
        a, b = self._comparing(self._choice).found(*checked.names)
        record = checked.record
        if a is None or b is None:
            if a is None and b is None:
                name = checked.names[0]
                hint = did_you_mean(name, self._comparing(self._choice).names())
                raise NotFound(f"neither side has a collection {name!r}", hint=hint)
            there = {"collection": record.collection}
            self._schema_differs(checked, Difference(str(record.collection), None, "schema", there if a else None,
                                                     there if b else None))  # fmt: skip
            return
        if self._settled is not None:
            checked.column = ages.column_of(self._settled, a, b)
        besides = [checked.column] if checked.column else []
        checked.choice = Choice(self._choice.columns, self._choice.ignore, self._choice.where, besides=besides)
        comparison = self._comparing(checked.choice)
        a, b = comparison.natively(a, b)
        for difference in self._schema_differences(comparison, a, b):
            self._schema_differs(checked, difference)
        checked.pair = Pair((a, b), comparison.sides(a, b))

    def _schema_differences(self, comparison: Comparison, a: Schema, b: Schema) -> Iterator[Difference]:
        """Those of the schemas that matter: of the key and of the columns that are compared."""
        found = [
            each
            for each in pairings.schema_differences(a, b)
            if (name := (each.before or each.after or {}).get("column")) is None
            or name in (*a.key, *b.key)
            or self._choice.compares(name)
        ]
        if found and not (known_by_rows(comparison.specs) and not any(comparison.counts(a.name, b.name))):
            yield from found

    def _schema_differs(self, checked: _Checked, difference: Difference) -> None:
        checked.record.state = "drift"
        checked.record.schema += 1
        checked.record.differences.append(difference)

    def _refuse_unknown_column(self, planned: Sequence[_Checked]) -> None:
        """UsageError where --settled names a column that nothing has; of a collection that lacks it, it is said."""
        compared = [each for each in planned if each.pair is not None]
        if self._settled is None or not compared:
            return
        lacking = [each for each in compared if each.column is None]
        if self._settled.column is not None and len(lacking) == len(compared):
            names = ", ".join(str(each.record.collection) for each in lacking[:3])
            raise UsageError(f"--settled: no column {self._settled.column} is in {names}")
        for each in lacking:
            what = self._settled.column or "column that says when a row was written"
            self._watch.said(f"{each.record.collection} has no {what}: its rows are judged whatever their age")

    # --- the first reading ---

    def _compare(self, checked: _Checked) -> None:
        assert checked.pair is not None
        (a, b), sides, record = checked.pair.schemas, checked.pair.sides, checked.record
        comparison = self._comparing(checked.choice)
        checked.began = comparison.began()
        if not comparison.merges(a, b, sides):
            digests = comparison.digests(sides)
            if digests is not None and digests[0] == digests[1]:
                record.rows, record.digest = digests[0].rows, str(digests[0])
                return
        is_young = self._young(checked, checked.began)
        checked.waiting = Waiting()
        self.callback(checked.waiting.close)
        removed_or_changed = 0
        for each in comparison.rows(a, b, sides, whole=True):
            if isinstance(each, Counted):
                record.rows = each.same + removed_or_changed
                continue
            removed_or_changed += each.a is not None
            if is_young(each.a, each.b):
                record.unsettled += 1
            elif self._confirm_s:
                checked.waiting.add(checked.pair.seen(each))
            else:
                record.count(told(str(record.collection), sides, each), self._limit)

    def _young(self, checked: _Checked, began: datetime) -> Callable[[object, object], bool]:
        if self._settled is None or checked.column is None or checked.pair is None:
            return lambda a, b: False
        settled, column = self._settled, checked.column
        return ages.either(  # type: ignore[return-value]
            [ages.young(settled, column, side.schema, began, _now) for side in checked.pair.sides]
        )

    # --- the second ---

    def _confirm(self, checked: _Checked) -> None:
        assert checked.pair is not None
        assert checked.waiting is not None
        pair, waiting, record = checked.pair, checked.waiting, checked.record
        record.confirmed_at = began = _now()
        if pair.by_key:
            with Again(self._fleet, self._targets, pair, self._timeouts_s) as again:
                self._judge(checked, again.verdicts(waiting), began)
            return
        comparison = self._comparing(checked.choice)

        def healed(rows: int) -> None:
            record.healed += rows

        found = (each for each in comparison.rows(*pair.schemas, pair.sides, whole=True) if isinstance(each, Unlike))
        self._judge(checked, compared_again(pair, waiting, found, healed), began)

    def _judge(self, checked: _Checked, verdicts: Iterator[tuple[Verdict, Unlike]], began: datetime) -> None:
        assert checked.pair is not None
        record, is_young = checked.record, self._young(checked, began)
        for verdict, unlike in verdicts:
            if verdict == "healed":
                record.healed += 1
            elif verdict == "moving" or is_young(unlike.a, unlike.b):
                record.unsettled += 1
            else:
                record.count(told(str(record.collection), checked.pair.sides, unlike), self._limit)

    def _finished(self, checked: _Checked) -> Drifted:
        record = checked.record
        if record.drifted:
            record.state = "drift"
        if record.state == "ok":
            record.verified_through = checked.began
        return record


def _now() -> datetime:
    return datetime.now(UTC)
