"""What a collection may have besides its columns, key and references, where it can be carried to another collection.

An engine whose collections have extras declares the ability CarriesExtras (dbfleet/abilities.py).

An `Extra` is one that several engines have: an index or a unique constraint over plain columns, a default that is a
value or the moment of the insert, a column that counts up by itself. A `Native` can be carried only to a target of the
same engine. Everything else is `left`: named in words, and not carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dbfleet.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Index:
    """An index over these columns, in this order; `unique` if it is a unique index or a unique constraint."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False

    def __str__(self) -> str:
        return f"{'unique ' if self.unique else ''}index {self.name} ({', '.join(self.columns)})"


@dataclass(frozen=True, slots=True)
class Default:
    """The value that a column gets where a row has none. `text` is its canonical text (dbfleet.values.TEXT_OF); None
    means the moment of the insert, for a date, a datetime or an instant."""

    column: str
    text: str | None

    def __str__(self) -> str:
        return f"default of {self.column}: {'now' if self.text is None else self.text!r}"


@dataclass(frozen=True, slots=True)
class Identity:
    """A column of integers that the server counts up where a row has no value for it."""

    column: str

    def __str__(self) -> str:
        return f"identity {self.column}"


@dataclass(frozen=True, slots=True)
class Native:
    """An extra that this engine alone has: `kind` names its kind, `words` describe it, and `definition` is the
    engine's own text for it."""

    engine: str
    kind: str
    words: str
    definition: str

    def __str__(self) -> str:
        return self.words


Extra = Index | Default | Identity
AnyExtra = Extra | Native
ALL: Final[frozenset[type[Extra]]] = frozenset({Index, Default, Identity})
"""The extras that several engines have."""


@dataclass(frozen=True, slots=True)
class Extras:
    """The extras of a collection: `has` are those that can be carried, `left` names the rest in words."""

    has: tuple[AnyExtra, ...] = ()
    left: tuple[str, ...] = ()


def shared(extra: AnyExtra, title: str) -> Extra:
    """The extra, if several engines have its kind. Unsupported for one that only another engine has."""
    if isinstance(extra, Native):
        raise Unsupported(f"{title} has no {extra.kind} of {extra.engine}'s")
    return extra


def same(one: AnyExtra, other: Any) -> bool:
    """Whether the two extras are the same, apart from their names."""
    if isinstance(one, Index) and isinstance(other, Index):
        return (one.columns, one.unique) == (other.columns, other.unique)
    return bool(one == other)
