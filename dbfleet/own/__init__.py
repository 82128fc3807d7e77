"""Checks, before every connection to a managed target, that the server on its port is the fleet's own.

Rule: a password is sent only to the server that was started with it. That is the container that mounts a secret of
this fleet, while it runs and the Docker engine publishes its port. Or it is the recorded process, which has the
recorded start time, while nothing else listens on the port. Where it is not that server, the caller learns what became
of it (a `Fate`).

The check takes about 2 ms: while all is well it needs no runtime, no docker command and no psutil.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from dbfleet.own import engine_socket, procfs

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
RECORD: Final = "record.json"
SECOND_RECORD: Final = "record.second.json"
PROJECTS_FILE: Final = "projects.json"
ENGINE_FILE: Final = "engine"
STOPPED_CODES: Final = (0, 143)
"""The exit codes of a server that was asked to end: 143 if it has no code of its own for SIGTERM."""
KILLED: Final = 137

Mend = Literal["start", "memory", "logs", "engine", "port", "record"]
"""start: it only has to be started · memory: it needs a larger cap · logs: its log says more · engine: the Docker
engine has to answer first · port: it runs, but has to be restarted for its port · record: its damaged record has to
be removed first."""


class Fate(NamedTuple):
    """What became of a server that is not up: `what` in words, `mend` names the repair, `when` is in seconds since
    1970, `cap` is its memory cap in bytes."""

    what: str
    mend: Mend = "start"
    when: float | None = None
    cap: int | None = None


NEVER_ASKED: Final = Fate("it was stopped")
"""The fate of a process that nobody wants to run, or whose start did not get so far."""


def process(state: Path, target: str, port: int | None) -> Fate | None:
    """What became of the process that is recorded below `state`; None where that process listens on the port, or still
    starts and nothing listens yet."""
    folder = state / "servers" / target
    if not (folder / RECORD).exists():
        return Fate("it was never started here")
    record = _record(folder / RECORD) or _record(folder / SECOND_RECORD)
    if record is None:
        return Fate(f"nobody knows whether it runs: its record {folder / RECORD} is damaged", "record")
    pid = record.get("pid")
    if pid is None:
        return NEVER_ASKED
    if not procfs.AVAILABLE:
        return _process_without_procfs(record, port)
    if procfs.identity(pid) != record.get("identity"):
        return Fate(*ended(record), when=None)
    if port and procfs.listens(pid, port) is False:
        return Fate(f"it runs (pid {pid}), but not on port {port}", "port")
    return None


def ended(record: Mapping[str, Any]) -> tuple[str, Mend]:
    """What became of a process that ended without being asked to, and the repair."""
    before, now = record.get("kills_for_memory"), procfs.kills_for_memory()
    if before is not None and now is not None and now > before:
        return "it was killed, most likely for memory: the kernel has done so to a process since it started", "logs"
    return "it ended by itself", "logs"


def _process_without_procfs(record: Mapping[str, Any], port: int | None) -> Fate | None:
    import psutil

    try:
        server = psutil.Process(record["pid"])
        if f"{server.create_time():.0f}:{server.name()}" != record.get("identity"):  # as runtimes/identity.py has it
            return Fate(*ended(record))
    except psutil.Error:
        return Fate(*ended(record))
    try:
        family = [server, *server.children(recursive=True)]
        ports = {
            connection.laddr.port
            for process in family
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr
        }
    except psutil.Error:
        return None  # it runs, and the system does not say where it listens
    return Fate(f"it runs (pid {server.pid}), but not on port {port}", "port") if ports and port not in ports else None


class Container(NamedTuple):
    """A target's container, as it is recorded in `folder`, the fleet's folder for docker. It mounts one of the
    `secrets`, the fleet's folder of them."""

    folder: Path
    secrets: Path
    target: str
    engine: str

    def fate(self, port: int | None, inside: int | None, *, lost: bool = False) -> Fate | None:
        """What became of the container; None where it runs and `port` is published for its port `inside`. After a
        `lost` connection, a process inside that was killed is reported too."""
        project = engine_socket.read_json(self.folder / PROJECTS_FILE).get(project_key(self.target, self.engine))
        if not project:
            return Fate("it was never started here")
        try:
            inspected = look(endpoint(self.folder), project, self.engine)
        except engine_socket.NoEngine as error:
            return Fate(f"the Docker engine does not answer, so nobody knows whether it runs: {error}", "engine")
        if inspected is None:
            return Fate("its container was removed")
        if not is_ours(inspected, self.secrets):
            return Fate("its container was removed, and another fleet's has its name")
        if (fate := of_container(inspected)) is not None:
            return fate
        if lost and inspected["State"].get("OOMKilled"):
            cap = (inspected.get("HostConfig") or {}).get("Memory") or None
            return Fate(
                f"a process of its container was killed for memory, its cap is {size(cap)}", "memory", None, cap
            )
        if not port:  # what listens on nothing
            return None
        bound = (inspected["NetworkSettings"].get("Ports") or {}).get(f"{inside}/tcp") or ()
        published = [binding["HostPort"] for binding in bound]
        if str(port) in published:
            return None
        where = ", ".join(published)
        return Fate(f"its container runs, but {f'on port {where}' if where else 'on no port'}, not on {port}", "port")

    def address(self) -> str | None:
        """The container's own address, where this machine reaches it: past Docker's proxy, through which every
        byte to a published port goes, and which takes 13 % of the time of a native copy. None where that is not sure:
        the Docker engine is elsewhere or in a virtual machine, or the container's network is none of this machine's."""
        at = endpoint(self.folder)
        if not procfs.AVAILABLE or not engine_socket.local(at):
            return None
        project = engine_socket.read_json(self.folder / PROJECTS_FILE).get(project_key(self.target, self.engine))
        try:
            inspected = look(at, project, self.engine) if project else None
        except engine_socket.NoEngine:
            return None
        if inspected is None or not inspected["State"]["Running"] or not is_ours(inspected, self.secrets):
            return None
        networks = list((inspected["NetworkSettings"].get("Networks") or {}).values())
        if len(networks) != 1 or not procfs.is_of_container(inspected["State"]["Pid"], inspected["Id"]):
            return None
        address, gateway = networks[0].get("IPAddress"), networks[0].get("Gateway")
        return str(address) if address and gateway and _is_here(gateway) else None


