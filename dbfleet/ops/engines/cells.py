"""What becomes of the types of one engine in another: a word a pair (`matrix`), a line a type (`cell`).

The word is the worst that befalls a type on the way; it says `exact` only where all types of the source, as its
documentation lists them, arrive as they are. Between two targets of an engine that carries what it has as it is, it is
`native`. A pair is proven where a run has copied all of it and the record of that run is about the very same cell
(engines/proofs.py); else the cell says so: what it tells is then declared, and no more.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from dbfleet import registry
from dbfleet.abilities import Native
from dbfleet.fidelity import kept
from dbfleet.ops._plan import typed
from dbfleet.ops.engines import proofs
from dbfleet.ops.engines.proofs import Beyond, Kind, Proof
from dbfleet.spec import EngineSpec
from dbfleet.values import Column, Type

Word = Literal["native", "exact", "exact or as text", "exact or refused", "as text", "rounded", "refused"]
"""What befalls a type, best first. `exact or refused`: some values of the type are refused, and none is changed; `exact
or as text`: a column that holds some values goes as text."""
WORDS: Final = get_args(Word)


@dataclass(frozen=True, slots=True)
class Line:
    """One type of the source: its name there, of which type it is in the sink, how it is kept and why not otherwise."""

    source: str
    sink: str
    type: str
    becomes: str
    fidelity: Word
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair: the worst of its lines, how many lines there are and how many of these are not exact. `proven` says on
    what the run has proven it, `real` or `stand-in` or `double`; None where none has. `on` are the two servers."""

    source: str
    sink: str
    fidelity: Word
    types: int
    not_exact: int
    proven: str | None
    on: Sequence[str]


def matrix(*, sources: Sequence[str] = ()) -> Iterator[Cell]:
    """A cell for each pair of engines, source by source, or for those of the named sources. UnknownEngine for what is
    none."""
    every = list(registry.every())
    for source in [registry.spec(name) for name in sources] or every:
        for sink in every:
            yield _cell(source, sink)


def cell(source: str, sink: str) -> tuple[Cell, Sequence[Line]]:
    """One pair, and a line for each type of the source. UnknownEngine for what is none."""
    specs = registry.spec(source), registry.spec(sink)
    return _cell(*specs), lines_of(*specs, proof_of(*specs))


def mark(source: EngineSpec, sink: EngineSpec) -> str:
    """The mark of a cell, by which a proof is about this one: another where any of its lines is."""
    zoo = [kind.zoo for kind in _kinds(source)[:1]]
    lines = [(line.type, line.becomes, line.fidelity, line.note) for line in lines_of(source, sink)]
    return f"{zlib.crc32(json.dumps([source.name, sink.name, zoo, lines]).encode()):08x}"


def proof_of(source: EngineSpec, sink: EngineSpec) -> Proof | None:
    """The record of the run that has proven this very cell; None where there is none."""
    proof = proofs.proofs().get((source.name, sink.name))
    return proof if proof and proof.cell == mark(source, sink) else None


def _cell(source: EngineSpec, sink: EngineSpec) -> Cell:
    proof = proof_of(source, sink)
    lines = lines_of(source, sink, proof)
    return Cell(
        source.name,
        sink.name,
        max((line.fidelity for line in lines), key=WORDS.index),
        len(lines),
        sum(line.fidelity not in ("native", "exact") for line in lines),
        proof.weakest if proof else None,
        proof.on if proof else (),
    )


def _kinds(spec: EngineSpec) -> Sequence[Kind]:
    """The engine's types on record; for one without a zoo, those of the closed set that it keeps."""
    known = proofs.kinds().get(spec.name)
    return known or [Kind(spec.name, type_, Column(type_, type_)) for type_ in Type if type_ in spec.types]


def lines_of(source: EngineSpec, sink: EngineSpec, proof: Proof | None = None) -> list[Line]:
    """A line for each type of the source, as it is declared; with a proof, also what the run has seen refused."""
    natively = source is sink and Native in source.abilities
    return [_line(kind, source, sink, natively, proof) for kind in _kinds(source)]


def _line(kind: Kind, source: EngineSpec, sink: EngineSpec, natively: bool, proof: Proof | None) -> Line:
    column = kind.column
    if natively:
        return Line(source.name, sink.name, kind.type, kind.type, "native")
    how = kept(column, source, sink)
    word: Word = how.keeping.value
    told = [how.note] if how.note else []
    worse: dict[Beyond, Word] = {"as text": "exact or as text", "rounded": "rounded"}
    for becomes_of_it, at_best in worse.items():
        some = [value for value, what in kind.beyond.items() if what == becomes_of_it]
        if some:
            told.append(f"{becomes_of_it} with {', '.join(some)} among its values")
            word = _no_better(word, at_best)
    some = [value for value, what in kind.beyond.items() if what == "refused"]
    some += proof.refused.get(kind.type, ()) if proof else ()
    if some:
        told.append(f"refused: {', '.join(some)}")
        word = _no_better(word, "exact or refused")
    becomes = typed(replace(column, native=None, note=None))
    return Line(source.name, sink.name, kind.type, becomes, word, "; ".join(told) or None)


def _no_better(word: Word, than: Word) -> Word:
    return max(word, than, key=WORDS.index)
