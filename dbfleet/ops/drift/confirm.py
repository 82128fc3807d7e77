"""What differs is read again: what of it is drift, what has healed, and what is in motion.

Rule: a row that differs again is drift if at least one side is as it was. A copy that lags by less than the wait has
brought by now whatever the source held at the first reading, so a side that stands still and is not like the other is
left behind. Where both sides were rewritten meanwhile, nobody can say so: the row is in motion.

Where both sides have the same key, the rows are read by it (`get`), over connections of their own: what was compared
before was compared in one moment of the server, which is over. Else the collection is compared once more, and what
differs in both comparisons counts.

Keys wait in a file, so memory holds some hundred rows, however many differ.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Any, Final, Literal, NamedTuple

from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.ops._bounded import Late, bounded
from dbfleet.ops.diff.differences import Unlike
from dbfleet.ops.diff.words import Pairing
from dbfleet.target import Target
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Row, Schema

_AT_ONCE: Final = 300
"""Keys of one `get`."""
_MOST_KNOWN: Final = 500_000
"""Rows that differ and are remembered for a second comparison; where there are more, all that differs then counts."""

Verdict = Literal["drift", "healed", "moving"]


class Seen(NamedTuple):
    """A row that differs: its key as each side has it (None: it cannot be there), a hash of the key (without one, of
    the row) and of what each side holds of the row (None: nothing). The hashes mean nothing in another process."""

    keys: tuple[Row | None, Row | None]
    key: int
    a: int | None
    b: int | None


class Pair:
    """A collection of both sides, and how it is compared."""

    def __init__(self, schemas: tuple[Schema, Schema], sides: tuple[Pairing, Pairing]) -> None:
        self.schemas = schemas
        self.sides = sides
        self._tuples = [side.tuples() for side in sides]
        self._keys_of = [side.keys() for side in sides]

    @property
    def by_key(self) -> bool:
        """Whether a row is found on both sides by its key."""
        return bool(self.sides[0].key) and sorted(self.schemas[0].key) == sorted(self.schemas[1].key)

    def seen(self, unlike: Unlike) -> Seen:
        """What is remembered of a row that differs."""
        made = [
            None if row is None else tuples([row])[0]
            for tuples, row in zip(self._tuples, (unlike.a, unlike.b), strict=True)
        ]
        one = made[0] if made[0] is not None else made[1]
        assert one is not None
        a, b = (None if each is None else hash(each) for each in made)
        return Seen(self._keys(unlike), hash(next(self._keys_of[0]([one]))), a, b)

    def held(self, place: int, rows: Sequence[Row]) -> dict[Row, tuple[Row, Row]]:
        """Rows of a side, their comparable tuples and themselves, by comparable key."""
        made = self._tuples[place](list(rows))
        return dict(zip(self._keys_of[place](made), zip(made, rows, strict=True), strict=True))

    def comparable_key(self, place: int, key: Row) -> Row:
        """A side's key as `held` has it."""
        side = self.sides[place]
        filled: list[Any] = [None] * len(side.columns)
        for at, value in zip(side.key, key, strict=True):
            filled[at] = value
        return next(self._keys_of[place](self._tuples[place]([tuple(filled)])))

    def _keys(self, unlike: Unlike) -> tuple[Row | None, Row | None]:
        rows = (unlike.a, unlike.b)
        own = [
            None if row is None else tuple([row[place] for place in side.key])
            for side, row in zip(self.sides, rows, strict=True)
        ]
        columns = [[side.columns[place] for place in side.key] for side in self.sides]
        if own[0] is None and own[1] is not None:
            own[0] = _as(own[1], columns[1], columns[0])
        elif own[1] is None and own[0] is not None:
            own[1] = _as(own[0], columns[0], columns[1])
        return own[0], own[1]


def _as(key: Row, columns: Sequence[Column], others: Sequence[Column]) -> Row | None:
    """The key in the other side's types; None where that has no such value."""
    found = []
    for value, column, other in zip(key, columns, others, strict=True):
        if column.type is other.type:
            found.append(value)
            continue
        try:
            found.append(VALUE_OF[other.type](TEXT_OF[column.type](value)))
        except (ValueError, ArithmeticError, KeyError):
            return None
    return tuple(found)


def judged(first: Seen, a: int | None, b: int | None) -> Verdict:
    """What is to be said of a row, by what it held first and holds now."""
    if a == b:
        return "healed"
    return "moving" if a != first.a and b != first.b else "drift"


