"""`up`: start what is asked for, and wait until it answers. Running it again changes nothing that is right.

Rules:
- What is set of a target or of a service is judged before anything is started.
- Bare `up` starts what the runtime has servers for and tells how to get the rest. A target that is named and cannot be
  started is an error before anything is started.
- A port from the settings is used or is an error that names who has it. Any other is the recorded one, else the
  engine's own, else a free one: with a note that says which.
- What is about to be started is on record first, so an interrupted `up` leaves nothing that `down` does not find.
- What a copy or load that was killed has left staged in a target is dropped, if nobody goes on with it; so is the
  server of a drill that was killed.
- Every server that the fleet runs has an account for reading only, where the engine can; it is made, or put right, when
  the server answers. Without it the server is up nevertheless, and a note says why.
- Bare `up` means the targets. A service is started after all that it needs is up; what it needs is started too, and
  where that does not come up, the service is not started.
- What a service was told of the others is what they got: where one had to take another port than was planned, those
  that had been told of the first are started again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dbfleet import services
from dbfleet.adapter import ServerInfo
from dbfleet.errors import DbfleetError, FleetPartlyFailed, RuntimeFailure, Unavailable
from dbfleet.fleet import Fleet
from dbfleet.members import is_service
from dbfleet.ops import _answering, _console, _drills, _meant, _ports, _servers
from dbfleet.runtimes import Deadline, Event, PortTaken, Report, Runtime, Server, silent, wait_ready
from dbfleet.spec import ServiceSpec
from dbfleet.target import Target

TIMEOUT_S = 180.0
"""For all of it. Where nobody asked for another, a server has its stack's own start period where that is longer."""


@dataclass(slots=True)
class Up:
    """What came of it: `ready` by target; `left_out` with the reason and the remedy of each; `runtimes` that were
    needed, with the reason of one that was chosen for a target that was never started; `told`, the variables with which
    each service was started."""

    runtimes: dict[str, str | None] = field(default_factory=dict)
    ready: dict[str, ServerInfo] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failures: dict[str, DbfleetError] = field(default_factory=dict)
    told: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


def up(
    fleet: Fleet,
    names: Sequence[str] | None = None,
    *,
    everything: bool = False,
    timeout_s: float | None = None,
    report: Report = silent,
) -> Up:
    """Start the named targets, services and groups, or all targets, or `everything`: all targets and services.
    RuntimeFailure where a named one cannot be started here; the error itself where one target fails, FleetPartlyFailed
    where one of several does: the others are up nevertheless. None for `timeout_s` is TIMEOUT_S, and longer for a
    server whose stack gives its start longer."""
    chosen = _meant.chosen(fleet, names, everything=everything)
    _meant.check(fleet, chosen)
    deadline = Deadline(TIMEOUT_S, firm=False) if timeout_s is None else Deadline(timeout_s)
    _drills.tell_swept(fleet, report)
    with _servers.alone(fleet, report, timeout_s=deadline.seconds):
        _tell_of_dropped(fleet, report)
        done = Up()
        runtimes = _runtimes(fleet, chosen, done, report)
        with _planned(fleet, [target for target, _ in chosen if target.name in runtimes], runtimes, report):
            for wave in _servers.waves([target for target, _ in chosen if target.name not in done.left_out]):
                _start_wave(fleet, wave, runtimes, done, deadline, report)
            for _ in range(_AGAIN):
                for wave in _servers.waves(_told_otherwise(fleet, runtimes, done, report)):
                    _start_wave(fleet, wave, runtimes, done, deadline, report)
        for name in _console.tell_all(fleet):
            report(
                Event(name, "note", f"it shows the servers as they are now after {fleet.command(f'restart {name}')}")
            )
    if done.failures:
        raise _failed(done)
    if any(runtimes[name] == "docker" and services.spec(name).built for name in done.told):
        for image in _console.remove_older_images(fleet):
            report(Event(fleet.name, "note", f"removed {image}, which an earlier dbfleet had built"))
    return done


def _runtimes(fleet: Fleet, chosen: Sequence[tuple[Target, bool]], done: Up, report: Report) -> dict[str, str]:
    """Which runtime starts which of them, by name. RuntimeFailure where one that must be started cannot be."""
    default, _ = _servers.default_runtime(fleet)
    found: dict[str, str] = {}
    for target, must in chosen:
        if not _servers.started(fleet, target):
            continue
        name = _meant.runtime_of(fleet, target, default)
        spec = fleet.runs(target)
        missing = _servers.runtime(fleet, name).missing(spec)
        if missing is None:
            found[target.name] = name
        elif must:
            raise RuntimeFailure(
                f"{target.name} cannot be started by the runtime {name}: no {spec.server_title} here",
                engine=target.engine,
                target=target.name,
                hint=missing,
            )
        else:
            done.left_out[target.name] = missing
            report(Event(target.name, "skipped", missing))
    return found


