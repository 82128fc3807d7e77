"""Is there a Docker that can run a fleet, and what do its errors mean?

Rule: three troubles are distinguished, because the user has to do something else about each: there is no docker
client, or the engine does not answer it (or does not admit this user), or there is no compose v2. A look runs the
docker client twice, about 40 ms each. This module does not import python_on_whales, which takes 0.4 s.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final, Literal

from dbfleet.errors import RuntimeFailure

PROBE_S: Final = 1.0
COMPOSE_MINIMUM: Final = (2, 20)  # `include:` in stacks/compose.yaml
WITHOUT_DOCKER: Final = "or let local server processes do it: --runtime process"

Trouble = Literal["no client", "no engine", "not allowed", "no compose", "old compose", "slow"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found: the versions, or what is missing (`trouble`), with the message and hint of an error."""

    engine: str | None = None
    compose: str | None = None
    trouble: Trouble | None = None
    message: str = ""
    hint: str = ""

    @property
    def usable(self) -> bool:
        """Whether this Docker can run a fleet."""
        return self.trouble is None

    def failure(self) -> RuntimeFailure:
        """The error that says what is missing."""
        return RuntimeFailure(self.message, hint=self.hint)


def look(timeout_s: float = PROBE_S) -> Found:
    """Ask the engine and the compose plugin for their versions."""
    if shutil.which("docker") is None:
        return Found(
            trouble="no client",
            message="Docker is not installed: there is no docker command on PATH",
            hint=f"install Docker Engine with compose v2, {WITHOUT_DOCKER}",
        )
    code, engine, complaint = _ask(["docker", "version", "--format", "{{.Server.Version}}"], timeout_s)
    if code is None:
        return Found(
            trouble="slow",
            message=f"the Docker engine did not answer within {timeout_s:g} s",
            hint=f"see whether `docker version` answers, {WITHOUT_DOCKER}",
        )
    if code or not engine:
        return _no_engine(complaint)
    code, compose, _ = _ask(["docker", "compose", "version", "--short"], max(timeout_s, PROBE_S))
    numbers = re.match(r"v?(\d+)\.(\d+)", compose)
    if code or not numbers:
        return Found(
            engine,
            trouble="no compose",
            message="the docker command has no compose v2 (`docker compose` is unknown to it)",
            hint=f"install the compose plugin (package docker-compose-plugin or docker-compose-v2), {WITHOUT_DOCKER}",
        )
    if (int(numbers[1]), int(numbers[2])) < COMPOSE_MINIMUM:
        return Found(
            engine,
            compose,
            "old compose",
            f"compose {compose} is too old: the stacks need {'.'.join(map(str, COMPOSE_MINIMUM))} or newer",
            f"install a newer compose plugin, {WITHOUT_DOCKER}",
        )
    return Found(engine, compose)


def has_buildx() -> bool:
    """Whether the docker command has the newer builder."""
    return _ask(["docker", "buildx", "version"], 10.0)[0] == 0


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that runs the containers: its kernel's version, and whether SELinux keeps containers away from the
    user's files."""

    kernel: tuple[int, ...]
    selinux: bool


def host(timeout_s: float = PROBE_S) -> Host | None:
    """What the Docker engine says about its machine; None where it says nothing."""
    code, text, _ = _ask(["docker", "info", "--format", "{{json .}}"], timeout_s)
    try:
        info = json.loads(text) if code == 0 else {}
    except ValueError:
        return None
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(info.get("KernelVersion", "")))
    if not numbers:
        return None
    selinux = any("name=selinux" in str(option) for option in info.get("SecurityOptions") or ())
    return Host(tuple(int(number) for number in numbers.groups() if number), selinux)


def meaning(stderr: str) -> tuple[str, str | None]:
    """What the stderr of a failed docker command means, in a sentence, and what to do; if that is not known, its last
    line."""
    low = stderr.lower()
    if "permission denied" in low or "cannot connect to the docker daemon" in low or "error during connect" in low:
        unusable = _no_engine(stderr)
        return unusable.message, unusable.hint
    if "no space left on device" in low:
        return "the disk that holds Docker's data is full", "make room, for example with `docker system prune`"
    if "oci runtime" in low or "exec format error" in low:
        return _last_line(stderr), "is the image made for this machine's processor?"
    return _last_line(stderr), None


_TAKEN: Final = re.compile(r":(\d+)(?: failed)?: (?:port is already allocated|bind: address already in use)")


def taken_port(stderr: str) -> int | None:
    """The port on which another program listens, so that a container could not start; 0 where Docker does not say which
    it is, None where that was not why."""
    if found := _TAKEN.search(stderr):
        return int(found[1])
    return 0 if "port is already allocated" in stderr or "address already in use" in stderr else None


def _no_engine(complaint: str) -> Found:
    if "permission denied" in complaint.lower():
        return Found(
            trouble="not allowed",
            message="this user may not talk to the Docker engine (permission denied on its socket)",
            hint=f"add the user to the group `docker` and log in again, {WITHOUT_DOCKER}",
        )
    return Found(
        trouble="no engine",
        message="there is a docker command, but no Docker engine answers",
        hint=f"start the engine (Docker Desktop, or `systemctl start docker`), {WITHOUT_DOCKER}",
    )


def _ask(command: list[str], timeout_s: float) -> tuple[int | None, str, str]:
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None, "", ""
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout.decode(errors="replace").strip(), done.stderr.decode(errors="replace")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error response from daemon: ") if lines else "it gave no reason"
