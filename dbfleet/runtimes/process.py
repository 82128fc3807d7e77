"""The runtime `process`: local server programs, each with a data directory, a log and a record below the fleet's state.

Rules:
- A server lives in a session of its own, so it outlives this command and hears nothing of the terminal's Ctrl-C.
- A process is only ever signalled when it is the one on record (identity.py): never a stranger with the same pid.
- What is about to happen is on record before it happens, so that a command that was cut short is made good by the
  next one: a data directory that was not filled to the end is filled again from the start.
- Nothing secret is in an argv or in the server's environment: that is made anew, and holds PATH and a few others.

How an engine's server is found, filled and run is data on its spec (adapter.LocalServer).
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import psutil

from dbfleet.adapter import EngineSpec, LocalServer, ServerPlan
from dbfleet.errors import DbfleetError, NotReady, RuntimeFailure, Unavailable
from dbfleet.runtimes import (
    TAIL_LINES,
    ClientCommand,
    Deadline,
    Event,
    Report,
    Server,
    ServerState,
    accounts,
    identity,
    log_tail,
    ports,
    programs,
    tail,
)
from dbfleet.runtimes.homes import Home, Record

INHERITED: Final = ("PATH", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
STRAYS_TIMEOUT_S: Final = 10.0
PREPARE_PATIENCE_S: Final = 20.0
"""How long an error of `prepare` that is not Unavailable counts as the server's not being ready yet."""

T = TypeVar("T")

_children: dict[int, subprocess.Popen[bytes]] = {}
"""The servers that this very process started: for their exit codes, and so that they do not stay zombies."""


