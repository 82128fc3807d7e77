"""The main job, as a user does it, on every engine that this run has: up, health, seed, query, digest, down.

`make test` runs it on SQLite and the embedded servers, `make test-fleet` on all ten in one compose project: real
servers, a stand-in and doubles, which must say so. What is expected of an engine is its spec's examples and its
declared fidelity.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dbfleet import datasets, registry
from dbfleet.conformance.plugin import chosen, environment
from dbfleet.fidelity import coarsened
from dbfleet.values import Digest, digest_rows

ORDERS = 2000
SHOP = datasets.load("shop")


class CommandLine:
    """dbfleet in a state directory and a fleet of its own."""

    def __init__(self, folder: Path, engines: list[str], environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.engines = engines
        self.environment = {
            **environment,
            "DBFLEET_STATE_DIR": str(folder / "s"),
            "DBFLEET_FLEET": f"e{uuid.uuid4().hex[:8]}",
            "DBFLEET_CONFIG": "",
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        found = subprocess.run(
            [sys.executable, "-m", "dbfleet", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert found.returncode == code, f"{arguments}: {found.returncode}\n{found.stdout[-2000:]}\n{found.stderr}"
        return found

    def records(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*arguments, code=code).stdout.splitlines()]


@pytest.fixture(scope="module")
def fleet_of_all(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Every engine of this run that dbfleet starts, up and seeded; taken down at the end."""
    engines = [name for name in chosen(request.config) if "://" not in name]
    if not engines:
        pytest.skip("no such engine in this run")
    if "sqlite" not in engines:
        engines.append("sqlite")
    found = CommandLine(tmp_path_factory.mktemp("e"), engines, environment(request.config))
    try:
        found.run("up", *engines)
        yield found
    finally:
        found.run("down", "--volumes", "--yes")


def test_all_are_up_and_healthy(fleet_of_all: CommandLine) -> None:
    health = fleet_of_all.records("health", *fleet_of_all.engines)
    assert [record["target"] for record in health if not record["ok"]] == []
    status = {record["target"]: record for record in fleet_of_all.records("status")}
    for engine in fleet_of_all.engines:
        assert status[engine]["state"] == "running"
        assert status[engine]["version"][0].isdigit()
        assert "***" in status[engine]["url"] or registry.spec(engine).embedded
    fleet_of_all.run("up", *fleet_of_all.engines)


