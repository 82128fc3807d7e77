"""A dataset from a TOML file; library.toml beside this file is the example, and shows every key.

    name, about, rows = "entity that --rows counts", default_rows
    [entities.NAME]          rows = N | ratio = R, min = N | each = { of = "entity", count = N };
                             key, edge, partition, about
    [entities.NAME.columns]  column = { one generator, and: type, null, length, precision, scale, hidden }

The generators: sequence, number, uuid, choice (weights), range, faker (locale, arguments, pool), reference (skew,
owner, distinct), template, json, bytes. A hidden column is used only in templates and json. Values of Faker are cut to
the column's length. A wrong file raises ConfigError, with the file, the line and the key, before any row is made; only
errors of Faker and texts of templates that are longer than their column are found later.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dbfleet.datasets import generators as g
from dbfleet.datasets._toml import Place, meant
from dbfleet.datasets._toml_columns import Columns, Made
from dbfleet.datasets.entity import Dataset, Entity
from dbfleet.datasets.words import Words
from dbfleet.errors import ConfigError
from dbfleet.values import Batch, Reference, Row, Schema

_DATASET_KEYS: Final = ("name", "about", "rows", "default_rows", "entities")
_ENTITY_KEYS: Final = ("about", "rows", "ratio", "min", "each", "key", "edge", "partition", "columns")


def read(path: Path) -> Dataset:
    """The dataset of this file. ConfigError if the file is missing or wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return parse(text, file=str(path), source=str(path))


