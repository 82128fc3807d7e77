"""The process runtime on real servers: the embedded PostgreSQL and Valkey, as their engines' files run them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from local_servers import PASSWORD, a_minute, ended

from dbfleet import registry
from dbfleet.adapter import Adapter, ServerInfo
from dbfleet.runtimes import Server, accounts, ports, silent, wait_ready
from dbfleet.runtimes.process import ProcessRuntime
from dbfleet.target import Target

EMBEDDED = [
    spec.name for spec in registry.specs() if spec.local and spec.local.bundled and spec.local.bundled() is not None
]
REFUSE_ROOT = [
    spec.name for spec in registry.specs() if spec.name in EMBEDDED and spec.local and spec.local.refuses_root
]

pytestmark = pytest.mark.skipif(not EMBEDDED, reason="an extra is not installed")


@pytest.fixture
def runtime(tmp_path: Path) -> ProcessRuntime:
    return ProcessRuntime(tmp_path / "state")


@pytest.fixture(params=EMBEDDED)
def one(request: pytest.FixtureRequest, runtime: ProcessRuntime) -> Iterator[Server]:
    spec = registry.spec(request.param)
    found = Server(
        spec.name,
        spec,
        ports.choose(str(runtime.state)),
        spec.default_user or "",
        PASSWORD,
        spec.default_database or "",
    )
    yield found
    runtime.down([found], volumes=True, report=silent)


def connect(one: Server, timeout_s: float = 5) -> Adapter:
    target = Target(
        one.target,
        one.spec.name,
        one.spec.schemes[0],
        host="127.0.0.1",
        port=one.port,
        user=one.user,
        password=one.password,
        database=one.database,
        managed=True,
    )
    return registry.connect(target, timeout_s=timeout_s)


def up(runtime: ProcessRuntime, one: Server) -> int:
    def ping(timeout_s: float) -> ServerInfo:
        with closing(connect(one, timeout_s)) as adapter:
            return adapter.ping()

    runtime.start(one, deadline=a_minute(), report=silent)
    wait_ready(runtime, one, ping, deadline=a_minute())
    pid = runtime.states([one])[one.target].pid
    assert pid is not None
    return pid


def write(one: Server, name: str) -> None:
    from dbfleet.values import Column, Schema, Type

    schema = Schema(name, (Column("id", Type.INT, nullable=False), Column("text", Type.TEXT)), ("id",))
    with closing(connect(one)) as adapter:
        adapter.create(schema)
        adapter.write(schema, [[(1, "kept"), (2, None)]])


def count(one: Server, name: str) -> int:
    with closing(connect(one)) as adapter:
        return adapter.count(name)


def test_it_answers_and_keeps_data_over_stop_and_up(runtime: ProcessRuntime, one: Server) -> None:
    up(runtime, one)
    write(one, "kept")
    runtime.stop([one], report=silent)
    up(runtime, one)
    assert count(one, "kept") == 2


def test_a_killed_server_recovers_its_data(runtime: ProcessRuntime, one: Server) -> None:
    pid = up(runtime, one)
    write(one, "kept")
    runtime.stop([one], report=silent)
    pid = up(runtime, one)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert runtime.states([one])[one.target].state == "failed"
    assert up(runtime, one) != pid
    assert count(one, "kept") == 2


def test_it_is_stopped_by_its_own_signal_with_all_its_children(runtime: ProcessRuntime, one: Server) -> None:
    pid = up(runtime, one)
    family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    with closing(connect(one)):  # a client that stays does not hold it up
        events: list[str] = []
        runtime.stop([one], report=lambda event: events.append(event.stage))
    assert events == ["stopping", "stopped"]
    assert all(ended(each) for each in family)


def test_it_listens_on_this_machine_only_and_knows_no_secret_by_its_command(
    runtime: ProcessRuntime, one: Server
) -> None:
    process = psutil.Process(up(runtime, one))
    addresses = {each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}
    assert PASSWORD not in " ".join(process.cmdline())


def test_its_files_are_its_own(runtime: ProcessRuntime, one: Server) -> None:
    process = psutil.Process(up(runtime, one))
    data = Path(runtime.places(one)["data"])
    assert data.stat().st_uid == process.uids().real
    assert data.stat().st_mode & 0o077 == 0
    if one.spec.local and one.spec.local.refuses_root:
        assert process.uids().real != 0
    others = [each for each in data.rglob("*") if each.stat().st_uid != process.uids().real]
    assert others == []


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this machine")
@pytest.mark.parametrize("one", REFUSE_ROOT, indirect=True)
def test_a_package_below_a_folder_of_roots_serves_another_account(
    runtime: ProcessRuntime, one: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a virtual environment below /root is."""
    assert one.spec.local is not None
    assert one.spec.local.bundled is not None
    binaries = one.spec.local.bundled()
    assert binaries is not None
    shared = Path(f"/var/tmp/dbfleet-test-{os.getpid()}")
    monkeypatch.setattr(accounts, "SHARED", (shared,))
    package = accounts._package_of(binaries)
    assert package is not None
    closed = tmp_path / "closed"
    closed.mkdir()
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, closed / folder.name, symlinks=True, copy_function=os.link)
    closed.chmod(0o700)
    there = closed / package.name / binaries.relative_to(package)
    local = replace(one.spec.local, bundled=lambda: there)
    one = replace(one, spec=replace(one.spec, local=local))
    try:
        process = psutil.Process(up(runtime, one))
        assert process.exe().startswith(str(shared))
        write(one, "kept")
    finally:
        runtime.down([one], volumes=True, report=silent)
        shutil.rmtree(shared)
