"""The runtime `process`: local server programs, each with a data directory, a log and a record below the fleet's state.

Rules:
- A server runs in a session of its own, so it outlives this command and does not get the terminal's Ctrl-C.
- A process is signalled only if it is the recorded one (identity.py): never another process with the same pid.
- Every step is recorded before it is done, so that the next command can finish what an interrupted one began: a data
  directory that was not filled completely is filled again from the start.
- No secret is in an argv or in the server's environment, which is made anew and holds PATH and a few others.

How an engine's server is found, filled and run is data on its spec (spec.LocalServer).
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, TypeVar

import psutil

from dbfleet import own
from dbfleet.errors import DbfleetError, NotReady, RuntimeFailure, Unavailable
from dbfleet.own import procfs
from dbfleet.runtimes import (
    ClientCommand,
    Deadline,
    Event,
    Report,
    Server,
    ServerState,
    accounts,
    children,
    disk,
    identity,
    port_taken,
    ports,
    programs,
    tail,
)
from dbfleet.runtimes.homes import Home, Record, last_words
from dbfleet.spec import LocalServer, ServerPlan, ServerSpec

STRAYS_TIMEOUT_S: Final = 10.0
PREPARE_PATIENCE_S: Final = 20.0
"""How long `prepare` is retried after an error that is not Unavailable: the server may not be ready yet."""

T = TypeVar("T")


class ProcessRuntime:
    """The local servers of the fleet whose folder is `state`."""

    name = "process"

    def __init__(self, state: Path) -> None:
        self.state = state

    # --- the protocol ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """This runtime always works; what may be missing is a server's program."""

    def missing(self, spec: ServerSpec) -> str | None:
        if spec.local is None:
            what = spec.kind.removesuffix("s")
            return f"Docker is needed (Engine with compose v2): dbfleet cannot start this {what} as a local process"
        if programs.find(spec.local) is None:
            return spec.local.how_to_get
        return spec.local.lacks() if spec.local.lacks else None

    def prepare(self, servers: Sequence[Server], *, deadline: Deadline, report: Report) -> Mapping[str, DbfleetError]:
        return {}

    def start(self, server: Server, *, deadline: Deadline, report: Report) -> None:
        local = self._local(server)
        account = accounts.for_server(refuses_root=local.refuses_root)
        home = Home(self.state, server.target)
        with disk.errors(server, home.folder):
            record = home.make(account)
            running = identity.process(record.pid, record.identity)
            surroundings = ports.short_hash(repr(sorted(server.environment.items())).encode())
            as_wanted = (record.port, record.surroundings or surroundings) == (server.port or None, surroundings)
            if running and record.progress == "prepared" and as_wanted:
                return
            if running:  # its port or its variables are others now, or its first start was interrupted
                self._end(home, record, local, server, report)
                record = home.forget_process(record)
            paths = self._programs(server, local, record)
            if account:
                folder = next(iter(paths.values())).parent
                reachable = accounts.reachable_binaries(folder, account)
                paths = {name: reachable / name for name in paths}
            binaries = next(iter(paths.values())).parent
            record = home.save(
                replace(record, binaries=str(binaries), port=server.port or None, surroundings=surroundings)
            )
            self._end_strays(home, record, paths, local, server)
            for lock in identity.stale_locks((Path(record.home) / "data", Path(record.run)), record.pid):
                lock.unlink(missing_ok=True)
            plan = ServerPlan(
                binaries=paths,
                data=Path(record.home) / "data",
                run=Path(record.run),
                log=Path(record.home) / "server.log",
                port=server.port,
                user=server.user,
                password=server.password,
                password_file=home.write_password(record, server.password, account),
                database=server.database,
                environment=server.environment,
            )
            if record.progress != "prepared":
                report(Event(server.target, "initialising"))
                home.empty(record)
                self._initialise(home, record, plan, local, account, server, deadline)
                record = home.save(replace(record, progress="initialised"))
            report(Event(server.target, "starting", f"from {binaries}"))
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

    def kill(self, servers: Sequence[Server]) -> None:
        for server in servers:
            record = Home(self.state, server.target).record()
            process = identity.process(record.pid, record.identity) if record else None
            if record and process:
                for member in [process, *children.descendants(process)]:
                    children.send(member, signal.SIGKILL, server)
                children.gone(process.pid, record.identity, 10.0)

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
        log = last_words(record) if record else ""
        if record and (full := disk.full(server, Path(record.home), log)):
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

    def beside(self, server: Server, command: Sequence[str]) -> ClientCommand:
        record = Home(self.state, server.target).record()
        program = os.path.join(record.binaries, command[0]) if record and record.binaries else ""
        program = program if os.access(program, os.X_OK) else command[0]
        local = self._local(server)
        return ClientCommand((program, *command[1:]), {**local.environment, **server.environment})

    def places(self, server: Server) -> Mapping[str, str]:
        record = Home(self.state, server.target).record()
        if record is None:
            return {}
        home = Path(record.home)
        places = {"data": str(home / "data"), "log": str(home / "server.log"), "run": record.run}
        if record.binaries:
            places["programs"] = record.binaries
        return places

    # --- one server -----------------------------------------------------------------------------------------------

    def _local(self, server: Server) -> LocalServer:
        if server.spec.local is None:
            raise self._not_here(server, self.missing(server.spec) or "")
        return server.spec.local

    def _programs(self, server: Server, local: LocalServer, record: Record) -> Mapping[str, Path]:
        kept = record.progress == "prepared" and not local.changes_programs
        paths = programs.find(local, record.binaries if kept else None)
        if paths is None:
            raise self._not_here(server, local.how_to_get)
        return paths

    def _not_here(self, server: Server, how: str) -> RuntimeFailure:
        return RuntimeFailure(
            f"{server.target} cannot be started: no {server.spec.server_title} was found on this machine",
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
            return ServerState("stopped", port=record.port, fate=own.Fate("it was stopped"))
        code = children.exit_code(record.pid)  # first: it reaps a zombie, which is no running process
        process = identity.process(record.pid, record.identity)
        if process is None:
            if code is None:
                code = children.exit_code(record.pid)  # it ended between the two looks
            exit_code, why = children.in_words(code)
            what, mend = own.ended(asdict(record))
            detail = why or f"{what} (it was pid {record.pid})"
            return ServerState(
                "failed", port=record.port, exit_code=exit_code, detail=detail, fate=own.Fate(what, mend)
            )
        return ServerState(
            "running" if record.progress == "prepared" else "starting",
            port=record.port,
            pid=record.pid,
            started=record.started,
            memory=children.memory(process) if memory else None,
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
            children.run(
                command,
                server=server,
                deadline=deadline,
                folder=plan.data,
                home=plan.run,
                environment=local.environment,
                account=account,
            )

    def _spawn(
        self,
        home: Home,
        record: Record,
        plan: ServerPlan,
        local: LocalServer,
        account: accounts.Account | None,
        server: Server,
    ) -> Record:
        command = [os.fspath(word) for word in local.command(plan)]
        home.give(record, account)
        if server.port and not ports.is_free(server.port):
            raise port_taken(server)
        log = home.open_log(record, account)
        began = os.fstat(log).st_size
        try:
            # By its working folder we recognise our server (see identity.strays). Its account can enter this folder; it
            # may not be able to enter the one in which `dbfleet` was typed.
            child = children.spawn(
                command,
                folder=plan.data,
                home=plan.run,
                environment={**local.environment, **server.environment},
                account=account,
                stdout=log,
            )
        finally:
            os.close(log)
        children.keep(child)
        # Only SIGKILL can end us here (Ctrl-C goes to the main thread, and this is another). A server that is therefore
        # not recorded is found by its working folder, see _end_strays.
        return home.save(
            replace(
                record,
                pid=child.pid,
                identity=identity.of(child.pid),
                started=time.time(),
                log_from=began,
                kills_for_memory=procfs.kills_for_memory(),
            )
        )

    def _prepare(
        self, record: Record, plan: ServerPlan, local: LocalServer, server: Server, deadline: Deadline, report: Report
    ) -> None:
        """Wait until the port answers, then make the user and the database; retry until the server is ready. What
        listens on nothing is waited for by its probe."""
        if not server.port:
            return
        report(Event(server.target, "waiting", f"port {server.port}"))
        patience: float | None = None
        last: Exception | None = None
        while True:
            self._must_live(record, server)
            if ports.answers(server.port):
                # Another program may have taken the port before our server: it must not get the password.
                if record.pid and procfs.AVAILABLE and procfs.listens(record.pid, server.port) is False:
                    raise port_taken(server)
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
                            log_tail=last_words(record),
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
        if children.exit_code(record.pid) is not None:
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
            paths = {name: Path(record.binaries) / name for names in local.choices for name in names}
            stopped = self._end_strays(home, record, paths, local, server) or stopped
        if record.pid is not None:
            try:
                home.forget_process(record)
            except OSError as error:
                # `down --volumes` makes room again. A record of a process that has ended does no harm.
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            shutil.rmtree(record.run, ignore_errors=True)
        if stopped:
            report(Event(server.target, "stopped"))
        return stopped

    def _end(self, home: Home, record: Record, local: LocalServer | None, server: Server, report: Report) -> None:
        """Send the engine's own stop signal; after its grace period, kill the server and what it started, and report
        that."""
        process = identity.process(record.pid, record.identity)
        if process is None:
            return
        grace = local.stop_timeout_s if local else 30.0
        family = [process, *children.descendants(process)]
        children.send(process, local.stop_signal if local else signal.SIGTERM, server)
        if not children.gone(process.pid, record.identity, grace):
            report(Event(server.target, "note", f"did not stop within {grace:g} s and was killed"))
            for member in family:
                children.send(member, signal.SIGKILL, server)
            children.gone(process.pid, record.identity, 10.0)

    def _end_strays(
        self, home: Home, record: Record, paths: Mapping[str, Path], local: LocalServer, server: Server
    ) -> bool:
        """End servers that work in our data directory and are not recorded: no second one may start beside them."""
        strays = identity.strays(Path(record.home), list(paths.values()))
        strays = [stray for stray in strays if stray.pid != record.pid or identity.of(stray.pid) != record.identity]
        if not strays:
            return False
        for stray in strays:
            try:
                if os.getsid(stray.pid) == stray.pid and (parent := stray.parent()) and parent not in strays:
                    children.send(stray, local.stop_signal, server)
            except (psutil.Error, ProcessLookupError):
                continue
        _, left = psutil.wait_procs(strays, timeout=max(STRAYS_TIMEOUT_S, local.stop_timeout_s / 3))
        for stray in left:
            children.send(stray, signal.SIGKILL, server)
        psutil.wait_procs(left, timeout=5)
        return True
