"""Engines of other packages: found by entry point, never in the way of a built-in one, and told by their package's name
where they cannot be used. Each test has a folder of installed packages of its own and runs in a real interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

_ENGINE = """
from dataclasses import replace
from dbfleet.engines.{like} import ENGINE as LIKE
ENGINE = replace(LIKE, name="{name}", title="{title}", schemes={schemes!r}, aliases={aliases!r})
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder as pip fills it."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def run(packages: Path, tmp_path: Path) -> Run:
    """Python or dbfleet, with these packages installed."""

    def call(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
        paths = [str(packages), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "DBFLEET_STATE_DIR": str(tmp_path / "state")}
        argv = ["-c", code] if code is not None else ["-m", "dbfleet", *arguments]
        return subprocess.run(
            [sys.executable, *argv], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=60
        )

    return call


def install(packages: Path, package: str, name: str, text: str, *, module: str | None = None) -> Path:
    """A package that offers an engine; its folder."""
    module = module or package.replace("-", "_")
    folder = packages / module
    folder.mkdir()
    (folder / "__init__.py").write_text(text, "utf-8")
    facts = packages / f"{package.replace('-', '_')}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (facts / "entry_points.txt").write_text(f"[dbfleet.engines]\n{name} = {module}\n", "utf-8")
    return folder


def engine(name: str, like: str = "sqlite", *, schemes: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> str:
    return _ENGINE.format(like=like, name=name, title=name.title(), schemes=schemes or (name,), aliases=aliases)


def test_an_outside_engine_is_found_by_name_alias_and_scheme(packages: Path, run: Run, tmp_path: Path) -> None:
    install(packages, "acme-db", "acme", engine("acme", schemes=("acme", "acme3"), aliases=("ac",)))
    assert run("query", f"acme3:///{tmp_path}/x.db", "select 1").returncode == 3  # no such file
    assert run("load", f"acme:///{tmp_path}/x.db#t", "--help").returncode == 0
    code = "from dbfleet import registry; print(*[registry.spec(n).title for n in ('acme', 'ac', 'AC', 'sqlite')])"
    assert run(code=code).stdout.split() == ["Acme", "Acme", "Acme", "SQLite"]
    listed = run("engines", "--format", "csv").stdout
    assert "\nacme,Acme," in listed
    assert "\nsqlite,SQLite," in listed


def test_a_word_that_is_nearly_an_outside_engine_is_told(packages: Path, run: Run) -> None:
    install(packages, "acme-db", "acmebase", engine("acmebase"))
    assert "did you mean acmebase?" in run("engines", "acmebsae").stderr
    assert "did you mean acmebase?" in run("query", "acmebas:///x", "select 1").stderr


def test_the_default_fleet_stays_that_of_the_built_in_engines(packages: Path, run: Run, tmp_path: Path) -> None:
    install(packages, "acme-db", "acme", engine("acme"))
    assert "acme" not in run("ls", "acme").stdout
    assert "add [targets.acme]" in run("ls", "acme").stderr
    (tmp_path / "dbfleet.toml").write_text('[targets.acme]\n[targets.other]\nengine = "acme"\n', "utf-8")
    assert run("up", "acme", "other").returncode == 0
    assert run("query", "other", "select 17 as n").stdout == '{"n":17}\n'


def test_a_built_in_engine_wins_over_an_outside_one_and_that_is_told(packages: Path, run: Run) -> None:
    install(packages, "acme-db", "postgres", "raise SystemError('nobody may import this')")
    code = "from dbfleet import registry; print(registry.spec('postgres').title, registry.by_scheme('postgres').title)"
    assert run(code=code).stdout.split() == ["PostgreSQL", "PostgreSQL"]
    found = run("engines", "--format", "csv")
    assert found.stdout.count("\npostgres,") == 1
    assert "warning: the package acme-db offers an engine postgres, which is built in" in found.stderr


def test_a_built_in_alias_or_scheme_wins_over_an_outside_one(packages: Path, run: Run) -> None:
    install(packages, "acme-db", "pg", engine("pg", schemes=("postgresql",)))
    code = "from dbfleet import registry; print(registry.spec('pg').name, registry.by_scheme('postgresql').name)"
    assert run(code=code).stdout.split() == ["postgres", "postgres"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing_of_this_name", "cannot be imported (ModuleNotFoundError: No module named"),
        ("1 / 0", "cannot be imported (ZeroDivisionError: division by zero)"),
        ("ENGINE = 'acme'", "has no ENGINE that is an EngineSpec"),
        ("", "has no ENGINE that is an EngineSpec"),
        (engine("other"), "its EngineSpec is called other, its entry point acme"),
    ],
)
def test_an_outside_engine_that_cannot_be_used_is_told_by_its_package(
    packages: Path, run: Run, text: str, why: str
) -> None:
    install(packages, "acme-db", "acme", text)
    asked = run("engines", "acme")
    assert asked.returncode == 2, asked.stderr
    assert "the engine acme of the package acme-db cannot be used: " in asked.stderr
    assert "mend or uninstall acme-db" in asked.stderr
    assert why in asked.stderr


def test_every_verb_tells_of_an_outside_engine_that_cannot_be_used(packages: Path, run: Run, tmp_path: Path) -> None:
    install(packages, "acme-db", "acme", "1 / 0")
    asked = run("query", "acme:///x.db", "select 1")
    assert asked.returncode == 2, asked.stderr
    assert "the engine acme of the package acme-db cannot be used: " in asked.stderr
    listed = run("engines", "--format", "csv")
    assert listed.returncode == 0
    assert "warning: the engine acme of the package acme-db cannot be used" in " ".join(listed.stderr.split())
    assert "\nredis,Redis," in listed.stdout
    doctor = run("doctor", "--format", "jsonl")
    assert '"check":"acme","level":"warn","text":"the engine acme of the package acme-db' in doctor.stdout
    (tmp_path / "dbfleet.toml").write_text("[targets.acme]\n[targets.sqlite]\n", "utf-8")
    doctor = run("doctor", "--format", "jsonl")
    assert '"check":"acme","level":"fail","text":"the engine acme of the package acme-db' in doctor.stdout
    assert '"check":"disk"' in doctor.stdout


def test_of_two_packages_that_offer_one_name_the_first_is_used_and_that_is_told(packages: Path, run: Run) -> None:
    install(packages, "acme-a", "acme", engine("acme", schemes=("acme", "first")))
    install(packages, "acme-b", "acme", engine("acme", schemes=("acme", "second")))
    code = "from dbfleet import registry; print(registry.spec('acme').schemes[1])"
    assert run(code=code).stdout == "first\n"
    assert "the package acme-b offers an engine acme, as acme-a does" in " ".join(run("engines").stderr.split())


def test_an_error_in_an_outside_adapter_is_not_blamed_on_the_host(packages: Path, run: Run, tmp_path: Path) -> None:
    text = engine("acme") + "def connect(target, *, timeout_s=10.0):\n    return {}['a bug']\n"
    install(packages, "acme-db", "acme", text + "ENGINE = replace(ENGINE, connect=connect)\n")
    assert run("query", f"acme:///{tmp_path}/x.db", "select 1").returncode == 70


def test_the_stack_of_an_outside_engine_comes_with_its_package(packages: Path, run: Run) -> None:
    folder = install(packages, "acme-db", "acme", engine("acme", "redis"))
    (folder / "stacks").mkdir()
    (folder / "stacks" / "acme.yaml").write_text("services: {}\n", "utf-8")
    code = (
        "from dbfleet import registry\nfrom dbfleet.runtimes import compose\n"
        "for name in ('acme', 'redis'): print(compose.stack(registry.spec(name)))"
    )
    own, built_in = run(code=code).stdout.splitlines()
    assert Path(own) == folder / "stacks" / "acme.yaml"
    assert built_in.endswith("stacks/engines/redis.yaml")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("query", "sqlite", "select 1"),
        ("query", "postgres", "select 1"),
        ("query", "pg", "select 1"),
        ("query", "postgresql://nobody@127.0.0.1:1/x", "select 1"),
        ("status",),
        ("seed", "--all", "--dry-run"),
    ],
    ids=" ".join,
)
def test_entry_points_are_not_read_for_built_in_engines(run: Run, arguments: tuple[str, ...]) -> None:
    assert "entry points were read" not in run(code=watched(arguments)).stderr


def test_entry_points_are_read_where_all_engines_are_listed(run: Run) -> None:
    assert "entry points were read" in run(code=watched(("engines",))).stderr


def watched(arguments: tuple[str, ...]) -> str:
    """The command in an interpreter that says when the group's entry points are read."""
    return (
        "import importlib.metadata, sys\n"
        "def read(**asked):\n"
        "    if asked.get('group') == 'dbfleet.engines': sys.stderr.write('entry points were read')\n"
        "    return real(**asked)\n"
        "real, importlib.metadata.entry_points = importlib.metadata.entry_points, read\n"
        f"sys.argv = ['dbfleet', *{arguments!r}]\n"
        "from dbfleet.__main__ import main\nmain()"
    )
