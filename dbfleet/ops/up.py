"""`up`: start what is asked for, and wait until it answers. Running it again changes nothing that is right.

Rules:
- Bare `up` starts what the runtime has servers for and tells how to get the rest. A target that is named and cannot be
  started is an error before anything is started.
- A port from the settings is used or is an error that names who has it. Any other is the recorded one, else the
  engine's own, else a free one: with a note that says which.
- What is about to be started is on record first, so an interrupted `up` leaves nothing that `down` does not find.
- What a copy or load that was killed has left staged in a target is dropped, if nobody goes on with it.
- Every server that the fleet runs has an account for reading only, where the engine can; it is made, or put right, when
  the server answers. Without it the server is up nevertheless, and a note says why.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dbfleet.abilities import MakesReader, able
from dbfleet.adapter import ServerInfo
from dbfleet.errors import DbfleetError, FleetPartlyFailed, RuntimeFailure, UsageError
from dbfleet.fleet import READER, Fleet
from dbfleet.ops import _servers, _staging
from dbfleet.runtimes import Deadline, Event, Report, Runtime, Server, port_taken, ports, silent, wait_ready
from dbfleet.target import Target

TIMEOUT_S = 180.0
"""For all of it. Where nobody asked for another, a server has its stack's own start period where that is longer."""


@dataclass(slots=True)
class Up:
    """What came of it: `ready` by target; `left_out` with the reason and the remedy of each; `runtimes` that were
    needed, with the reason of one that was chosen for a target that was never started."""

    runtimes: dict[str, str | None] = field(default_factory=dict)
    ready: dict[str, ServerInfo] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failures: dict[str, DbfleetError] = field(default_factory=dict)


def up(
    fleet: Fleet, names: Sequence[str] | None = None, *, timeout_s: float | None = None, report: Report = silent
) -> Up:
    """Start the named targets, or all. RuntimeFailure where a named one cannot be started here; the error itself where
    one target fails, FleetPartlyFailed where one of several does: the others are up nevertheless.
    None for `timeout_s` is TIMEOUT_S, and longer for a server whose stack gives its start longer."""
    chosen = _servers.targets(fleet, names)
    deadline = Deadline(TIMEOUT_S, firm=False) if timeout_s is None else Deadline(timeout_s)
    with _servers.alone(fleet, report, timeout_s=deadline.seconds):
        _tell_of_dropped(fleet, report)
        default, why = _servers.default_runtime(fleet)
        done = Up()
        work: dict[str, Callable[[], ServerInfo]] = {}
        groups: dict[str, list[Target]] = {}
        for target in chosen:
            if not _servers.started(target, fleet.spec(target)):
                work[target.name] = _look(fleet, target, deadline, report)
                continue
            name = _runtime_of(fleet, target, default)
            missing = _servers.runtime(fleet, name).missing(fleet.spec(target))
            if missing is None:
                groups.setdefault(name, []).append(target)
            elif names:
                raise RuntimeFailure(
                    f"{target.name} cannot be started by the runtime {name}: no {fleet.spec(target).title} server here",
                    engine=target.engine,
                    target=target.name,
                    hint=missing,
                )
            else:
                done.left_out[target.name] = missing
                report(Event(target.name, "skipped", missing))
        for name, members in groups.items():
            new = any(not fleet.record(target.name) for target in members)
            done.runtimes[name] = why if new and name == default else None
            work |= _starts(fleet, _servers.runtime(fleet, name), members, done, deadline, report)
        for name, result in _servers.side_by_side(work, deadline=deadline).items():
            if isinstance(result, DbfleetError):
                done.failures[name] = result
                report(Event(name, "failed", result.message))
            else:
                done.ready[name] = result
    if done.failures:
        raise _failed(done)
    return done


