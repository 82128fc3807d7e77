"""How exactly each engine keeps what comes from each other one: a cell for every pair, from what the specs declare. The
same that `dbfleet engines` prints and that `copy` decides by (dbfleet/fidelity.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from dbfleet import registry
from dbfleet.fidelity import Keeping, declared
from dbfleet.spec import EngineSpec, Fidelity
from dbfleet.values import Column, Type

_WORST: Final = (Keeping.REFUSED, Keeping.ROUNDED, Keeping.AS_TEXT, Keeping.OR_REFUSED, Keeping.EXACT)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a column of this type is kept: what the source keeps of it itself, and then the sink."""

    type: str
    source: str
    keeping: str
    note: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A pair of engines."""

    source: str
    sink: str
    columns: tuple[Kept, ...]

    @property
    def worst(self) -> str:
        """The least exact of the columns."""
        found = [each.keeping for each in self.columns]
        return next(str(each) for each in _WORST if str(each) in found or each is Keeping.EXACT)

    @property
    def word(self) -> str:
        """What stands in the cell: how many types are kept less than exactly."""
        less = sum(each.keeping != "exact" for each in self.columns)
        return "exact" if not less else f"{less} {self.worst}" if less == self._of_worst else f"{less} not exact"

    @property
    def _of_worst(self) -> int:
        return sum(each.keeping == self.worst for each in self.columns)

    @property
    def css(self) -> str:
        """The same as a class of the page's style."""
        return self.worst.replace(" ", "-")


@cache
def rows() -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """A row for each source, a cell for each sink."""
    specs = registry.every()
    return tuple((source.name, tuple(_cell(source, sink) for sink in specs)) for source in specs)


def cell_of(source: str, sink: str) -> Cell | None:
    """The cell of two engines."""
    return next((each for _, cells in rows() for each in cells if (each.source, each.sink) == (source, sink)), None)


def _cell(source: EngineSpec, sink: EngineSpec) -> Cell:
    types = [each for each in sorted(source.types) if source.fidelity(each) is not Fidelity.REFUSED]
    return Cell(source.name, sink.name, tuple(_kept(each, source, sink) for each in types))


def _kept(type_: Type, source: EngineSpec, sink: EngineSpec) -> Kept:
    found = declared(Column("c", type_), source, sink)
    return Kept(str(type_), source.fidelity(type_).value, str(found.keeping), found.note or "")
