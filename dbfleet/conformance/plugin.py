"""pytest's side of the suite: the options, and the fixtures `target`, `adapter`, `connect`, `made`.

Every test that takes `target`, or a fixture that is built on it, runs once for each chosen engine. The whole run has
one fleet in a state directory of its own, which is taken down with its data at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Schema

Make = Callable[[Schema], Schema]
Connect = Callable[[], Adapter]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine and --url."""
    group = parser.getgroup("dbfleet")
    group.addoption("--engine", action="append", default=[], metavar="NAME", help="run on this engine, started by us")
    group.addoption("--url", action="append", default=[], metavar="URL", help="run on the server at this URL")


def chosen(config: pytest.Config) -> list[str]:
    """What to run on, as targets are named: engines' names, then URLs."""
    engines = [registry.spec(name).name for name in config.getoption("--engine")]
    urls = list(config.getoption("--url"))
    if engines or urls:
        return engines + urls
    return [
        spec.name
        for spec in registry.specs()
        if spec.embedded or (spec.local and spec.local.bundled and spec.local.bundled())
    ]


def environment(config: pytest.Config) -> dict[str, str]:
    """The environment of the run's fleet: bundled servers run as processes, whether there is Docker or not."""
    bundled = not config.getoption("--engine")
    return {**({"DBFLEET_RUNTIME": "process"} if bundled else {}), **os.environ}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each chosen engine, or for those of them that its mark `engines` names."""
    if "target_name" not in metafunc.fixturenames:
        return
    names = chosen(metafunc.config)
    only = metafunc.definition.get_closest_marker("engines")
    if only:
        wanted = {registry.spec(name).name for name in only.args}
        names = [name for name in names if _engine(name) in wanted]
    ids = [_engine(name) for name in names]
    metafunc.parametrize("target_name", names, ids=ids, scope="session")


_ANSWERED: Final = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark `engines`."""
    config.stash[_ANSWERED] = {}
    config.addinivalue_line("markers", "engines(*names): only on these engines, for what is one engine's own")


def pytest_report_header(config: pytest.Config) -> str:
    """The chosen engines, in the head of the report."""
    return "dbfleet engines: " + ", ".join(_engine(name) for name in chosen(config))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """What answered goes into the report with the test that saw it first: pytest-xdist keeps a test's properties, and
    loses those of the run."""
    answered = item.config.stash[_ANSWERED]
    item.user_properties.extend(answered.items())
    answered.clear()


def _engine(name: str) -> str:
    return registry.by_scheme(name.partition("://")[0]).name if "://" in name else name


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """The run's own fleet; everything that it started is taken down with its data."""
    # A short path, because that of a Unix socket may have only 107 characters.
    root = Path(tempfile.mkdtemp(prefix="dbf"))
    environ = {**environment(request.config), "DBFLEET_STATE_DIR": str(root), "DBFLEET_CONFIG": ""}
    outside = [name for name in chosen(request.config) if "://" not in name and name not in registry.names()]
    if outside:  # the default fleet has the built-in engines alone
        file = root / "dbfleet.toml"
        file.write_text("".join(f"[targets.{name}]\n" for name in (*registry.names(), *outside)), "utf-8")
        environ["DBFLEET_CONFIG"] = str(file)
    found = Fleet.open(f"t{uuid.uuid4().hex[:8]}", environ=environ)
    try:
        yield found
    finally:
        if found.records():
            from dbfleet.ops.down import down

            down(found, volumes=True)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def target(target_name: str, fleet: Fleet, request: pytest.FixtureRequest) -> Target:
    """A target that answers, started if it is of the fleet. The server's name and version go into the report."""
    if "://" not in target_name:
        from dbfleet.ops.up import up

        up(fleet, [target_name])
    found = replace(fleet.target(target_name), create=True)
    with registry.connect(found) as adapter:
        info = adapter.ping()
    request.config.stash[_ANSWERED][f"dbfleet.{found.engine}"] = f"{info.product} {info.version}"
    return found


@pytest.fixture(scope="session")
def spec(target: Target) -> EngineSpec:
    """The spec of the target's engine."""
    return registry.spec(target.engine)


@pytest.fixture(scope="session")
def _shared(target: Target) -> Iterator[list[Adapter]]:
    adapters = [registry.connect(target)]
    yield adapters
    adapters[0].close()


@pytest.fixture
def adapter(target: Target, _shared: list[Adapter]) -> Adapter:
    """A live connection, shared by the tests; a new one if an earlier test has broken it."""
    try:
        _shared[0].ping()
    except DbfleetError:
        _shared[0].close()
        _shared[0] = registry.connect(target)
    return _shared[0]


@pytest.fixture
def connect(target: Target) -> Iterator[Connect]:
    """More connections to the same target, closed after the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(registry.connect(target))


@pytest.fixture
def name() -> str:
    """A name that no collection has."""
    return f"dbfleet_t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def made(adapter: Adapter, target: Target) -> Iterator[Make]:
    """Create collections that are dropped after the test, last made first."""
    names: list[str] = []

    def make(schema: Schema) -> Schema:
        names.append(schema.name)
        adapter.create(schema)
        return schema

    yield make
    # A new connection, because the test may have left the shared one busy or broken.
    with registry.connect(target) as cleaner:
        for each in reversed(names):
            cleaner.drop(each)