def plan(fleet: Fleet, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """What `up` would do, without doing it: a record a target, with target runtime port action."""
    default, _ = _servers.default_runtime(fleet)
    found: list[dict[str, Any]] = []
    for target in _servers.targets(fleet, names):
        spec = fleet.spec(target)
        record: dict[str, Any] = {"target": target.name, "runtime": None, "port": target.port, "action": "ask it"}
        if _servers.started(target, spec):
            name = record["runtime"] = _runtime_of(fleet, target, default)
            runtime, one = _servers.runtime(fleet, name), _servers.server(fleet, target)
            if missing := runtime.missing(spec):
                record["action"] = f"nothing: {missing}"
            elif runtime.states([one])[target.name].alive:
                record["action"] = "nothing: it runs"
            else:
                record["action"] = "start it" if fleet.record(target.name) else "make it and start it"
        elif spec.embedded:
            record["action"] = "make the file where it is missing"
        found.append(record)
    return found


def _failed(done: Up) -> DbfleetError:
    if len(done.failures) == 1 and not done.ready:
        return next(iter(done.failures.values()))
    count = len(done.failures)
    return FleetPartlyFailed(
        f"{count} of {count + len(done.ready)} targets did not come up",
        failures=done.failures,
        hint="the others are up" if done.ready else None,
    )


def _tell_of_dropped(fleet: Fleet, report: Report) -> None:
    """A file that names one target makes the fleet of this one: what runs besides would be met by surprise."""
    names = [target.name for target in _servers.dropped(fleet) if fleet.record(target.name).get("wanted")]
    if names:
        report(Event(", ".join(names), "note", _servers.why_dropped(fleet, names)))


def _look(fleet: Fleet, target: Target, deadline: Deadline, report: Report) -> Callable[[], ServerInfo]:
    """There is nothing to start: a file is made if need be, somebody's server must answer."""

    def look() -> ServerInfo:
        info = _servers.ping(fleet, target, max(1.0, min(10.0, deadline.remaining_s)), create=True)
        report(Event(target.name, "ready", f"{info.product} {info.version}"))
        _clean(fleet, target, report)
        return info

    return look


def _runtime_of(fleet: Fleet, target: Target, default: str) -> str:
    """The runtime for this start. A server that runs on another one than was asked for must be stopped first."""
    recorded = fleet.record(target.name).get("runtime")
    asked = fleet.settings.runtime
    if not recorded or recorded == asked or (asked == "auto" and recorded == default):
        return recorded or default
    if asked == "auto":
        return str(recorded)
    one = _servers.server(fleet, target)
    if _servers.runtime(fleet, recorded).states([one])[target.name].alive:
        raise UsageError(
            f"{target.name} runs on the runtime {recorded}, and {asked} was asked for",
            target=target.name,
            hint=f"dbfleet stop {target.name}, then up again; its data stays with {recorded}",
        )
    return asked


def _starts(
    fleet: Fleet, runtime: Runtime, members: Sequence[Target], done: Up, deadline: Deadline, report: Report
) -> dict[str, Callable[[], ServerInfo]]:
    """Put on record what will be started, prepare it all, and give each target's start as a job."""
    runtime.check()  # before anything is on record: a fleet stays on the runtime that it has on record
    _ = fleet.password, fleet.secret("ro")  # made now, so that no two threads make them
    servers: list[Server] = []
    before: dict[str, Mapping[str, Any]] = {}
    known = [_servers.server(fleet, fleet.targets[target.name]) for target in members]
    states = runtime.states(known)
    for each in known:
        target = fleet.targets[each.target]
        try:
            state = states[target.name]
            port = _port(fleet, target, state.port if state.alive else None, servers, report)
        except DbfleetError as error:
            done.failures[target.name] = error
            report(Event(target.name, "failed", error.message))
            continue
        record = fleet.record(target.name)
        earlier = sorted({*record.get("earlier", ()), record.get("runtime") or runtime.name} - {runtime.name})
        fleet.save_record(
            target.name,
            engine=target.engine,
            runtime=runtime.name,
            earlier=earlier or None,
            port=port,
            wanted=True,
            stopped=None,
            failed=None,
        )
        before[target.name] = record
        servers.append(_servers.server(fleet, fleet.targets[target.name], port=port))
    if runtime.name == "docker":
        _warn_of_memory(fleet, [each.target for each in servers if not states[each.target].alive], report)
    for name, failure in runtime.prepare(servers, deadline=deadline, report=report).items():
        done.failures[name] = failure
        report(Event(name, "failed", failure.message))
        if not before[name].get("wanted"):  # nothing was made, so nobody is to miss it
            fleet.save_record(name, wanted=None, failed=True)
    return {
        each.target: _start(fleet, runtime, each, deadline, report)
        for each in servers
        if each.target not in done.failures
    }


def _warn_of_memory(fleet: Fleet, names: Sequence[str], report: Report) -> None:
    """Say so before anything starts that this machine's memory cannot hold, if each container takes all it may."""
    import psutil

    wanted = sum(_servers.memory_cap(fleet, fleet.targets[name]) for name in names)
    free = psutil.virtual_memory().available
    if wanted > free:
        text = f"the containers may take {wanted / (1 << 30):.1f} GB of memory, and {free / (1 << 30):.1f} GB are free"
        report(Event(fleet.name, "note", f"{text}: start fewer at a time, or lower memory in dbfleet.toml"))


def _start(
    fleet: Fleet, runtime: Runtime, server: Server, deadline: Deadline, report: Report
) -> Callable[[], ServerInfo]:
    def start() -> ServerInfo:
        began = time.monotonic()
        chosen = server
        for last in (False, False, True):
            try:
                info = _start_once(fleet, runtime, chosen, deadline, report)
            except RuntimeFailure:
                # Between our look at the port and the server's, somebody else took it: another fleet, as a rule.
                fixed = fleet.settings.target(server.target).port
                if last or fixed or deadline.passed or ports.is_free(chosen.port):
                    raise
                chosen = _on_another_port(fleet, chosen, report)
                failures = runtime.prepare([chosen], deadline=deadline, report=report)
                if failures:
                    raise next(iter(failures.values())) from None
            else:
                break
        what = f"{info.product} {info.version} ({runtime.name}) on port {chosen.port}"
        report(Event(server.target, "ready", f"{what}, {time.monotonic() - began:.1f} s"))
        target = fleet.targets[server.target].with_(port=chosen.port)
        _make_reader(fleet, target, report)
        _clean(fleet, target, report)
        return info

    return start


def _make_reader(fleet: Fleet, target: Target, report: Report) -> None:
    """Each time, so that a server that was started by an earlier dbfleet gets the account, too."""
    if MakesReader not in fleet.spec(target).abilities:
        return
    try:
        with fleet.connect(target) as adapter:
            making = able(adapter, MakesReader)
            if making is not None:
                making.make_reader(READER, fleet.secret("ro"))
    except DbfleetError as error:  # it is up nevertheless
        report(Event(target.name, "note", f"it has no account for reading only: {error.message}"))


def _clean(fleet: Fleet, target: Target, report: Report) -> None:
    """Costs a connection, so only where a command of this state directory ever staged anything."""
    if not _staging.left_somewhere(fleet):
        return
    try:
        with fleet.connect(target) as adapter:
            dropped = _staging.clean(fleet, adapter)
    except DbfleetError as error:  # it is up nevertheless
        report(
            Event(target.name, "note", f"what a killed command may have left could not be looked for: {error.message}")
        )
        return
    if dropped:
        report(Event(target.name, "note", f"dropped what a killed command had left: {', '.join(dropped)}"))


def _start_once(fleet: Fleet, runtime: Runtime, server: Server, deadline: Deadline, report: Report) -> ServerInfo:
    runtime.start(server, deadline=deadline, report=report)
    target = fleet.targets[server.target].with_(port=server.port)
    return wait_ready(
        runtime,
        server,
        lambda timeout_s: _servers.ping(fleet, target, timeout_s),
        deadline=deadline,
        report=report,
    )


_saving = threading.Lock()


def _on_another_port(fleet: Fleet, server: Server, report: Report) -> Server:
    with _saving:
        port = _port(fleet, fleet.targets[server.target], None, (), report)
        fleet.save_record(server.target, port=port)
    return replace(server, port=port)


def _port(fleet: Fleet, target: Target, running_on: int | None, others: Sequence[Server], report: Report) -> int:
    """The port to start it on; the one that it has where it runs and that is right."""
    wanted = fleet.settings.target(target.name).port
    if wanted:
        if wanted != running_on and not ports.is_free(wanted):
            raise port_taken(_servers.server(fleet, target, port=wanted))
        return wanted
    if running_on:
        return running_on
    avoid = {each.port for each in others} | {
        record["port"] for name, record in fleet.records().items() if name != target.name and record.get("port")
    }
    avoid |= {port for name in fleet.names if name != target.name and (port := fleet.settings.target(name).port)}
    recorded, own = fleet.record(target.name).get("port"), fleet.spec(target).default_port
    for port in (recorded, own):
        if port and port not in avoid and ports.is_free(port):
            return int(port)
    chosen = ports.choose(f"{fleet.state}/{target.name}", avoid=avoid)
    first = recorded or own
    if first:
        by = f"by {ports.holder(first)}" if not ports.is_free(first) else "in this fleet"
        report(Event(target.name, "note", f"{first} is taken {by}: {target.name} listens on {chosen}"))
    return chosen