class ProcessRuntime:
    """Local servers of the fleet whose folder is `state`; `fleet` goes into the choice of its ports."""

    name = "process"

    def __init__(self, state: Path) -> None:
        self.state = state

    # --- the protocol ---------------------------------------------------------------------------------------------

    def missing(self, spec: EngineSpec) -> str | None:
        if spec.local is None:
            return f"{spec.title} cannot run as a local process yet; it needs Docker (Engine and compose v2)"
        if programs.find(spec.local) is None:
            return spec.local.how_to_get
        return None

    def prepare(self, servers: Sequence[Server], *, deadline: Deadline, report: Report) -> Mapping[str, DbfleetError]:
        return {}

    def start(self, server: Server, *, deadline: Deadline, report: Report) -> None:
        local = self._local(server)
        account = accounts.for_server(refuses_root=local.refuses_root)
        home = Home(self.state, server.target)
        with _disk_errors(server, home.folder):
            record = home.make(account)
            running = identity.process(record.pid, record.identity)
            if running and record.progress == "prepared" and record.port == server.port:
                return
            if running:  # it listens elsewhere, or its first start was cut short
                self._end(home, record, local, server, report)
                record = home.forget_process(record)
            found = self._programs(server, local, record)
            if account:
                folder = next(iter(found.values())).parent
                reachable = accounts.reachable_binaries(folder, account)
                found = {name: reachable / name for name in found}
            binaries = next(iter(found.values())).parent
            record = home.save(replace(record, binaries=str(binaries), port=server.port))
            self._end_strays(home, record, found, local, server)
            plan = ServerPlan(
                binaries=found,
                data=Path(record.home) / "data",
                run=Path(record.run),
                log=Path(record.home) / "server.log",
                port=server.port,
                user=server.user,
                password=server.password,
                password_file=home.write_password(record, server.password, account),
                database=server.database,
            )
            if record.progress != "prepared":
                report(Event(server.target, "initialising"))
                home.empty(record)
                self._initialise(home, record, plan, local, account, server, deadline)
                record = home.save(replace(record, progress="initialised"))
            report(Event(server.target, "starting", _place_of(binaries)))
            record = self._spawn(home, record, plan, local, account, server)
            if record.progress != "prepared":
                self._prepare(record, plan, local, server, deadline, report)
                home.save(replace(record, progress="prepared"))

    def stop(self, servers: Sequence[Server], *, report: Report) -> Sequence[str]:
        return [
            server.target
            for server, there in zip(servers, self._each(servers, self._stop, report), strict=True)
            if there
        ]

    def down(self, servers: Sequence[Server], *, volumes: bool, report: Report) -> Sequence[str]:
        stopped = self._each(servers, self._stop, report)
        gone = []
        for server, there in zip(servers, stopped, strict=True):
            home = Home(self.state, server.target)
            if volumes and home.remove():
                there = True
            if there:
                gone.append(server.target)
        return gone

    def states(self, servers: Sequence[Server], *, memory: bool = False) -> Mapping[str, ServerState]:
        return {server.target: self._state(server, memory) for server in servers}

    def failure(self, server: Server, state: ServerState) -> RuntimeFailure:
        record = Home(self.state, server.target).record()
        log = log_tail(self, server)
        if record and (full := _disk_full(server, Path(record.home), log)):
            return full
        return RuntimeFailure(
            f"{server.target} ended while it was starting" + (f" ({state.detail})" if state.detail else ""),
            exit_code=state.exit_code,
            log_tail=log,
            engine=server.spec.name,
            target=server.target,
            hint=f"all of its log: dbfleet logs {server.target}",
        )

    def logs(self, server: Server, *, follow: bool = False, lines: int | None = None) -> Iterator[str]:
        record = Home(self.state, server.target).record()
        path = Path(record.home) / "server.log" if record else None
        if path is None or not path.exists():
            raise RuntimeFailure(
                f"{server.target} has no log: it was never started here",
                target=server.target,
                hint=f"start it with dbfleet up {server.target}",
            )
        return tail.lines(path, last=lines, follow=follow)

    def client(self, server: Server) -> ClientCommand | None:
        return None

    def places(self, server: Server) -> Mapping[str, str]:
        record = Home(self.state, server.target).record()
        if record is None:
            return {}
        home = Path(record.home)
        found = {"data": str(home / "data"), "log": str(home / "server.log"), "run": record.run}
        if record.binaries:
            found["programs"] = record.binaries
        return found

    # --- one server -----------------------------------------------------------------------------------------------

    def _local(self, server: Server) -> LocalServer:
        if server.spec.local is None:
            raise self._not_here(server, self.missing(server.spec) or "")
        return server.spec.local

    def _programs(self, server: Server, local: LocalServer, record: Record) -> Mapping[str, Path]:
        found = programs.find(local, record.binaries if record.progress == "prepared" else None)
        if found is None:
            raise self._not_here(server, local.how_to_get)
        return found

    def _not_here(self, server: Server, how: str) -> RuntimeFailure:
        return RuntimeFailure(
            f"{server.target} cannot be started: no {server.spec.title} server was found on this machine",
            engine=server.spec.name,
            target=server.target,
            hint=how,
        )

    def _state(self, server: Server, memory: bool) -> ServerState:
        home = Home(self.state, server.target)
        record = home.record()
        if record is None:
            return ServerState("absent")
        if record.pid is None:
            return ServerState("stopped", port=record.port)
        child = _children.get(record.pid)
        code = child.poll() if child else None
        process = identity.process(record.pid, record.identity)
        if process is None:
            exit_code, why = _ended(code)
            return ServerState("failed", port=record.port, exit_code=exit_code, detail=why or f"was pid {record.pid}")
        return ServerState(
            "running" if record.progress == "prepared" else "starting",
            port=record.port,
            pid=record.pid,
            started=record.started,
            memory=_memory(process) if memory else None,
        )

    def _initialise(
        self,
        home: Home,
        record: Record,
        plan: ServerPlan,
        local: LocalServer,
        account: accounts.Account | None,
        server: Server,
        deadline: Deadline,
    ) -> None:
        commands = local.initialise(plan) if local.initialise else ()
        home.give(record, account)
        for command in commands:
            _run(command, plan, local, account, server, deadline)

    def _spawn(
        self,
        home: Home,
        record: Record,
        plan: ServerPlan,
        local: LocalServer,
        account: accounts.Account | None,
        server: Server,
    ) -> Record:
        command = [os.fspath(each) for each in local.command(plan)]
        home.give(record, account)
        if not ports.is_free(server.port):
            raise port_taken(server)
        log = home.open_log(record, account)
        try:
            child = _popen(command, plan, local, account, stdout=log)
        finally:
            os.close(log)
        _children[child.pid] = child
        # Between these two lines only SIGKILL can come (Ctrl-C goes to the main thread, this is another); a server
        # that is not on record because of it is found by where it works, see _end_strays.
        return home.save(replace(record, pid=child.pid, identity=identity.of(child.pid), started=time.time()))

    def _prepare(
        self, record: Record, plan: ServerPlan, local: LocalServer, server: Server, deadline: Deadline, report: Report
    ) -> None:
        """Wait until the port answers, then make the user and the database: retried while the server gets ready."""
        report(Event(server.target, "waiting", f"port {server.port}"))
        patience: float | None = None
        last: Exception | None = None
        while True:
            self._must_live(record, server)
            if ports.answers(server.port):
                if local.prepare is None:
                    return
                try:
                    local.prepare(plan)
                    return
                except Unavailable as error:
                    last = error
                except Exception as error:
                    last = error
                    patience = patience or time.monotonic() + PREPARE_PATIENCE_S
                    if time.monotonic() > patience:
                        raise RuntimeFailure(
                            f"{server.target} runs, but its user and database could not be made: {error}",
                            engine=server.spec.name,
                            target=server.target,
                            log_tail=log_tail(self, server),
                        ) from error
            if deadline.passed:
                raise NotReady(
                    f"{server.target} runs (pid {record.pid}) but did not get ready within {deadline.seconds:g} s"
                    + (f"; last answer: {last}" if last else f"; port {server.port} does not answer"),
                    engine=server.spec.name,
                    target=server.target,
                    hint=f"see its log with dbfleet logs {server.target}, or give it longer with --timeout",
                )
            deadline.sleep(0.05)

    def _must_live(self, record: Record, server: Server) -> None:
        child = _children.get(record.pid or -1)
        if child is not None and child.poll() is not None:
            raise self.failure(server, self._state(server, memory=False))

    # --- ending ---------------------------------------------------------------------------------------------------

    def _each(self, servers: Sequence[Server], act: Callable[[Server, Report], T], report: Report) -> list[T]:
        if not servers:
            return []
        with ThreadPoolExecutor(len(servers)) as pool:
            return list(pool.map(lambda server: act(server, report), servers))

    def _stop(self, server: Server, report: Report) -> bool:
        home = Home(self.state, server.target)
        record = home.record()
        if record is None:
            return False
        local = server.spec.local
        stopped = False
        if identity.process(record.pid, record.identity):
            report(Event(server.target, "stopping"))
            self._end(home, record, local, server, report)
            stopped = True
        if local and record.binaries:
            found = {name: Path(record.binaries) / name for names in local.choices for name in names}
            stopped = self._end_strays(home, record, found, local, server) or stopped
        if record.pid is not None:
            home.forget_process(record)
            shutil.rmtree(record.run, ignore_errors=True)
        if stopped:
            report(Event(server.target, "stopped"))
        return stopped

    def _end(self, home: Home, record: Record, local: LocalServer | None, server: Server, report: Report) -> None:
        """Ask with the engine's own signal; after its grace, kill it and what it started, and say so."""
        process = identity.process(record.pid, record.identity)
        if process is None:
            return
        grace = local.stop_timeout_s if local else 30.0
        family = [process, *_descendants(process)]
        _signal(process, local.stop_signal if local else signal.SIGTERM, server)
        if not _gone(process, record.identity, grace):
            report(Event(server.target, "note", f"did not stop within {grace:g} s and was killed"))
            for each in family:
                _signal(each, signal.SIGKILL, server)
            _gone(process, record.identity, 10.0)
        if record.pid in _children:
            _children.pop(record.pid).wait()

    def _end_strays(
        self, home: Home, record: Record, found: Mapping[str, Path], local: LocalServer, server: Server
    ) -> bool:
        """End what works in our data directory and is not on record. A new server must not start beside it."""
        strays = identity.strays(Path(record.home), list(found.values()))
        strays = [each for each in strays if each.pid != record.pid or identity.of(each.pid) != record.identity]
        if not strays:
            return False
        for each in strays:
            try:
                if os.getsid(each.pid) == each.pid and (parent := each.parent()) and parent not in strays:
                    _signal(each, local.stop_signal, server)
            except (psutil.Error, ProcessLookupError):
                continue
        _, left = psutil.wait_procs(strays, timeout=max(STRAYS_TIMEOUT_S, local.stop_timeout_s / 3))
        for each in left:
            _signal(each, signal.SIGKILL, server)
        psutil.wait_procs(left, timeout=5)
        return True


