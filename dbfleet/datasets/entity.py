"""What a dataset is: entities in reference order, each a schema, a count, and a pure function from blocks to rows.

An entity's rows are made in blocks of a fixed number of rows, a column at a time: orders are made 3 times as fast as
row by row, order items 20 times, because a column is one list comprehension. A row's values depend on (seed, entity,
row number) alone, not on how many rows there are: what `--rows 1000` gives is the beginning of what `--rows 1000000`
gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dbfleet.errors import NotFound, UsageError, did_you_mean
from dbfleet.values import Batch, Row, Schema

MOST_ROWS = 1_000_000_000
"""The largest `--rows`: dates, names and ratios are sensible up to here, and it is weeks of work for any engine."""

Block = Callable[[int, int], Sequence[Row]]
"""All rows of a block, from (seed, block number)."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A collection to be: `rows` maps the number that `--rows` gives to this entity's own, `block_rows` is how many
    rows `block` makes at a time. `about` says in a few words what it is. `check` complains of rows before they are
    handed out; a block may hold more rows than are wanted."""

    schema: Schema
    rows: Callable[[int], int]
    block_rows: int
    block: Block
    about: str = ""
    check: Callable[[Batch], None] | None = None

    @property
    def name(self) -> str:
        return self.schema.name


@dataclass(frozen=True, slots=True)
class Dataset:
    """Entities in reference order: what an entity refers to stands before it. `source` is `built in` or a file."""

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
        """How many rows the entity has where `--rows` says `rows`. UsageError for what cannot be meant."""
        if not 1 <= rows <= MOST_ROWS:
            raise UsageError(f"--rows is {rows:,}", hint=f"it is a number from 1 to {MOST_ROWS:,}")
        return self.entity(entity).rows(rows)

    def batches(
        self, entity: str, *, seed: int, rows: int, start: int = 0, stop: int | None = None, batch_size: int = 1000
    ) -> Iterator[Batch]:
        """The entity's rows from number `start` up to `stop` (the end if None), in lists of `batch_size`."""
        found = self.entity(entity)
        total = self.rows(entity, rows)
        return _batches(found, seed, max(start, 0), total if stop is None else min(stop, total), batch_size)


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
