"""Shared by the fleet's verbs: which runtime runs what, a target as a Server, work side by side.

Rules: a target stays on the runtime that is on record for it, so that a fleet that runs is found again however the
flags, the files or the machine change. What was never started runs on the runtime of the rest of the fleet, else on
the one that is asked for, else on docker where an engine answers (a client alone is common), else as processes.

A record in the fleet's state: `engine` `runtime` `port`, `earlier` (runtimes that it was on before), `wanted` from
`up` until `down`, `stopped` from `stop` until `up`, `failed` where it could not even be made, and `planned` while the
`up` runs that will start a service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

from dbfleet import registry, services
from dbfleet.adapter import ServerInfo
from dbfleet.errors import DbfleetError, NotReady, UnknownEngine, UsageError, nearest
from dbfleet.fleet import Fleet
from dbfleet.members import TARGETS_ARE, is_service
from dbfleet.ops import _console
from dbfleet.runtimes import Deadline, Event, Report, Runtime, Server, compose
from dbfleet.target import Target

T = TypeVar("T")


def runtime(fleet: Fleet, name: str) -> Runtime:
    """The runtime of this name, for this fleet."""
    if name == "docker":
        from dbfleet.runtimes.docker import DockerRuntime

        return DockerRuntime(fleet.name, fleet.state, fleet.secrets_directory)
    from dbfleet.runtimes.process import ProcessRuntime

    return ProcessRuntime(fleet.state)


def default_runtime(fleet: Fleet) -> tuple[str, str]:
    """What runs a target that was never started, and why."""
    asked = fleet.settings.runtime
    if asked != "auto":
        return asked, fleet.settings.origins.get("fleet.runtime", "built-in default")
    recorded = sorted(
        {
            record["runtime"]
            for name, record in fleet.records().items()
            if record.get("runtime") and not (name in services.names() and services.spec(name).runtime)
        }
    )
    if len(recorded) == 1:
        return recorded[0], "the fleet's other servers run on it"
    from dbfleet.runtimes import docker_engine

    found = docker_engine.look()
    if found.usable:
        return "docker", f"Docker Engine {found.engine} answers"
    return "process", found.message


def started(fleet: Fleet, target: Target) -> bool:
    """Whether a runtime starts it: neither somebody's server nor a file."""
    return target.managed and not fleet.runs(target).embedded


def targets(fleet: Fleet, names: Sequence[str] | None) -> list[Target]:
    """The targets that are named, each once, or all of the fleet. No services."""
    if not names:
        return list(fleet.targets.values())
    found = {target.name: target for target in map(fleet.target, names)}
    return list(found.values())


def named(fleet: Fleet, names: Sequence[str]) -> list[Target]:
    """The targets and services that are named, each once; a group's name means its services."""
    found: dict[str, Target] = {}
    for name in names:
        if name in services.groups() and name not in fleet.names:
            members = map(fleet.service, services.group(name))
            found |= {each.name: each for each in members if of_this_fleet(fleet, each)}
        else:
            one = _named(fleet, name)
            found[one.name] = one
    return list(found.values())


def of_this_fleet(fleet: Fleet, target: Target) -> bool:
    """Whether a service that nobody named has something to do in this fleet, on the runtime that it has."""
    beside = services.spec(target.name).beside if is_service(target) else None
    return beside is None or bool(fleet.record(target.name).get("runtime")) or beside == default_runtime(fleet)[0]


def _named(fleet: Fleet, name: str) -> Target:
    if name in services.names():
        return fleet.service(name)
    try:
        return fleet.target(name)
    except UnknownEngine as error:
        known = {*services.names(), *services.groups()}
        if (meant := nearest(name, [*known, *fleet.names, *registry.names()])) in known:
            error.hint = f"did you mean {meant}?"
        elif (error.hint or "").startswith(TARGETS_ARE):
            groups = " or ".join(services.groups())
            error.hint = f"{error.hint}; the services are: {', '.join(services.names())}; several of them: {groups}"
        raise


def started_services(fleet: Fleet) -> list[Target]:
    """The services that were ever started, in the order of what they need."""
    recorded = [name for name in services.names() if fleet.record(name).get("runtime")]
    return [fleet.service(name) for name in services.in_order(recorded) if name in recorded]


def all_or_named(fleet: Fleet, names: Sequence[str] | None) -> list[Target]:
    """The targets and services that are named, or all targets and the services that were ever started."""
    return named(fleet, names) if names else [*fleet.targets.values(), *started_services(fleet)]


def targets_and_dropped(fleet: Fleet, names: Sequence[str] | None) -> list[Target]:
    """As `all_or_named`, and those that were started and are no longer in the settings: by their names, or after
    all."""
    past = {target.name: target for target in dropped(fleet)}
    if not names:
        return [*fleet.targets.values(), *past.values(), *started_services(fleet)]
    found = [one for name in names for one in ([past[name]] if name in past else named(fleet, [name]))]
    return list({target.name: target for target in found}.values())


def waves(chosen: Sequence[Target]) -> list[list[Target]]:
    """The order in which they start: targets and services that need nothing, then the services that need only these,
    and so on. They end in the reverse order."""
    of_name = {target.name: target for target in chosen if is_service(target)}
    first = [target for target in chosen if not is_service(target)]
    rest = [[of_name[name] for name in names] for names in services.waves(of_name)]
    return [[*first, *(rest[0] if rest else ())], *rest[1:]]