_AGAIN = 3
"""How often what was told otherwise is put right: each time some other program must take one of our ports meanwhile."""


def _told_otherwise(fleet: Fleet, runtimes: Mapping[str, str], done: Up, report: Report) -> list[Target]:
    """The services that are up and were told something that has become wrong since."""
    found = []
    for name, told in done.told.items():
        service = name in services.names() and name in done.ready
        if service and told != _console.environment(fleet, name, runtimes[name]):
            report(Event(name, "note", "a service that it was told of has taken another port: it is started again"))
            found.append(fleet.service(name))
    return found


@contextlib.contextmanager
def _planned(fleet: Fleet, chosen: Sequence[Target], runtimes: Mapping[str, str], report: Report) -> Iterator[None]:
    """For the block it is on record which services will be up, and where: the first are told of the last."""
    coming = [target for target in chosen if is_service(target)]
    for target in coming:
        port = fleet.record(target.name).get("port")
        if not fleet.record(target.name).get("wanted"):
            with contextlib.suppress(DbfleetError):  # told when it is started
                port = _ports.chosen(fleet, target, None, (), report, runtime=runtimes[target.name]) or None
        fleet.save_record(target.name, port=port, planned=True)
        with contextlib.suppress(DbfleetError):
            runs = fleet.fate(target) is None
            fleet.save_record(target.name, more_ports=_ports.more(fleet, target, report, runs=runs))
    try:
        yield
    finally:
        for target in coming:
            fleet.save_record(target.name, planned=None)


def _start_wave(
    fleet: Fleet, wave: Sequence[Target], runtimes: Mapping[str, str], done: Up, deadline: Deadline, report: Report
) -> None:
    default, why = _servers.default_runtime(fleet)
    work: dict[str, Callable[[], ServerInfo]] = {}
    groups: dict[str, list[Target]] = {}
    for target in wave:
        if target.name not in runtimes:
            work[target.name] = _look(fleet, target, deadline, report)
        elif not _needs_what_failed(fleet, target, done, report):
            groups.setdefault(runtimes[target.name], []).append(target)
    for name, members in groups.items():
        new = any(not fleet.record(target.name).get("runtime") for target in members)
        done.runtimes.setdefault(name, why if new and name == default else None)
        work |= _starts(fleet, _servers.runtime(fleet, name), members, done, deadline, report)
    for name, result in _servers.side_by_side(work, deadline=deadline).items():
        if isinstance(result, DbfleetError):
            done.failures[name] = result
            report(Event(name, "failed", result.message))
        else:
            done.ready[name] = result


def _needs_what_failed(fleet: Fleet, target: Target, done: Up, report: Report) -> bool:
    """Whether a service needs one that did not come up; then this is its failure."""
    needs = services.spec(target.name).needs if is_service(target) else ()
    lost = [name for name in needs if name in done.failures or name in done.left_out]
    if lost:
        text = f"{target.name} was not started: {' and '.join(lost)}, which it needs, did not come up"
        done.failures[target.name] = Unavailable(text, target=target.name)
        report(Event(target.name, "failed", text))
    return bool(lost)


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
        _answering.clean(fleet, target, report)
        return info

    return look


def _starts(
    fleet: Fleet, runtime: Runtime, members: Sequence[Target], done: Up, deadline: Deadline, report: Report
) -> dict[str, Callable[[], ServerInfo]]:
    """Put on record what will be started, prepare it all, and give each target's start as a job."""
    runtime.check()  # before anything is on record: a fleet stays on the runtime that it has on record
    _ = fleet.password, fleet.secret("ro")  # made now, so that no two threads make them
    for target in members:
        if is_service(target):
            _make_for(fleet, services.spec(target.name))
    servers: list[Server] = []
    before: dict[str, Mapping[str, Any]] = {}
    known = [_servers.server(fleet, fleet.member(target.name)) for target in members]
    states = runtime.states(known)
    for each in known:
        target = fleet.member(each.target)
        try:
            state = states[target.name]
            running_on = state.port if state.alive else None
            port = _ports.chosen(fleet, target, running_on, servers, report, runtime=runtime.name)
            more = _ports.more(fleet, target, report, runs=state.alive) if is_service(target) else None
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
            port=port or None,
            more_ports=more,
            folder=_console.started_in(fleet, target.name) if is_service(target) else None,
            wanted=True,
            stopped=None,
            failed=None,
        )
        before[target.name] = record
        if target.name in dict(_console.services_told(fleet)):
            _tell_service(fleet, target.name, runtime.name, report)
        image = _console.image(fleet, target.name) if runtime.name == "docker" and is_service(target) else None
        servers.append(_servers.server(fleet, fleet.member(target.name), port=port, image=image))
        if is_service(target):
            done.told[target.name] = servers[-1].environment
    if any(each.image and not fleet.settings_of(fleet.member(each.target)).image for each in servers):
        _console.fill_context(fleet)
    if runtime.name == "docker":
        _warn_of_memory(fleet, [each.target for each in servers if not states[each.target].alive], report)
    for name, failure in runtime.prepare(servers, deadline=deadline, report=report).items():
        done.failures[name] = failure
        report(Event(name, "failed", failure.message))
        if not before[name].get("wanted"):  # nothing was made, so nobody is to miss it
            fleet.save_record(name, wanted=None, failed=True)
    return {
        each.target: _start(fleet, runtime, each, done, deadline, report)
        for each in servers
        if each.target not in done.failures
    }


