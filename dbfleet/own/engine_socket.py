"""Questions to the Docker engine by plain HTTP over its own socket: 1 ms each, where the docker command takes 40.

Rule: only questions, never a change. Where the engine is not behind a Unix socket of this machine (ssh, TCP, a named
pipe), the docker command asks for us, which knows them all, with the environment as it is.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

DEFAULT: Final = "unix:///var/run/docker.sock"
TIMEOUT_S: Final = 5.0


class NoEngine(Exception):
    """The engine did not answer; the text says why."""


def endpoint(environ: Mapping[str, str] | None = None) -> str:
    """Where the docker command would ask now: DOCKER_HOST > DOCKER_CONTEXT > the chosen context > the usual socket."""
    environ = os.environ if environ is None else environ
    if host := environ.get("DOCKER_HOST"):
        return host
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    name = environ.get("DOCKER_CONTEXT") or read_json(folder / "config.json").get("currentContext")
    if name and name != "default":
        for file in folder.glob("contexts/meta/*/meta.json"):
            found = read_json(file)
            if found.get("Name") == name:
                return str(found.get("Endpoints", {}).get("docker", {}).get("Host") or DEFAULT)
    return DEFAULT


def read_json(file: Path) -> dict[str, Any]:
    """The object that the file holds; an empty one where it holds none, or cannot be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def container(engine: str, name: str, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """The inspection of the container of this name that has these labels; else of any that has them; None for none."""
    found = _inspect(engine, name)
    if found and labels.items() <= found["Config"]["Labels"].items():
        return found
    if local(engine):
        wanted = quote(json.dumps({"label": [f"{key}={value}" for key, value in labels.items()]}))
        for each in _get(engine, f"/containers/json?all=1&filters={wanted}") or ():
            return _inspect(engine, each["Id"])
        return None
    filters = [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]
    listed = _docker("container", "ls", "--all", "--quiet", "--no-trunc", *filters).split()
    return _inspect(engine, listed[0]) if listed else None


def local(engine: str) -> bool:
    """Whether this engine is behind a socket of this machine."""
    return engine.startswith("unix://")


def _inspect(engine: str, name: str) -> dict[str, Any] | None:
    if local(engine):
        found = _get(engine, f"/containers/{quote(name)}/json")
    else:
        try:
            found = json.loads(_docker("container", "inspect", name))[0]
        except NoEngine as error:
            if "no such container" in str(error).lower():
                return None
            raise
    return found if isinstance(found, dict) else None


def _get(engine: str, path: str) -> Any:
    """What the engine answers; None where it says that there is no such thing."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(engine.removeprefix("unix://"))
            # 1.0: the answer ends with the connection, and is not in chunks.
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError as error:
        raise NoEngine(f"{engine} {error.strerror or error}") from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d{3})", head)
    try:
        if not status:
            raise ValueError
        found = json.loads(body)
    except ValueError as error:
        raise NoEngine(f"{engine} speaks something else than Docker's language") from error
    if status[1] == b"404":
        return None
    if status[1] != b"200":
        raise NoEngine(f"{engine} said {status[1].decode()}: {found.get('message', '')}")
    return found


def _docker(*arguments: str) -> str:
    import subprocess  # 5 ms that the usual way does not need

    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEngine(f"the docker command did not answer: {error}") from error
    if done.returncode:
        raise NoEngine(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()
