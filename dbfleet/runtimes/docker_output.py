"""Reads what the docker client prints: a container's inspection, a pull's progress."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dbfleet import own
from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import Event, Report, ServerState

STOPPED_CODES: Final = (*own.STOPPED_CODES, own.KILLED)
"""The exit codes of a stopped server: `docker stop` ends one that needs longer than its grace period with 137."""


def state(inspected: Mapping[str, Any], memory: int | None, engines_port: int | None = None) -> ServerState:
    """A container's inspection as a ServerState. `engines_port` is the engine's own port inside the container: a stack
    may publish others, such as that of Neo4j's web page."""
    state = inspected["State"]
    bindings = (inspected["NetworkSettings"].get("Ports") or {}).items()
    published = {int(inside.partition("/")[0]): int(on["HostPort"]) for inside, ons in bindings for on in ons or ()}
    known: dict[str, Any] = {
        "container": inspected["Name"].lstrip("/"),
        "port": published.get(engines_port or 0) or next(iter(published.values()), None),
        "memory": memory,
        "cap": (inspected.get("HostConfig") or {}).get("Memory") or None,
        # Docker gives it in nanoseconds.
        "patience_s": ((inspected.get("Config") or {}).get("Healthcheck") or {}).get("StartPeriod", 0) / 1e9,
    }
    if state["Running"]:
        known["started"] = own.moment(state["StartedAt"])
        if state.get("Paused"):
            return ServerState("unhealthy", detail="its container is paused", **known)
        health = (state.get("Health") or {}).get("Status")
        if health == "unhealthy":
            said = (state["Health"].get("Log") or [{}])[-1].get("Output", "").strip()
            return ServerState("unhealthy", detail=f"its healthcheck says: {said}" if said else "", **known)
        return ServerState("starting" if health == "starting" else "running", pid=state.get("Pid"), **known)
    fate = own.of_container(inspected)
    assert fate is not None
    if state["Status"] == "created":
        return ServerState("stopped", detail=state.get("Error") or "", fate=fate, **known)
    code = state["ExitCode"]
    stopped = fate.mend != "memory" and code in STOPPED_CODES
    detail = fate.what if fate.mend == "memory" else state.get("Error") or ""
    return ServerState("stopped" if stopped else "failed", exit_code=code, detail=detail, fate=fate, **known)


def memory(container: str, pid: int) -> int | None:
    """The bytes that a container uses, counted as `docker stats` does: without the file cache that can be given back.
    None where its control group cannot be seen from here (Docker runs in a virtual machine or on another host)."""
    try:
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if container not in path or controllers not in ("", "memory"):
                continue
            old = controllers == "memory"
            folder = Path("/sys/fs/cgroup") / ("memory" if old else "") / path.lstrip("/")
            used = int((folder / ("memory.usage_in_bytes" if old else "memory.current")).read_text())
            statistics = dict(entry.split(None, 1) for entry in (folder / "memory.stat").read_text().splitlines())
            return max(0, used - int(statistics.get("total_inactive_file" if old else "inactive_file", 0)))
    except (OSError, ValueError):
        pass
    return None


def pull_progress(target: str, image: str, report: Report) -> Callable[[str], None]:
    """A function that takes the lines of `docker pull`, run without a terminal, and reports how many layers are
    complete."""
    layers: dict[str, bool] = {}

    def line(text: str) -> None:
        layer, colon, what = text.partition(": ")
        if colon and what.startswith(("Pulling fs layer", "Already exists", "Pull complete")):
            layers[layer] = what != "Pulling fs layer"
            report(Event(target, "pulling", f"{image}, {sum(layers.values())} of {len(layers)} layers"))

    return line


def popen(command: Sequence[object]) -> subprocess.Popen[bytes]:
    """Start a docker command whose output is read as it comes. It has a session of its own: only we get the terminal's
    Ctrl-C, and we decide when the command stops."""
    try:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise RuntimeFailure(f"docker could not be run: {error}") from error


def lines_of(command: Sequence[object]) -> Iterator[str]:
    """The lines of a command's output; closing the iterator ends the command."""
    with popen(command) as child:
        try:
            for line in child.stdout or ():
                yield line.decode(errors="replace").rstrip("\r\n")
        finally:
            child.terminate()
