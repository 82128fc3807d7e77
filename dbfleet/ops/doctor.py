"""`doctor`: what this machine lacks to run a fleet, and what to do about it. It changes nothing.

A record: check level text hint; `level` is ok, warn (something is worse than it could be) or fail (something that was
asked for cannot work).
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from dbfleet import registry, services
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.runtimes import compose, docker_engine, ports, programs
from dbfleet.spec import Finding
from dbfleet.target import Target

FIELDS: Final = ("check", "level", "text", "hint")
LOW_DISK: Final = 2 << 30


def doctor(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """One record a finding, as they are found."""
    docker = docker_engine.look(timeout_s=5.0)
    for check, finding in _findings(fleet, docker):
        yield {"check": check, "level": finding.level, "text": finding.text, "hint": finding.hint}


def _findings(fleet: Fleet, docker: docker_engine.Found) -> Iterator[tuple[str, Finding]]:
    try:
        chosen, why = _servers.default_runtime(fleet)
    except DbfleetError as error:
        yield "docker", _docker(docker, needed=False)
        yield "state", Finding("fail", error.message, error.hint)
        return
    yield "docker", _docker(docker, needed=chosen == "docker")
    yield "runtime", Finding("ok", f"{chosen}: {why}")
    usable = {}
    for name in fleet.names:
        try:
            target = usable[name] = fleet.target(name)
        except DbfleetError as error:
            yield name, Finding("fail", error.message, error.hint)
            continue
        if not _servers.started(fleet, target):
            continue
        yield f"{name} server", _server(fleet, target, chosen)
        if port := _port(fleet, target):
            yield f"{name} port", port
    for target in _servers.started_services(fleet):
        yield f"{target.name} service", _server(fleet, target, chosen)
        if port := _port(fleet, target):
            yield f"{target.name} port", port
    yield "console", _console(fleet, chosen)
    for engine, spec in sorted({target.engine: fleet.spec(target) for target in usable.values()}.items()):
        for finding in spec.examine() if spec.examine else ():
            yield engine, finding
    for offer in registry.outside():
        if offer.trouble is not None:
            yield offer.name, Finding("warn", offer.trouble.message, offer.trouble.hint)
    if chosen == "docker":
        yield "memory", _memory(fleet, usable.values())
        if docker.usable:
            yield from _docker_host(fleet, usable.values())
    yield "disk", _disk(fleet.settings.state_root)
    yield "state", _writable(fleet.settings.state_root)


def _docker(found: docker_engine.Found, *, needed: bool) -> Finding:
    if found.usable:
        return Finding("ok", f"Docker Engine {found.engine}, compose {found.compose}")
    return Finding("fail" if needed else "warn", found.message, found.hint)


def _server(fleet: Fleet, target: Target, default: str) -> Finding:
    spec = fleet.runs(target)
    recorded = fleet.record(target.name).get("runtime") or default
    missing = _servers.runtime(fleet, recorded).missing(spec)
    if missing:
        return Finding("warn", f"no {spec.server_title} for the runtime {recorded}", missing)
    if recorded == "process" and spec.local and (found := programs.find(spec.local)):
        return Finding("ok", f"{', '.join(found)} in {next(iter(found.values())).parent}")
    return Finding("ok", f"the stack {compose.stack(spec).name}")


def _console(fleet: Fleet, default: str) -> Finding:
    """Whether `up console` could start all of it."""
    lacking: dict[str, list[str]] = {}
    for target in map(fleet.service, services.group("console")):
        spec = services.spec(target.name)
        if _servers.of_this_fleet(fleet, target) and (
            missing := _servers.runtime(fleet, spec.runtime or default).missing(spec)
        ):
            lacking.setdefault(missing, []).append(target.name)
    if not lacking:
        return Finding("ok", "up console can start all of it")
    names = [name for several in lacking.values() for name in several]
    needed = [name for name in names if not services.spec(name).optional]
    text = f"up console cannot start {', '.join(needed)}" if needed else f"up console leaves out {', '.join(names)}"
    return Finding("warn" if needed else "ok", text, "; ".join(lacking))


def _port(fleet: Fleet, target: Target) -> Finding | None:
    """What `up` would meet; nothing to say of a server that runs."""
    for runtime, servers in _servers.by_runtime(fleet, [target]):
        try:
            if runtime.states(servers)[target.name].alive:
                return None
        except DbfleetError:
            return None
    port, fixed = target.port, fleet.settings_of(target).port
    if port is None or ports.is_free(port):
        return Finding("ok", f"{port} is free") if port else None
    taken = f"{port} is taken by {ports.holder(port)}"
    if fixed:
        return Finding("fail", taken, f"stop that program, or set another port for {target.name}")
    return Finding("warn", taken, f"up gives {target.name} a free one")


def _memory(fleet: Fleet, targets: Iterable[Target]) -> Finding:
    """The caps of the fleet's stacks together, against what this machine has."""
    import psutil

    total = 0
    for target in targets:
        if _servers.started(fleet, target):
            total += _servers.memory_cap(fleet, target)
    has = psutil.virtual_memory().total
    text = f"the stacks' caps come to {total / (1 << 30):.1f} GB, this machine has {has / (1 << 30):.1f} GB"
    if total > has:
        return Finding("warn", text, "start fewer at a time: dbfleet up TARGET …, or lower memory in dbfleet.toml")
    return Finding("ok", text)


CONTAINER_FILE: Final = "container_file_t"


def _docker_host(fleet: Fleet, targets: Iterable[Target]) -> Iterator[tuple[str, Finding]]:
    """What the machine that runs the containers means for them."""
    host = docker_engine.host(timeout_s=5.0)
    if host is None:
        return
    managed = {target.engine: fleet.spec(target) for target in targets if target.managed}
    for engine, spec in sorted(managed.items()):
        for finding in spec.examine_kernel(host.kernel) if spec.examine_kernel else ():
            yield engine, finding
    if host.selinux:
        yield "selinux", _selinux(fleet.secrets_directory)


def _selinux(secrets: Path) -> Finding:
    """Where containers are labelled, they may read only files that are labelled for them: the password file is not."""
    file = secrets / "password"
    try:
        label = os.getxattr(file, "security.selinux").decode(errors="replace")
    except (OSError, AttributeError):
        label = ""
    if CONTAINER_FILE in label:
        return Finding("ok", f"SELinux lets containers read {file}")
    text = "SELinux keeps containers from reading the fleet's password: they end at once"
    return Finding("warn", text, f"after the first up: chcon -R -t {CONTAINER_FILE} {shlex.quote(str(secrets))}")


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    text = f"{free / (1 << 30):.1f} GB free below {folder}"
    if free < LOW_DISK:
        return Finding("warn", text, "make room, or point DBFLEET_STATE_DIR to another disk")
    return Finding("ok", text)


def _writable(folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Finding("ok", f"{folder} can be written")
    except OSError as error:
        return Finding("fail", f"{folder} cannot be written: {error.strerror}", "set DBFLEET_STATE_DIR")
