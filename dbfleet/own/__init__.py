"""Whose server it is that would be reached: asked before every connection to a target that the fleet manages.

Rule: a password is sent to nobody but the server that was started with it. That is the container of this fleet which
mounts this fleet's password file, while it runs and the engine has published its port; or the process on record, with
the moment it began, while all that listens on the port is its own. Where it is not, what became of it is told.

It costs about 2 ms: nothing of the runtimes, no docker command and no psutil is needed while all is well.
"""

from __future__ import annotations

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
"""How a server ends that was asked to: 143 where it has no exit code of its own for SIGTERM."""
KILLED: Final = 137

Mend = Literal["start", "memory", "logs", "engine", "port", "record"]
"""start: it only has to be started · memory: it needs a larger cap · logs: its log says more · engine: the Docker
engine has to answer first · port: it runs, and must be started on another port · record: what is on record has to go
first."""


class Fate(NamedTuple):
    """What became of a server that is not there: in words, when (seconds since 1970), its cap in bytes, and by what it
    is mended."""

    what: str
    mend: Mend = "start"
    when: float | None = None
    cap: int | None = None


def process(state: Path, target: str, port: int | None) -> Fate | None:
    """What became of the process on record below `state`; None where it is the one that listens on the port, or nothing
    listens yet while it starts."""
    folder = state / "servers" / target
    if not (folder / RECORD).exists():
        return Fate("it was never started here")
    record = _record(folder / RECORD) or _record(folder / SECOND_RECORD)
    if record is None:
        return Fate(f"nobody knows whether it runs: its record {folder / RECORD} is damaged", "record")
    pid = record.get("pid")
    if pid is None:
        return Fate("it was stopped")
    if not procfs.AVAILABLE:
        return _process_without_procfs(record, port)
    if procfs.identity(pid) != record.get("identity"):
        return Fate(*ended(record), when=None)
    if port and procfs.listens(pid, port) is False:
        return Fate(f"it runs (pid {pid}), but not on port {port}", "port")
    return None


def ended(record: Mapping[str, Any]) -> tuple[str, Mend]:
    """A process that is no more and that nobody asked to end."""
    before, now = record.get("kills_for_memory"), procfs.kills_for_memory()
    if before is not None and now is not None and now > before:
        return "it was killed, most likely for memory: the kernel has done so to a process since it started", "logs"
    return "it ended by itself", "logs"


def _process_without_procfs(record: Mapping[str, Any], port: int | None) -> Fate | None:
    import psutil

    try:
        found = psutil.Process(record["pid"])
        if f"{found.create_time():.0f}:{found.name()}" != record.get("identity"):  # as runtimes/identity.py has it
            return Fate(*ended(record))
    except psutil.Error:
        return Fate(*ended(record))
    try:
        family = [found, *found.children(recursive=True)]
        ports = {
            each.laddr.port
            for one in family
            for each in one.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr
        }
    except psutil.Error:
        return None  # it runs, and the system does not say where it listens
    return Fate(f"it runs (pid {found.pid}), but not on port {port}", "port") if ports and port not in ports else None


class Container(NamedTuple):
    """A target's container, by what is on record in the fleet's `folder` for docker. It mounts `password_file`."""

    folder: Path
    password_file: Path
    target: str
    engine: str

    def fate(self, port: int | None, inside: int | None, *, lost: bool = False) -> Fate | None:
        """What became of it; None where it runs and `port` is published as its `inside`. After a `lost` connection a
        process of it that was killed is told too."""
        project = engine_socket.read_json(self.folder / PROJECTS_FILE).get(project_key(self.target, self.engine))
        if not project:
            return Fate("it was never started here")
        try:
            found = look(endpoint(self.folder), project, self.engine)
        except engine_socket.NoEngine as error:
            return Fate(f"the Docker engine does not answer, so nobody knows whether it runs: {error}", "engine")
        if found is None:
            return Fate("its container was removed")
        if not is_ours(found, self.password_file):
            return Fate("its container was removed, and another fleet's has its name")
        if (fate := of_container(found)) is not None:
            return fate
        if lost and found["State"].get("OOMKilled"):
            cap = (found.get("HostConfig") or {}).get("Memory") or None
            return Fate(
                f"a process of its container was killed for memory, its cap is {size(cap)}", "memory", None, cap
            )
        bound = (found["NetworkSettings"].get("Ports") or {}).get(f"{inside}/tcp") or ()
        if str(port) in {each["HostPort"] for each in bound}:
            return None
        where = ", ".join(each["HostPort"] for each in bound)
        return Fate(f"its container runs, but {f'on port {where}' if where else 'on no port'}, not on {port}", "port")


def project_key(target: str, engine: str) -> str:
    """By what a target's project is on record: a target that is called as its engine lives in the fleet's."""
    return "" if target == engine else target


def endpoint(folder: Path) -> str:
    """Where the engine is that the fleet's containers were made on."""
    try:
        return (folder / ENGINE_FILE).read_text("utf-8") or engine_socket.endpoint()
    except OSError:
        return engine_socket.endpoint()


def look(at: str, project: str, service: str) -> dict[str, Any] | None:
    """The container of a project's service, as the engine inspects it."""
    return engine_socket.container(at, f"{project}-{service}-1", {PROJECT: project, SERVICE: service})


def is_ours(found: Mapping[str, Any], password_file: Path) -> bool:
    """Whether this container knows the fleet's password: it mounts the file. Two fleets of one name in two state
    directories may have containers of one name, one after the other. Docker Desktop puts a folder before the path."""
    sources = [each.get("Source", "") for each in found.get("Mounts") or ()]
    return any(each.endswith(str(password_file)) for each in sources)


def of_container(found: Mapping[str, Any]) -> Fate | None:
    """What an inspection says became of a container; None while it runs."""
    state, cap = found["State"], (found.get("HostConfig") or {}).get("Memory") or None
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
    """Docker's times as seconds since 1970: always UTC, with nanoseconds, the year 1 for never."""
    if not text or text.startswith("0001"):
        return None
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()


def clock(when: float) -> str:
    """A moment as a person says it: at 23:17, or on 3 May at 23:17."""
    then, now = datetime.fromtimestamp(when, UTC).astimezone(), datetime.now(UTC).astimezone()
    at = f"at {then:%H:%M}"
    return at if then.date() == now.date() else f"on {then.day} {then:%b} {at}"


def size(count: int | None) -> str:
    """A memory cap as the settings write it."""
    if not count:
        return "not set"
    for unit, name in ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{count}b"


def _record(file: Path) -> dict[str, Any] | None:
    """The record of a process; None where there is none, or it is damaged."""
    found = engine_socket.read_json(file)
    return found if isinstance(found.get("home"), str) and isinstance(found.get("pid"), int | None) else None
