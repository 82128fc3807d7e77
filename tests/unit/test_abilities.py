"""The suite is tested by mutation: an engine that loses an ability, or its word on the spec, fails it. No server is
needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.abilities import ALL, WORDS, able, members
from dbfleet.adapter import Adapter
from dbfleet.conformance.held import absent, undeclared
from dbfleet.ops.engines import engines
from dbfleet.spec import EngineSpec

ROOT = Path(__file__).parents[2]
MUTATIONS = [(spec.name, ability) for spec in registry.specs() for ability in ALL if ability in spec.abilities]
IDS = [f"{name} {ability.__name__}" for name, ability in MUTATIONS]
SQLITE = registry.spec("sqlite")


def adapter_class(spec: EngineSpec) -> type:
    """The class of the engine's adapters, read from its room: no server is asked."""
    package = "dbfleet.engines._mysql" if spec.name in ("mysql", "mariadb") else f"dbfleet.engines.{spec.name}"
    room = vars(import_module(f"{package}.adapter"))
    (found,) = [
        each
        for each in room.values()
        if isinstance(each, type) and Adapter in each.__mro__ and each.__module__ == f"{package}.adapter"
    ]
    return found


def without(kind: type, names: tuple[str, ...]) -> type:
    """The class, made again without these methods and attributes."""
    kept = {name: value for name, value in vars(kind).items() if name not in (*names, "__dict__", "__weakref__")}
    return type(kind)(kind.__name__, kind.__bases__, kept)


@pytest.mark.parametrize("spec", registry.specs(), ids=lambda spec: spec.name)
def test_specs_declare_what_the_adapters_have(spec: EngineSpec) -> None:
    assert absent(spec, adapter_class(spec)) == []
    assert undeclared(spec, adapter_class(spec)) == []
    assert set(ALL) & set(adapter_class(spec).__mro__) == spec.abilities, "an adapter inherits what its spec declares"


@pytest.mark.parametrize(("engine", "ability"), MUTATIONS, ids=IDS)
def test_an_ability_that_is_lost_is_missed(engine: str, ability: type) -> None:
    spec = registry.spec(engine)
    for member in members(ability):
        assert ability.__name__ in " ".join(absent(spec, without(adapter_class(spec), (member,))))


@pytest.mark.parametrize(("engine", "ability"), MUTATIONS, ids=IDS)
def test_an_ability_that_is_no_longer_declared_is_missed(engine: str, ability: type) -> None:
    spec = registry.spec(engine)
    fewer = replace(spec, abilities=spec.abilities - {ability})
    assert ability.__name__ in " ".join(undeclared(fewer, adapter_class(spec)))


def test_every_ability_is_had_by_some_engine_and_says_what_it_is() -> None:
    assert {ability for _, ability in MUTATIONS} == set(ALL)
    for ability in ALL:
        assert ability.__doc__
        assert members(ability)


def test_an_ability_is_given_only_where_it_is_declared() -> None:
    class Silent:
        spec = SQLITE

    for ability in ALL:
        given: object = able(Silent(), ability)  # type: ignore[arg-type]
        assert (given is not None) == (ability in SQLITE.abilities)


def test_some_abilities_are_told_among_the_capabilities() -> None:
    for record, spec in zip(engines(), registry.specs(), strict=True):
        told = {word for word in WORDS.values() if word in record.capabilities}
        assert told == {WORDS[ability] for ability in spec.abilities if ability in WORDS}


_LOST = [each for each in ALL if each in SQLITE.abilities]
_MUTANTS = """
import contextlib, io, json, pytest
from dbfleet.engines.sqlite.adapter import SqliteAdapter
found = {}
for ability, names in json.loads(input()).items():
    taken = {name: vars(SqliteAdapter)[name] for name in names}
    for name in names:
        delattr(SqliteAdapter, name)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main([
            "-q", "-p", "dbfleet.conformance.plugin", "-p", "no:cacheprovider", "-p", "no:xdist",
            "--pyargs", "dbfleet.conformance.test_abilities", "--engine", "sqlite",
        ])
    found[ability] = int(code), said.getvalue()
    for name, member in taken.items():
        setattr(SqliteAdapter, name, member)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """The suite's tests of abilities on SQLite, as the adapter is and without each ability: exit code and output. One
    interpreter runs them one after another, as its start takes longer than they do."""
    mutants = {"": (), **{ability.__name__: members(ability) for ability in _LOST}}
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, "-c", _MUTANTS], cwd=tmp_path_factory.mktemp("mutant"), env={**os.environ, "PYTHONPATH": path},
        input=json.dumps(mutants), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_the_suite_passes_on_an_adapter_that_is_whole(suites: dict[str, tuple[int, str]]) -> None:
    code, said = suites[""]
    assert code == 0, said


@pytest.mark.parametrize("ability", _LOST, ids=lambda each: each.__name__)
def test_the_suite_fails_where_an_ability_was_lost(suites: dict[str, tuple[int, str]], ability: type) -> None:
    code, said = suites[ability.__name__]
    assert code == 1, said
    assert f"{ability.__name__} is declared" in said