def test_all_containers_are_services_of_one_compose_project(fleet_of_all: CommandLine) -> None:
    status = {record["target"]: record for record in fleet_of_all.records("status")}
    servers = {name for name, record in status.items() if record["runtime"] == "docker"}
    if not servers:
        pytest.skip("no such runtime in this run")
    projects = {each["path"] for each in fleet_of_all.records("where") if each["what"] == "project"}
    assert projects == {f"dbfleet-{fleet_of_all.environment['DBFLEET_FLEET']}"}
    label = "com.docker.compose"
    running = subprocess.run(
        ["docker", "ps", "--filter", f"label={label}.project={projects.pop()}", "--format",
         f'{{{{.Label "{label}.service"}}}}'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert sorted(running.stdout.split()) == sorted(servers) == sorted(set(fleet_of_all.engines) - {"sqlite"})


def test_what_stands_in_for_a_server_says_so(fleet_of_all: CommandLine) -> None:
    """A double is called one by its image's tag, by itself, and so by `status` and `health`; no other server is."""
    for verb in ("status", "health"):
        for record in fleet_of_all.records(verb, *fleet_of_all.engines):
            image = fleet_of_all.environment.get(f"DBFLEET_{record['target'].upper()}_IMAGE", "")
            assert ("double" in record["product"]) == image.endswith(":double"), record


def test_seeded_rows_are_the_same_everywhere(fleet_of_all: CommandLine) -> None:
    """What each engine gives back is the dataset, cut to the engine's declared fidelity and to nothing less."""
    seeded = fleet_of_all.records("seed", "--all", "--rows", str(ORDERS), "--verify")
    assert {record["target"] for record in seeded} == set(fleet_of_all.engines)
    expected: dict[tuple[str, bool], Digest] = {}
    for engine in fleet_of_all.engines:
        found = {record["collection"]: record["digest"] for record in fleet_of_all.records("digest", engine)}
        assert sorted(found) == sorted(schema.name for schema in SHOP.schemas())
        for schema in SHOP.schemas():
            coarsen = coarsened(schema.columns, registry.spec(engine))
            batches = SHOP.batches(schema.name, seed=0, rows=ORDERS)
            rows = ([coarsen(row) for row in batch] for batch in batches) if coarsen else batches
            assert found[schema.name] == str(digest_rows(schema.columns, rows)), (engine, schema.name)
            if coarsen is None:
                expected.setdefault((schema.name, True), found[schema.name])
                assert found[schema.name] == expected[schema.name, True]


def test_seeding_again_is_refused_without_reset(fleet_of_all: CommandLine) -> None:
    done = fleet_of_all.run("seed", *fleet_of_all.engines, "--rows", "5", code=2)
    assert "--reset" in done.stderr


def test_each_engine_answers_in_its_own_language(fleet_of_all: CommandLine) -> None:
    for engine in fleet_of_all.engines:
        examples = registry.spec(engine).examples
        if "one" in examples:
            (record,) = fleet_of_all.records("query", engine, examples["one"])
            assert [str(value) for value in record.values()] == ["1"], engine
        everything = examples["all"].format(collection="products")
        for form in ("jsonl", "csv", "json", "tsv", "markdown", "table"):
            assert fleet_of_all.run("query", engine, everything, "--format", form).stdout
        assert len(fleet_of_all.records("query", engine, everything)) == SHOP.rows("products", ORDERS)
        failed = fleet_of_all.run("query", engine, examples["bad"], code=5)
        assert "Traceback" not in failed.stderr
        assert engine in failed.stderr


def test_a_statement_that_is_too_slow_is_stopped_in_every_format(fleet_of_all: CommandLine) -> None:
    for engine in fleet_of_all.engines:
        slow = registry.spec(engine).examples.get("slow")
        for form in ("jsonl", "csv") if slow else ():
            stopped = fleet_of_all.run("query", engine, slow or "", "--timeout", "1", "--format", form, code=4)
            assert stopped.stderr == f"dbfleet: {engine}: the statement did not end within 1 s and was stopped\n"


def test_collections_are_listed_and_described(fleet_of_all: CommandLine) -> None:
    for engine in fleet_of_all.engines:
        listed = {record["collection"] for record in fleet_of_all.records("ls", engine)}
        assert listed == {schema.name for schema in SHOP.schemas()}
        for schema in SHOP.schemas():
            described = fleet_of_all.records("describe", f"{engine}.{schema.name}")
            assert sorted(record["column"] for record in described) == sorted(schema.names)


def test_data_outlives_stop_and_up(fleet_of_all: CommandLine) -> None:
    before = {
        engine: fleet_of_all.records("digest", f"{engine}.orders")[0]["digest"] for engine in fleet_of_all.engines
    }
    fleet_of_all.run("stop")
    fleet_of_all.run("up", *fleet_of_all.engines)
    for engine in fleet_of_all.engines:
        assert fleet_of_all.records("digest", f"{engine}.orders")[0]["digest"] == before[engine]


def test_the_password_stands_in_no_command_line(fleet_of_all: CommandLine) -> None:
    secret = Path(fleet_of_all.folder / "s" / fleet_of_all.environment["DBFLEET_FLEET"] / "secrets" / "password")
    if not secret.exists():
        pytest.skip("no login in this run")
    password = secret.read_bytes()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert password not in process.read_bytes()
        except OSError:
            continue