def server(fleet: Fleet, target: Target, *, port: int | None = None, image: str | None = None) -> Server:
    """The target as its runtime knows it. `image` is the one to start where the settings name none."""
    spec = fleet.runs(target)
    settings = fleet.settings_of(target)
    on = fleet.record(target.name).get("runtime")
    return Server(
        target.name,
        spec,
        port or target.port or spec.default_port or 0,
        target.user or "",
        target.password or "",
        target.database or "",
        settings.image or image,
        settings.memory,
        _console.environment(fleet, target.name, on) if on and is_service(target) else {},
    )


_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def memory_cap(fleet: Fleet, target: Target) -> int:
    """The memory that a container of the target may take, in bytes; 0 where its stack sets no cap."""
    text = fleet.settings_of(target).memory
    if text is None:
        stack = compose.stack(fleet.runs(target))
        found = re.search(r"mem_limit:\s*\$\{\w+:-(\w+)\}", stack.read_text("utf-8")) if stack.is_file() else None
        text = found[1] if found else "0"
    number = re.fullmatch(r"([\d.]+)([bkmg]?)b?", text.lower())
    return int(float(number[1]) * _UNITS[number[2]]) if number else 0


def by_runtime(
    fleet: Fleet, chosen: Sequence[Target], *, earlier: bool = False
) -> Iterator[tuple[Runtime, list[Server]]]:
    """Those of the targets that were ever started, with their runtimes; with `earlier` also the runtimes that a target
    was on before, where a container or data may be left."""
    groups: dict[str, list[Server]] = {}
    for target in chosen:
        record = fleet.record(target.name)
        if not record.get("runtime") or not started(fleet, target):
            continue
        for name in dict.fromkeys([record["runtime"], *(record.get("earlier", ()) if earlier else ())]):
            groups.setdefault(name, []).append(server(fleet, target))
    for name, servers in groups.items():
        yield runtime(fleet, name), servers


def dropped(fleet: Fleet) -> list[Target]:
    """Targets that were started and are no longer in the settings: `stop`, `down` and `status` mean them too."""
    found = []
    for name, record in fleet.records().items():
        if name in fleet.names or name in services.names() or not record.get("runtime"):
            continue
        try:
            spec = registry.spec(record.get("engine", name))
        except UsageError:  # its package is not installed any more, or broken
            continue
        found.append(
            Target(name, spec.name, spec.schemes[0], host="127.0.0.1", port=record.get("port"),
                   user=spec.default_user, password=fleet.stored_password(), database=spec.default_database,
                   options=spec.default_options, managed=True)
        )  # fmt: skip
    return found


def why_dropped(fleet: Fleet, names: Sequence[str]) -> str:
    """What became of dropped targets, and what to do."""
    one = len(names) == 1
    return (
        f"started by this fleet, but {fleet.target_file} does not name {'it' if one else 'them'}: add "
        f"{' '.join(f'[targets.{name}]' for name in names)} there, or take {'it' if one else 'them'} down with "
        f"{fleet.command('down ' + ' '.join(names))}"
    )


def ping(fleet: Fleet, target: Target, timeout_s: float, *, create: bool = False) -> ServerInfo:
    """One connection, one round trip; a service is asked in its own way."""
    if is_service(target):
        return _probe(fleet, target, timeout_s)
    with fleet.connect(target, timeout_s=timeout_s, create=create) as adapter:
        return adapter.ping()


def _probe(fleet: Fleet, target: Target, timeout_s: float) -> ServerInfo:
    fleet.check(target)
    runs_it = runtime(fleet, fleet.record(target.name)["runtime"])
    one = server(fleet, target)
    port = one.spec.inner_port if runs_it.name == "docker" else target.port
    try:
        return services.ask(target, port or 0, partial(runs_it.beside, one), timeout_s=timeout_s)
    except DbfleetError as error:
        error.target = target.name
        raise


def side_by_side(
    jobs: Mapping[str, Callable[[], T]], *, deadline: Deadline | None = None
) -> dict[str, T | DbfleetError]:
    """Run the jobs at once, a thread each; the result or the error of each, by name, in the given order.

    On Ctrl-C the deadline is cancelled, and the interrupt goes on once every job has come to rest: no thread works on
    behind the user's back.
    """
    if not jobs:
        return {}
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="dbfleet") as pool:
        futures = {name: pool.submit(job) for name, job in jobs.items()}
        try:
            while wait(futures.values(), timeout=0.2).not_done:
                pass
        except BaseException:
            if deadline:
                deadline.cancel()
            wait(futures.values())
            raise
    found: dict[str, T | DbfleetError] = {}
    for name, future in futures.items():
        try:
            found[name] = future.result()
        except DbfleetError as error:
            error.target = error.target or name
            found[name] = error
    return found


@contextmanager
def alone(fleet: Fleet, report: Report, *, timeout_s: float) -> Iterator[None]:
    """One dbfleet at a time changes a fleet; says so when it has to wait."""
    try:
        with fleet.lock(timeout_s=0.2):
            entered = True
            yield
            return
    except NotReady:
        if "entered" in locals():
            raise
    report(Event(fleet.name, "note", "another dbfleet is at work on this fleet; waiting for it"))
    with fleet.lock(timeout_s=timeout_s):
        yield


def variable(name: str) -> str:
    """A target's name as part of a variable's."""
    return "".join(c if c.isalnum() else "_" for c in name.upper())
