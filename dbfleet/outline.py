"""What a collection is made of besides its rows, in its engine's own words: an outline, step by step.

An outline goes from one target to another of the same engine (the ability Native). The source says it, the sink takes
the steps. A text may name collections and what belongs to them; what they are called in the sink is known there alone,
so a name stands between marks: `named` for a name as statements have it, with its schema where the engine has schemas,
`quoted` for the same inside a quoted text, and `bare` for the last part alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self
from zlib import crc32

from dbfleet.errors import DbfleetError
from dbfleet.values import Schema

Stage = Literal["before", "collections", "keys", "references", "after", "views"]
STAGES: Final[tuple[Stage, ...]] = ("before", "collections", "keys", "references", "after", "views")
"""What comes before all collections (schemas, types, sequences); the collections, which then take their rows; keys and
indexes; references; the rest (comments, positions of counters); views of all that. Of one stage `order` says what waits
for what."""

STAYS: Final = ": does not come along"
"""How it ends where one thing is told that stays behind."""

Mark = Literal["named", "quoted", "bare"]
_MARKS: Final[dict[str, Mark]] = {"\x1a": "named", "\x1f": "quoted", "\x1c": "bare"}
_BETWEEN, _END = "\x1d", "\x1e"
_MARKED: Final = re.compile(rf"([{''.join(_MARKS)}])([^{_BETWEEN}]*){_BETWEEN}([^{_END}]*){_END}")


def marked(mark: Mark, space: str, name: str) -> str:
    """A name between marks; `space` is empty for the one that the connection means."""
    sign = next(sign for sign, known in _MARKS.items() if known == mark)
    return f"{sign}{space}{_BETWEEN}{name}{_END}"


def spelled(text: str, spell: Callable[[Mark, str, str], str]) -> str:
    """The text with its marks replaced by what `spell` makes of them: of the mark, the space and the name."""
    return _MARKED.sub(lambda found: spell(_MARKS[found[1]], found[2], found[3]), text)


def names_in(text: str) -> set[str]:
    """The names that stand between marks, each behind its space and a dot, if it has one."""
    return {f"{space}.{name}" if space else name for _, space, name in _MARKED.findall(text)}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `collection` is whose it is, empty for what belongs to the database; `words` say it to a person; `text`
    is in the engine's language. `makes` are the relations besides the collection that it makes, whose names are unique
    in their space: (space, name). `shared`: it may be there already, and is right then if it is the same; `undo`
    removes it again; `needed_by` are the collections that cannot be without it; without a text it cannot be taken
    anywhere. While a step is taken nobody else touches the collections that it `locks`. It names the `accounts`. Names
    in its text that have no space are meant in `path`. The collection that a `fixed` step makes keeps its name for
    ever: it is not made under another one first, to take a place later."""

    stage: Stage
    kind: str
    collection: str
    words: str
    text: str
    order: int = 0
    makes: tuple[tuple[str, str], ...] = ()
    shared: bool = False
    undo: str = ""
    needed_by: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    path: str = ""
    fixed: bool = False

    def __str__(self) -> str:
        return self.words

    @property
    def mark(self) -> str:
        """What tells the step from any other of its collection, and stays: its words, and a sum of its text."""
        return f"{self.words} {crc32(self.text.encode()):08x}"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {
            "stage": self.stage, "kind": self.kind, "collection": self.collection, "words": self.words,
            "text": self.text, "order": self.order, "makes": [list(each) for each in self.makes], "shared": self.shared,
            "undo": self.undo, "needed_by": list(self.needed_by), "locks": list(self.locks),
            "accounts": list(self.accounts), "path": self.path, **({"fixed": True} if self.fixed else {}),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        tuples = {word: tuple(data[word]) for word in ("needed_by", "locks", "accounts")}
        return cls(**{**data, **tuples, "makes": tuple((space, name) for space, name in data["makes"])})


@dataclass(frozen=True, slots=True)
class Outline:
    """The steps, in their order, and what there is that none of them makes, in words. `parents` are those of the
    collections from which others inherit, all of which stay: with their rows they are read whole. `closed` are the
    schemas by the closed set, of a dump whose native columns are others (EngineSpec.close)."""

    steps: tuple[Step, ...] = ()
    left: tuple[str, ...] = ()
    parents: frozenset[str] = frozenset()
    closed: Mapping[str, Schema] = field(default_factory=dict)


class Made:
    """What steps have made that are taken together on a server whose transactions hold no DDL. Where one fails, the
    tables are dropped by `remove`, and what else was made is removed by `undo`, the last first."""

    def __init__(self, remove: Callable[[str], None], undo: Callable[[Step, Mapping[str, str]], None]) -> None:
        self._remove, self._undo = remove, undo
        self._steps: list[tuple[Step, Mapping[str, str]]] | None = None

    def note(self, step: Step, called: Mapping[str, str]) -> None:
        """Remember a step that was taken, if others are taken together with it."""
        if self._steps is not None:
            self._steps.append((step, called))

    @contextmanager
    def together(self) -> Iterator[None]:
        """For the block: what was made goes again where one fails."""
        self._steps = []
        try:
            yield
        except BaseException:
            with suppress(DbfleetError):
                for step, called in reversed(self._steps):
                    if step.kind == "table":
                        self._remove(called.get(step.collection, step.collection))
                    else:
                        self._undo(step, called)
            raise
        finally:
            self._steps = None
