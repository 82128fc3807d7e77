"""What a dataset is: entities in reference order; each has a schema, a count, and a pure function from blocks to rows.

An entity's rows are made in blocks of a fixed number of rows, column by column: because a column is one list
comprehension, orders are made 3 times as fast as row by row, and order items 20 times. A row's values depend only on
(seed, entity, row number), not on how many rows there are: the rows of `--rows 1000` are the first ones of
`--rows 1000000`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dbfleet.errors import NotFound, UsageError, did_you_mean
from dbfleet.values import Batch, Row, Schema

MOST_ROWS = 1_000_000_000
"""The largest `--rows`. Dates, names and ratios are sensible up to here, and it takes any engine weeks to store."""

Block = Callable[[int, int], Sequence[Row]]
"""All rows of a block, from (seed, block number)."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A collection that `seed` makes. `rows` gives its number of rows for the number of `--rows`. `block` makes
    `block_rows` rows at a time, which may be more than are wanted. `about` says in a few words what it is. `check`
    raises an error for wrong rows, before they are used."""

    schema: Schema
    rows: Callable[[int], int]
    block_rows: int
    block: Block
    about: str = ""
    check: Callable[[Batch], None] | None = None

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.schema.name


@dataclass(frozen=True, slots=True)
class Dataset:
    """Entities in reference order: an entity comes after those that it refers to. `source` is `built in` or a file."""

    name: str
    about: str
    source: str
    entities: tuple[Entity, ...]
    rows_are: str = ""  # what `--rows` counts: the name of an entity
    default_rows: int = 1000
    _by_name: dict[str, Entity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {entity.name: entity for entity in self.entities})

    def schemas(self) -> tuple[Schema, ...]:
        """The entities' schemas, in reference order."""
        return tuple(entity.schema for entity in self.entities)

    def entity(self, name: str) -> Entity:
        """The entity of this name. NotFound, with the nearest name, if there is none."""
        if name not in self._by_name:
            hint = did_you_mean(name, self._by_name, f"it has: {', '.join(self._by_name)}")
            raise NotFound(f"the dataset {self.name} has no entity {name!r}", hint=hint)
        return self._by_name[name]

    def rows(self, entity: str, rows: int) -> int:
        """How many rows the entity has for this `--rows`. UsageError if `--rows` is out of its range."""
        if not 1 <= rows <= MOST_ROWS:
            raise UsageError(f"--rows is {rows:,}", hint=f"it is a number from 1 to {MOST_ROWS:,}")
        return self.entity(entity).rows(rows)

    def batches(
        self, entity: str, *, seed: int, rows: int, start: int = 0, stop: int | None = None, batch_size: int = 1000
    ) -> Iterator[Batch]:
        """The entity's rows from number `start` up to `stop` (None: to the end), in batches of `batch_size`."""
        total = self.rows(entity, rows)
        end = total if stop is None else min(stop, total)
        return _batches(self.entity(entity), seed, max(start, 0), end, batch_size)


def _batches(entity: Entity, seed: int, start: int, stop: int, batch_size: int) -> Iterator[Batch]:
    size, check = entity.block_rows, entity.check or (lambda batch: None)
    pending: Batch = []
    for block in range(start // size, -(-stop // size)) if start < stop else ():
        first = block * size
        pending += entity.block(seed, block)[max(start - first, 0) : stop - first]
        used = 0
        while len(pending) - used >= batch_size:
            batch = pending[used : used + batch_size]
            check(batch)
            yield batch
            used += batch_size
        del pending[:used]
    if pending:
        check(pending)
        yield pending
