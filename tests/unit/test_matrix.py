"""The fidelity matrix tells what is declared, and as proven only what a record of a run is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.errors import UnknownEngine
from dbfleet.fidelity import Keeping, coarser, declared
from dbfleet.ops.engines import cell, cells, matrix, proofs
from dbfleet.ops.engines.proofs import Kind, Proof
from dbfleet.values import Column, Type

POSTGRES, SQLITE, ORACLE = (registry.spec(name) for name in ("postgres", "sqlite", "oracle"))


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Records of the test's own in place of the package's."""
    for name in ("KINDS", "PROOFS"):
        (tmp_path / name).touch()
        monkeypatch.setattr(proofs, name, tmp_path / name)
    proofs.kinds.cache_clear()
    proofs.proofs.cache_clear()
    yield tmp_path
    proofs.kinds.cache_clear()
    proofs.proofs.cache_clear()


def _on_record(monkeypatch: pytest.MonkeyPatch, proof: Proof, *kinds: Kind) -> None:
    monkeypatch.setattr(proofs, "proofs", lambda: {(proof.source, proof.sink): proof})
    monkeypatch.setattr(proofs, "kinds", lambda: {"postgres": kinds})


def _proof(mark: str, **more: object) -> Proof:
    return replace(Proof("postgres", "sqlite", ("PostgreSQL 18", "SQLite 3"), ("real", "real"), mark), **more)  # type: ignore[arg-type]


def test_without_records_nothing_is_proven_and_the_types_are_those_of_the_closed_set(records: Path) -> None:
    found = list(matrix())
    assert {each.proven for each in found} == {None}
    pair, lines = cell("postgres", "sqlite")
    assert [line.type for line in lines] == list(Type)
    assert (pair.fidelity, pair.types, pair.on) == ("as text", len(Type), ())


def test_a_proof_of_another_zoo_or_of_another_declaration_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    smallint = Kind("postgres", "smallint", Column("v", Type.INT, native="smallint"), {}, "zoo 1")
    _on_record(monkeypatch, _proof(""), smallint)
    mark = cells.mark(POSTGRES, SQLITE)
    _on_record(monkeypatch, _proof(mark), smallint)
    assert cell("postgres", "sqlite")[0].proven == "real"
    _on_record(monkeypatch, _proof(mark), replace(smallint, zoo="zoo 2"))
    assert cell("postgres", "sqlite")[0].proven is None
    _on_record(monkeypatch, _proof(mark), replace(smallint, column=replace(smallint.column, note="smallint, as text")))
    assert cell("postgres", "sqlite")[0].proven is None
    _on_record(monkeypatch, _proof(mark), smallint, replace(smallint, type="integer"))
    assert cell("postgres", "sqlite")[0].proven is None


def test_a_pair_is_proven_on_the_less_real_of_its_two_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    smallint = Kind("postgres", "smallint", Column("v", Type.INT, native="smallint"))
    _on_record(monkeypatch, _proof(""), smallint)
    mark = cells.mark(POSTGRES, SQLITE)
    for by, weakest in ((("real", "double"), "double"), (("stand-in", "real"), "stand-in")):
        _on_record(monkeypatch, _proof(mark, by=by), smallint)
        assert cell("postgres", "sqlite")[0].proven == weakest


def test_values_that_are_refused_or_go_as_text_make_a_type_less_than_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    column = Column("v", Type.INT, native="smallint")
    _on_record(monkeypatch, _proof(""), Kind("postgres", "smallint", column))
    exact = cell("postgres", "sqlite")[1][0]
    assert (exact.fidelity, exact.note) == ("exact", None)
    _on_record(monkeypatch, _proof(""), Kind("postgres", "smallint", column, {"infinity": "as text"}))
    assert cell("postgres", "sqlite")[1][0].fidelity == "exact or as text"
    _on_record(monkeypatch, _proof(""), Kind("postgres", "smallint", column))
    refusing = _proof(cells.mark(POSTGRES, SQLITE), refused={"smallint": ["-1"]})
    _on_record(monkeypatch, refusing, Kind("postgres", "smallint", column))
    pair, (line,) = cell("postgres", "sqlite")
    assert (line.fidelity, line.note, pair.fidelity, pair.not_exact) == (
        "exact or refused", "refused: -1", "exact or refused", 1,
    )  # fmt: skip


def test_native_is_told_of_engines_that_carry_what_they_have() -> None:
    found = {(each.source, each.sink): each.fidelity for each in matrix()}
    from dbfleet.abilities import Native

    for spec in registry.every():
        assert (found[spec.name, spec.name] == "native") == (Native in spec.abilities)
    assert all(word != "native" for (source, sink), word in found.items() if source != sink)


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(UnknownEngine):
        cell("postgres", "nothing")
    with pytest.raises(UnknownEngine):
        list(matrix(sources=["nothing"]))


@pytest.mark.parametrize("type_", [Type.TEXT, Type.BYTES])
def test_an_empty_value_that_becomes_null_is_told_of_text_and_of_bytes(type_: Type) -> None:
    column = Column("v", type_)
    assert declared(column, POSTGRES, ORACLE).keeping is Keeping.ROUNDED
    assert declared(column, ORACLE, ORACLE).keeping is Keeping.EXACT
    assert coarser((column, column), (POSTGRES, ORACLE)) == (1, f"empty {type_} is NULL")
