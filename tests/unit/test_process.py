"""The process runtime, on a small server whose every failure can be had."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from local_servers import PASSWORD, Heard, Small, a_minute, ended, info, server

from dbfleet.errors import AuthFailed, NotReady, RuntimeFailure, Unavailable
from dbfleet.runtimes import Deadline, Server, children, identity, ports, silent, wait_ready
from dbfleet.runtimes.process import ProcessRuntime


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def small() -> Small:
    return Small()


@pytest.fixture
def runtime(state: Path) -> ProcessRuntime:
    return ProcessRuntime(state)


@pytest.fixture
def one(small: Small, state: Path, runtime: ProcessRuntime) -> Iterator[Server]:
    found = server(small.spec(), state)
    yield found
    runtime.down([found], volumes=True, report=silent)


def start(runtime: ProcessRuntime, one: Server) -> int:
    runtime.start(one, deadline=a_minute(), report=silent)
    pid = runtime.states([one])[one.target].pid
    assert pid is not None
    return pid


def soon(true: Callable[[], bool], within_s: float = 10.0) -> bool:
    end = time.monotonic() + within_s
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def record_of(state: Path) -> Path:
    return state / "servers" / "small" / "record.json"


def test_a_started_server_answers_and_a_second_start_changes_nothing(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    pid = start(runtime, one)
    assert ports.answers(one.port)
    heard = Heard()
    runtime.start(one, deadline=a_minute(), report=heard)
    assert (runtime.states([one])["small"].pid, heard, small.prepared) == (pid, [], 1)


def test_a_server_lives_in_a_session_of_its_own_and_knows_no_secret(runtime: ProcessRuntime, one: Server) -> None:
    pid = start(runtime, one)
    process = psutil.Process(pid)
    assert os.getsid(pid) == pid
    assert PASSWORD not in " ".join(process.cmdline())
    assert PASSWORD not in str(process.environ())
    assert set(process.environ()) <= {"PATH", "TZ", "LD_LIBRARY_PATH", "TMPDIR", "HOME", "LANG", "LC_CTYPE"}


def test_a_process_that_outlives_us_is_left_without_a_warning(tmp_path: Path) -> None:
    child = children.spawn(
        ["sleep", "60"], folder=tmp_path, home=tmp_path, environment={}, account=None, stdout=subprocess.DEVNULL
    )
    pid = child.pid
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # which a __del__ can only show as unraisable: an error in these tests
        del child
        gc.collect()
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[0] == pid


def test_stop_ends_it_once_and_up_starts_it_on_the_same_data(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    pid = start(runtime, one)
    assert runtime.stop([one], report=silent) == ["small"]
    assert ended(pid)
    assert runtime.stop([one], report=silent) == []
    assert runtime.states([one])["small"].state == "stopped"
    start(runtime, one)
    assert len(small.fills) == 1


def test_down_keeps_the_data_and_twice_is_fine(runtime: ProcessRuntime, one: Server, small: Small) -> None:
    start(runtime, one)
    data = Path(runtime.places(one)["data"])
    assert runtime.down([one], volumes=False, report=silent) == ["small"]
    assert runtime.down([one], volumes=False, report=silent) == []
    assert (data / "whole").exists()
    assert runtime.down([one], volumes=True, report=silent) == ["small"]
    assert not data.exists()
    assert runtime.down([one], volumes=True, report=silent) == []
    assert runtime.states([one])["small"].state == "absent"


def test_a_killed_server_is_seen_as_failed_and_the_next_start_recovers(runtime: ProcessRuntime, one: Server) -> None:
    pid = start(runtime, one)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    found = runtime.states([one])["small"]
    assert (found.state, found.exit_code, found.detail) == ("failed", 137, "killed by SIGKILL")
    assert start(runtime, one) != pid


def test_a_stranger_with_the_recorded_pid_is_never_touched(runtime: ProcessRuntime, one: Server, state: Path) -> None:
    pid = start(runtime, one)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = json.loads(record_of(state).read_text())
        record_of(state).write_text(json.dumps(record | {"pid": stranger.pid}))
        assert runtime.states([one])["small"].state == "failed"
        runtime.stop([one], report=silent)
        assert stranger.poll() is None
        assert ended(pid), "ours, found by where it works"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_of_another_boot_names_no_process(runtime: ProcessRuntime, one: Server, state: Path) -> None:
    pid = start(runtime, one)
    try:
        record = json.loads(record_of(state).read_text())
        boot, _, ticks = record["identity"].rpartition(":")
        record_of(state).write_text(json.dumps(record | {"identity": f"x{boot}:{ticks}"}))
        assert identity.process(pid, f"x{boot}:{ticks}") is None
        assert runtime.states([one])["small"].state == "failed"
    finally:
        runtime.down([one], volumes=False, report=silent)
    assert ended(pid)


def test_a_lock_file_is_stale_where_its_process_does_not_run(tmp_path: Path) -> None:
    """A zombie's too: the servers themselves take it for running."""
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        assert ended(zombie.pid)
        locks = {
            "postmaster.pid": f"{zombie.pid}\n/data\n",
            ".s.PGSQL.1.lock": f"{zombie.pid}\n",
            "recorded.pid": f"{os.getppid()}\n",
            "running.pid": f"{os.getpid()}\n",
            "empty.pid": "",
            "text.lock": "not a number\n",
            "standalone.pid": "-7\n",
            "data": f"{zombie.pid}\n",
        }
        for name, text in locks.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "linked.pid").symlink_to(tmp_path / "data")
        found = identity.stale_locks([tmp_path, tmp_path / "nowhere"], os.getppid())
    assert sorted(each.name for each in found) == [".s.PGSQL.1.lock", "postmaster.pid", "recorded.pid"]


