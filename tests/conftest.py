"""The conformance suite's options and fixtures, for every test; and every target of the run at once."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings

from dbfleet.fleet import Fleet
from dbfleet.target import Target

pytest_plugins = ["dbfleet.conformance.plugin"]

# A shell starts what it runs in the background with SIGINT ignored, and every child would inherit that: the tests of
# Ctrl-C could not interrupt anything.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a shared machine.
settings.register_profile("dbfleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dbfleet")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_server: of the servers of this run the first is enough")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` two processes run at once, each with a fleet of its own: the tests of an engine are
    of one process, which alone starts it, those of all engines at once too, and any others by their file."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = callspec.params.get("target_name") if callspec else None
        group = "ends" if "ends" in getattr(item, "fixturenames", ()) else engine or item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def ends(
    request: pytest.FixtureRequest, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Target]]:
    """Every target of this run by its engine's name, up: what was chosen, SQLite, and where nothing was chosen the
    wire doubles, each a process."""
    from dbfleet.conformance.plugin import chosen  # pytest must have registered it first
    from dbfleet.ops.up import up
    from tests.doubles.oracle.running import running as oracle_double
    from tests.doubles.sqlserver.running import running as sqlserver_double

    names = chosen(request.config)
    up(fleet, [name for name in names if "://" not in name])
    with ExitStack() as stack:
        found = [fleet.target(name) for name in {*names, "sqlite"}]
        if not request.config.getoption("--engine") and not request.config.getoption("--url"):
            for start in (oracle_double, sqlserver_double):
                url = stack.enter_context(start(tmp_path_factory.mktemp("double")))
                found.append(fleet.target(url))
        yield {target.engine: replace(target, create=True) for target in sorted(found, key=lambda each: each.engine)}


@pytest.fixture
def by_the_closed_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two SQLite files stand for two engines: nothing goes natively."""
    from dbfleet.engines.sqlite.adapter import SqliteAdapter

    monkeypatch.setattr(SqliteAdapter, "carries", lambda _: False)
