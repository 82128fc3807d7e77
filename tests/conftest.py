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
