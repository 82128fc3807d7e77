"""Two sides, connected and compared: collection by collection, in one of the ways that the package tells of."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from dbfleet.abilities import Digests, Native
from dbfleet.errors import DbfleetError, StatementError, UsageError
from dbfleet.fidelity import coarsened
from dbfleet.fleet import Fleet
from dbfleet.lines import order_of
from dbfleet.ops import _ending, _workers
from dbfleet.ops._named import without
from dbfleet.ops._progress import Ticker
from dbfleet.ops._workers import Worker
from dbfleet.ops.diff import definitions, expression, merge, pairing, ranges
from dbfleet.ops.diff import sides as side_workers
from dbfleet.ops.diff.differences import Cells, Counted, Unlike, of_rows
from dbfleet.ops.diff.lenient import EXACTLY
from dbfleet.ops.diff.pairing import Choice
from dbfleet.ops.diff.words import (
    BUCKETS,
    FEW_BUCKETS,
    Answer,
    CanOrder,
    Connect,
    Count,
    Describe,
    Far,
    Find,
    Identify,
    Lines,
    List,
    Moment,
    Natively,
    Order,
    Outlined,
    Pairing,
    Spill,
    Sum,
    Summed,
    SumUp,
    Trouble,
    Views,
    Word,
)
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Digest, Schema

_ROWS_AT_ONCE: Final = 40_000
"""Of both sides together, compared in memory: some 40 MB of wide rows."""
_MOST_FILES: Final = 200
_HAS_COLUMNS: Final = ("relational", "wide-column")
"""Paradigms whose collections have their columns before they have a row."""

Troubles = dict[str, DbfleetError]
Schemas = tuple[Schema | None, Schema | None]


class Watch:
    """What `diff` tells on its way; every method may be overridden."""

    def progress(self, side: str, collection: str, rows: int) -> None:
        """How many rows of a side have been read."""

    def said(self, text: str) -> None:
        """What the user should know: at which fidelity is compared."""


class InTrouble(StatementError):
    """A side cannot read a collection; the others are compared."""


def known_by_rows(specs: Sequence[EngineSpec]) -> bool:
    """Whether one of these engines knows a collection's columns by its rows alone: without a row nothing says what they
    are."""
    return any(spec.paradigm not in _HAS_COLUMNS for spec in specs)


class _Chunks:
    """What a side answers to Order."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        while isinstance(message := self._worker.receive(), Lines):
            yield message.chunk
        self.ended = True
        _refuse(self._worker.name, message.content if isinstance(message, Answer) else None)

    def drain(self) -> None:
        """Read on to the end: the side listens again then."""
        while not self.ended:
            self.ended = not isinstance(self._worker.receive(), Lines)


def _refuse(side: str, content: Any) -> None:
    if isinstance(content, Trouble):
        raise InTrouble(f"{side}: {content.message}", hint=content.hint)


