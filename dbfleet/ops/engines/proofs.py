"""What runs over all pairs have found, and on which servers: two files of records, written by the run and held by it.

`kinds.jsonl` has a record for each native type of an engine: the column as which its server described it, and values
that it can hold and no value of the closed set is (`beyond`). `proofs.jsonl` has a record for each pair that a run has
proven: on which two servers, and whether these were real, stand-ins or doubles; the values that the sink refused; and
`cell`, the mark of what was proven. Another zoo, another declaration: the mark is another one, and the pair is not
proven until a run says so again. `tests/zoo/test_pairs.py` is that run; `make proofs` writes what it finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from dbfleet.values import Column, Type

KINDS: Final = Path(__file__).with_name("kinds.jsonl")
PROOFS: Final = Path(__file__).with_name("proofs.jsonl")

By = Literal["real", "stand-in", "double"]
"""What a server was: the engine itself, another product in its place, or a double of its protocol."""
Beyond = Literal["refused", "as text", "rounded"]
"""What becomes of a value that is beyond the closed set: reading it is refused, with the name of its column; or, where
it is among a column's values, all of that column goes as text, or loses what such a value has more, and the plan says
so."""
_WORST: Final[Mapping[By, int]] = {"real": 0, "stand-in": 1, "double": 2}


@dataclass(frozen=True, slots=True)
class Kind:
    """A native type of an engine, by its own name of it, and a column of it as `describe` gives it. `beyond` are values
    of the type that no value of the closed set is, and what becomes of them. `zoo` is the mark of the zoo that it
    stands in."""

    engine: str
    type: str
    column: Column
    beyond: Mapping[str, Beyond] = field(default_factory=dict)
    zoo: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """A pair that a run has proven: the two servers by product and version, and what they were. `refused` are values
    that the sink refuses, by the name of their type."""

    source: str
    sink: str
    on: tuple[str, str]
    by: tuple[By, By]
    cell: str
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def weakest(self) -> By:
        """What the less real one of the two servers was."""
        return max(self.by, key=_WORST.__getitem__)


@cache
def kinds() -> Mapping[str, Sequence[Kind]]:
    """The native types on record, by engine."""
    found: dict[str, list[Kind]] = {}
    for record in _records(KINDS):
        column = Column(**{**record["column"], "type": Type(record["column"]["type"])})
        kind = Kind(record["engine"], record["type"], column, record["beyond"], record["zoo"])
        found.setdefault(kind.engine, []).append(kind)
    return found


@cache
def proofs() -> Mapping[tuple[str, str], Proof]:
    """The pairs on record."""
    found = {}
    for record in _records(PROOFS):
        proof = Proof(**{**record, "on": tuple(record["on"]), "by": tuple(record["by"])})
        found[proof.source, proof.sink] = proof
    return found


def _records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