def _make_for(fleet: Fleet, spec: ServiceSpec) -> None:
    """Make what the service reads: its secrets, and what else it wants beside them."""
    for secret in spec.all_secrets:
        fleet.secret(secret)
    if spec.make:
        spec.make(fleet.secrets_directory)


def _tell_service(fleet: Fleet, name: str, runtime: str, report: Report) -> None:
    """Tell a service of the targets; of what is left out the user hears once, as it is the same for all."""
    left = _console.tell(fleet, name, runtime)
    if left and name == _console.TOLD[0]:
        report(Event(name, "note", f"it does not see what is a file on this machine: {', '.join(left)}"))


def _warn_of_memory(fleet: Fleet, names: Sequence[str], report: Report) -> None:
    """Say so before anything starts that this machine's memory cannot hold, if each container takes all it may."""
    import psutil

    wanted = sum(_servers.memory_cap(fleet, fleet.member(name)) for name in names)
    free = psutil.virtual_memory().available
    if wanted > free:
        text = f"the containers may take {wanted / (1 << 30):.1f} GB of memory, and {free / (1 << 30):.1f} GB are free"
        report(Event(fleet.name, "note", f"{text}: start fewer at a time, or lower memory in dbfleet.toml"))


def _start(
    fleet: Fleet, runtime: Runtime, server: Server, done: Up, deadline: Deadline, report: Report
) -> Callable[[], ServerInfo]:
    def start() -> ServerInfo:
        began = time.monotonic()
        chosen = server
        for last in (False, False, True):
            try:
                info = _start_once(fleet, runtime, chosen, deadline, report)
            except RuntimeFailure as error:
                # Between our look at the port and the server's, somebody else took it: another fleet, as a rule.
                fixed = fleet.settings_of(fleet.member(server.target)).port
                free = _ports.are_free(fleet, chosen.target, chosen.port)
                besides = isinstance(error, PortTaken) and error.port != chosen.port
                if last or not chosen.port or deadline.passed or ((fixed or free) and not besides):
                    raise
                chosen = _on_another_port(fleet, runtime, chosen, report)
                if chosen.target in done.told:
                    done.told[chosen.target] = chosen.environment
                failures = runtime.prepare([chosen], deadline=deadline, report=report)
                if failures:
                    raise next(iter(failures.values())) from None
            else:
                break
        what = (
            f"{info.product} {info.version}".rstrip()
            + f" ({runtime.name})"
            + (f" on port {chosen.port}" if _listens(chosen) else "")
        )
        report(Event(server.target, "ready", f"{what}, {time.monotonic() - began:.1f} s"))
        if chosen.spec.kind == "engines":
            target = fleet.member(server.target).with_(port=chosen.port)
            _answering.make_reader(fleet, target, report)
            _answering.clean(fleet, target, report)
        return info

    return start


def _listens(server: Server) -> bool:
    """Whether people reach it by its port."""
    spec = server.spec
    return bool(server.port) and (not isinstance(spec, ServiceSpec) or spec.published)


def _start_once(fleet: Fleet, runtime: Runtime, server: Server, deadline: Deadline, report: Report) -> ServerInfo:
    runtime.start(server, deadline=deadline, report=report)
    target = fleet.member(server.target).with_(port=server.port or None)
    return wait_ready(
        runtime,
        server,
        lambda timeout_s: _servers.ping(fleet, target, timeout_s),
        deadline=deadline,
        report=report,
    )


_saving = threading.Lock()


def _on_another_port(fleet: Fleet, runtime: Runtime, server: Server, report: Report) -> Server:
    """The server on a port that is free, and told so: its variables may name it."""
    with _saving:
        target = fleet.member(server.target)
        port = _ports.chosen(fleet, target, None, (), report, runtime=runtime.name)
        more = _ports.more(fleet, target, report, runs=False) if is_service(target) else None
        fleet.save_record(server.target, port=port, more_ports=more)
        environment = _console.environment(fleet, server.target, runtime.name) if is_service(target) else {}
    return replace(server, port=port, environment=environment)