@contextmanager
def comparing(
    fleet: Fleet,
    a: Target,
    b: Target,
    choice: Choice,
    watch: Watch | None = None,
    *,
    timeouts_s: tuple[float | None, float | None] = (None, None),
    troubles: Troubles | None = None,
) -> Iterator[Comparison]:
    """Both sides, connected, to compare collections of; UsageError for a choice that cannot be read. `timeouts_s`: how
    long each side may take for one answer, such as the reading of a collection. `troubles` holds what cannot be read,
    and is passed over; None: the first such ends it."""
    if choice.columns and choice.ignore:
        raise UsageError("--columns and --ignore: only one can choose")
    if choice.where is not None:
        expression.names(choice.where)  # what cannot be read is told before anybody connects
    # Forked before a connection is open: a driver's sockets are not for two processes.
    workers = _workers.start(
        [
            (
                name,
                partial(
                    side_workers.read, fleet=fleet, target=target, timeout_s=timeout_s, keep_going=troubles is not None
                ),
            )
            for name, target, timeout_s in (("A", a, timeouts_s[0]), ("B", b, timeouts_s[1]))
        ],
        [fleet.spec(a), fleet.spec(b)],
    )
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-diff-"))
    try:
        for worker in workers:
            worker.send(Connect())
        yield Comparison((a, b), (fleet.spec(a), fleet.spec(b)), choice, watch or Watch(), workers, folder, troubles)
    finally:
        _stop(workers)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(workers: Sequence[Worker]) -> None:
    """Tell both sides, and read what they are about to say: one that waits for a reader cannot stop."""
    for worker in workers:
        worker.tell_to_stop()
    for worker in workers:
        while not worker.ended:
            with contextlib.suppress(Exception):
                worker.receive()
    _workers.stop(workers)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, each a worker, and what the user chose."""

    targets: tuple[Target, Target]
    specs: tuple[EngineSpec, EngineSpec]
    choice: Choice
    watch: Watch
    workers: Sequence[Worker]
    folder: Path
    troubles: Troubles | None = None

    def passed_over(self, name: str, error: DbfleetError) -> None:
        """Note a collection that cannot be read, and why."""
        assert self.troubles is not None
        self.troubles[name] = error

    def began(self) -> datetime:
        """The moment, by this machine's clock, since when or later everything is read on both sides from now on."""
        now = datetime.now(UTC)
        return min(moment or now for moment in self._ask(Moment(), Moment()))

    def identities(self) -> list[str]:
        """Which databases the two sides are."""
        return self._ask(Identify(), Identify())

    def with_choice(self, choice: Choice) -> Comparison:
        """The same two sides, compared by another choice."""
        return replace(self, choice=choice)

    def names(self) -> list[str]:
        """The collections that either side has."""
        names = self._ask(List(), List())
        return without(sorted({*names[0], *names[1]}), self.choice.exclude)

    def views(self) -> list[str]:
        """The collections that are a view on either side, as far as the engines tell."""
        views = self._ask(Views(), Views())
        return sorted({*views[0], *views[1]})

    def found(self, a_name: str, b_name: str) -> Schemas:
        """The schemas of these collections by the closed set's types; None for a side that lacks it."""
        a, b = self._ask(Find(a_name), Find(b_name))
        return a, b

    def pairs(self, a_name: str | None, b_name: str | None) -> Iterator[Schemas]:
        """The schemas of the named collections, or of all that either side has; None for a side that lacks one. Where
        whole rows are to be written, views are not among all."""
        if a_name is not None:
            without([a_name], self.choice.exclude)
            a, b = self._ask(Describe(a_name), Describe(b_name or a_name))
            yield self._natively(a, b)
            return
        names = self._ask(List(), List())
        views = self.views() if self.choice.whole else []
        for name in without(sorted({*names[0], *names[1]}), self.choice.exclude):
            if name in views:
                continue
            try:
                found = self._natively(*self._ask(*(Describe(name) if name in there else None for there in names)))
            except InTrouble as error:
                self.passed_over(name, error)
                continue
            yield found

    def _natively(self, a: Schema | None, b: Schema | None) -> Schemas:
        return (a, b) if a is None or b is None else self.natively(a, b)

    def natively(self, a: Schema, b: Schema) -> tuple[Schema, Schema]:
        """The schemas, by the engine's own values where both sides are of one engine that gives them, and where none
        of them is to be overlooked."""
        if self.specs[0] is not self.specs[1] or Native not in self.specs[0].abilities:
            return a, b
        if self.choice.lenient != EXACTLY:  # an engine's own text of a number is no number
            return a, b
        mine, yours = self._ask(Natively(a.name), Natively(b.name))
        if mine is None or yours is None:
            return a, b
        found = pairing.natively(a, b, mine, yours, self.choice)
        if not found[0].native and mine.names != yours.names and {*mine.names, *yours.names} - {*a.names, *b.names}:
            # Keys of somebody's on one side, rows of ours on the other: what only the engine knows of them is not seen.
            title = self.specs[0].title
            self.watch.said(f"{a.name}: the sides keep it otherwise: compared by values, not by all that {title} has")
        return found

    def made_otherwise(self, names: Sequence[str], *, everything: bool) -> list[str]:
        """What these collections, and with `everything` the two databases, are made of on one side alone, in words;
        nothing where the sides are of two engines, or do not tell."""
        if self.specs[0] is not self.specs[1] or Native not in self.specs[0].abilities:
            return []
        word = Outlined(tuple(names), everything)
        a, b = self._ask(word, word)
        return [] if a is None or b is None else definitions.unlike(a, b, (self.targets[0].name, self.targets[1].name))

    def counts(self, a_name: str, b_name: str) -> list[int]:
        """How many rows each side's collection has."""
        return self._ask(Count(a_name), Count(b_name))

    def sides(self, a: Schema, b: Schema) -> tuple[Pairing, Pairing]:
        """How each side is read; what is compared more coarsely than one of them keeps it is said."""
        found = pairing.pairings(a, b, self.specs, self.choice)
        pairing.say_fidelity(a, b, found[0], self.specs, self.targets, self.watch.said)
        return found

    def rows(
        self, a: Schema, b: Schema, sides: tuple[Pairing, Pairing], *, whole: bool = False
    ) -> Iterator[Unlike | Counted]:
        """The rows that differ; last, how many are the same (Counted's other numbers are 0). `whole`: each with all of
        its values, as far as they are read."""
        found = self._merged if self.merges(a, b, sides) else self._summed
        for each in found(a.name, sides, whole or self.choice.whole):
            if isinstance(each, Counted) or not self._has_ended(each, sides):
                yield each

    def _has_ended(self, each: Unlike, sides: tuple[Pairing, Pairing]) -> bool:
        """Whether a row that one side lacks was there to end by itself by now (ops/_ending.py)."""
        if each.a is not None and each.b is not None:
            return False
        row, side, spec = (each.a, sides[0], self.specs[0]) if each.b is None else (each.b, sides[1], self.specs[1])
        place = _ending.place_of(side.columns, spec) if side.native else None
        return row is not None and place is not None and _ending.has_ended(row, place)

    def merges(self, a: Schema, b: Schema, sides: tuple[Pairing, Pairing]) -> bool:
        """Whether one reading of both sides, in the order of one key, says all."""
        return pairing.may_merge(a, b, sides) and all(self._ask(*(CanOrder(side) for side in sides)))

    def digests(self, sides: tuple[Pairing, Pairing]) -> list[Digest] | None:
        """Both sides' digests by their servers, without a row that travels; None where one cannot compute it, or where
        the values have to be cut first to be compared."""
        if any(side.where is not None or side.as_text or side.lenient != EXACTLY or Digests not in spec.abilities
               or coarsened(side.columns[: side.compared], *side.specs) is not None
               for side, spec in zip(sides, self.specs, strict=True)):  # fmt: skip
            return None
        found = self._ask(*(SumUp(side) for side in sides))
        return None if None in found else found

    def _merged(self, name: str, sides: tuple[Pairing, Pairing], whole: bool) -> Iterator[Unlike | Counted]:
        """The fast path: both sides' lines in the order of the key, once."""
        for worker, side in zip(self.workers, sides, strict=True):
            worker.send(Order(side))
        chunks = [_Chunks(worker) for worker in self.workers]
        lines = [
            merge.Counting(iter(each), self._ticker(worker, name))
            for each, worker in zip(chunks, self.workers, strict=True)
        ]
        key = [sides[0].columns[place] for place in sides[0].key]
        compare = Cells(sides, whole=whole)
        found = 0
        try:
            for line, other in merge.pairs(lines[0], lines[1], order_of(key)):
                each = compare(line, other)
                if each is not None:
                    found += each.a is not None
                    yield each
        except InTrouble:
            for each_side in chunks:
                each_side.drain()
            raise
        yield Counted(name, lines[0].rows - found, 0, 0, 0)

    def _ticker(self, worker: Worker, name: str) -> Ticker:
        return Ticker(lambda rows: self.watch.progress(worker.name, name, rows), last=False)

    def _summed(self, name: str, sides: tuple[Pairing, Pairing], _: bool) -> Iterator[Unlike | Counted]:
        """The plain path: sums of buckets first, then the rows of those that differ."""
        summed: list[Summed] = self._ask(*(Sum(side) for side in sides))
        few = all(each.few is not None for each in summed)
        buckets = FEW_BUCKETS if few else BUCKETS
        sums = [each.buckets(buckets) for each in summed]
        same_sums = sums[0] == sums[1]
        rows, spans = [each.rows for each in summed], [each.span for each in summed]
        del summed
        found = 0
        if not same_sums:
            marked = bytes(map(int.__ne__, *sums))
            del sums
            expected = sum(rows) * sum(marked) // buckets
            parts = min(max(1, -(-expected // _ROWS_AT_ONCE)), _MOST_FILES)
            files = [tuple(self.folder / f"{side}.{part}" for part in range(parts)) for side in "ab"]
            within = ranges.of_buckets(marked, spans) if sides[0].ranged else None
            self._ask(*(Spill(side, marked, each, within) for side, each in zip(sides, files, strict=True)))
            for a_file, b_file in zip(*files, strict=True):
                for each in of_rows(sides, side_workers.spilled(a_file), side_workers.spilled(b_file)):
                    found += each.a is not None
                    yield each
        yield Counted(name, rows[0] - found, 0, 0, 0)

    def _ask(self, *words: Word | None) -> list[Any]:
        """Send each side its word (None: no word). Their answers."""
        asked = [worker for worker, word in zip(self.workers, words, strict=True) if word is not None]
        for worker, word in zip(self.workers, words, strict=True):
            if word is not None:
                worker.send(word)
        answers: dict[str, Any] = {}
        for worker in _workers.listen(asked):
            message: Far | Answer = worker.receive()
            if isinstance(message, Far):
                self.watch.progress(worker.name, message.collection, message.rows)
                continue
            answers[worker.name] = message.content
            if len(answers) == len(asked):
                break
        for worker in asked:
            _refuse(worker.name, answers.get(worker.name))
        return [answers.get(worker.name) for worker in self.workers]
