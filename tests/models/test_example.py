"""examples/django: the project runs as its README says, on the engines of the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dbfleet.fleet import Fleet
from dbfleet.ops.env import env
from dbfleet.ops.seed import seed
from dbfleet.target import Target
from tests.models.projects import drop_shop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example(
    ends: Mapping[str, Target], fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Mapping[str, str], list[str]]]:
    """The project with a seeded fleet of the run's engines, and their names; not the doubles that no ORM can ask."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "examples" / "django", folder, dirs_exist_ok=True)
    names = [engine for engine in ends if engine not in ("oracle", "sqlserver")]
    targets = [ends[engine] for engine in names]
    list(seed(targets, rows=40, reset=True, connect=fleet.connect, agree=lambda told: None))
    lines = [f'[targets.{engine}]\nurl = "{ends[engine].url(reveal=True)}"\n' for engine in names]
    (folder / "dbfleet.toml").write_text("".join(lines), "utf-8")
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "dbfleet").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dbfleet "$@"\n')
    (bin_ / "dbfleet").chmod(0o755)
    paths = [str(folder), str(ROOT)]
    environ = {
        **os.environ,
        "DBFLEET_STATE_DIR": str(folder / "state"),
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    own = Fleet.open(environ=environ, directory=folder)
    yield folder, {**environ, **dict(env(own, names))}, names
    drop_shop(fleet, targets)


def run(example: tuple[Path, Mapping[str, str], list[str]], *command: str) -> str:
    folder, environ, _ = example
    done = subprocess.run(command, cwd=folder, env=dict(environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_runs_as_its_readme_says(example: tuple[Path, Mapping[str, str], list[str]]) -> None:
    _, _, names = example
    run(example, "./prepare", *names)
    assert "no issues" in run(example, sys.executable, "manage.py", "check")
    sums = run(example, sys.executable, "manage.py", "sums")
    lines = {line.split()[0]: line.split()[1:] for line in sums.splitlines()}
    assert set(lines) == set(names)
    assert len({tuple(line) for line in lines.values()}) == 1, sums
    assert next(iter(lines.values()))[0] == "40"
    tour = run(example, sys.executable, "manage.py", "tour")
    for name in names:
        assert f"{name}: order 1 is of" in tour
        saved = f"{name}: saved order 9000001 of 12.50; customer 1 has" in tour
        refused = f"{name}: Order: create is not supported" in tour
        assert saved is not refused, tour


def test_an_engine_that_disagrees_is_told(example: tuple[Path, Mapping[str, str], list[str]]) -> None:
    folder, environ, names = example
    run(example, "./prepare", *names)
    code = "from fleet.sqlite.models import Order\nOrder.objects.filter(pk=1).update(total=0)\n"
    run(example, sys.executable, "manage.py", "shell", "-c", code)
    done = subprocess.run(
        [sys.executable, "manage.py", "sums"], cwd=folder, env=dict(environ), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "the engines do not agree" in done.stderr


def test_products_are_read_from_the_copy_and_written_at_home(
    example: tuple[Path, Mapping[str, str], list[str]],
) -> None:
    _, _, names = example
    if "postgres" not in names:
        pytest.skip("no such engine in this run")
    run(example, "./prepare", *names)
    code = (
        "from fleet.postgres.models import Order, Product\nfrom django.db import router\n"
        "print(Product.objects.db, router.db_for_write(Product), Order.objects.db)\n"
    )
    assert run(example, sys.executable, "manage.py", "shell", "-c", code).split()[-3:] == [
        "sqlite",
        "postgres",
        "postgres",
    ]