class Waiting:
    """Rows that wait to be read again, in a file."""

    def __init__(self) -> None:
        self.count = 0
        self.read_at = time.monotonic()
        """When the last of them was read."""
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="dbfleet-drift-")  # noqa: SIM115 - closed by close
        self._batch: list[Seen] = []

    def add(self, seen: Seen) -> None:
        """One more."""
        self.count += 1
        self.read_at = time.monotonic()
        self._batch.append(seen)
        if len(self._batch) >= _AT_ONCE:
            self._flush()

    def batches(self) -> Iterator[list[Seen]]:
        """All of them, some at a time."""
        self._flush()
        self._file.seek(0)
        while True:
            try:
                batch: list[Seen] = pickle.load(self._file)  # noqa: S301 - written by ourselves
            except EOFError:
                return
            yield batch

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _flush(self) -> None:
        if self._batch:
            pickle.dump(self._batch, self._file, pickle.HIGHEST_PROTOCOL)
            self._batch = []


# --- by key ---------------------------------------------------------------------------------------------------------


class Again:
    """Both sides, connected to read rows by their keys. Use with `with`."""

    def __init__(
        self, fleet: Fleet, targets: tuple[Target, Target], pair: Pair, timeouts_s: tuple[float | None, float | None]
    ) -> None:
        self._fleet, self._targets, self._pair, self._timeouts_s = fleet, targets, pair, timeouts_s
        self._open = ExitStack()
        self._adapters: list[Adapter] = []

    def __enter__(self) -> Again:
        with ExitStack() as stack:
            self._adapters = [stack.enter_context(self._fleet.connect(target)) for target in self._targets]
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exc: Any) -> bool | None:
        return self._open.__exit__(*exc)

    def verdicts(self, waiting: Waiting) -> Iterator[tuple[Verdict, Unlike]]:
        """What is to be said of each row that waits, and how it differs now."""
        for batch in waiting.batches():
            rows = [self._rows(place, batch) for place in (0, 1)]
            for seen in batch:
                a, b = (
                    None if key is None else rows[place].get(self._pair.comparable_key(place, key))
                    for place, key in enumerate(seen.keys)
                )
                yield _verdict(seen, a, b)

    def _rows(self, place: int, batch: Sequence[Seen]) -> dict[Row, tuple[Row, Row]]:
        """The rows of a side with these keys: their comparable tuples and themselves, by comparable key."""
        pairing, own = self._pair.sides[place], self._pair.schemas[place]
        # A key is given in the collection's own order, which an engine may keep it by.
        order = [[pairing.columns[at].name for at in pairing.key].index(name) for name in own.key]
        schema = replace(pairing.schema, key=own.key, partition=own.partition)
        keys = [tuple([key[at] for at in order]) for seen in batch if (key := seen.keys[place]) is not None]
        adapter, late = self._adapters[place], Late()
        with bounded(late, adapter, self._timeouts_s[place]):
            found = list(adapter.get(schema, list(dict.fromkeys(keys)))) if keys else []
        chosen = pairing.chosen()
        if chosen:
            found = [row for row in found if chosen(row)]
        return self._pair.held(place, found)


def _verdict(seen: Seen, a: tuple[Row, Row] | None, b: tuple[Row, Row] | None) -> tuple[Verdict, Unlike]:
    made = (a and a[0], b and b[0])
    hashes = [None if each is None else hash(each) for each in made]
    places: tuple[int, ...] = ()
    if a is not None and b is not None:
        pairs = enumerate(zip(a[0], b[0], strict=True))
        places = tuple(place for place, (mine, yours) in pairs if mine != yours)
    return judged(seen, hashes[0], hashes[1]), Unlike(a and a[1], b and b[1], places)


# --- by comparing once more -----------------------------------------------------------------------------------------


def compared_again(
    pair: Pair, waiting: Waiting, found: Iterable[Unlike], healed: Callable[[int], None]
) -> Iterator[tuple[Verdict, Unlike]]:
    """What is to be said of each row that differs in a second comparison too. `healed` is told how many do not any
    more."""
    known: defaultdict[int, list[Seen]] = defaultdict(list)
    everything = waiting.count > _MOST_KNOWN
    if not everything:
        for batch in waiting.batches():
            for seen in batch:
                known[seen.key].append(seen)
    again = 0
    for unlike in found:
        seen = pair.seen(unlike)
        if everything:
            again += 1
            yield "drift", unlike
        elif first := known.get(seen.key):
            again += 1
            yield judged(first.pop(), seen.a, seen.b), unlike
    healed(max(0, waiting.count - again))