def _is_here(address: str) -> bool:
    """Whether a network card of this machine, or a bridge, has this IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as card:
        try:
            card.bind((address, 0))
        except OSError:
            return False
    return True


def project_key(target: str, engine: str) -> str:
    """The key under which a target's compose project is recorded: empty, for the fleet's own project, where the target
    has its engine's name."""
    return "" if target == engine else target


def endpoint(folder: Path) -> str:
    """The address of the Docker engine on which the fleet's containers were made."""
    try:
        return (folder / ENGINE_FILE).read_text("utf-8") or engine_socket.endpoint()
    except OSError:
        return engine_socket.endpoint()


def look(at: str, project: str, service: str) -> dict[str, Any] | None:
    """The inspection of the container of a project's service, from the Docker engine at this address."""
    return engine_socket.container(at, f"{project}-{service}-1", {PROJECT: project, SERVICE: service})


def is_ours(inspected: Mapping[str, Any], secrets: Path) -> bool:
    """Whether the inspected container mounts one of the fleet's secrets. Its name does not prove that it is ours: two
    fleets of one name in two state directories may have containers of one name, one after the other."""
    folders = [os.path.dirname(mount.get("Source", "")) for mount in inspected.get("Mounts") or ()]
    return any(folder.endswith(str(secrets)) for folder in folders)  # Docker Desktop puts a folder before it


def of_container(inspected: Mapping[str, Any]) -> Fate | None:
    """What became of a container, by its inspection; None while it runs."""
    state, cap = inspected["State"], (inspected.get("HostConfig") or {}).get("Memory") or None
    if state["Running"]:
        return Fate("its container is paused", cap=cap) if state.get("Paused") else None
    if state["Status"] == "created":
        return Fate(
            f"its container could not be started: {state['Error']}" if state.get("Error") else "it was not started"
        )
    when, code = moment(state.get("FinishedAt")), state["ExitCode"]
    at = f" {clock(when)}" if when else ""
    if state.get("OOMKilled") and code not in STOPPED_CODES:
        return Fate(f"it was killed for memory{at}, its cap is {size(cap)}", "memory", when, cap)
    if code in STOPPED_CODES:
        return Fate(f"it was stopped{at}", "start", when, cap)
    if code == KILLED:
        return Fate(f"it was killed{at} (exit code {code})", "start", when, cap)
    return Fate(f"it ended by itself{at} with exit code {code}", "logs", when, cap)


def moment(text: str | None) -> float | None:
    """One of Docker's times as seconds since 1970. They are in UTC, with nanoseconds; the year 1 means never, here
    None."""
    if not text or text.startswith("0001"):
        return None
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()


def clock(when: float) -> str:
    """A moment in words: at 23:17, or on 3 May at 23:17."""
    then, now = datetime.fromtimestamp(when, UTC).astimezone(), datetime.now(UTC).astimezone()
    at = f"at {then:%H:%M}"
    return at if then.date() == now.date() else f"on {then.day} {then:%b} {at}"


def size(count: int | None) -> str:
    """A memory cap, in bytes, as the settings write it."""
    if not count:
        return "not set"
    for unit, name in ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{count}b"


def _record(file: Path) -> dict[str, Any] | None:
    """The record of a process; None where there is none, or where it is damaged."""
    record = engine_socket.read_json(file)
    return record if isinstance(record.get("home"), str) and isinstance(record.get("pid"), int | None) else None