def test_a_server_that_was_started_but_not_written_down_is_ended_before_the_next(
    runtime: ProcessRuntime, one: Server, state: Path
) -> None:
    lost = start(runtime, one)
    record = json.loads(record_of(state).read_text())
    record_of(state).write_text(json.dumps(record | {"pid": None, "identity": None}))
    assert start(runtime, one) != lost
    assert ended(lost)


def test_a_crash_on_start_says_how_it_ended_and_what_it_said(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    small.mode = "crash"
    with pytest.raises(RuntimeFailure, match="exit code 3") as caught:
        runtime.start(one, deadline=a_minute(), report=silent)
    assert caught.value.exit_code == 3
    assert caught.value.log_tail.endswith("FATAL: cannot go on")
    small.mode = "normal"
    start(runtime, one)


def test_a_crash_after_the_first_start_ends_the_wait_for_it(runtime: ProcessRuntime, one: Server, small: Small) -> None:
    start(runtime, one)
    runtime.stop([one], report=silent)
    small.mode = "crash"
    runtime.start(one, deadline=a_minute(), report=silent)

    def ping(_timeout_s: float) -> object:
        raise Unavailable("connection refused")

    with pytest.raises(RuntimeFailure, match="exit code 3") as caught:
        wait_ready(runtime, one, ping, deadline=a_minute())  # type: ignore[arg-type]
    assert "cannot go on" in caught.value.log_tail


def test_a_server_that_ends_between_two_looks_is_told_with_its_exit_code(
    runtime: ProcessRuntime, one: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start(runtime, one)
    look = identity.process

    def ends_first(*known: Any) -> psutil.Process | None:
        with suppress(ProcessLookupError):  # a later look finds no process
            os.kill(pid, signal.SIGKILL)
            assert ended(pid)
        return look(*known)

    monkeypatch.setattr(identity, "process", ends_first)
    assert runtime.states([one])["small"].exit_code == 128 + signal.SIGKILL


def test_a_port_that_is_taken_is_an_error_that_says_by_whom(runtime: ProcessRuntime, one: Server) -> None:
    by = rf"port {one.port} is taken by .+ \(pid {os.getpid()}\)"
    with socket.create_server(("127.0.0.1", one.port)), pytest.raises(RuntimeFailure, match=by):
        runtime.start(one, deadline=a_minute(), report=silent)
    start(runtime, one)


def test_a_server_moves_to_another_port_with_its_data(runtime: ProcessRuntime, one: Server, small: Small) -> None:
    first = start(runtime, one)
    moved = replace(one, port=ports.choose("elsewhere", avoid={one.port}))
    assert start(runtime, moved) != first
    assert soon(lambda: ports.answers(moved.port))
    assert not ports.answers(one.port)
    assert len(small.fills) == 1


def test_a_server_that_does_not_stop_is_killed_and_that_is_said(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    small.mode = "deaf"
    pid = start(runtime, one)
    heard = Heard()
    assert runtime.stop([one], report=heard) == ["small"]
    assert ended(pid)
    assert heard.stages == ["stopping", "note", "stopped"]


def test_a_half_filled_data_directory_is_filled_again_from_the_start(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    small.fill_s = 30
    deadline = a_minute()
    caught: list[BaseException] = []

    def run() -> None:
        try:
            runtime.start(one, deadline=deadline, report=silent)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    data = runtime.state / "servers" / "small" / "home" / "data"
    while not (data / "filled").exists():
        time.sleep(0.01)
    deadline.cancel()
    thread.join(10)
    assert isinstance(caught[0], KeyboardInterrupt)
    assert [each.pid for each in psutil.process_iter() if _works_in(each, data)] == []
    assert not (data / "whole").exists()
    small.fill_s = 0
    start(runtime, one)
    assert small.fills == [[], []], "empty each time"


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_a_first_start_that_never_got_ready_begins_anew(runtime: ProcessRuntime, one: Server, small: Small) -> None:
    def fail(_plan: object) -> None:
        raise Unavailable("starting up")

    small.prepare = fail
    with pytest.raises(NotReady, match="starting up"):
        runtime.start(one, deadline=Deadline(0.5), report=silent)
    assert runtime.states([one])["small"].state == "starting"
    small.prepare = None
    start(runtime, one)
    assert small.fills == [[], []]


def test_data_that_is_not_on_record_is_not_touched(runtime: ProcessRuntime, one: Server, state: Path) -> None:
    start(runtime, one)
    data = Path(runtime.places(one)["data"])
    runtime.stop([one], report=silent)
    record = record_of(state).read_text()
    record_of(state).unlink()
    with pytest.raises(RuntimeFailure, match="not on record"):
        runtime.start(one, deadline=a_minute(), report=silent)
    assert (data / "whole").exists()
    record_of(state).write_text(record)


def test_the_deadline_ends_the_wait_with_the_cause(runtime: ProcessRuntime, one: Server, small: Small) -> None:
    small.mode = "silent"
    with pytest.raises(NotReady, match=f"port {one.port} does not answer"):
        runtime.start(one, deadline=Deadline(0.5), report=silent)


def test_a_refused_login_ends_the_wait_after_some_patience(
    runtime: ProcessRuntime, one: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.runtimes.AUTH_PATIENCE_S", 0.2)
    start(runtime, one)

    def ping(_timeout_s: float) -> object:
        raise AuthFailed("password authentication failed")

    with pytest.raises(AuthFailed, match="refuses the fleet's login") as caught:
        wait_ready(runtime, one, ping, deadline=a_minute())  # type: ignore[arg-type]
    assert "another password" in (caught.value.hint or "")


def test_not_ready_has_the_last_answer_and_the_tail_of_the_log(runtime: ProcessRuntime, one: Server) -> None:
    start(runtime, one)

    def ping(_timeout_s: float) -> object:
        raise Unavailable("the database system is starting up")

    with pytest.raises(NotReady, match="is starting up") as caught:
        wait_ready(runtime, one, ping, deadline=Deadline(0.3))  # type: ignore[arg-type]
    assert "small server" in caught.value.log_tail
    assert wait_ready(runtime, one, info, deadline=a_minute()).product == "Small"


def test_logs_come_whole_or_by_their_last_lines_and_can_be_followed(runtime: ProcessRuntime, one: Server) -> None:
    start(runtime, one)
    log = Path(runtime.places(one)["log"])
    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(20_000))
    assert list(runtime.logs(one, lines=2)) == ["line 19998", "line 19999"]
    assert list(runtime.logs(one, lines=0)) == []
    assert len(list(runtime.logs(one))) == 20_001
    following = runtime.logs(one, lines=1, follow=True)
    assert next(following) == "line 19999"
    with log.open("a") as file:
        file.write("one more\n")
    assert next(following) == "one more"
    log.replace(log.with_name("server.log.1"))
    log.write_text("after the change\n")
    assert next(following) == "after the change"
    following.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(os.geteuid() != 0, reason="not on this machine")
def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("not on this machine")
    try:
        small = Small()
        runtime, one = ProcessRuntime(disk / "state"), server(small.spec(), disk)
        local = replace(
            one.spec.local,  # type: ignore[type-var]
            initialise=lambda plan: [["/bin/sh", "-c", "head -c 4000000 /dev/zero > big"]],
        )
        one = replace(one, spec=replace(one.spec, local=local))
        with pytest.raises(RuntimeFailure, match=r"the disk that holds small's data directory .* is full"):
            runtime.start(one, deadline=a_minute(), report=silent)
        runtime.down([one], volumes=True, report=silent)
        one = server(small.spec(), disk)
        start(runtime, one)
        with (disk / "other").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert runtime.down([one], volumes=True, report=silent) == ["small"], "as it makes room again"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_a_server_says_about_a_full_disk_is_told_as_one(
    runtime: ProcessRuntime, one: Server, small: Small
) -> None:
    small.mode = "crash"

    def command(plan: object) -> list[str]:
        return [sys.executable, "-c", "print('FATAL: could not write: No space left on device'); exit(1)"]

    full = replace(one, spec=replace(one.spec, local=replace(one.spec.local, command=command)))  # type: ignore[type-var]
    with pytest.raises(RuntimeFailure, match="is full"):
        runtime.start(full, deadline=a_minute(), report=silent)


def test_a_socket_folder_is_never_too_long(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 30)
    runtime, one = ProcessRuntime(state), server(Small().spec(), state)
    try:
        start(runtime, one)
        run = Path(runtime.places(one)["run"])
        assert len(str(run)) <= 70
        assert run.stat().st_mode & 0o777 == 0o700
    finally:
        runtime.down([one], volumes=True, report=silent)
    assert not run.exists()


def test_an_engine_without_a_local_server_says_what_it_needs(runtime: ProcessRuntime, one: Server) -> None:
    assert runtime.missing(one.spec) is None
    assert "Docker" in (runtime.missing(replace(one.spec, local=None)) or "")
    nowhere = replace(one.spec.local, choices=(("no-such-server",),), bundled=None)  # type: ignore[type-var]
    assert runtime.missing(replace(one.spec, local=nowhere)) == "it is Python itself"
