"""Every type that the engines' documentation lists, from every engine of this run into every other: what arrives is
exact, or it was named: in the plan, as a refused row, or as an error that names the column. Nothing is lost in silence.

Each pair that holds stands on record in the package, with the servers that it was proven on (`make proofs` tries all
pairs and writes it, that is `DBFLEET_PROOFS=write`), and `dbfleet engines --matrix` tells no pair as proven that does
not. What is on record and is otherwise in this run fails; what is not on record is not run: the matrix has a `?` there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import targets
from targets import what_answers

from dbfleet import registry
from dbfleet.ops.engines import cells, proofs
from dbfleet.target import Target
from tests.zoo import pairs
from tests.zoo.zoos import NAMES, Zoo, zoo

WRITES = os.environ.get("DBFLEET_PROOFS") == "write"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every pair of the run's engines whose source has a zoo and that is on record, or may come there; and every such
    source."""
    engines = targets.engines(metafunc.config)
    sources = [name for name in engines if name in NAMES]
    if "pair" in metafunc.fixturenames:
        every = [(a, b) for a in sources for b in engines if WRITES or (a, b) in proofs.proofs()]
        metafunc.parametrize("pair", every, ids=["-".join(pair) for pair in every], scope="module")
    elif "thing" in metafunc.fixturenames:
        every = [(source, sink) for source in sources for sink in engines if zoo(source).things and source != sink]
        metafunc.parametrize("thing", every, ids=["-".join(pair) for pair in every], scope="module")
    elif "source" in metafunc.fixturenames:
        metafunc.parametrize("source", sources, scope="module")


@pytest.fixture(scope="module")
def houses(ends: dict[str, Target]) -> Iterator[dict[str, Zoo]]:
    """Each zoo of the run on its target, in `zoo_ENGINE`."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(pairs.housed(target, f"zoo_{name}"))
            for name, target in ends.items()
            if name in NAMES
        }


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")


def test_the_types_on_record_are_those_of_the_server(
    source: str, ends: dict[str, Target], houses: dict[str, Zoo]
) -> None:
    """And what is beyond the closed set is refused or named."""
    other = ends["sqlite" if source != "sqlite" else max(set(ends) - {"sqlite"})]
    found = pairs.described(ends[source], houses[source], f"zoo_{source}", other)
    if WRITES:
        pairs.write_kinds(source, found)
    known = proofs.kinds().get(source, found)
    assert [(kind.type, pairs.plain(kind.column), kind.beyond, kind.zoo) for kind in known] == [
        (kind.type, pairs.plain(kind.column), kind.beyond, kind.zoo) for kind in found
    ], "make proofs writes them anew"


def test_all_of_it_arrives_or_is_named(pair: tuple[str, str], ends: dict[str, Target], houses: dict[str, Zoo]) -> None:
    source, sink = ends[pair[0]], ends[pair[1]]
    if source == sink:
        sink = pairs.elsewhere(sink)
    found = pairs.gone(source, sink, houses[source.engine], f"zoo_{source.engine}")
    assert not found.troubles, "\n".join(found.troubles)
    proven = pairs.proof(source, sink, (what_answers(source), what_answers(sink)), found)
    if WRITES:
        pairs.write_proof(proven)
    known = proofs.proofs().get(pair)
    if known is not None and known.by == proven.by:
        assert (known.cell, known.refused) == (proven.cell, proven.refused), "make proofs does it anew"


def test_what_a_collection_has_comes_along_or_is_told(thing: tuple[str, str], ends: dict[str, Target]) -> None:
    """Constraints, indexes of all kinds, triggers, comments and the like, into every other engine. Into its own they
    go natively: test_native_*.py."""
    things = zoo(thing[0]).things
    assert things
    assert pairs.things_gone(ends[thing[0]], ends[thing[1]], things) == []


def test_the_zoos_are_those_on_record() -> None:
    for name in proofs.kinds():
        assert {kind.zoo for kind in proofs.kinds()[name]} == {zoo(name).mark}, f"{name}: make proofs, on its server"


def test_no_pair_is_told_as_proven_that_is_not_on_record() -> None:
    for cell in cells.matrix():
        known = proofs.proofs().get((cell.source, cell.sink))
        assert (cell.proven is not None) == (
            known is not None and known.cell == cells.mark(registry.spec(cell.source), registry.spec(cell.sink))
        )
