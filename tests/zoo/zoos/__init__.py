"""A zoo an engine: every type that its documentation lists, with values at their ends, in the engine's own words.

One shape for all ten, so that one run can take any two of them (test_pairs.py): a zoo makes a collection with a column
for each kind and fills it with one value a row, so that a row that a sink refuses is one value; and it asks the server
to say each value in its own words. `beyond` are values that the server takes and that have no value in the closed set:
reading them must be refused by name. All statements are in the engine's language and go through `query`.
"""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbfleet.adapter import Adapter

NAMES = ("cassandra", "couchdb", "mariadb", "mongodb", "mysql", "neo4j", "postgres", "redis", "sqlite")
"""The engines that have a zoo of this shape, each a module here. The wire doubles know too few of their types."""


@dataclass(frozen=True)
class Kind:
    """A type in the engine's words, values of it, and values that nobody can read into the closed set."""

    words: str
    values: tuple[Any, ...]
    beyond: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Value:
    """A value of the zoo: the row that has it, and its place in the documentation."""

    id: int
    column: str
    words: Any


@dataclass(frozen=True)
class Things:
    """A collection with all that one can have besides rows: constraints, indexes, triggers, comments. `statements` make
    it, with {name} for its name and {par} for that of another which it refers to; `gone` remove both and what else was
    made. Each of `told` must come along or be told."""

    statements: tuple[str, ...]
    gone: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Zoo:
    """`make(adapter, name, kinds)` makes the empty collection with these columns, `fill(adapter, name, values)` its
    rows, `said(adapter, name, columns)` the value of each row in the server's own words, by the row's id.

    `apart`: a collection, called NAME_KIND, has values of one kind only, and the server gives it no columns. A value is
    then a statement that makes it, and the row that it must be; there is no `said`.

    `typeless`: its collections have no columns with types, so that what went as text comes home as a text."""

    engine: str
    kinds: Mapping[str, Kind]
    make: Callable[[Adapter, str, Mapping[str, Kind]], None]
    fill: Callable[[Adapter, str, Sequence[Value]], None]
    said: Callable[[Adapter, str, Sequence[str]], dict[int, str]] | None
    apart: bool = False
    typeless: bool = False
    things: Things | None = None

    @property
    def values(self) -> list[Value]:
        """All values that can be read, numbered from 1."""
        every = [(name, words) for name, kind in self.kinds.items() for words in kind.values]
        return [Value(number, name, words) for number, (name, words) in enumerate(every, 1)]

    @property
    def mark(self) -> str:
        """Another one where a kind or a value is another."""
        return f"{zlib.crc32(repr(sorted(self.kinds.items())).encode()):08x}"


def zoo(engine: str) -> Zoo:
    """The engine's zoo."""
    found: Zoo = importlib.import_module(f"tests.zoo.zoos.{engine}").ZOO
    return found


def kinds(listed: Mapping[str, Sequence[Any]], beyond: Mapping[str, Sequence[Any]]) -> dict[str, Kind]:
    """Kinds by the name of their column, which is made of their words."""
    assert set(beyond) <= set(listed), set(beyond) - set(listed)
    return {column(words): Kind(words, tuple(values), tuple(beyond.get(words, ()))) for words, values in listed.items()}


def column(words: str) -> str:
    """The name of the column of this type: `numeric(12,4)` is v_numeric_12_4."""
    return "v_" + re.sub(r"\W+", "_", words.replace("[]", " array")).strip("_").lower()


def run(adapter: Adapter, statement: str) -> list[Any]:
    """The rows of a statement."""
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]
