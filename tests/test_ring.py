"""The shop goes around a ring of every engine of this run and comes home the same.

Each copy verifies itself, each step is compared with where it came from at the coarser side's fidelity, and at the end
with the start: what was lost may only be what an engine on the way declares not to keep.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.adapter import Fidelity
from dbfleet.conformance.plugin import chosen, environment

ORDERS = 200


class Ring:
    """dbfleet in a fleet of its own, and its engines in the order of the ring."""

    def __init__(self, folder: Path, engines: list[str], environ: dict[str, str]) -> None:
        self.engines = engines
        self._folder = folder
        self._environment = {
            **environ,
            "DBFLEET_STATE_DIR": str(folder / "s"),
            "DBFLEET_FLEET": f"r{uuid.uuid4().hex[:8]}",
            "DBFLEET_CONFIG": "",
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dbfleet", *arguments],
            cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def ring(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    engines = [name for name in chosen(request.config) if "://" not in name]
    if not engines:
        pytest.skip("this run has only servers given by --url")
    # The most exact first: what it seeds must reach every other.
    engines = sorted({*engines, "sqlite"}, key=lambda name: (_rounds(name), name != "postgres", name))
    found = Ring(tmp_path_factory.mktemp("r"), engines, environment(request.config))
    try:
        found.run("up", *engines)
        found.run("seed", engines[0], "--rows", str(ORDERS))
        yield found
    finally:
        found.run("down", "--volumes", "--yes")


def _rounds(name: str) -> bool:
    return Fidelity.ROUNDED in registry.spec(name).types.values()


def test_around_the_ring(ring: Ring) -> None:
    first, home = ring.engines[0], "sqlite:///home.db"
    way = [*ring.engines, home]
    rounded = False
    for source, sink in itertools.pairwise(way):
        copied = [json.loads(line) for line in ring.run("copy", source, sink, "--verify").splitlines()]
        assert sum(record["rows"] for record in copied) > ORDERS
        assert all(record["rejected"] == 0 for record in copied)
        assert ring.run("diff", source, sink) == "", (source, sink)
        if not rounded:
            assert ring.run("diff", first, sink) == "", sink
        rounded = rounded or (sink != home and _rounds(sink))
    if not rounded:
        shipped = ring.run("digest", first, "--format", "csv").splitlines()
        back = ring.run("digest", home, "--format", "csv").splitlines()
        assert {line.split(",")[1]: line.split(",")[-1] for line in shipped} == {
            line.split(",")[1]: line.split(",")[-1] for line in back
        }
