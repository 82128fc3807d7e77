"""What a collection may have besides its columns, key and references, and another one can have too.

An adapter of an engine that has such things has the ability CarriesExtras (dbfleet/abilities.py).

What is portable has a record: an index or a unique constraint over plain columns, a default that is a value or the
moment of the insert, a column that counts up by itself (`Extra`); and what only another of the same engine can have
(`Native`). All else is `left`: by name, in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dbfleet.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Index:
    """An index over these columns, in this order; `unique`, where it is one or stands for a unique constraint."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False

    def __str__(self) -> str:
        return f"{'unique ' if self.unique else ''}index {self.name} ({', '.join(self.columns)})"


@dataclass(frozen=True, slots=True)
class Default:
    """What a column gets where a row does not say: `text`, the canonical text of a value (dbfleet.values.TEXT_OF), or,
    where that is None, the moment: a date, a datetime or an instant."""

    column: str
    text: str | None

    def __str__(self) -> str:
        return f"default of {self.column}: {'now' if self.text is None else self.text!r}"


@dataclass(frozen=True, slots=True)
class Identity:
    """A column of integers that the server counts up where a row does not say."""

    column: str

    def __str__(self) -> str:
        return f"identity {self.column}"


@dataclass(frozen=True, slots=True)
class Native:
    """What this engine alone has: `kind` in a word, `words` say what it is, `definition` is the engine's own."""

    engine: str
    kind: str
    words: str
    definition: str

    def __str__(self) -> str:
        return self.words


Extra = Index | Default | Identity
AnyExtra = Extra | Native
ALL: Final[frozenset[type[Extra]]] = frozenset({Index, Default, Identity})
"""What several engines have."""


@dataclass(frozen=True, slots=True)
class Extras:
    """A collection's; `left` names what has no record here."""

    has: tuple[AnyExtra, ...] = ()
    left: tuple[str, ...] = ()


def shared(extra: AnyExtra, title: str) -> Extra:
    """The extra, which is of a kind that several engines have. Unsupported for what is another engine's own."""
    if isinstance(extra, Native):
        raise Unsupported(f"{title} has no {extra.kind} of {extra.engine}'s")
    return extra


def same(one: AnyExtra, other: Any) -> bool:
    """Whether the two are the same but for their names."""
    if isinstance(one, Index) and isinstance(other, Index):
        return (one.columns, one.unique) == (other.columns, other.unique)
    return bool(one == other)