def parse(text: str, *, file: str, source: str) -> Dataset:
    """The dataset of this TOML text; errors name it by `file`."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        placed = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", str(error))
        where = f"{file}:{placed[2]}:{placed[3]}: {placed[1]}" if placed else f"{file}: {error}"
        raise ConfigError(where) from error
    return _Reader(text, file, data).dataset(source)


class _Reader(Columns):
    def __init__(self, text: str, file: str, data: Mapping[str, Any]) -> None:
        super().__init__(text, file)
        self._data = data

    # --- the file ---

    def dataset(self, source: str) -> Dataset:
        data = self._data
        self.known(data, (), _DATASET_KEYS)
        name = self.value(data, (), "name", str) or Path(self.file).stem
        self.entities = self.value(data, (), "entities", dict) or {}
        if not self.entities:
            self.wrong(("entities",), "has no entity", "write [entities.NAME] and [entities.NAME.columns]")
        for entity, table in self.entities.items():
            self.name(entity, ("entities", entity))
            if not isinstance(table, dict):
                self.wrong(("entities", entity), "must be a table")
            self.known(table, ("entities", entity), _ENTITY_KEYS)
        for entity in self.entities:
            self._count(entity, ())
        counted = self.value(data, (), "rows", str)
        if counted is None:
            counted = next(
                (e for e, c in self.counted.items() if c.numerator == c.denominator), next(iter(self.entities))
            )
        elif counted not in self.entities:
            self.wrong(("rows",), f"no entity is called {counted!r}", meant(counted, self.entities))
        order: list[str] = []
        for entity in self.entities:
            self._order(entity, (), order)
        return Dataset(
            name,
            self.value(data, (), "about", str, ""),
            source,
            tuple(self._entity(name, entity) for entity in order),
            counted,
            self.positive(data, (), "default_rows", 1000),
        )

    def _count(self, entity: str, asking: tuple[str, ...]) -> g.Counted:
        """How many rows the entity has; one with `each` has them for each row of its owner."""
        if entity in self.counted:
            return self.counted[entity]
        table, place = self.entities[entity], ("entities", entity)
        said = [key for key in ("rows", "ratio", "each") if key in table]
        if len(said) > 1:
            self.wrong((*place, said[1]), f"there is {said[0]} already", "say one of rows, ratio and each")
        least = self.positive(table, place, "min", 1)
        if "min" in table and "ratio" not in table:
            self.wrong((*place, "min"), "goes with ratio")
        if "rows" in table:
            count = g.Counted(0, 1, self.positive(table, place, "rows"))
        elif "each" in table:
            each = self.value(table, place, "each", dict)
            self.known(each, (*place, "each"), ("of", "count"))
            owner = self.value(each, (*place, "each"), "of", str)
            if owner not in self.entities:
                self.wrong((*place, "each"), f"no entity is called {owner!r}", meant(str(owner), self.entities))
            if owner in (*asking, entity):
                self.wrong((*place, "each"), f"{entity} and {owner} wait for each other")
            times = self.positive(each, (*place, "each"), "count", 1)
            of = self._count(owner, (*asking, entity))
            count = replace(of, times=of.times * times)
        else:
            ratio = self.value(table, place, "ratio", (int, Decimal), 1)
            if not 0 < ratio <= 1000:
                self.wrong((*place, "ratio"), f"must be above 0 and at most 1000, not {ratio}")
            count = g.Counted(*Fraction(ratio).as_integer_ratio(), least)
        self.counted[entity] = count
        return count

    def _order(self, entity: str, asking: tuple[str, ...], order: list[str]) -> None:
        """Append the entity to `order`, after those that it refers to."""
        if entity in order:
            return
        place = ("entities", entity, "columns")
        columns = self.value(self.entities[entity], ("entities", entity), "columns", dict) or {}
        for name, column in columns.items():
            target = column.get("reference") if isinstance(column, dict) else None
            if target is None or target == entity:
                continue
            if target not in self.entities:
                self.wrong((*place, name), f"no entity is called {target!r}", meant(str(target), self.entities))
            if target in asking:
                self.wrong((*place, name), f"{entity} and {target} refer to each other")
            self._order(target, (*asking, entity), order)
        self.made[entity] = self.columns(entity, columns)
        order.append(entity)

    # --- entities ---

    def _entity(self, dataset: str, name: str) -> Entity:
        table, place = self.entities[name], ("entities", name)
        made = self.made[name]
        key = self._names(table, place, "key", made)
        shown = [made[column] for column in table["columns"] if not made[column].hidden]
        if not shown:
            self.wrong((*place, "columns"), "has no column that is not hidden")
        references = tuple(
            Reference((each.column.name,), each.generator.target, (each.generator.key_column,))
            for each in shown
            if isinstance(each.generator, g.Referring)
        )
        edge = self.value(table, place, "edge", bool, False)
        if edge and len(references) < 2:
            self.wrong((*place, "edge"), f"an edge has two references, {name} has {len(references)}")
        self._distinct(name, key, made)
        partition = self._names(table, place, "partition", made)
        if partition != key[: len(partition)]:
            self.wrong((*place, "partition"), "must be the key's first columns")
        schema = Schema(name, tuple(each.column for each in shown), key, references, edge, partition)
        block = _maker(dataset, name, made, schema.names)
        return Entity(
            schema,
            self.counted[name],
            g.BLOCK_ROWS,
            block,
            self.value(table, place, "about", str, ""),
            _checker(name, shown),
        )

    def _names(self, table: Mapping[str, Any], place: Place, key: str, made: Mapping[str, Made]) -> tuple[str, ...]:
        names = self.value(table, place, key, (str, list), [])
        names = [names] if isinstance(names, str) else names
        for name in names:
            if name not in made:
                self.wrong((*place, key), f"no column is called {name!r}", meant(str(name), made))
            if made[name].hidden or made[name].column.nullable:
                self.wrong((*place, key), f"{name} is {'hidden' if made[name].hidden else 'nullable'}")
        return tuple(names)

    def _distinct(self, entity: str, key: Sequence[str], made: Mapping[str, Made]) -> None:
        generators = [made[name].generator for name in key]
        alone = any(hasattr(generator, "at") for generator in generators)
        owned = any(isinstance(each, g.Referring) and each.owner for each in generators)
        apart = any(isinstance(each, g.Line) or getattr(each, "distinct", False) for each in generators)
        single = owned and self.entities[entity].get("each", {}).get("count", 1) == 1
        if key and not (alone or single or (owned and apart)):
            self.wrong(
                ("entities", entity, "key"),
                "the same key may come twice",
                "it needs a sequence, a uuid or a template of {row}; or an owner with a number or a distinct reference",
            )


def _maker(
    dataset: str, entity: str, made: Mapping[str, Made], shown: Sequence[str]
) -> Callable[[int, int], list[Row]]:
    """A function from (seed, block) to the block's rows."""
    words = lru_cache(maxsize=4)(lambda seed: Words(dataset, seed))

    def block(seed: int, number: int) -> list[Row]:
        piece = g.Slice(words(seed), entity, number)
        for name, each in made.items():
            values = each.generator.make(name, piece)
            if each.null:
                values = g.nulled(values, each.null, piece.shorts(f"{name}\0null"))
            piece.columns[name] = values
        return list(zip(*(piece.columns[name] for name in shown), strict=True))

    return block


def _checker(entity: str, shown: Sequence[Made]) -> Callable[[Batch], None] | None:
    """A function that raises an error for the first text of a template that is longer than its column; None where no
    column needs it. It gets only rows that are wanted."""
    places = [
        (place, each.column.name, each.column.length)
        for place, each in enumerate(shown)
        if each.column.length is not None and isinstance(each.generator, g.Template)
    ]

    def check(batch: Batch) -> None:
        for place, name, length in places:
            for row in batch:
                if row[place] is not None and len(row[place]) > length:
                    raise ConfigError(f"{entity}.{name}: {row[place]!r} is longer than length = {length}")

    return check if places else None
