"""The shop goes around a ring of every engine of this run, from one into the next, and comes home the same.

It begins cut to what the coarsest engine of the ring declares to keep, so from there on nothing may be lost: every
digest on the way is the first one's. Each copy is verified, and compared with where it came from and with where it
began. References become relationships in a graph and come back as columns, and so do edges; nested json is nested in
documents. The last copies into the first again, whose rows and schemas are then those that it began with.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from targets import what_answers

from dbfleet import datasets, registry
from dbfleet.conformance.plugin import environment
from dbfleet.fidelity import coarsened
from dbfleet.fleet import Fleet
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from dbfleet.values import Row, Schema, Type, digest_rows

ORDERS = 150
SHOP = datasets.load("shop")
SCHEMAS = SHOP.schemas()
NAMES = [schema.name for schema in SCHEMAS]


class Ring:
    """dbfleet as a user types it, over the run's targets by their engines' names, in the order of the ring."""

    def __init__(self, folder: Path, fleet: Fleet, ends: dict[str, Target], environ: dict[str, str]) -> None:
        self.ends = ends
        self.way = in_order(ends)
        self._folder = folder
        config = folder / "dbfleet.toml"
        config.touch(mode=0o600)
        config.write_text("".join(self._described(name, target) for name, target in ends.items()))
        self._environment = {
            **environ,
            "DBFLEET_STATE_DIR": str(fleet.settings.state_root),
            "DBFLEET_FLEET": fleet.name,
            "DBFLEET_CONFIG": str(config),
            "NO_COLOR": "1",
        }

    def _described(self, name: str, target: Target) -> str:
        url = "" if target.managed else f"url = {json.dumps(target.url(reveal=True))}\n"
        return f"[targets.{name}]\nengine = {json.dumps(name)}\n{url}"

    def run(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dbfleet", *arguments],
            cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode in codes, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def records(self, *arguments: str, codes: Sequence[int] = (0,)) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*arguments, codes=codes).splitlines()]

    def copy(self, source: str, sink: str, *options: str) -> dict[str, str]:
        """Copy the shop; the digest of each collection as it was read back."""
        copied = self.records("copy", source, sink, *NAMES, "--verify", *options)
        assert all(record["rejected"] == 0 for record in copied)
        return {record["collection"]: record["digest"] for record in copied}

    def differences(self, a: str, b: str) -> list[dict[str, Any]]:
        """Of the shop: what other tests of this run have left behind is not compared."""
        return [record for record in self.records("diff", a, b, codes=(0, 1)) if record["collection"] in NAMES]

    def schemas(self, name: str) -> list[Schema]:
        with registry.connect(self.ends[name]) as adapter:
            return [adapter.describe(each) for each in NAMES]

    def drop(self) -> None:
        for target in self.ends.values():
            with registry.connect(target) as adapter:
                for name in reversed(NAMES):
                    adapter.drop(name)


def in_order(ends: dict[str, Target]) -> list[str]:
    """From one paradigm into another wherever the run allows it: a relational engine, another one, and so on, the first
    of each the one that knows most."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for name in sorted(ends, key=lambda name: (name != "postgres", not _edges(name), name)):
        names[registry.spec(name).paradigm == "relational"].append(name)
    pairs = itertools.zip_longest(names[True], names[False])
    return [name for pair in pairs for name in pair if name]


def _edges(name: str) -> bool:
    return Capability.EDGES in registry.spec(name).capabilities


def cut(schema: Schema, specs: Sequence[EngineSpec]) -> list[Row]:
    """The collection's rows, as the coarsest of these engines keeps them."""
    coarsen = coarsened(schema.columns, *specs)
    rows = [row for batch in SHOP.batches(schema.name, seed=0, rows=ORDERS) for row in batch]
    return [coarsen(row) for row in rows] if coarsen else rows


@pytest.fixture(scope="module")
def ring(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, fleet: Fleet, ends: dict[str, Target]
) -> Iterator[Ring]:
    found = Ring(tmp_path_factory.mktemp("ring"), fleet, ends, environment(request.config))
    if len(found.way) < 2:
        pytest.skip("no such engine in this run")
    try:
        yield found
    finally:
        found.drop()


def test_around_the_ring(ring: Ring, capsys: pytest.CaptureFixture[str], record_property: Any) -> None:
    first, *others = ring.way
    specs = [registry.spec(name) for name in ring.way]
    answers = {name: what_answers(target) for name, target in ring.ends.items()}
    expected = {}
    with registry.connect(ring.ends[first]) as adapter:
        for schema in SCHEMAS:
            adapter.create(schema)
            adapter.write(schema, [rows := cut(schema, specs)])
            expected[schema.name] = str(digest_rows(schema.columns, [rows]))
    began = ring.schemas(first)
    told = [f"the ring begins at {answers[first]}, {ORDERS} orders"]
    try:
        for source, sink in itertools.pairwise(ring.way):
            started = time.perf_counter()
            assert ring.copy(source, sink) == expected, (source, sink)
            assert ring.differences(source, sink) == []
            if source != first:
                assert ring.differences(first, sink) == []
            check_native(ring, sink)
            told.append(f"  → {answers[sink]}: the same, {time.perf_counter() - started:.1f} s")
        last = others[-1]
        assert ring.copy(last, first, "--mode", "replace", "--yes") == expected
        assert ring.differences(last, first) == []
        assert ring.schemas(first) == began
        told.append(f"  → {answers[first]}: home, rows and schemas as they were")
    finally:
        record_property("dbfleet.ring", " → ".join(answers[name] for name in ring.way))
        with capsys.disabled():
            print("", *told, sep=os.linesep)


def check_native(ring: Ring, name: str) -> None:
    """What the engine itself says of the shop, asked in its own language."""
    spec = registry.spec(name)
    if _edges(name):
        for schema in SCHEMAS:
            assert relationships(ring, name, schema) == expected_relationships(schema), schema.name
    for schema in SCHEMAS if spec.paradigm == "document" else ():
        if not any(column.type is Type.JSON for column in schema.columns):
            continue
        documents = ring.records("query", name, spec.examples["all"].format(collection=schema.name))
        for column in schema.columns:
            values = [document[column.name] for document in documents if document.get(column.name) is not None]
            nested = [value for value in values if isinstance(value, dict)]
            assert bool(nested) == (column.type is Type.JSON), (name, schema.name, column.name)


def relationships(ring: Ring, name: str, schema: Schema) -> dict[str, int]:
    """How many relationships lead from the collection's nodes, by the collection that they lead to; of an edge, how
    many there are."""
    edges = [each.name for each in SCHEMAS if each.edge]
    pattern = f"()-[r:`{schema.name}`]->(b)" if schema.edge else f"(:`{schema.name}`)-[r]->(b)"
    others = "" if schema.edge else f" WHERE NOT type(r) IN {json.dumps(edges)}"
    text = f"MATCH {pattern}{others} RETURN labels(b)[0] AS collection, count(r) AS n"
    return {record["collection"]: record["n"] for record in ring.records("query", name, text)}


def expected_relationships(schema: Schema) -> dict[str, int]:
    rows = SHOP.rows(schema.name, ORDERS)
    leading_to = schema.references[1:] if schema.edge else schema.references
    return {reference.collection: rows for reference in leading_to}