def port_taken(server: Server) -> RuntimeFailure:
    """The error of a port that somebody else listens on."""
    return RuntimeFailure(
        f"{server.target} cannot start: port {server.port} is taken by {ports.holder(server.port)}",
        engine=server.spec.name,
        target=server.target,
        hint=f"stop that program, or set another port for {server.target} in dbfleet.toml",
    )


# --- processes ----------------------------------------------------------------------------------------------------


def _popen(
    command: Sequence[str],
    plan: ServerPlan,
    local: LocalServer,
    account: accounts.Account | None,
    *,
    stdout: int,
) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {"HOME": str(plan.run), "LANG": "C.UTF-8"} | dict(local.environment)
    try:
        return subprocess.Popen(
            [os.fspath(each) for each in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            # The folder says whose server it is (see identity.strays), and everyone can be there: a server that
            # cannot enter the folder where `dbfleet` was typed would stop.
            cwd=plan.data,
            env=environment,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        raise RuntimeFailure(
            f"{command[0]} could not be run: {error.strerror or error}",
            command=tuple(command),
            hint="is the program whole, and made for this machine?" if error.errno == errno.ENOEXEC else None,
        ) from error


def _run(
    command: Sequence[str],
    plan: ServerPlan,
    local: LocalServer,
    account: accounts.Account | None,
    server: Server,
    deadline: Deadline,
) -> None:
    """A command that fills the data directory; ended with all it started when the wait is cancelled or too long."""
    child = _popen(command, plan, local, account, stdout=subprocess.PIPE)
    output = b""
    try:
        while True:
            try:
                output, _ = child.communicate(timeout=0.05)
                break
            except subprocess.TimeoutExpired:
                deadline.sleep(0)
                if deadline.passed:
                    raise NotReady(
                        f"{server.target}'s data directory was not filled within {deadline.seconds:g} s",
                        engine=server.spec.name,
                        target=server.target,
                        hint="give it longer with --timeout; it begins anew",
                    ) from None
    except BaseException:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.communicate()
        raise
    if child.returncode:
        text = output.decode(errors="replace").strip()
        last = "\n".join(text.splitlines()[-TAIL_LINES:])
        raise _disk_full(server, plan.data, text) or RuntimeFailure(
            f"{server.target}'s data directory could not be made: {os.path.basename(command[0])} "
            f"ended with exit code {child.returncode}",
            command=tuple(os.fspath(each) for each in command),
            exit_code=child.returncode,
            log_tail=last,
            engine=server.spec.name,
            target=server.target,
        )


def _signal(process: psutil.Process, number: int, server: Server) -> None:
    try:
        process.send_signal(number)  # psutil looks once more whether it is still the same process
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise RuntimeFailure(
            f"{server.target} (pid {process.pid}) was started by another user and cannot be stopped by this one",
            target=server.target,
            hint="run this command as the user who started it",
        ) from error


def _gone(process: psutil.Process, known: str | None, timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        child = _children.get(process.pid)
        if child:
            child.poll()
        if identity.process(process.pid, known) is None:
            return True
        time.sleep(0.02)
    return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _ended(code: int | None) -> tuple[int | None, str]:
    """An exit code as shells give it, and in words."""
    if code is None:
        return None, ""
    if code < 0:
        try:
            return 128 - code, f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return 128 - code, f"killed by signal {-code}"
    return code, f"exit code {code}"


def _memory(process: psutil.Process) -> int | None:
    """Of the server and its children, shared pages counted once where the system tells (PSS)."""
    total = 0
    for each in (process, *_descendants(process)):
        try:
            full = each.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except psutil.AccessDenied:
            try:
                total += each.memory_info().rss
            except psutil.Error:
                continue
        except psutil.Error:
            continue
    return total or None


# --- a full disk --------------------------------------------------------------------------------------------------


def _disk_full(server: Server, place: Path, text: str) -> RuntimeFailure | None:
    """The error of a full disk where `text`, or the disk itself, says that it is one."""
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = 1 << 40
    if "No space left on device" not in text and "Disk quota exceeded" not in text and free > 1 << 20:
        return None
    return RuntimeFailure(
        f"the disk that holds {server.target}'s data directory ({place}) is full",
        log_tail="\n".join(text.splitlines()[-TAIL_LINES:]),
        engine=server.spec.name,
        target=server.target,
        hint=f"{free // (1 << 20)} MB are free there: make room, or point DBFLEET_STATE_DIR to another disk",
    )


class _disk_errors:  # noqa: N801  # used as a statement, `with _disk_errors(...)`
    """Turns the system's own errors around a server's places into ours."""

    def __init__(self, server: Server, place: Path) -> None:
        self.server, self.place = server, place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, DbfleetError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = _disk_full(self.server, self.place, "No space left on device")
            assert full is not None
            raise full from error
        raise RuntimeFailure(
            f"{self.server.target} cannot be started: {error}",
            engine=self.server.spec.name,
            target=self.server.target,
            hint="dbfleet needs to write there" if isinstance(error, PermissionError) else None,
        ) from error


def _place_of(binaries: Path) -> str:
    return f"from {binaries}"
